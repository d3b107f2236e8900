#pragma once

#include "core/text/corpus.h"
#include "core/text/tokenizer.h"

#include <cstdint>
#include <vector>

namespace sf {

// Row `index` of the generated corpus: whole documents, each followed by eos, cut at `tokens`;
// `eos_first`: one stands before them too. A function of its arguments alone.
std::vector<std::int64_t> corpus_row(const CorpusMix& mix, std::uint64_t seed, CorpusPart part,
                                     std::uint64_t index, const Tokenizer& tokenizer,
                                     std::int64_t eos, std::int64_t tokens, bool eos_first = false);

}  // namespace sf
