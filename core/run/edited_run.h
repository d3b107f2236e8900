#pragma once

#include "core/run/derived.h"
#include "core/run/timeline.h"
#include "core/run/trace.h"

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace sf {

// A run of which a person set some values: what is downstream of them computed again by the
// model's own operations, all else shared with the run as it was.
struct EditedRun : DerivedValue {
    TracePtr base, run;
    std::shared_ptr<const Timeline> timeline;  // of `run`: other experts may work
    std::int64_t bytes() const override;       // of what is not shared
};
// `edits` are not empty. Fails with a sentence when they name nothing or the trace has no weights.
// "layers.1.scores[0,2,5,3]=2.5", or with one flat index. Throws UserError that names what is
// wrong.
Edit read_edit(const Trace& trace, std::string_view text);
Need edited_run(const TracePtr& base, const std::vector<Edit>& edits);

}  // namespace sf
