#pragma once

#include "core/graph/op.h"

#include <string>
#include <utility>
#include <vector>

namespace sf {

// Puts named nodes into a graph, so that the code in core/model reads like the paper's equations.
class Builder {
public:
    explicit Builder(const ModelConfig& config, AttentionMode attention);

    // What every following node carries: name prefix ("layers.2."), layer and place in the diagram.
    struct Place {
        std::string prefix;
        int layer = -1;
        Part part = Part::embed;
    };
    Place place;
    // Whether the losses of training are part of the graph.
    bool losses = false;

    // How a node reads: its name below the prefix, the paper's symbol, plain words, its formula.
    struct Label {
        const char* name;
        std::string symbol;
        const char* title;
        std::string formula;
    };
    NodeId add(Op op, const Label& label, std::vector<NodeId> inputs, const Attrs& attrs = {});
    // A composite: op(inputs) step by step, fused(fused_inputs) fast.
    NodeId add_composite(Op op, const Label& label, std::vector<NodeId> inputs, Op fused,
                         std::vector<NodeId> fused_inputs, const Attrs& attrs);
    // A weight by its checkpoint name, made at its first use.
    NodeId param(const std::string& name);

    NodeId rms_norm(const Label& label, NodeId x, const std::string& weight, std::int64_t begin,
                    std::int64_t width);
    NodeId linear(const Label& label, NodeId x, const std::string& weight, std::int64_t heads = 0);

    const ModelConfig& config() const { return graph_->config; }
    const Graph& graph() const { return *graph_; }
    Graph& graph() { return *graph_; }
    std::shared_ptr<const Graph> finish() { return graph_; }

private:
    NodeId put(Node node, const Label& label);
    std::shared_ptr<Graph> graph_;
    std::unordered_map<std::string, Shape> shapes_;
};

// The parts of the model, one file each. `weights` is the checkpoint's prefix ("model.layers.2.").
// Multi-head latent attention (DeepSeek-V2, eqs. 9-19; V3, eqs. 1-11): the output before the
// residual.
NodeId build_mla(Builder& b, NodeId h, const std::string& weights);
// Grouped-query attention (Ainslie et al. 2023; one group: multi-query, as many as heads:
// multi-head) with MLA's head widths and decoupled rotation, to compare with.
NodeId build_gqa(Builder& b, NodeId h, const std::string& weights);
// SwiGLU feed-forward of one width: gate, up, h, then down (V3, section 2.1.2; also a shared
// expert).
NodeId build_mlp(Builder& b, NodeId x, const std::string& weights, bool shared);
// Who works on which token (V3, eqs. 12-16): chosen by s + b, in the chosen groups, weighed by s.
// `w`: the checkpoint's prefix of the gate ("model.layers.2.mlp.").
struct Router {
    NodeId scores = no_node, indices = no_node, gates = no_node, load = no_node;
    Attrs attrs;
};
Router build_router(Builder& b, NodeId x, const std::string& w);
// DeepSeekMoE: that router's experts and the shared ones.
NodeId build_moe(Builder& b, NodeId x, const std::string& weights);
// Norm, attention, add, norm, feed-forward, add: the residual stream after the layer. `moe`: of
// experts.
NodeId build_block(Builder& b, NodeId x, const std::string& weights, bool moe);
// Multi-token prediction module k = 1, 2, ... (V3, eqs. 21-25): from the previous depth's hidden
// state to this depth's, with its own logits.
NodeId build_mtp(Builder& b, NodeId previous, NodeId ids, std::int64_t k);
// The same as one of several independent heads (Gloeckle et al. 2024, eq. 2): a layer over the main
// model's hidden states, which sees no token further on.
void build_parallel_mtp(Builder& b, NodeId h, NodeId ids, std::int64_t k);
// Cross-entropy of the tokens `shift` places on (V3, eqs. 24-25): per token, then the mean.
void build_token_loss(Builder& b, NodeId logits, NodeId ids, std::int64_t shift);
// What keeps experts balanced besides the bias: the sequence-wise term (V3, eqs. 17-20) and the
// classical auxiliary loss over the batch, both without their factor.
void build_balance_losses(Builder& b, NodeId scores, NodeId indices, const Attrs& router);

}  // namespace sf
