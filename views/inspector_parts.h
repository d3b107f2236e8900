#pragma once

#include "views/draw/heat_map.h"
#include "views/inspector_slice.h"
#include "views/view.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

// What the inspector's pictures are made of. All of it reads slices of a trace; none of it knows
// settings.
namespace sf::inspector {

// Of a whole tensor, in double.
struct Statistics {
    std::int64_t count = 0, finite = 0, nans = 0, infinite = 0, masked = 0;
    double min = 0, max = 0, mean = 0, deviation = 0, norm = 0;
    std::int64_t distinct = 0;  // of whole numbers
    bool sound() const { return nans == 0 && infinite == 0; }
};
Statistics statistics(const Trace& trace, NodeId id, const Tensor& tensor);
// -inf above the diagonal is a mask, not a fault.
bool is_masked(const Trace& trace, NodeId id, std::int64_t index);

// The rows and columns on screen.
struct Window {
    std::int64_t row = 0, rows = 0, col = 0, cols = 0;
};
struct Zoom {
    double factor = 1;
    Vec2 pan, centre;  // of the picture, in logical pixels
};

// A slice as a heat map with its labels, the selected row as bars below it.
struct Matrix {
    const Trace* trace = nullptr;
    const Slice* slice = nullptr;
    Cells<double> value;
    ColourScale scale;
    Meaning meaning = Meaning::residual;  // of the bars
    std::string node;                     // for hits; empty: none
    const Frame* frame = nullptr;         // where changed cells are outlined
    std::int64_t row = 0, col = 0;        // selected
    std::int64_t hover = -1;              // flat index under the pointer, or -1
    Zoom zoom;
    bool row_labels = true;
    bool profile = true;    // the selected row as bars, where there is room
    bool own_range = true;  // of the bars: the row's; else the scale's
    double shown = 1;       // 0..1: fades in
};
struct MatrixPlace {
    Rect map;
    Window window;
    double bottom = 0;  // of everything
    std::string note;   // what a pixel stands for, where cells are smaller than pixels
};
MatrixPlace draw_matrix(Canvas& canvas, const Theme& theme, const Rect& area, const Matrix& matrix);

// A row of values as bars over [0, n), as wide as the columns above. Where there are more than
// pixels a bar is the value of largest magnitude that it covers.
struct Profile {
    Rect data;
    std::int64_t n = 0;
    std::function<double(std::int64_t)> value;
    Colour colour;
    double lo = 0, hi = 0;
    std::int64_t selected = -1;
    double label_right = 0;   // where the end values of the axis end; 0: none
    double label_room = 1e9;  // and no wider than this
    bool numbers = false;
};
void draw_profile(Canvas& canvas, const Theme& theme, const Profile& profile);
// What the end values of its axis take, the gap to the bars not included.
double axis_width(const Canvas& canvas, const Theme& theme, double lo, double hi);

// Whole numbers that name things: chips, never a colour ramp.
struct ChipText {
    std::string main, sub;
};
struct ChipGrid {
    const Trace* trace = nullptr;
    const Slice* slice = nullptr;
    std::function<ChipText(std::int64_t row, std::int64_t col)> text;
    std::function<Colour(std::int64_t row, std::int64_t col)> colour;
    std::string node;
    std::int64_t row = 0, col = 0, hover = -1;
    // Draws what fills the room to the right of the chips, row beside row; may be empty.
    struct Room {
        Rect rows;      // as high as the chips' rows
        double header;  // top of the line of column labels
        std::int64_t first, count;
        double gap;  // between rows
    };
    std::function<void(const Room&)> beside;
};
// Returns what part is shown where not all fits ("rows 12–40 of 256"), else "".
std::string draw_chip_grid(Canvas& canvas, const Theme& theme, const Rect& area,
                           const ChipGrid& grid);

// A small picture of a slice without labels; `lit` cells (flat ranges) outlined.
void draw_thumbnail(Canvas& canvas, const Theme& theme, const Rect& area, const Trace& trace,
                    TensorName of, const Slice& slice, const std::vector<Explanation::Cell>& lit,
                    std::int64_t hover);

}  // namespace sf::inspector
