#pragma once

#include "core/config.h"
#include "core/real.h"

#include <cstdint>
#include <vector>

namespace sf {

// theta_i of each coordinate pair (rope/2), after scaling: "none", "linear" (theta / factor), "ntk"
// (base * factor^(d/(d-2))), "yarn" (blend by a ramp between pairs that turn often and seldom).
// Source: YaRN (Peng et al. 2023), DeepSeek-V3 inference/model.py `precompute_freqs_cis`.
std::vector<double> rope_frequencies(const ModelConfig& config);

// YaRN's blend per pair: 0 keeps the frequency, 1 divides it by the factor.
std::vector<double> yarn_ramp(const ModelConfig& config);

// cos and sin of position x theta_i: (positions, rope/2) each, from angles in double.
class RopeTable {
public:
    explicit RopeTable(const ModelConfig& config) : frequencies_(rope_frequencies(config)) {}
    void reserve(std::int64_t positions);
    std::int64_t pairs() const { return static_cast<std::int64_t>(frequencies_.size()); }
    const std::vector<double>& frequencies() const { return frequencies_; }
    const Real* cos(std::int64_t position) const { return cos_.data() + position * pairs(); }
    const Real* sin(std::int64_t position) const { return sin_.data() + position * pairs(); }

private:
    std::vector<double> frequencies_;
    std::vector<Real> cos_, sin_;
};

}  // namespace sf
