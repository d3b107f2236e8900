#pragma once

#include "views/map_context.h"

#include <cstdint>

namespace sf {

// A tensor as a matrix of its true cells: those of one sequence, of one head where there are heads
// of their own rows, and of a window of tokens round the followed one.
struct Slice {
    std::int64_t first = 0, rows = 0, cols = 0, row_stride = 0, col_stride = 1;
    std::int64_t row0 = 0;  // position of the first row, when rows are tokens
    bool tokens = false;    // rows are tokens
    bool causal = false;    // cells above the diagonal stand for nothing
    std::int64_t past = 0;
};
Slice slice_of(const MapContext& c, NodeId id, std::int64_t most_rows = 48);

// [begin, end) of `count` tokens: at most `most`, round the followed one.
std::pair<std::int64_t, std::int64_t> token_window(std::int64_t count, std::int64_t token,
                                                   std::int64_t most);

// The live picture of a node: a heat map of a token per row, or bars of the experts' load. Where
// the tensor was not kept, it says so.
void draw_node_picture(Canvas& canvas, const MapContext& c, NodeId id, const Rect& r);

// A text, only where it fits whole; true when it was drawn.
bool text_if_fits(Canvas& canvas, const Rect& r, const std::string& text, const TextStyle& style);

}  // namespace sf
