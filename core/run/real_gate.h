#pragma once

#include "core/config.h"
#include "core/run/derived.h"
#include "core/run/trace.h"

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace sf {

// A gate of DeepSeek-V3's shape (256 experts on 8 nodes, 4 nodes and 8 experts a token, sigmoid;
// technical report, section 4.2) on the hidden states of the small model. Nobody trained it: its
// weights are seeded normal numbers, of deviation 1/√hidden_size, so that logits of a normed state
// are of the order of 1. Its bias is balanced as in training (section 2.1.2), by update_bias.

// How one token is routed. The limit decides first which nodes; plain is the top-8 of the same
// s + b among all.
struct GateRoute {
    std::vector<double> scores, biased;  // (experts): s, s + b
    std::vector<double> node_scores;     // (nodes): the best two s + b
    std::vector<std::int64_t> nodes;     // those kept
    std::vector<std::int64_t> chosen, plain;
    std::vector<double> gates;  // of `chosen`
};

class GateRunner;

struct RealGate : DerivedValue {
    ModelConfig shape;        // hidden_size is the small model's
    std::string layer;        // whose feed-forward input it reads: "layers.1"
    std::string text;         // what was read
    std::int64_t tokens = 0;  // so many to balance on, and so many others to count on
    // The largest load over the mean, minus 1, before each move of the bias, of the tokens that it
    // is balanced on; and γ of that move. The bias that is kept is the one of the lowest.
    std::vector<double> path, gamma;
    std::vector<double> bias;  // (experts)

    // One way to choose, over the tokens counted on.
    struct Count {
        std::vector<std::int64_t> load;   // (experts)
        std::vector<std::int64_t> nodes;  // [n]: tokens whose experts lie on n nodes
        double affinity = 0;              // mean sum of s of the chosen
        double mean_nodes() const;
        double violation() const;
    };
    Count unbalanced;      // the limit, b = 0
    Count limited, plain;  // with the bias
    // Tokens for which a limit of all the nodes chooses otherwise than plain top-8: none.
    std::int64_t unequal = 0;

    std::int64_t nodes() const { return shape.n_group; }
    std::int64_t experts_a_node() const { return shape.n_routed_experts / shape.n_group; }
    std::int64_t nodes_of(std::span<const std::int64_t> chosen) const;  // how many they lie on

    // Of any hidden state (hidden_size) of that layer: microseconds. Throws ShapeError.
    GateRoute route(std::span<const double> hidden) const;

    std::shared_ptr<const GateRunner> runner;
};

struct RealGateOptions {
    std::int64_t tokens = 8192;
    std::int64_t rounds = 10;  // of moves at each γ
};

// `layer`: "layers.1" or "mtp.1", any that has a feed-forward input. Reads held-out rows of the
// generated corpus with the trace's weights. Why it cannot is the entry's error: no weights, no
// tokenizer.
Need real_gate(const Trace& trace, const std::string& layer, const RealGateOptions& options = {});

}  // namespace sf
