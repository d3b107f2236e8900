#pragma once

#include "core/train/settings.h"

#include <cstdint>

namespace sf {

// The learning rate of a step, counted from 0: linear rise over `warmup` steps (the last of them
// has lr), then lr, then over the last decay_fraction of `steps` a cosine down to min_lr_ratio *
// lr, which the last step has and every later one keeps. Where rise and fall overlap both factors
// act. Without `steps` nothing falls. A pure function: a resumed run goes on with the same rates.
double learning_rate(const TrainSettings& settings, std::int64_t step);

}  // namespace sf
