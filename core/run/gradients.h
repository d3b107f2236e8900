#pragma once

#include "core/run/trace.h"

#include <cstdint>
#include <string>
#include <vector>

namespace sf {

// Factors of the losses, as in training (DeepSeek-V3 eqs. 17, 25):
// L = main L + lambda / D sum_k L^k + alpha sum of balance_loss + aux_alpha sum of aux_loss.
struct LossWeights {
    double main = 1, lambda = 0.3, alpha = 0, aux_alpha = 0;
    bool operator==(const LossWeights&) const = default;
};

// The terms of the loss on sequences of this length: MTP module k predicts k + 1 tokens on and is
// left out below k + 2 tokens. Throws UserError for fewer than 2 tokens, for weights that are
// negative or not finite, and when no term is left.
std::vector<LossTerm> loss_terms(const Graph& training_graph, const Extent& extent,
                                 const LossWeights& weights);
// "MTP modules 2 and 3 ... left out of the loss"; empty when every module has a target.
std::string left_out_note(const Trace& trace);

// By node: whether the loss depends on it through values that gradients pass (step by step).
std::vector<char> reached_by_loss(const Graph& graph, const std::vector<LossTerm>& loss);

// Goes forward and back over what the trace ran, and keeps dL/d(value) of every real node and
// every parameter that the loss reaches; beyond the budget the largest are left out. The trace
// needs its weights and a graph with the losses.
void record_gradients(Trace& trace, std::vector<LossTerm> loss, int threads,
                      std::int64_t budget_bytes);

}  // namespace sf
