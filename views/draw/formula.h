#pragma once

#include "views/canvas/canvas.h"

#include <string>
#include <string_view>

namespace sf {

// Formulas as the graph writes them: "c^{KV}_t = W^{DKV} h_t". `^` and `_` take one character or a
// {group}; a superscript and a subscript that follow one another stand above each other. Everything
// else is plain text. Works on every canvas because it is only text().

// Draws from `baseline` by the style's alignment, returns the width.
double draw_formula(Canvas& canvas, Vec2 baseline, std::string_view markup, const TextStyle& style);
double formula_width(const Canvas& canvas, std::string_view markup, const TextStyle& style);
// As one line of plain text: "c^KV_t = W^DKV h_t", with Unicode's own signs where it has all of
// them ("x²", "h₁").
std::string formula_plain(std::string_view markup);

}  // namespace sf
