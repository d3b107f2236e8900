#include "core/train/evaluate.h"

#include "core/error.h"
#include "core/train/evaluate_rows.h"
#include "core/train/evaluate_text.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace sf {

namespace {

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
std::vector<std::vector<RowAt>> batches_of(const HeldOutText& text, std::int64_t batch) {
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
    HeldOutText text = held_out_text(*model, options, pool);

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
    const auto read_batch = [&](std::int64_t i, int thread) {
        const auto& batch = batches[static_cast<std::size_t>(i)];
        std::vector<const TokenRow*> rows;
        for (const RowAt& at : batch) rows.push_back(&text.kinds[at.kind].rows[at.row]);
        auto read = reader.read(rows, thread);
        for (std::size_t r = 0; r < batch.size(); ++r)
            tallies[batch[r].kind][batch[r].row] = std::move(read[r]);
    };
    const auto ask = [&](std::int64_t i, int thread) {
        const RowAt at = asked[static_cast<std::size_t>(i)];
        const KindText& kind = text.kinds[at.kind];
        exact[static_cast<std::size_t>(i)] =
            answerer.exact(kind.rows[at.row], kind.questions[at.row], thread);
    };
    const auto reading = static_cast<std::int64_t>(batches.size());
    const auto asking = static_cast<std::int64_t>(asked.size());
    Pieces pieces(pool, progress, reading + asking);
    const bool finished = pieces.run(reading, read_batch) && pieces.run(asking, ask);

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
