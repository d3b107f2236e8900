#pragma once

#include "views/canvas/canvas.h"

#include <string>
#include <string_view>
#include <vector>

namespace sf {

// Metrics of any style of that size, in pixels.
double line_height(double size);
double cap_height(double size);  // what centres a line of text: baseline = middle + cap_height / 2

// The text cut to `width` with "…" at its end; the whole when it fits, empty when not even "…"
// does.
std::string elide(const Canvas& canvas, std::string_view utf8, const TextStyle& style,
                  double width);

// A text set inside a rectangle, vertically centred, elided where it is too long. Horizontally by
// the style's alignment.
void text_in(Canvas& canvas, const Rect& r, std::string_view utf8, const TextStyle& style);

// Lines no wider than `width`, broken at spaces (a word longer than that anywhere); '\n' breaks.
std::vector<std::string> wrap(const Canvas& canvas, std::string_view utf8, const TextStyle& style,
                              double width);

// Sets a paragraph into `r` from its top and returns its height; what does not fit ends in "…".
// `max_height` 0: as high as it gets. Alignment by the style.
double paragraph(Canvas& canvas, Vec2 top_left, double width, std::string_view utf8,
                 const TextStyle& style, double max_height = 0);
double paragraph_height(const Canvas& canvas, double width, std::string_view utf8,
                        const TextStyle& style);

}  // namespace sf
