#pragma once

#include "core/text/corpus.h"
#include "core/text/tokenizer.h"

#include <cstdint>
#include <string>
#include <vector>

namespace sf {

// A text for a model to go on with, and where its kind knows it, how it must go on.
struct Beginning {
    std::string kind;
    std::vector<std::int64_t> prompt;
    std::vector<std::int64_t> answer;  // what follows by the rules of the kind; empty: nobody knows
    bool operator==(const Beginning&) const = default;
};

// One of each kind of the corpus that has a weight, up to an answer of a held-out document, with at
// most 64 tokens before it (a kind whose documents have none so short is left out). The same for
// every seed: a function of the tokenizer.
std::vector<Beginning> corpus_beginnings(const CorpusMix& mix, const Tokenizer& tokenizer);

}  // namespace sf
