#include "core/train/evaluate_text.h"

#include "core/error.h"
#include "core/text/corpus.h"
#include "core/train/training_text.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <functional>

namespace sf {

void run_pieces(ThreadPool& pool, std::int64_t pieces,
                const std::function<void(std::int64_t, int)>& work) {
    std::vector<std::exception_ptr> thrown(static_cast<std::size_t>(pieces));
    pool.run(pieces, [&](std::int64_t i, int thread) {
        try {
            work(i, thread);
        } catch (...) {
            thrown[static_cast<std::size_t>(i)] = std::current_exception();
        }
    });
    for (const auto& exception : thrown)
        if (exception) std::rethrow_exception(exception);
}

namespace {

// Where the answers of a document lie among its tokens; row: eos, the document, eos.
std::vector<Question> questions_of(const Document& document, const TokenRow& row,
                                   const Tokenizer& tokenizer) {
    std::vector<Question> questions;
    for (const Answer& a : document.answers) {
        const std::string_view text = document.text;
        const auto before = tokenizer.encode(text.substr(0, a.begin));
        const auto answer = tokenizer.encode(text.substr(a.begin, a.end - a.begin));
        const Question q{before.size() + 1, before.size() + 1 + answer.size()};
        if (answer.empty() || q.end >= row.size()) continue;
        const auto begin = row.begin() + static_cast<std::ptrdiff_t>(q.begin);
        if (std::equal(before.begin(), before.end(), row.begin() + 1) &&
            std::equal(answer.begin(), answer.end(), begin))
            questions.push_back(q);
    }
    return questions;
}

// Documents of one kind that fit the context, read in the order of their number.
class KindSource {
public:
    KindSource(const Model& model, const EvaluationOptions& options, const CorpusMix& mix,
               std::size_t kind)
        : model_(model), options_(options), kind_(kind), kind_nats_(mix.kind_nats(kind)) {
        text_.about.kind = corpus_kinds()[kind].id;
        text_.about.weight = std::exp(-kind_nats_);
    }

    // False when there are hardly any.
    bool add_document() {
        constexpr std::uint64_t tries = 100;
        for (std::uint64_t i = 0; i < tries; ++i) {
            const Document d = next();
            TokenRow row = row_of(d);
            if (static_cast<std::int64_t>(row.size()) > model_.config.max_position_embeddings) {
                ++skipped;
                continue;
            }
            if (text_.about.answers < options_.answers) {
                auto questions = questions_of(d, row, *model_.tokenizer);
                text_.about.answers += static_cast<std::int64_t>(questions.size());
                text_.questions.push_back(std::move(questions));
            }
            nats_ += d.nats + kind_nats_;
            ++text_.about.documents;
            text_.about.tokens += static_cast<std::int64_t>(row.size()) - 1;
            text_.rows.push_back(std::move(row));
            return true;
        }
        return false;
    }
    std::int64_t tokens() const { return text_.about.tokens; }

    KindText take() {
        text_.about.floor = nats_ / static_cast<double>(text_.about.tokens);
        double nats = nats_, tokens = static_cast<double>(text_.about.tokens);
        // Those that were skipped belong to it as well.
        if (options_.entropy_documents > 0) nats = tokens = 0;
        for (next_ = 0; static_cast<std::int64_t>(next_) < options_.entropy_documents;) {
            const Document d = next();
            nats += d.nats + kind_nats_;
            tokens += static_cast<double>(row_of(d).size() - 1);
        }
        text_.about.entropy = nats / tokens;
        return std::move(text_);
    }

    std::int64_t skipped = 0;

private:
    Document next() {
        return corpus_document_of(kind_, options_.text.seed, CorpusPart::held_out, next_++);
    }
    TokenRow row_of(const Document& d) const {
        TokenRow row = model_.tokenizer->encode(d.text);
        row.insert(row.begin(), model_.config.eos_token_id);
        row.push_back(model_.config.eos_token_id);
        return row;
    }

    const Model& model_;
    const EvaluationOptions& options_;
    std::size_t kind_;
    double kind_nats_, nats_ = 0;
    std::uint64_t next_ = 0;
    KindText text_;
};

HeldOutText generated(const Model& model, const EvaluationOptions& options, ThreadPool& pool) {
    const CorpusMix mix = corpus_mix(options.text);
    mix.check();
    std::vector<KindSource> sources;
    for (std::size_t kind = 0; kind < mix.weights.size(); ++kind)
        if (mix.weights[kind] > 0) sources.emplace_back(model, options, mix, kind);
    const auto tokens = [&] {
        std::int64_t sum = 0;
        for (const auto& source : sources) sum += source.tokens();
        return sum;
    };
    for (std::int64_t i = 0;
         i < std::max<std::int64_t>(1, options.documents) || tokens() < options.tokens; ++i)
        for (KindSource& source : sources)
            if (!source.add_document())
                throw UserError("eval: model " + model.name + ": its context of " +
                                std::to_string(model.config.max_position_embeddings) +
                                " tokens is too short for the corpus' documents of kind " +
                                source.take().about.kind);
    HeldOutText text;
    text.kinds.resize(sources.size());
    run_pieces(pool, static_cast<std::int64_t>(sources.size()), [&](std::int64_t i, int) {
        const auto at = static_cast<std::size_t>(i);
        text.kinds[at] = sources[at].take();
    });
    for (const auto& source : sources) text.skipped += source.skipped;
    const auto counted = generated_text(model.config, options.text, model.tokenizer)->bigram();
    for (KindText& kind : text.kinds) kind.about.bigram_loss = counted.loss(kind.rows);
    return text;
}

HeldOutText from_file(const Model& model, const EvaluationOptions& options) {
    TrainSettings settings = options.text;
    settings.seq = 2;  // the training part is only counted
    HeldOutText text;
    const auto training = file_text(model.config, settings, options.file, model.tokenizer);
    KindText& kind = text.kinds.emplace_back();
    kind.about.kind = training->labels().front();
    kind.about.weight = 1;
    kind.rows = training->held_out(
        options.rows, std::min(options.row_tokens, model.config.max_position_embeddings));
    kind.about.documents = static_cast<std::int64_t>(kind.rows.size());
    for (const TokenRow& row : kind.rows)
        kind.about.tokens += static_cast<std::int64_t>(row.size()) - 1;
    kind.about.bigram_loss = training->bigram_loss(kind.rows);
    return text;
}

}  // namespace

HeldOutText held_out_text(const Model& model, const EvaluationOptions& options, ThreadPool& pool) {
    return options.file.empty() ? generated(model, options, pool) : from_file(model, options);
}

}  // namespace sf
