#pragma once

#include "views/canvas/canvas.h"
#include "views/draw/theme.h"

#include <string>
#include <string_view>

namespace sf {

// Formulas as the graph writes them: "c^{KV}_t = W^{DKV} h_t", set as in print. Letters that stand
// alone are variables and italic; words (RMSNorm, softmax, max), figures, capitals alone in a
// superscript ("q^{C}") and \bold are upright. Relations and operators get their space by rule,
// whether or not the markup has spaces there; other spaces are thin. Brackets grow with what they
// hold. A group is one character, one \word with its groups, or {...}.
//
//   ^a  _{b}                  superscript, subscript; both in a row stand above each other
//   \frac{a}{b}  \sqrt{a}     fraction, root
//   \sum_{i=1}^{n}  \prod     big, with the limits below and above
//   \op{max}_{j}              a word with its limit below
//   \bold{q}  \vec{q}         a vector or matrix: bold
//   \text{if even}            upright, spaces kept
//   \matrix{a & b \\ c & d}   rows and columns; the brackets are written round it
//   \query{q} \key{k} \value{v} \latent{c} \position{R} \shared{e} \routed{e} \mtp{h}
//                             in the colour of that meaning, symbols and the numbers put for them
//   a = b \\ = 0.5            a further line, aligned at each line's first relation
//
// What is not markup (an unknown word, a missing group, nesting deeper than eight) is drawn as the
// text that it is. Never throws; one layout takes time linear in the length.

struct FormulaLook {
    const Theme* theme = nullptr;  // for the colours by meaning; null: all in the style's colour
    // One line of text high: fractions as "a / b", limits beside their sum, lines joined.
    bool in_line = false;
};

// Everything that is drawn lies between these, from the first line's baseline, in pixels.
struct FormulaSize {
    double width = 0, ascent = 0, descent = 0;
    double height() const { return ascent + descent; }
};

FormulaSize formula_size(const Canvas& canvas, std::string_view markup, const TextStyle& style,
                         const FormulaLook& look = {});
double formula_width(const Canvas& canvas, std::string_view markup, const TextStyle& style,
                     const FormulaLook& look = {});
// Draws from `baseline` by the style's alignment, returns the width.
double draw_formula(Canvas& canvas, Vec2 baseline, std::string_view markup, const TextStyle& style,
                    const FormulaLook& look = {});

// As one line of plain text: "c^KV_t = W^DKV h_t", with Unicode's own signs where it has all of
// them ("x²", "h₁"); "(a + b) / c", "√(a + b)".
std::string formula_plain(std::string_view markup);

// In lines no wider than `width`, broken before relations, where that is not enough before binary
// operators, and then at spaces; never inside brackets or groups. Lines that begin with a relation
// stand below the first one, those with an operator behind it. Set in one-line form when the room
// is too low for the tall one. Draws no line that reaches below `max_height`; returns the height.
double draw_formula_lines(Canvas& canvas, Vec2 top_left, double width, std::string_view markup,
                          const TextStyle& style, double max_height, const FormulaLook& look = {},
                          bool measure_only = false);

}  // namespace sf
