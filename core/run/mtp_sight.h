#pragma once

#include "core/run/derived.h"
#include "core/run/trace.h"

#include <cstdint>
#include <vector>

namespace sf {

// How far a prediction looks, found out by running the model again on other tokens: module k of the
// chain at a position reads the tokens up to k places on and none behind them (DeepSeek-V3, section
// 2.2: "we keep the complete causal chain at each prediction depth"), a parallel module none behind
// the position itself. Depth 0 is the main model.
struct MtpSight : DerivedValue {
    struct Depth {
        std::int64_t k = 0, reach = 0;  // places on that it may look
        std::int64_t changed = 0;       // tokens behind its reach, each made another one
        std::vector<Real> logits;       // (vocab), of the position after that
        // What a logit moves by at most when the last token in its reach is another one.
        double by_last = 0;
    };
    std::int64_t batch = 0, position = 0;
    std::vector<Depth> depths;  // those that have a prediction at the position
};
// Runs without the values that a person set.
Need mtp_sight(const Trace& trace, std::int64_t batch, std::int64_t position);

}  // namespace sf
