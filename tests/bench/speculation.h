#pragma once

#include "core/model/model.h"
#include "tests/bench/measure.h"

#include <cstdint>
#include <string>
#include <vector>

namespace sf {

// Greedy decoding of the same texts without drafts and with those of the MTP modules.
struct SpeculationTimes {
    std::string name;         // "plain", "1 draft", "2 drafts", "auto"
    Times time;               // of all tokens
    std::int64_t tokens = 0;  // the same for all
    double acceptance = 0;    // of the drafts proposed; plain: 0
    double tokens_per_pass = 1;
};

// Of a trained model with a tokenizer and MTP modules: the beginnings of held-out documents, one a
// kind, each continued by 256 tokens on one thread. The first entry is plain. Empty for any other
// model.
std::vector<SpeculationTimes> speculation_times(const ModelPtr& model, const Effort& effort);

}  // namespace sf
