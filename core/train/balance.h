#pragma once

#include "core/real.h"

#include <cstdint>
#include <span>

namespace sf {

// Balance without a gradient (DeepSeek-V3, section 2.1.2): after a step each expert's bias moves by
// gamma, down when it had more tokens of the whole batch than the mean, up when it had fewer. The
// bias only chooses; it never weighs.
void update_bias(std::span<Real> bias, std::span<const std::int64_t> load, double gamma);

// max / mean - 1 of the loads; 0 without tokens.
double violation(std::span<const std::int64_t> load);

}  // namespace sf
