#pragma once

#include "core/run/derived.h"
#include "core/run/trace.h"

#include <cstdint>
#include <string>
#include <vector>

namespace sf {

// What each expert works on: the loads by kind of text, and the tokens that it is given with the
// largest gates. Counted on held-out documents of the generated corpus, each whole and alone,
// between two eos.
struct ExpertUse : DerivedValue {
    // A token of the vocabulary as one expert of one layer meets it.
    struct Favourite {
        std::int64_t id = 0;
        std::int64_t seen = 0, given = 0;  // how often it was read, how often by this expert
        double gate = 0;                   // the largest that it had
        // Where that was: the kind, and the text around it.
        std::size_t kind = 0;
        std::string before, token, after;
    };
    struct Layer {
        std::string name;                                // "layers.1", "mtp.1"
        std::vector<std::int64_t> tokens;                // (kinds) that were routed here
        std::vector<std::vector<std::int64_t>> loads;    // (kinds, experts)
        std::vector<std::vector<Favourite>> favourites;  // (experts), by gate, at most 16
    };
    std::int64_t experts = 0, top_k = 0;
    std::vector<std::string> kinds;
    std::vector<std::int64_t> documents;  // (kinds)
    std::vector<Layer> layers;            // as History::layers()
};

// Reads about `tokens` tokens of each kind with the trace's weights. Why it cannot is the entry's
// error: no weights, no tokenizer, no experts, a context too short for any document, or a text that
// this program does not have (`corpora`: the labels of what the model was trained on; empty:
// nobody knows).
Need expert_use(const Trace& trace, const std::vector<std::string>& corpora,
                std::int64_t tokens = 1536);

}  // namespace sf
