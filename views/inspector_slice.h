#pragma once

#include "core/run/trace.h"
#include "views/draw/theme.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sf::inspector {

// What runs along a side of a tensor.
enum class Axis : std::uint8_t {
    none,
    token,
    key,
    feature,
    head_feature,
    expert,
    group,
    choice,
    vocabulary,
    output,
    input,
    slot,
    tile
};
const char* plural(Axis axis);  // "tokens"

// Columns that belong together: a head, or the content and the position part of one.
struct Segment {
    std::int64_t begin = 0, end = 0;
    std::string label;  // formula markup
    Meaning meaning = Meaning::residual;
    bool strong = true;  // a head's border, not one inside a head
};

// Which part of a tensor of three and more dimensions; -1: what suits the node.
struct Choice {
    std::int64_t batch = 0, head = -1, tile = -1;
};

// A tensor, or the part of it on screen, as a matrix: cell (r, c) is flat index
// first + r row_stride + c col_stride.
struct Slice {
    std::int64_t rows = 1, cols = 1;
    std::int64_t first = 0, row_stride = 0, col_stride = 1;
    Axis row_axis = Axis::none, col_axis = Axis::feature;
    std::vector<Segment> segments;
    std::int64_t batch = 0, batches = 1, head = -1, heads = 0, tile = -1, tiles = 0;
    std::int64_t head_width = 0;  // columns of a head where all heads stand side by side
    std::int64_t past = 0;
    bool causal = false;  // (query, key): nothing above the diagonal
    bool square = false;  // both sides measured alike
    std::string prefix;   // of the node's name: its layer's other tensors

    std::int64_t index(std::int64_t r, std::int64_t c) const {
        return first + r * row_stride + c * col_stride;
    }
    bool masked(std::int64_t r, std::int64_t c) const { return causal && c > r + past; }
    // Where a flat index lies, if it is in this slice.
    std::optional<std::pair<std::int64_t, std::int64_t>> place(std::int64_t index) const;
};

Slice make_slice(const Trace& trace, NodeId id, const Choice& choice);
// The choice that shows a flat index (its head and tile, where the slice has to choose).
Choice choice_of(const Trace& trace, NodeId id, std::int64_t index, Choice otherwise);

// "␣cat" for tokens and keys, "E3" for experts, the number elsewhere.
std::string row_label(const Trace& trace, const Slice& slice, std::int64_t row);
std::string col_label(const Trace& trace, const Slice& slice, std::int64_t col);
// "token 3 “␣cat”, head 1, feature 4"
std::string cell_words(const Trace& trace, const Slice& slice, std::int64_t row, std::int64_t col);
// "[0, 3, 16]"
std::string coordinates_text(const Shape& shape, std::int64_t index);

// The colour family of a node; of a weight, that of what it makes.
Meaning meaning_of(const Graph& graph, NodeId id);
// "kv_latent" of "layers.2.kv_latent"; "q_a_proj", "E3 up_proj" of weights.
std::string short_name(const Node& node);
// "layer 2", "MTP 1" or "".
std::string place_name(const Graph& graph, const Node& node);

}  // namespace sf::inspector
