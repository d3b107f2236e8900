#include "core/train/evaluate.h"

#include "core/error.h"
#include "core/text/corpus.h"
#include "core/train/evaluate_rows.h"
#include "core/train/training_text.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <numeric>

namespace sf {

namespace {

// Work that may throw (a tokenizer of the user's): the first piece's mistake is thrown here.
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

// The sequences of one kind, with what is known about them.
struct KindText {
    KindEvaluation about;
    std::vector<TokenRow> rows;
    std::vector<std::vector<Question>> questions;  // of the first rows
};

struct Text {
    std::vector<KindText> kinds;
    std::int64_t skipped = 0;
    TrainingTextPtr training;
};

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

Text generated(const Model& model, const EvaluationOptions& options, ThreadPool& pool) {
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
    Text text;
    text.kinds.resize(sources.size());
    run_pieces(pool, static_cast<std::int64_t>(sources.size()), [&](std::int64_t i, int) {
        const auto at = static_cast<std::size_t>(i);
        text.kinds[at] = sources[at].take();
    });
    for (const auto& source : sources) text.skipped += source.skipped;
    text.training = generated_text(model.config, options.text, model.tokenizer);
    return text;
}

Text from_file(const Model& model, const EvaluationOptions& options) {
    TrainSettings settings = options.text;
    settings.seq = 2;  // the training part is only counted
    Text text;
    text.training = file_text(model.config, settings, options.file, model.tokenizer);
    KindText& kind = text.kinds.emplace_back();
    kind.about.kind = text.training->labels().front();
    kind.about.weight = 1;
    kind.rows = text.training->held_out(
        options.rows, std::min(options.row_tokens, model.config.max_position_embeddings));
    kind.about.documents = static_cast<std::int64_t>(kind.rows.size());
    for (const TokenRow& row : kind.rows)
        kind.about.tokens += static_cast<std::int64_t>(row.size()) - 1;
    return text;
}

// Work in pieces of one kind of thing, with a look at whoever waits after every few.
class Pieces {
public:
    Pieces(ThreadPool& pool, const EvaluationProgress& progress, std::int64_t all)
        : pool_(pool), progress_(progress), all_(all) {}
    // False: stopped.
    bool run(std::int64_t pieces, const std::function<void(std::int64_t, int)>& work) {
        const std::int64_t step = std::int64_t{2} * pool_.threads();
        for (std::int64_t first = 0; first < pieces; first += step) {
            const auto count = std::min(step, pieces - first);
            run_pieces(pool_, count, [&](std::int64_t i, int thread) { work(first + i, thread); });
            done_ += count;
            if (progress_ && !progress_(static_cast<double>(done_) / static_cast<double>(all_)))
                return false;
        }
        return true;
    }

private:
    ThreadPool& pool_;
    const EvaluationProgress& progress_;
    std::int64_t all_, done_ = 0;
};

// A row by kind and number.
struct RowAt {
    std::size_t kind = 0, row = 0;
};

// All rows, those of similar length together, so that little is filled up.
std::vector<std::vector<RowAt>> batches_of(const Text& text, std::int64_t batch) {
    std::vector<RowAt> all;
    for (std::size_t k = 0; k < text.kinds.size(); ++k)
        for (std::size_t r = 0; r < text.kinds[k].rows.size(); ++r) all.push_back({k, r});
    std::stable_sort(all.begin(), all.end(), [&](const RowAt& a, const RowAt& b) {
        return text.kinds[a.kind].rows[a.row].size() < text.kinds[b.kind].rows[b.row].size();
    });
    std::vector<std::vector<RowAt>> batches;
    for (const RowAt& at : all) {
        if (batches.empty() || static_cast<std::int64_t>(batches.back().size()) >= batch)
            batches.emplace_back();
        batches.back().push_back(at);
    }
    return batches;
}

double ratio(double a, double b) {
    return b > 0 ? a / b : 0;
}

double violation_of(const std::vector<std::vector<std::int64_t>>& loads,
                    const std::vector<double>& scale) {
    std::vector<double> load(loads.front().size());
    for (std::size_t k = 0; k < loads.size(); ++k)
        for (std::size_t e = 0; e < load.size(); ++e)
            load[e] += scale[k] * static_cast<double>(loads[k][e]);
    const double sum = std::accumulate(load.begin(), load.end(), 0.0);
    return sum > 0 ? *std::max_element(load.begin(), load.end()) *
                             static_cast<double>(load.size()) / sum -
                         1
                   : 0;
}

// sum_{k,e} p(k, e) ln(p(k, e) / p(k) p(e)) with p(k) = 1 / kinds.
std::optional<double> specialisation_of(const std::vector<std::vector<std::int64_t>>& loads) {
    if (loads.size() < 2) return std::nullopt;
    const auto kinds = static_cast<double>(loads.size());
    std::vector<std::vector<double>> shares;  // p(e | k)
    std::vector<double> mean(loads.front().size());
    for (const auto& row : loads) {
        const auto sum = std::accumulate(row.begin(), row.end(), std::int64_t{0});
        auto& share = shares.emplace_back();
        for (std::size_t e = 0; e < row.size(); ++e) {
            share.push_back(ratio(static_cast<double>(row[e]), static_cast<double>(sum)));
            mean[e] += share.back() / kinds;
        }
    }
    double information = 0;
    for (const auto& share : shares)
        for (std::size_t e = 0; e < share.size(); ++e)
            if (share[e] > 0) information += share[e] * std::log(share[e] / mean[e]) / kinds;
    return std::max(0.0, information);
}

// Means over the kinds in the shares of the mix: a kind's documents count by weight / documents.
void sum_up(Evaluation& all, const std::vector<RowTally>& read) {
    std::vector<double> scale;
    for (const KindEvaluation& kind : all.kinds)
        scale.push_back(kind.weight / static_cast<double>(kind.documents));
    const auto depths = read.front().depths.size();
    double tokens = 0, nats = 0, bigram = 0, floor = 0, entropy = 0;
    std::vector<double> foretold(depths), accepted(depths), accurate(depths);
    std::int64_t exact = 0;
    bool bounded = true;
    for (std::size_t k = 0; k < all.kinds.size(); ++k) {
        const KindEvaluation& kind = all.kinds[k];
        const double count = scale[k] * static_cast<double>(kind.tokens);
        tokens += count;
        nats += count * kind.loss;
        bigram += count * kind.bigram_loss;
        bounded = bounded && kind.floor;
        floor += count * kind.floor.value_or(0);
        entropy += count * kind.entropy.value_or(0);
        for (std::size_t d = 0; d < depths; ++d) {
            const auto& depth = read[k].depths[d];
            foretold[d] += scale[k] * static_cast<double>(depth.foretold);
            accepted[d] += scale[k] * static_cast<double>(depth.accepted);
            accurate[d] += scale[k] * static_cast<double>(depth.accurate);
        }
        all.documents += kind.documents;
        all.tokens += kind.tokens;
        all.answers += kind.answers;
        exact += kind.exact;
    }
    all.loss = ratio(nats, tokens);
    all.bigram_loss = ratio(bigram, tokens);
    if (bounded) {
        all.floor = ratio(floor, tokens);
        all.entropy = ratio(entropy, tokens);
    }
    if (all.answers > 0)
        all.exact_match = static_cast<double>(exact) / static_cast<double>(all.answers);
    for (std::size_t d = 0; d < depths; ++d) {
        all.mtp_acceptance.push_back(ratio(accepted[d], foretold[d]));
        all.mtp_accuracy.push_back(ratio(accurate[d], foretold[d]));
    }
    for (std::size_t l = 0; l < all.layers.size(); ++l) {
        LayerEvaluation& layer = all.layers[l];
        for (const RowTally& tally : read) layer.loads.push_back(tally.loads[l]);
        layer.violation = violation_of(layer.loads, scale);
        layer.specialisation = specialisation_of(layer.loads);
    }
}

}  // namespace

Evaluation evaluate(const ModelPtr& model, const EvaluationOptions& options,
                    const EvaluationProgress& progress) {
    if (!model->tokenizer)
        throw UserError("eval: model " + model->name + " " + model->no_text +
                        ", so it cannot read the held-out text");
    if (model->config.max_position_embeddings < model->config.num_nextn_predict_layers + 2)
        throw UserError("eval: model " + model->name + ": its context of " +
                        std::to_string(model->config.max_position_embeddings) +
                        " tokens is too short for its MTP modules");
    const int threads = std::max(1, options.threads);
    ThreadPool pool(threads);
    Text text =
        options.file.empty() ? generated(*model, options, pool) : from_file(*model, options);

    RowReader reader(model, threads);
    RowAnswerer answerer(model, threads);
    const auto batches = batches_of(text, options.batch);
    std::vector<RowAt> asked;
    std::vector<std::vector<RowTally>> tallies;
    for (std::size_t k = 0; k < text.kinds.size(); ++k) {
        tallies.emplace_back(text.kinds[k].rows.size());
        for (std::size_t r = 0; r < text.kinds[k].questions.size(); ++r) asked.push_back({k, r});
    }
    std::vector<std::int64_t> exact(asked.size());
    const auto kinds = static_cast<std::int64_t>(text.kinds.size());
    const auto reading = static_cast<std::int64_t>(batches.size());
    const auto asking = static_cast<std::int64_t>(asked.size());

    Pieces pieces(pool, progress, kinds + reading + asking);
    const bool finished = pieces.run(kinds, [&](std::int64_t i, int) {
        KindText& kind = text.kinds[static_cast<std::size_t>(i)];
        kind.about.bigram_loss = text.training->bigram_loss(kind.rows);
    }) && pieces.run(reading, [&](std::int64_t i, int thread) {
        const auto& batch = batches[static_cast<std::size_t>(i)];
        std::vector<const TokenRow*> rows;
        for (const RowAt& at : batch) rows.push_back(&text.kinds[at.kind].rows[at.row]);
        auto read = reader.read(rows, thread);
        for (std::size_t r = 0; r < batch.size(); ++r)
            tallies[batch[r].kind][batch[r].row] = std::move(read[r]);
    }) && pieces.run(asking, [&](std::int64_t i, int thread) {
        const RowAt at = asked[static_cast<std::size_t>(i)];
        const KindText& kind = text.kinds[at.kind];
        exact[static_cast<std::size_t>(i)] =
            answerer.exact(kind.rows[at.row], kind.questions[at.row], thread);
    });

    Evaluation result;
    if (!finished) {
        result.cancelled = true;
        return result;
    }
    result.skipped = text.skipped;
    for (std::size_t i = 0; i < asked.size(); ++i)
        text.kinds[asked[i].kind].about.exact += exact[i];
    for (const auto& layer : reader.layers()) result.layers.emplace_back().layer = layer;
    std::vector<RowTally> read;  // by kind
    for (std::size_t k = 0; k < text.kinds.size(); ++k) {
        RowTally& sum = read.emplace_back();
        for (const RowTally& tally : tallies[k]) sum.add(tally);
        KindEvaluation& kind = result.kinds.emplace_back(std::move(text.kinds[k].about));
        kind.loss = ratio(sum.nats, static_cast<double>(sum.tokens));
        for (const auto& depth : sum.depths) {
            const auto of = static_cast<double>(depth.foretold);
            kind.mtp_acceptance.push_back(ratio(static_cast<double>(depth.accepted), of));
            kind.mtp_accuracy.push_back(ratio(static_cast<double>(depth.accurate), of));
        }
    }
    sum_up(result, read);
    return result;
}

}  // namespace sf
