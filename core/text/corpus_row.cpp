#include "core/text/corpus_row.h"

namespace sf {

bool fits_row(std::size_t document, std::int64_t tokens) {
    return static_cast<std::int64_t>(document) + 2 <= tokens;  // between two eos
}

std::vector<std::int64_t> corpus_row(const CorpusMix& mix, std::uint64_t seed, CorpusPart part,
                                     std::uint64_t index, const Tokenizer& tokenizer,
                                     std::int64_t eos, std::int64_t tokens, bool eos_first,
                                     bool whole) {
    constexpr std::uint64_t documents_a_row = std::uint64_t{1} << 20, most_skipped = 10'000;
    std::vector<std::int64_t> ids;
    if (eos_first) ids.push_back(eos);
    std::uint64_t skipped = 0;
    for (std::uint64_t d = 0; static_cast<std::int64_t>(ids.size()) < tokens; ++d) {
        const auto text = corpus_document(mix, seed, part, index * documents_a_row + d).text;
        const auto more = tokenizer.encode(text);
        if (whole && !fits_row(more.size(), tokens) && skipped++ < most_skipped) continue;
        ids.insert(ids.end(), more.begin(), more.end());
        ids.push_back(eos);
    }
    ids.resize(static_cast<std::size_t>(tokens));
    return ids;
}

}  // namespace sf
