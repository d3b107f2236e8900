#pragma once

#include "views/draw/colour_map.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sf {

// A grid of values as one picture. Where there are more cells than the picture can show, a cell of
// the picture is the value of largest magnitude that it covers; the hit stays exact.
struct HeatMap {
    Rect area;  // of the cells; labels stand outside it (see heat_map_margins)
    std::int64_t rows = 0, cols = 0;
    Cells<double> value;
    ColourScale scale;
    Target target;  // node, first and strides; rows and cols are filled in; node empty: no hit

    bool numbers = true;                              // in cells that are large enough
    double number_size = 0;                           // 0: the theme's small
    std::vector<std::string> row_labels, col_labels;  // empty: none; thinned out where too dense
    std::int64_t hover_index = -1;  // flat index of the hovered cell (Frame::hover_index), or -1
    bool frame = true;              // a hairline around
    // Causal: row r ends with column r + past; what would follow is left in the page's colour.
    std::optional<std::int64_t> past;
    std::int64_t filled(std::int64_t row) const;  // cells of the row that stand for something
    // Cells that are outlined together, in the accent; empty: none.
    Cells<bool> changed;
};

void draw_heat_map(Canvas& canvas, const Theme& theme, const HeatMap& map);

// The room that row labels take left of the area, column labels above it (0 without labels).
struct HeatMapMargins {
    double left = 0, top = 0;
};
HeatMapMargins heat_map_margins(const Canvas& canvas, const Theme& theme, const HeatMap& map);

// Where cell (row, col) lies.
Rect heat_map_cell(const HeatMap& map, std::int64_t row, std::int64_t col);

// The key: a band of the scale's colours with its end values (and zero) below. Returns its height.
double draw_colour_key(Canvas& canvas, const Theme& theme, Vec2 top_left, double width,
                       const ColourScale& scale);

}  // namespace sf
