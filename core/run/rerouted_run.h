#pragma once

#include "core/config.h"
#include "core/run/derived.h"
#include "core/run/trace.h"

#include <cstdint>

namespace sf {

// What a model would do if its routers chose otherwise: no weight depends on how many experts a
// token gets, nor on how many groups ("nodes") it may reach, so the same weights run with another
// top_k and topk_group (DeepSeek-V3, section 2.1.2, node-limited routing).
ModelConfig rerouted(const ModelConfig& config, std::int64_t top_k, std::int64_t topk_group);

// The run of a trace again, all its sequences. Bit for bit the trace's own where nothing changed.
struct ReroutedRun : DerivedValue {
    TracePtr run;
    std::int64_t bytes() const override { return run->bytes(); }
};
// Fails with a sentence when the trace has no weights or the numbers do not fit the model.
Need rerouted_run(const Trace& trace, std::int64_t top_k, std::int64_t topk_group);

}  // namespace sf
