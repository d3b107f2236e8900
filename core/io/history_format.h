#pragma once

#include "core/run/history.h"

#include <array>
#include <cstdint>
#include <string>

// What the writer and the reader of a history agree on (core/io/history_io.h).
namespace sf::history_format {

inline constexpr const char* format_name = "stepformer-history";
inline constexpr std::int64_t format_version = 1;

// The numbers of a record, one tensor each.
struct Series {
    const char* name;
    float StepRecord::*value;
};
inline constexpr std::array all_series{
    Series{"loss", &StepRecord::loss},
    Series{"balance_loss", &StepRecord::balance_loss},
    Series{"grad_norm", &StepRecord::grad_norm},
    Series{"lr", &StepRecord::lr},
    Series{"gamma", &StepRecord::gamma},
    Series{"lambda", &StepRecord::lambda},
    Series{"alpha", &StepRecord::alpha},
    Series{"tokens_per_second", &StepRecord::tokens_per_second},
    Series{"heldout_loss", &StepRecord::heldout_loss},
    Series{"bigram_loss", &StepRecord::bigram_loss},
};

// The floor of each record's text; histories of before December 2026 have one for all.
inline constexpr Series floor_series{"floor", &StepRecord::floor};

// What the model wrote at kept steps, as JSON: {"beginnings": [{"kind", "prompt", "answer"}, ...],
// "steps": {"100": [[ids], ...]}}. The reader takes it into a history that has its probes;
// UserError begins with `source`.
std::string written_json(const History& history);
void read_written(const std::string& json, const std::string& source, History& history);

inline std::string probe_prefix(const std::string& prefix) {
    return prefix + "probe.";
}

}  // namespace sf::history_format
