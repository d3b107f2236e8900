#pragma once

#include "views/draw/theme.h"

#include <string>
#include <vector>

namespace sf {

struct ArrowStyle {
    Colour colour;
    double width = 1.5;
    double radius = 6;  // of the elbows
    double head = 9;    // length; 0: none
};

// Along the points (usually level and upright legs), corners rounded, a head at the last point.
void draw_arrow(Canvas& canvas, const std::vector<Vec2>& points, const ArrowStyle& style);
// The same line without drawing: for moving something along it.
std::vector<Vec2> rounded_path(const std::vector<Vec2>& points, double radius);
// The point at part `t` (0..1) of a path's length.
Vec2 point_along(const std::vector<Vec2>& path, double t);

// A level elbow from a to b: out to the middle, over, in. Straight where they are level.
std::vector<Vec2> elbow(Vec2 a, Vec2 b);

// A band from the upright edge [a0, a1] at x = a.x to [b0, b1] at b.x, as a smooth S.
void draw_ribbon(Canvas& canvas, double ax, double a0, double a1, double bx, double b0, double b1,
                 Colour colour);

void draw_circle(Canvas& canvas, Vec2 centre, double radius, Colour colour);
void draw_ring(Canvas& canvas, Vec2 centre, double radius, Colour colour, double width = 1);
void draw_dashed(Canvas& canvas, const std::vector<Vec2>& points, Colour colour, double width,
                 double on = 5, double off = 4);

// The second cue beside colour.
enum class Hatch : std::uint8_t { none, diagonal, counter, cross, level, dots };
void draw_hatch(Canvas& canvas, const Rect& r, Hatch hatch, Colour colour, double spacing = 5);
Hatch hatch_of(Meaning m);

// A small filled square with its hatch, as used in the legend.
void draw_swatch(Canvas& canvas, const Rect& r, Colour colour, Hatch hatch);

struct LegendEntry {
    std::string name;
    Colour colour;
    Hatch hatch = Hatch::none;
    bool line = false;  // a stroke instead of a square
    bool dashed = false;
};
// In rows no wider than `width`; returns the height taken. `measure_only` draws nothing.
double draw_legend(Canvas& canvas, const Theme& theme, Vec2 top_left, double width,
                   const std::vector<LegendEntry>& entries, bool measure_only = false);

// A token: spaces shown as "␣", line breaks as "⏎", other unprintable characters as pictures.
std::string token_label(std::string_view token);

struct Chip {
    std::string text;
    bool chosen = false;
    bool lit = false;         // hovered, or an input of what is hovered
    Colour mark{0, 0, 0, 0};  // a thin band at its foot, for a meaning or a value
    std::int64_t index = -1;  // hit target "token", flat index; -1: none
};
double chip_height(const Theme& theme);
double chip_width(const Canvas& canvas, const Theme& theme, const std::string& text);
void draw_chip(Canvas& canvas, const Theme& theme, const Rect& r, const Chip& chip);
// A row of chips from `top_left`, as wide as their texts and no wider than fits: the row is
// shortened round the chosen chip with "…" where it is too long. Returns each chip's place (w = 0:
// not shown).
std::vector<Rect> draw_chips(Canvas& canvas, const Theme& theme, Vec2 top_left, double width,
                             const std::vector<Chip>& chips);

// A panel: filled, rounded, hairline; lit with the accent.
void draw_panel(Canvas& canvas, const Theme& theme, const Rect& r, bool lit = false);

}  // namespace sf
