#pragma once

#include "core/model/model.h"
#include "core/run/derived.h"
#include "core/run/trace.h"
#include "core/text/beginning.h"

#include <cstdint>
#include <vector>

namespace sf {

// What a model writes after each of some beginnings: the ids, in their order. Greedily, so a
// function of the weights alone.
using Written = std::vector<std::vector<std::int64_t>>;

inline constexpr std::int64_t most_written = 32;  // tokens of one

// Up to the end of the text or most_written tokens; nothing after a beginning that leaves no room
// in the context. `progress` (may be empty) is told the share that is done; false stops.
Written write_on(const Model& model, const std::vector<Beginning>& beginnings,
                 const Progress& progress = {});

// What the model of a trace writes, and how true that is: `otherwise` counts the tokens
// that one full pass over the whole text would have chosen otherwise by more than rounding.
struct WrittenNow : DerivedValue {
    Written written;
    std::int64_t tokens = 0, otherwise = 0;
};
// Its error says what is missing: weights or a tokenizer.
Need written_now(const Trace& trace, const std::vector<Beginning>& beginnings);

}  // namespace sf
