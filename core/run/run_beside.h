#pragma once

#include "core/model/model.h"
#include "core/run/derived.h"
#include "core/run/history.h"
#include "core/run/timeline.h"
#include "core/run/trace.h"

#include <cstdint>
#include <memory>

namespace sf {

// What another model makes of the text of a trace, to be compared tensor by tensor.
struct RunBeside : DerivedValue {
    TracePtr trace;
    std::shared_ptr<const Timeline> timeline;
    std::int64_t bytes() const override { return trace->bytes(); }
};

// The text of `own` run through the weights of `other`: recorded alike (way of attention,
// gradients), without edits. Where ids read otherwise in the other's vocabulary, the text is
// read anew. With `train_step` >= 0 it is the probe that `history` kept at that step, or the last
// one before. Fails with a sentence where the text does not fit the other model or no probe was
// kept.
Need run_beside(const Trace& own, const ModelPtr& other,
                const std::shared_ptr<const History>& history, std::int64_t train_step);

}  // namespace sf
