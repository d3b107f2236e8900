#pragma once

#include "core/real.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace sf {

// e^x within 2 ulp, branch-free, so that loops over it become vector code and one element gives the
// same bits as many (a library's packet version does not promise that). 0 below -87.3, +inf above
// 88.72, NaN stays NaN.
inline float fast_exp(float x) {
    const float clamped = x < -87.33F ? -87.33F : (x > 88.72F ? 88.72F : x);
    const float shifted = clamped * 1.44269504088896341F + 12582912.0F;
    const float n = shifted - 12582912.0F;
    float r = clamped - n * 0.693359375F;
    r = r + n * 2.12194440e-4F;
    float p = 1.9875691500e-4F;
    p = p * r + 1.3981999507e-3F;
    p = p * r + 8.3334519073e-3F;
    p = p * r + 4.1665795894e-2F;
    p = p * r + 1.6666665459e-1F;
    p = p * r + 5.0000001201e-1F;
    p = p * (r * r) + r + 1.0F;
    // 2^n in two factors, so that n = 128 does not overflow before the product does
    const std::int32_t exponent = static_cast<std::int32_t>(n);
    const std::int32_t half = exponent >> 1;
    const float a = std::bit_cast<float>((half + 127) << 23);
    const float b = std::bit_cast<float>((exponent - half + 127) << 23);
    float y = p * a * b;
    y = x < -87.33F ? 0.0F : y;
    y = x > 88.72F ? std::numeric_limits<float>::infinity() : y;
    return x != x ? x : y;
}
inline double fast_exp(double x) {
    return std::exp(x);
}

inline Real sigmoid(Real x) {
    return Real(1) / (Real(1) + fast_exp(-x));
}
inline Real silu(Real x) {
    return x / (Real(1) + fast_exp(-x));
}

// d silu / dx
inline Real silu_slope(Real x) {
    const Real s = sigmoid(x);
    return s * (Real(1) + x * (Real(1) - s));
}

// Sums and maxima over a row in sixteen lanes and a fixed tree: vector code without leave to
// reorder.
template <class F>
inline Real lane_sum(std::int64_t n, F&& term) {
    Real lane[16] = {};
    std::int64_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (int l = 0; l < 16; ++l) lane[l] += term(i + l);
    for (int l = 0; i < n; ++i, ++l) lane[l] += term(i);
    for (int step = 8; step > 0; step /= 2)
        for (int l = 0; l < step; ++l) lane[l] += lane[l + step];
    return lane[0];
}

inline Real lane_max(const Real* x, std::int64_t n) {
    Real lane[16];
    for (Real& l : lane) l = -std::numeric_limits<Real>::infinity();
    std::int64_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (int l = 0; l < 16; ++l) lane[l] = x[i + l] > lane[l] ? x[i + l] : lane[l];
    for (int l = 0; i < n; ++i, ++l) lane[l] = x[i] > lane[l] ? x[i] : lane[l];
    for (int step = 8; step > 0; step /= 2)
        for (int l = 0; l < step; ++l)
            lane[l] = lane[l + step] > lane[l] ? lane[l + step] : lane[l];
    return lane[0];
}

}  // namespace sf
