#pragma once

#include <cstdint>

namespace sf {

// What chance alone makes of a perfectly balanced choice: the expected largest load over the mean,
// minus 1, when each token is sent to `top_k` different ones of `experts` experts, drawn evenly.
//
// An approximation: loads as that many correlated normal numbers, corrected for the skewness of a
// binomial load. Within 3 % where an expert has 8 tokens or more on average, a little low below.
class BalancedNoise {
public:
    BalancedNoise(std::int64_t top_k, std::int64_t experts);
    // 0 for one expert or when all are chosen; NaN without tokens.
    double operator()(std::int64_t tokens) const;

private:
    std::int64_t top_k_, experts_;
    // Means of the largest of so many independent standard normal numbers and of its square.
    double largest_ = 0, square_ = 0;
};

}  // namespace sf
