#include "core/run/balance_noise.h"

#include <cmath>
#include <limits>
#include <numbers>

namespace sf {

// From the density n φ(z) Φ(z)^(n-1) by the trapezoidal rule.
BalancedNoise::BalancedNoise(std::int64_t top_k, std::int64_t experts)
    : top_k_(top_k), experts_(experts) {
    constexpr double from = -8, to = 10;
    constexpr int pieces = 360;
    constexpr double step = (to - from) / pieces;
    const auto n = static_cast<double>(experts);
    for (int i = 0; i <= pieces; ++i) {
        const double z = from + step * i;
        const double below = 0.5 * std::erfc(-z / std::numbers::sqrt2);
        const double density =
            n * std::exp(-z * z / 2) / std::sqrt(2 * std::numbers::pi) * std::pow(below, n - 1);
        largest_ += z * density * step;
        square_ += z * z * density * step;
    }
}

double BalancedNoise::operator()(std::int64_t tokens) const {
    if (tokens < 1 || top_k_ < 1 || experts_ < 1) return std::numeric_limits<double>::quiet_NaN();
    if (top_k_ >= experts_) return 0;
    // A load is binomial; two of them are correlated with -1 / (experts - 1), since all sum to
    // tokens · top_k. Such numbers are independent ones without their mean, so the largest of them
    // is larger by √(experts / (experts - 1)).
    const auto E = static_cast<double>(experts_), T = static_cast<double>(tokens);
    const double p = static_cast<double>(top_k_) / E, deviation = std::sqrt(T * p * (1 - p));
    const double skewness = (1 - 2 * p) / deviation;
    const double most = largest_ + skewness / 6 * (square_ - 1);
    return std::sqrt(E / (E - 1)) * deviation * most / (T * p);
}

}  // namespace sf
