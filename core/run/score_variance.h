#pragma once

#include "core/config.h"
#include "core/run/derived.h"
#include "core/run/trace.h"

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace sf {

// Why scores are divided by √d: the variance of q·k over all visible pairs and heads, without and
// with the model's own scale, in a freshly initialised model whose heads are d wide.
struct ScoreVariance {
    std::int64_t d = 0;
    double raw = 0, scaled = 0;
    std::int64_t pairs = 0;
};

// One layer of `config`'s shape a width (even, at least 4; a quarter of it turns with the
// position), run over `ids`. A forward pass each: milliseconds, so not for the window's thread.
// `stop`, where given, is asked before each width; what was measured until then comes back. Throws
// UserError when the ids do not fit the model.
std::vector<ScoreVariance> score_variances(const ModelConfig& config,
                                           const std::vector<std::int64_t>& ids,
                                           std::span<const std::int64_t> widths, std::uint64_t seed,
                                           const std::function<bool()>& stop = {});

// d = 8, 16 ... 256 on the first sequence of a trace, in its model's shape.
struct ScoreVariances : DerivedValue {
    std::vector<ScoreVariance> widths;
};
Need score_variances(const Trace& trace);

}  // namespace sf
