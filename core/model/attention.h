#pragma once

#include "core/model/builder.h"

namespace sf {

// What the kinds of attention have in common (DeepSeek-V3, eqs. 6-11).

// Widths of a head as attributes of an operation, and the softmax scale.
Attrs head_attrs(const ModelConfig& config);

// Queries [q^C | q^R] of each head (B, T, H, nope + rope), through a latent of their own when
// q_lora_rank is set, and their rotated part (B, T, H, rope).
struct QueryNodes {
    NodeId q, q_pe;
};
QueryNodes build_queries(Builder& b, NodeId h, const std::string& weights);

// Softmax over scores (B, H, T, S), and the running state of the online softmax over `values`, of
// widths `inside`: the probabilities.
NodeId build_softmax(Builder& b, NodeId scores, NodeId values, const Attrs& inside);

extern const Builder::Label scores_label;

NodeId build_output(Builder& b, NodeId heads, const std::string& weights);

}  // namespace sf
