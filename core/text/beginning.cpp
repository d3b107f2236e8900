#include "core/text/beginning.h"

#include <cstddef>
#include <optional>

namespace sf {

namespace {

constexpr std::size_t most_tokens = 64;
constexpr std::uint64_t documents = 32;  // of a kind that are looked at

// Up to the document's last answer that comes soon enough.
std::optional<Beginning> beginning_of(const Document& document, const Tokenizer& tokenizer) {
    for (auto answer = document.answers.rbegin(); answer != document.answers.rend(); ++answer) {
        Beginning b;
        b.prompt = tokenizer.encode(document.text.substr(0, answer->begin));
        if (b.prompt.empty() || b.prompt.size() > most_tokens) continue;
        b.answer =
            tokenizer.encode(document.text.substr(answer->begin, answer->end - answer->begin));
        b.kind = corpus_kinds()[document.kind].id;
        return b;
    }
    return std::nullopt;
}

}  // namespace

std::vector<Beginning> corpus_beginnings(const CorpusMix& mix, const Tokenizer& tokenizer) {
    std::vector<Beginning> all;
    for (std::size_t kind = 0; kind < corpus_kinds().size(); ++kind) {
        if (!(mix.weights[kind] > 0)) continue;
        for (std::uint64_t i = 0; i < documents; ++i)
            if (auto b =
                    beginning_of(corpus_document_of(kind, 0, CorpusPart::held_out, i), tokenizer)) {
                all.push_back(std::move(*b));
                break;
            }
    }
    return all;
}

}  // namespace sf
