#pragma once

#include "core/run/score_variance.h"
#include "core/run/softmax_passes.h"
#include "views/view.h"

#include <cstdint>
#include <string>
#include <vector>

// One query's row of attention as the pictures need it: which tensors, the scores as recorded and
// as changed by hand, and the model's own online softmax run over them. Knows nothing of drawing.
namespace sf::online {

// The parts of a tile's way into fast memory: its scores have come, the maximum has jumped and what
// was collected is shrunk.
inline constexpr double come_at = 0.35, shrunk_at = 0.65;

// The settings, read.
struct Choice {
    std::int64_t head = 0;
    std::int64_t query = -1;  // -1: the chosen token
    std::int64_t tile = 0;    // keys a tile; 0: as many as make six tiles, at most the model's own
    std::string order = "forward";
    std::int64_t key = -1;      // whose score is pushed; -1: the last visible one
    double push = 0;            // added to its score
    bool divide = true;         // by √d
    bool half = false;          // binary16, without subtracting the maximum
    std::int64_t arrived = -1;  // tiles; -1: by the cursor
};

// The attention of one layer in a graph; no_node where a graph has none.
struct Nodes {
    NodeId scores = no_node, probs = no_node;
    NodeId out = no_node;     // α V of each head (in latent space when absorbed)
    NodeId values = no_node;  // expanded keys and values, or the latents
    NodeId m = no_node, d = no_node, o = no_node;  // running
};
// Those of `layer`, else of the last layer before it that has attention, else of the first.
Nodes attention_nodes(const Graph& graph, int layer);

// Where the values of a head lie; width 0: they were not kept.
struct Values {
    const Real* first = nullptr;
    std::int64_t width = 0, ld = 0;
};

struct Row {
    const Trace* trace = nullptr;
    Nodes nodes;
    std::string place;                                                 // "layer 1", "MTP 1"
    const Tensor *scores = nullptr, *probs = nullptr, *out = nullptr;  // null: not kept
    std::int64_t batch = 0, head = 0, heads = 0;
    std::int64_t query = 0, queries = 0, context = 0;  // of T rows and S keys
    std::int64_t n = 0;                                // keys that the query sees
    double scale = 1;                                  // 1/√d (with YaRN's factor)
    std::int64_t first = 0;                            // flat index of (b, h, query, 0) in scores

    std::int64_t key = 0;  // that is pushed
    bool pushed = false;   // its score is not the recorded one
    bool divided = true;   // by √d
    bool as_run = true;    // the scores are those of the run
    bool half = false;
    std::vector<Real> before;  // the scores (n) without the push
    std::vector<Real> row;     // with it
    const Real* values = nullptr;
    std::int64_t width = 0, ld = 0;  // 0: values were not kept

    std::int64_t tile = 1, tiles = 0;
    std::vector<std::int64_t> order;  // tiles as they arrive
    SoftmaxResult shown, unpushed, three, two;
    std::vector<HalfState> halves;  // where half

    double arrived = 0;  // tiles, with the part of the one on its way

    SoftmaxRow softmax_row() const { return {row.data(), n, values, width, ld}; }
    Values values_of(std::int64_t of_head) const;
    // Keys of the tile that arrives as number `p`.
    std::int64_t begin(std::int64_t p) const { return order[static_cast<std::size_t>(p)] * tile; }
    std::int64_t count(std::int64_t p) const;
    const OnlineState& state(std::int64_t p) const {
        return shown.states[static_cast<std::size_t>(p)];
    }
    // What d and o are multiplied with when tile p arrives; 1 for the first.
    double shrink(std::int64_t p) const;
    double running_d(std::int64_t p) const;  // after tile p; by half where that is shown; -1: 0
    double running_o(std::int64_t p, std::int64_t c) const;
    double weight(std::int64_t p, std::int64_t i) const;  // e^(a - m) of a key in tile p
    double result(std::int64_t c) const;                  // o / d at the end
    // The last tile whose maximum counts already (-1: none), and the last that is added up whole.
    std::int64_t maximum_of() const;
    std::int64_t summed() const;
    std::int64_t live() const;  // the tile in fast memory; -1: none yet
    bool complete() const { return arrived >= static_cast<double>(tiles); }
    int rescales() const;
    bool overflowed() const;                         // half: d, o or the result is not finite
    std::int64_t state_index(std::int64_t p) const;  // of online_m in the trace, or -1
    std::string token(std::int64_t position) const;
};

// What the row can be made of; `reason` says why there is none.
struct RowOrReason {
    Row row;
    std::string reason;  // empty: there is a row
};
RowOrReason make_row(const Frame& frame, const Choice& choice);

// Tiles as they arrive.
std::vector<std::string> order_names();
std::vector<std::int64_t> arrival(const std::string& order, const std::vector<Real>& scores,
                                  std::int64_t tile);
std::int64_t tile_size(std::int64_t wanted, std::int64_t n);

// The variance of the scores of the layer, all heads and visible pairs.
ScoreVariance trained_variance(const Row& row);

std::vector<Invariant> checks(const Row& row);
std::string description(const Row& row);
// The headline: what the tile in fast memory just did.
std::string headline(const Row& row);

}  // namespace sf::online
