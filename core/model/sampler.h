#pragma once

#include "core/real.h"

#include <cstdint>
#include <span>
#include <vector>

namespace sf {

// The distribution that a token is drawn from: softmax of logits / temperature, cut to the top_k
// most likely (0: all), then to the smallest set whose sum reaches top_p (1: all), renormalised.
// Ties go to the lower index. Temperature 0 (greedy) gives the model's own distribution, softmax of
// the logits. Sums to 1 up to rounding.
std::vector<Real> sampling_distribution(std::span<const Real> logits, double temperature,
                                        std::int64_t top_k, double top_p);

// The index of the largest logit, the lower one when equal.
std::int64_t argmax(std::span<const Real> x);

// Inverts the cumulative distribution at u in [0, 1). Never returns an index of probability 0.
std::int64_t draw(std::span<const Real> probabilities, double u);

// ln Σ e^x, in double.
double log_sum_exp(std::span<const Real> x);

}  // namespace sf
