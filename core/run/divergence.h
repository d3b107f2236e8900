#pragma once

#include "core/run/history.h"

#include <cstdint>
#include <string>
#include <vector>

namespace sf {

// What differs between two things that are told by name: a field of config.json, a setting.
struct NamedDifference {
    std::string name, a, b;
    bool operator==(const NamedDifference&) const = default;
};
// The fields of config.json that differ, sorted by name.
std::vector<NamedDifference> config_differences(const ModelConfig& a, const ModelConfig& b);

// Where two training runs part: the first step at which anything that both kept differs bit for
// bit, in the order in which a step computes it (loads, losses, gradient norm, biases; then, where
// both kept a probe, its tensors in the order of the graph).
//
// Loads are compared as sums since the step before that both kept, so thinning does not matter. A
// tensor that was stored as BF16 in one of the runs is compared as such. How fast a run was and
// what was measured on the side (held-out losses) are no part of it.
struct Divergence {
    enum class Kind : std::uint8_t { none, shape, record, probe };
    Kind kind = Kind::none;
    std::int64_t step = -1;  // of training; none: the last that both kept; -1: there is none
    // "loss", "mtp_loss.1", "load of layers.1", "bias of layers.1"; of a probe the tensor's name;
    // of shapes the first field.
    std::string what;
    std::int64_t index = 0;                 // the first value that differs: flat, an expert, 0
    double a = 0, b = 0;                    // its two values
    double largest = 0;                     // |a - b| over all values of `what`
    std::int64_t differing = 0, count = 0;  // how many of its values differ
    std::int64_t compared = 0;              // steps that both kept, up to this one
    std::int64_t alike = -1;                // the last one before it; -1: there is none
    bool rounded = false;                   // compared as BF16
    std::vector<NamedDifference> fields;    // of shapes
    // lr, gamma, lambda, alpha where they first differ: what the runs were told, not what they did.
    std::vector<NamedDifference> settings;
    std::int64_t settings_step = -1;
};
Divergence first_divergence(const History& a, const History& b);

// The same in a sentence or two, with the runs' names.
std::string divergence_text(const Divergence& d, const std::string& a, const std::string& b);

// How a run's loads were kept even up to a record, as it can be read from its records: "none",
// "aux", "bias", "bias+seq"; empty where there are no experts or records.
std::string balance_seen(const History& history, std::size_t index);

}  // namespace sf
