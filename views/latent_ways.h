#pragma once

#include "core/run/derived.h"
#include "core/run/trace.h"

#include <cstdint>
#include <string>

namespace sf::latent_kv {

// A layer's attention by the way that the run did not go: absorbed where it expanded keys and
// values, expanded where it was absorbed; in double, from the run's queries, cached rows and
// weights. Differences are of the run's own scores and head outputs, over all heads and tokens.
struct LayerWays : DerivedValue {
    double score_error = 0, score_allowed = 0;  // what rounding of Real may make of them
    double output_error = 0, output_allowed = 0;
    std::int64_t scores = 0, outputs = 0;  // compared
    bool holds() const { return score_error <= score_allowed && output_error <= output_allowed; }
};

// Of one sequence of an mla layer ("layers.1.", its number for the weights). `compute` throws
// UserError where a tensor or the weights were not kept.
Need layer_ways(const Trace& trace, const std::string& prefix, std::int64_t layer,
                std::int64_t batch);

}  // namespace sf::latent_kv
