#pragma once

#include "core/text/corpus.h"
#include "core/text/tokenizer.h"

#include <cstdint>
#include <vector>

namespace sf {

// Row `index` of the generated corpus: whole documents, each followed by eos, cut at `tokens`;
// `eos_first`: one stands before them too. `whole`: no document that does not fit a row, unless
// hardly any does. A function of its arguments alone.
std::vector<std::int64_t> corpus_row(const CorpusMix& mix, std::uint64_t seed, CorpusPart part,
                                     std::uint64_t index, const Tokenizer& tokenizer,
                                     std::int64_t eos, std::int64_t tokens, bool eos_first = false,
                                     bool whole = false);
// Whether a document of so many tokens is in rows that are `whole`.
bool fits_row(std::size_t document, std::int64_t tokens);

}  // namespace sf
