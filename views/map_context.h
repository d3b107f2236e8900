#pragma once

#include "views/map_model.h"
#include "views/view.h"

#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace sf {

// Where the gradient enters the residual stream, and how many powers of ten are shown to each side.
struct GradientScale {
    double reference = std::numeric_limits<double>::quiet_NaN();
    double decades = 3;
};

// What one drawing of the map is made from: the frame with its settings read.
struct MapContext {
    const Frame& frame;
    const Trace& trace;
    const Graph& graph;
    Theme theme;  // a copy: zoom enlarges its text
    const MapModel& model;
    const Step* step = nullptr;  // null: no timeline
    NodeId current = no_node;
    int current_band = -1;
    std::int64_t batch = 0, token = 0, head = 0;
    std::string values{};  // what the residual strips show: "activations", "norm" or "change"
    bool lens = true;
    double zoom = 1;
    Vec2 pan{};
    std::vector<Explanation::Cell> inputs{};  // of the hovered cell
    bool backward = false;                    // at a step of the way back: gradients are shown
    GradientScale gradients{};
    std::vector<char> reached{};  // going back, by node: whether the loss depends on it

    std::int64_t extent_tokens() const { return trace.extent.tokens; }
    bool is_current(NodeId id) const { return id == current && id != no_node; }
    bool reaches(NodeId id) const { return reached[static_cast<std::size_t>(id)] != 0; }
    // What is pictured of a node, its values or their gradient, and its name; null: not kept.
    const Tensor* shown(NodeId id) const { return backward ? trace.gradient(id) : trace.find(id); }
    std::string shown_name(NodeId id) const {
        const std::string& name = graph[id].name;
        return backward && trace.gradient(id) != nullptr ? gradient_name(name) : name;
    }
};

// One entry of a distribution.
struct Guess {
    std::int64_t id = 0, index = 0;  // token id, flat index into the tensor
    double p = 0;
};
// The `count` most probable ids of a (batch, positions, vocab) tensor at a place, ties by id; empty
// when the tensor was not kept or has no such position.
std::vector<Guess> best_guesses(const Trace& trace, NodeId node, std::int64_t batch,
                                std::int64_t position, std::size_t count);

// What the head would say after a layer, beside what it says in the end.
struct LensRow {
    std::string label;  // "Layer 2", "MTP 1", "Final"
    NodeId node = no_node;
    bool kept = false, agrees = false, module = false;
    Guess guess;
};
std::vector<LensRow> lens_rows(const MapContext& c);
// The first layer from which on the lens names the final prediction; -1: none (or not kept).
int lens_settles(const MapContext& c);

std::string quoted(const std::string& token);  // “cat”
std::string token_text(const MapContext& c, std::int64_t position);
// "Layer 1 of 3 · attention": where a step stands.
std::string place_of(const MapContext& c, const Step& step);

std::string map_description(const MapContext& c);
std::vector<Invariant> map_invariants(const MapContext& c);

}  // namespace sf
