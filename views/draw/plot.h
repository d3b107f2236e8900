#pragma once

#include "views/draw/cells.h"
#include "views/draw/theme.h"

#include <span>
#include <string>
#include <vector>

namespace sf {

// Values as bars from zero (negative ones point the other way), with a hit a bar.
struct Bars {
    Rect area;
    std::vector<double> values;
    Colour colour;
    std::vector<Colour> colours;      // one a bar instead, or empty
    std::vector<std::string> labels;  // below (or left, horizontal); empty: none
    bool horizontal = false;
    bool numbers = false;   // the value at the bar's end, where there is room
    double lo = 0, hi = 0;  // range of values; equal: fitted, zero included
    Target target;          // node, first and col_stride (0: 1); node empty: no hit
    std::int64_t hover_index = -1;
};
void draw_bars(Canvas& canvas, const Theme& theme, const Bars& bars);

// A small curve without axes. Gaps where values are not finite.
void draw_sparkline(Canvas& canvas, const Rect& area, std::span<const double> values, Colour colour,
                    double width = 1.5);

// Round numbers in [lo, hi], about `wanted` of them (1, 2 or 5 times a power of ten). log: powers
// of ten, 1-2-5 where there are few.
struct Tick {
    double value = 0;
    std::string label;
};
std::vector<Tick> ticks(double lo, double hi, int wanted, bool log = false);

struct Series {
    std::string name;  // in the legend; empty: not in it
    std::vector<double> x, y;
    Colour colour;
    double width = 1.75;
    bool points = false;  // marks instead of a line
    bool dashed = false;  // the second cue beside colour
};

struct Axis {
    std::string label;
    double lo = 0, hi = 0;  // equal: fitted to the data
    bool log = false;
    bool whole = false;  // ticks at whole numbers only
};

// Curves in a frame with axes, ticks, grid and legend.
struct Plot {
    Rect area;  // everything, labels included
    Axis x, y;
    std::vector<Series> series;
    std::string title;
    double left = 0;  // at least so much room for the labels of y: plots one above the other align
};

// Where values lie in a drawn plot, for marks of one's own.
struct PlotFrame {
    Rect data;
    Axis x, y;  // with the ranges that were used
    Vec2 at(double vx, double vy) const;
};
PlotFrame draw_plot(Canvas& canvas, const Theme& theme, const Plot& plot);

// Counts in equal bins between the smallest and the largest finite value.
struct Histogram {
    double lo = 0, hi = 0;
    std::vector<double> counts;
    std::int64_t not_finite = 0;
};
// Of the first `count` values of row 0.
Histogram histogram(std::int64_t count, const Cells<double>& values, int bins);
void draw_histogram(Canvas& canvas, const Theme& theme, const Rect& area, const Histogram& h,
                    Colour colour);

}  // namespace sf
