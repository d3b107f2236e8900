#pragma once

#include "core/config.h"
#include "core/tensor.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace sf {

using NodeId = std::int32_t;
inline constexpr NodeId no_node = -1;

// The sizes that differ from run to run: sequences, new tokens of each, tokens already cached.
struct Extent {
    std::int64_t batch = 1;
    std::int64_t tokens = 1;
    std::int64_t past = 0;
    std::int64_t context() const { return past + tokens; }
    bool operator==(const Extent&) const = default;
};

// Keys per tile of the online softmax in the fused attention.
inline constexpr std::int64_t attention_tile = 32;

// One dimension of a node: scale x (1 or batch) x (1, tokens + offset, context + offset or tiles).
struct Dim {
    enum class Sym : std::uint8_t { one, tokens, context, tiles };
    std::int64_t scale = 1;
    Sym sym = Sym::one;
    std::int64_t offset = 0;
    bool per_batch = false;
    std::int64_t value(const Extent& e) const;
    bool operator==(const Dim&) const = default;
};

enum class Op : std::uint8_t {
    ids,            // the input
    state,          // rows that come from another graph's run
    param,          // a weight; its name is the checkpoint's
    shift_ids,      // ids moved k to the left: t_{i+k}
    take_rows,      // the first T-k positions
    embedding,      // row of E for each id
    rms_norm,       // x / rms(x) * g, over columns [begin, begin + width)
    linear,         // x W^T
    rope,           // rotation by position of the last `rope` values of each head
    cache,          // what lies in the latent cache, new rows appended
    absorb_q,       // q^C W^UK per head: the query in latent space
    scores,         // softmax_scale (q^C k^C + q^R k^R), -inf above the diagonal
    scores_latent,  // the same from the absorbed query and the latent
    causal_softmax,
    online_m,       // running maximum after each tile
    online_d,       // running sum after each tile
    online_o,       // running output after each tile
    attend,         // probs V
    attention,      // fused: scores, online softmax and attend in tiles
    attend_latent,  // probs c^KV
    attention_latent,
    expand_v,  // attended latent W^UV per head
    swiglu,    // silu(gate) * up
    add,
    gate_scores,     // sigmoid or softmax
    add_bias,        // s + b, used only to choose
    group_scores,    // best two (with bias) or maximum
    group_choice,    // the kept groups
    expert_choice,   // top-k inside the kept groups
    gate_weights,    // of the unbiased scores
    expert_load,     // tokens per expert
    expert_slots,    // (token, rank) slots ordered by expert, then token
    dispatch,        // one row of input a slot
    grouped_linear,  // each expert's rows times its own weight
    combine,         // weighted sum of a token's slots
    experts,         // fused: dispatch .. combine, expert by expert
    concat,          // columns of both
    softmax,
    cross_entropy,  // -ln p of the token `shift` places on, for each position that has one
    mean,
    top_fraction,     // f_i of each sequence, from the top-k of the unbiased affinities
    choice_fraction,  // f_i of the whole batch, from the choices made
    score_share,      // P_i of each sequence
    balance_loss,     // sum f_i P_i, mean over the sequences
};

// Numbers an op needs beside its inputs. Each op's file says which it reads.
struct Attrs {
    std::int64_t heads = 0, nope = 0, rope = 0, value = 0;
    std::int64_t kv_heads = 0;  // groups of heads with keys and values of their own; 0: mla
    std::int64_t begin = 0, width = 0, shift = 0;
    std::int64_t experts = 0, top_k = 0, groups = 0, kept_groups = 0;
    bool biased = false, sigmoid = true, normalise = true;
    double eps = 0, scale = 1;
};

// Where a node stands in the block diagram.
enum class Part : std::uint8_t {
    embed,
    attn_norm,
    attn,
    attn_add,
    ffn_norm,
    ffn,
    ffn_add,
    head,
    lens,
    mtp_input,
    mtp_head,
    loss,
    weight
};

// A named operation with the paper's symbol. Composite operations have two definitions:
// `op(inputs)` step by step, whose inner values are nodes too, and `fused(fused_inputs)`, fast.
// Both give the same.
struct Node {
    Op op{};
    std::string name;     // "layers.2.kv_latent": key for trace, view, test, command line
    std::string symbol;   // "c^{KV}" (TeX-like: ^{} and _{})
    std::string formula;  // "c^{KV} = RMSNorm(W^{DKV} h)"
    std::string title;    // "Latent KV": plain words for boxes and lists
    std::vector<NodeId> inputs;
    std::optional<Op> fused;
    std::vector<NodeId> fused_inputs;
    std::vector<Dim> dims;
    DType dtype = DType::real;
    Attrs attrs;
    Part part = Part::weight;
    int layer = -1;  // 0-based; MTP module k is layer num_hidden_layers + k - 1; -1: none
    Shape shape(const Extent& e) const;
};

enum class AttentionMode : std::uint8_t { naive, absorbed };

// The model as named nodes in build order (inputs come before users): structure without numbers.
// Compiled once per (config, attention mode); tokens and past tokens are symbols. Immutable.
class Graph {
public:
    ModelConfig config;
    AttentionMode attention = AttentionMode::naive;

    const Node& operator[](NodeId id) const { return nodes_[static_cast<std::size_t>(id)]; }
    NodeId size() const { return static_cast<NodeId>(nodes_.size()); }
    NodeId find(std::string_view name) const;  // no_node when there is none
    const std::vector<NodeId>& users(NodeId id) const {
        return users_[static_cast<std::size_t>(id)];
    }
    NodeId logits() const { return logits_; }

    // For the builder (core/model): returns the id; throws ShapeError when the name is taken.
    NodeId add(Node node);
    void set_logits(NodeId id) { logits_ = id; }

private:
    std::vector<Node> nodes_;
    std::vector<std::vector<NodeId>> users_;
    std::unordered_map<std::string, NodeId> by_name_;
    NodeId logits_ = no_node;
};

}  // namespace sf
