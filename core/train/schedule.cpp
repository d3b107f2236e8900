#include "core/train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace sf {

double learning_rate(const TrainSettings& s, std::int64_t step) {
    const auto at = static_cast<double>(std::max<std::int64_t>(step, 0) + 1);
    const double rise = s.warmup > 0 ? std::min(1.0, at / static_cast<double>(s.warmup)) : 1.0;
    const double steps = static_cast<double>(s.steps);
    const double falling = std::round(s.decay_fraction * steps);
    if (falling < 1) return s.lr * rise;
    const double done = std::clamp((at - (steps - falling)) / falling, 0.0, 1.0);
    const double cosine = 0.5 * (1 + std::cos(std::numbers::pi * done));
    return s.lr * rise * (s.min_lr_ratio + (1 - s.min_lr_ratio) * cosine);
}

}  // namespace sf
