#pragma once

#include "core/backend/device.h"
#include "core/graph/graph.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

// What a layer's attention and experts ask of a device, counted from shapes, and how kernels cut
// it into work groups. A multiply-add counts as two FLOPs, an exponential as one.
namespace sf {

// Causal attention of `queries` tokens over `context` keys, for each of batch x heads. `share`
// heads have keys and values in common; the rows of a work group are theirs, token by token.
struct AttentionWork {
    std::int64_t batch = 1, heads = 1, share = 1, queries = 1, context = 1;
    std::int64_t key_width = 1, value_width = 1;

    std::int64_t past() const { return context - queries; }
    std::int64_t seen(std::int64_t token) const { return past() + token + 1; }  // keys
    std::int64_t pairs() const;  // (query, key) of one head that count
    double flops() const;        // q k, e^a and a v of every pair

    // Heads that share keys: work groups of their rows, and the tiles of keys.
    std::int64_t rows() const { return queries * share; }
    std::int64_t groups(const AttentionTiles& cut) const;
    std::int64_t tiles(const AttentionTiles& cut) const;
    std::int64_t last_token(std::int64_t group, const AttentionTiles& cut) const;
    // The tiles that a group walks; those behind lie above the diagonal.
    std::int64_t walked(std::int64_t group, const AttentionTiles& cut) const;
    // The tokens [first, first + count) whose rows of one of the heads, number `of` < share, are in
    // a group; none where it has rows of others only.
    struct Tokens {
        std::int64_t first = 0, count = 0;
    };
    Tokens tokens(std::int64_t group, std::int64_t of, const AttentionTiles& cut) const;
    // All heads and sequences, values wider than a cut in several.
    std::int64_t all_groups(const AttentionTiles& cut) const;
};
// Of a node whose fused form is attention; none for another.
std::optional<AttentionWork> attention_work(const Graph& graph, NodeId node, const Extent& extent);

// Where one head's rows lie: row r of a part at first + r stride in its node's tensor.
struct HeadPart {
    NodeId node = no_node;
    std::int64_t first = 0, stride = 0, width = 0;
};
// What a score is made of, q^C k^C + q^R k^R, and the values that it weighs.
struct HeadInputs {
    HeadPart q, q_position, k, k_position, v;
};
HeadInputs head_inputs(const Graph& graph, NodeId node, const Extent& extent, std::int64_t batch,
                       std::int64_t head);

// The routed experts of a layer: `tokens` x `chosen` rows through three products of `width`.
struct ExpertsWork {
    std::int64_t tokens = 1, chosen = 1, experts = 1;
    std::int64_t hidden = 1, width = 1;

    std::int64_t rows() const { return tokens * chosen; }
    double gate_up_flops() const;  // both products
    double down_flops() const;
    double combine_flops() const;
    double flops() const { return gate_up_flops() + down_flops() + combine_flops(); }
};
std::optional<ExpertsWork> experts_work(const Graph& graph, NodeId node, const Extent& extent);

// Rows that a cut makes work groups compute, empty ones included.
std::int64_t computed_rows(std::span<const ExpertTile> tiles, std::int64_t rows);

// The nodes of a layer that a device takes; no_node where there are none.
NodeId attention_node(const Graph& graph, std::int64_t layer);
NodeId experts_node(const Graph& graph, std::int64_t layer);  // the routed experts, combined
NodeId shared_node(const Graph& graph, NodeId experts);       // the shared expert's output
// `layer` where it has experts, else the nearest one that has; -1 without any.
std::int64_t experts_layer(const Graph& graph, std::int64_t layer);

}  // namespace sf
