#pragma once

#include "core/run/trace.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sf {

// One thing to look at: an operation, or a part of one (a tile of attention, the choice of groups,
// one expert), or the gradient that the backward pass brings to an operation.
struct Step {
    enum class Kind : std::uint8_t { operation, tile, expert, gradient };
    std::string name;   // "layers.1.kv_latent", "layers.1.attn_probs.tile.2", "layers.1.experts.5",
                        // "grad.layers.1.kv_latent"
    std::string title;  // "Latent KV"
    std::string sentence;  // the caption, from live values
    NodeId node = no_node;
    Kind kind = Kind::operation;
    std::int64_t sub = 0;  // tile or expert number
    int layer = -1;        // as Node::layer
    Part part = Part::embed;
};

// The steps that a learner walks through, in the order in which the model computes: forward, then,
// where gradients were recorded, backward from the losses to the embedding.
class Timeline {
public:
    Timeline() = default;
    explicit Timeline(const Trace& trace);
    const std::vector<Step>& steps() const { return steps_; }
    std::int64_t size() const { return static_cast<std::int64_t>(steps_.size()); }
    const Step& operator[](std::int64_t i) const { return steps_[static_cast<std::size_t>(i)]; }
    // A number from 0 or a step's name; -1 when there is none.
    std::int64_t find(std::string_view step) const;
    // The first step of a node; -1 when it has none (weights, the lens).
    std::int64_t of(NodeId node) const;
    // The step of its gradient; -1 when it has none.
    std::int64_t gradient_of(NodeId node) const;
    // The moves of the keys; all clamp at the ends.
    std::int64_t next(std::int64_t i) const { return i + 1 < size() ? i + 1 : i; }
    std::int64_t previous(std::int64_t i) const { return i > 0 ? i - 1 : 0; }
    std::int64_t next_operation(std::int64_t i) const;
    std::int64_t previous_operation(std::int64_t i) const;
    std::int64_t next_layer(std::int64_t i) const;
    std::int64_t previous_layer(std::int64_t i) const;

private:
    void add_backward(const Trace& trace);
    std::vector<Step> steps_;
};

// Where the learner looks. `within` (0..1) is the phase of the move into this step: an input, never
// a clock.
struct Cursor {
    std::int64_t step = 0;
    double within = 1.0;
    std::int64_t batch = 0;
    std::int64_t token = -1;  // position followed; -1: the last one
    bool operator==(const Cursor&) const = default;
};

}  // namespace sf
