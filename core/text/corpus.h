#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace sf {

// The generated corpus: short ASCII documents of several kinds that a tiny model can learn nearly
// perfectly, and whose probability is known. Nothing but the choices of a generator is random, and
// no two paths of choices write the same text, so the loss has a floor that is a number: the mean
// of `nats`.

// text[begin, end) follows from text[0, begin) by the rules of the kind. Both are ends of
// pre-tokens where words and runs of punctuation take the space before them along and a digit
// stands alone (core/text/split.h's own rules), so begin is a token's begin.
struct Answer {
    std::size_t begin = 0, end = 0;
    bool operator==(const Answer&) const = default;
};

struct Document {
    std::string text;
    std::size_t kind = 0;  // index into corpus_kinds()
    double nats = 0;       // -ln p(text | kind), exact
    std::vector<Answer> answers;
};

struct CorpusKind {
    std::string id;  // on the command line and in views
    std::string description;
};

// In the order of Document::kind. No text can come from two kinds: the first word or sign tells.
const std::vector<CorpusKind>& corpus_kinds();

std::vector<std::string> corpus_kind_names();  // their ids

// How often each kind is drawn: in proportion to its weight; all alike by default.
struct CorpusMix {
    CorpusMix();
    explicit CorpusMix(std::vector<double> weights);

    std::vector<double> weights;  // one a kind
    // -ln p(kind). A document's -ln p(text) is nats + kind_nats(kind). Infinite for a weight of 0.
    double kind_nats(std::size_t kind) const;
    // Throws UserError: one weight a kind, finite, none negative, not all zero.
    void check() const;
};

// Different streams of random numbers, of one distribution. Training documents are not taken out of
// held_out: only so the floor is exact, and the same for both. What is held out is held out by the
// size of the kinds. Mean nats a document (a space of about exp(nats) documents), and how many of
// 20 000 held-out documents were among 100 000 training documents of their kind:
//   story       23.1  0.4 %
//   arithmetic  37.9  0.1 %
//   brackets    49.2  0.1 %
//   code        18.9  4.8 %
//   sort        35.2  0.0 %
//   dates       31.2  0.0 %
//   recall      23.5  1.7 %
enum class CorpusPart { train, held_out };

// Functions of their arguments alone.
Document corpus_document(const CorpusMix& mix, std::uint64_t seed, CorpusPart part,
                         std::uint64_t index);
Document corpus_document_of(std::size_t kind, std::uint64_t seed, CorpusPart part,
                            std::uint64_t index);

}  // namespace sf
