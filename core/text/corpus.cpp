#include "core/text/corpus.h"

#include "core/error.h"
#include "core/random.h"
#include "core/text/corpus/kinds.h"

#include <algorithm>
#include <cassert>
#include <cctype>
#include <cmath>
#include <numeric>

namespace sf {

namespace corpus {

// Of 2^53 equal steps; that options do not divide them changes a probability by less than 1e-13.
std::size_t RandomSource::one_of(std::size_t options) {
    const double at = random_uniform(seed_, stream_, next_++) * static_cast<double>(options);
    return std::min(static_cast<std::size_t>(at), options - 1);
}

bool RandomSource::chance(double probability) {
    return random_uniform(seed_, stream_, next_++) < probability;
}

void Draft::answer(std::string_view text) {
    if (text.size() > 1 && text[0] == ' ' && std::isdigit(static_cast<unsigned char>(text[1]))) {
        text_ += ' ';
        text.remove_prefix(1);
    }
    const std::size_t begin = text_.size();
    text_ += text;
    if (!answers_.empty() && answers_.back().end == begin)
        answers_.back().end = text_.size();
    else
        answers_.push_back({begin, text_.size()});
}

std::span<const KindRow> kind_rows() {
    static constexpr KindRow rows[] = {
        {"story", "small stories that end with questions about who, where and what", write_story},
        {"arithmetic", "sums and differences from 0 to 99", write_arithmetic},
        {"brackets", "nested brackets and quotes that close in the right order", write_brackets},
        {"code", "small programs and what they print", write_code},
        {"sort", "digits, letters and words put in order", write_sort},
        {"dates", "dates in several notations, days and months in their order", write_dates},
        {"recall", "who has what, listed or told and then looked up", write_recall},
    };
    return rows;
}

namespace {

std::uint64_t stream_for(std::string_view purpose, CorpusPart part, std::uint64_t index) {
    const auto side = part == CorpusPart::train ? std::uint64_t{0} : std::uint64_t{1};
    return random_bits(stream_of(purpose), side, index);
}

}  // namespace

}  // namespace corpus

const std::vector<CorpusKind>& corpus_kinds() {
    static const std::vector<CorpusKind> kinds = [] {
        std::vector<CorpusKind> list;
        for (const auto& row : corpus::kind_rows()) list.push_back({row.id, row.description});
        return list;
    }();
    return kinds;
}

std::vector<std::string> corpus_kind_names() {
    std::vector<std::string> names;
    for (const CorpusKind& kind : corpus_kinds()) names.push_back(kind.id);
    return names;
}

CorpusMix::CorpusMix() : weights(corpus_kinds().size(), 1.0) {}

CorpusMix::CorpusMix(std::vector<double> of_kinds) : weights(std::move(of_kinds)) {
    check();
}

void CorpusMix::check() const {
    const std::string where = "corpus weights: ";
    const std::size_t kinds = corpus_kinds().size();
    if (weights.size() != kinds)
        throw UserError(where + "must be one for each of the " + std::to_string(kinds) +
                        " kinds, got " + std::to_string(weights.size()));
    double sum = 0;
    for (std::size_t i = 0; i < kinds; ++i) {
        if (!std::isfinite(weights[i]) || weights[i] < 0)
            throw UserError(where + "that of " + corpus_kinds()[i].id +
                            " must be a finite number, not negative");
        sum += weights[i];
    }
    if (!std::isfinite(sum)) throw UserError(where + "their sum is too large");
    if (sum <= 0) throw UserError(where + "at least one must be above 0");
}

double CorpusMix::kind_nats(std::size_t kind) const {
    check();
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    return -std::log(weights.at(kind) / sum);
}

Document corpus_document(const CorpusMix& mix, std::uint64_t seed, CorpusPart part,
                         std::uint64_t index) {
    mix.check();
    const double sum = std::accumulate(mix.weights.begin(), mix.weights.end(), 0.0);
    double left = sum * random_uniform(seed, corpus::stream_for("corpus kind", part, index), 0);
    std::size_t chosen = 0;
    for (std::size_t i = 0; i < mix.weights.size(); ++i) {
        if (mix.weights[i] <= 0) continue;
        chosen = i;  // the last with a weight when rounding leaves a rest
        if (left < mix.weights[i]) break;
        left -= mix.weights[i];
    }
    return corpus_document_of(chosen, seed, part, index);
}

Document corpus_document_of(std::size_t kind, std::uint64_t seed, CorpusPart part,
                            std::uint64_t index) {
    const auto rows = corpus::kind_rows();
    assert(kind < rows.size());
    corpus::RandomSource source(seed, corpus::stream_for(rows[kind].id, part, index));
    corpus::Choices choices(source);
    corpus::Draft draft;
    rows[kind].write(choices, draft);
    return {draft.text(), kind, choices.nats(), draft.answers()};
}

}  // namespace sf
