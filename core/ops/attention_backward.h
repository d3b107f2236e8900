#pragma once

#include "core/ops/ops.h"

namespace sf {

// Gradients of causal attention, shared by the three layouts of core/ops/attention_layout.h.

// The fused form, a block of query rows at a time: the probabilities are made again from the rows'
// log-sum-exp that forward saved, P = e^(a - L), never stored whole (Dao 2023, FlashAttention-2,
// algorithm 2): dV = P^T dO, dS = P (dO V^T - rowsum(dO O)), dQ = dS K, dK = dS^T Q.
void attention_backward(const BackwardContext& c);
// How many row constants forward saves: one for each sequence, head and query.
std::int64_t attention_saved(const Node& node, std::span<const ConstView> in);

// The steps: from dL/d(scores), and from dL/d(head outputs) to probabilities and values.
void scores_backward(const BackwardContext& c);
void attend_backward(const BackwardContext& c);
// From dL/d(running maximum, sum or output) after each tile.
void online_backward(const BackwardContext& c);

}  // namespace sf
