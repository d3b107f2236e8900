#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <string_view>

namespace sf {

// Counter-based random numbers: a number is a function of (seed, stream, index), so that it depends
// neither on who asked before nor on the number of threads. No state, no global generator.

// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection that mixes all 64 bits.
constexpr std::uint64_t mix_bits(std::uint64_t x) {
    x += 0x9e3779b97f4a7c15ULL;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

constexpr std::uint64_t random_bits(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) {
    return mix_bits(mix_bits(mix_bits(seed) ^ stream) ^ index);
}

// A stream for a name (FNV-1a).
constexpr std::uint64_t stream_of(std::string_view name) {
    std::uint64_t hash = 0xcbf29ce484222325ULL;
    for (const char c : name) {
        hash ^= static_cast<unsigned char>(c);
        hash *= 0x100000001b3ULL;
    }
    return hash;
}

// Uniform in [0, 1), 53 bits.
constexpr double random_uniform(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) {
    return static_cast<double>(random_bits(seed, stream, index) >> 11) * 0x1p-53;
}

// Standard normal by Box-Muller; indices 2i and 2i+1 share one pair of uniforms.
inline double random_normal(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) {
    const std::uint64_t pair = index & ~std::uint64_t{1};
    const double radius = std::sqrt(-2.0 * std::log(1.0 - random_uniform(seed, stream, pair)));
    const double angle = 2.0 * std::numbers::pi * random_uniform(seed, stream, pair + 1);
    return (index & 1) == 0 ? radius * std::cos(angle) : radius * std::sin(angle);
}

}  // namespace sf
