#pragma once

#include "core/real.h"

#include <cstdint>
#include <span>

namespace sf {

// AdamW (Loshchilov and Hutter 2019, algorithm 2): the decay acts on the weight itself, not through
// the moments.
struct AdamW {
    double lr = 1e-3, beta1 = 0.9, beta2 = 0.95, eps = 1e-8, weight_decay = 0;
    std::int64_t step = 1;  // from 1: corrects the moments' start at 0
};

// One update of weights w with gradients scale * g and moments m, v (all of one length).
void adamw_update(const AdamW& a, double scale, std::span<Real> w, std::span<const Real> g,
                  std::span<Real> m, std::span<Real> v);

// The sum of squares, in double and in a fixed order.
double squared_norm(std::span<const Real> x);

}  // namespace sf
