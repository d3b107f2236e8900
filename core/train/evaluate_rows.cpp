#include "core/train/evaluate_rows.h"

#include "core/model/sampler.h"
#include "core/run/history.h"

#include <algorithm>

namespace sf {

namespace {

// The most probable token at position i of sequence b.
std::int64_t most_probable(const ConstView& logits, std::int64_t b, std::int64_t i) {
    const auto vocab = logits.shape[2];
    return argmax(
        {logits.real + (b * logits.shape[1] + i) * vocab, static_cast<std::size_t>(vocab)});
}

std::int64_t length_of(const TokenRow& row) {
    return static_cast<std::int64_t>(row.size());
}

}  // namespace

void RowTally::add(const RowTally& other) {
    nats += other.nats;
    tokens += other.tokens;
    depths.resize(std::max(depths.size(), other.depths.size()));
    for (std::size_t k = 0; k < other.depths.size(); ++k) {
        depths[k].foretold += other.depths[k].foretold;
        depths[k].accepted += other.depths[k].accepted;
        depths[k].accurate += other.depths[k].accurate;
    }
    loads.resize(std::max(loads.size(), other.loads.size()));
    for (std::size_t l = 0; l < other.loads.size(); ++l) {
        loads[l].resize(std::max(loads[l].size(), other.loads[l].size()));
        for (std::size_t e = 0; e < other.loads[l].size(); ++e) loads[l][e] += other.loads[l][e];
    }
}

RowReader::RowReader(const ModelPtr& model, int threads)
    : model_(model),
      graph_(build_training_graph(model->config)),
      layers_(History(model->config).layers()),
      nll_(graph_->find("nll")),
      heads_{graph_->logits()},
      executors_(static_cast<std::size_t>(threads)) {
    for (std::int64_t k = 1; k <= model->config.num_nextn_predict_layers; ++k)
        heads_.push_back(graph_->find("mtp." + std::to_string(k) + ".logits"));
    for (const auto& layer : layers_) routers_.push_back(graph_->find(layer + ".router_indices"));
    outputs_ = {nll_};
    outputs_.insert(outputs_.end(), heads_.begin(), heads_.end());
    outputs_.insert(outputs_.end(), routers_.begin(), routers_.end());
}

Executor& RowReader::executor(int thread) {
    auto& own = executors_[static_cast<std::size_t>(thread)];
    if (!own) own = std::make_unique<Executor>(graph_, model_->weights, 1);
    return *own;
}

std::vector<RowTally> RowReader::read(std::span<const TokenRow* const> rows, int thread) {
    // So many that the last MTP module has a position with a target.
    std::int64_t width = model_->config.num_nextn_predict_layers + 2;
    for (const TokenRow* row : rows) width = std::max(width, length_of(*row));
    std::vector<std::int64_t> ids;
    for (const TokenRow* row : rows) {
        ids.insert(ids.end(), row->begin(), row->end());
        ids.resize(ids.size() + static_cast<std::size_t>(width - length_of(*row)), 0);
    }
    Executor& e = executor(thread);
    Executor::Request request;
    request.extent = {static_cast<std::int64_t>(rows.size()), width, 0};
    request.ids = ids;
    request.outputs = outputs_;
    e.run(request);

    std::vector<RowTally> tallies(rows.size());
    const ConstView nll = e.value(nll_);
    for (std::size_t r = 0; r < rows.size(); ++r) {
        const auto b = static_cast<std::int64_t>(r);
        RowTally& tally = tallies[r];
        tally.tokens = length_of(*rows[r]) - 1;
        for (std::int64_t i = 0; i < tally.tokens; ++i)
            tally.nats += static_cast<double>(nll.real[b * nll.shape[1] + i]);
        tally_depths(tally, *rows[r], e, b);
        tally_loads(tally, *rows[r], e, b);
    }
    return tallies;
}

void RowReader::tally_depths(RowTally& tally, const TokenRow& row, Executor& e,
                             std::int64_t b) const {
    tally.depths.resize(heads_.size() - 1);
    std::vector<std::int64_t> greedy;  // of the main model, by position
    for (std::int64_t i = 0; i + 1 < length_of(row) && heads_.size() > 1; ++i)
        greedy.push_back(most_probable(e.value(heads_[0]), b, i));
    for (std::size_t k = 1; k < heads_.size(); ++k) {
        const auto ahead = static_cast<std::int64_t>(k);
        auto& depth = tally.depths[k - 1];
        for (std::int64_t i = 0; i + ahead + 1 < length_of(row); ++i) {
            const auto at = static_cast<std::size_t>(i + ahead);
            const auto draft = most_probable(e.value(heads_[k]), b, i);
            ++depth.foretold;
            if (draft == greedy[at]) ++depth.accepted;
            if (draft == row[at + 1]) ++depth.accurate;
        }
    }
}

void RowReader::tally_loads(RowTally& tally, const TokenRow& row, Executor& e,
                            std::int64_t b) const {
    const auto experts = static_cast<std::size_t>(model_->config.n_routed_experts);
    for (const NodeId router : routers_) {
        std::vector<std::int64_t> load(experts);
        const ConstView chosen = e.value(router);  // (batch, positions, top_k)
        const auto positions = chosen.shape[1], top_k = chosen.shape[2];
        // An MTP module of the chain has no positions for the last k tokens.
        const auto count = length_of(row) - (e.value(graph_->logits()).shape[1] - positions);
        for (std::int64_t i = 0; i < count * top_k; ++i)
            ++load[static_cast<std::size_t>(chosen.ints[b * positions * top_k + i])];
        tally.loads.push_back(std::move(load));
    }
}

RowAnswerer::RowAnswerer(const ModelPtr& model, int threads)
    : model_(model),
      graph_(build_graph(model->config, AttentionMode::absorbed)),
      executors_(static_cast<std::size_t>(threads)) {}

std::int64_t RowAnswerer::exact(const TokenRow& row, std::span<const Question> questions,
                                int thread) {
    auto& own = executors_[static_cast<std::size_t>(thread)];
    if (!own) own = std::make_unique<Executor>(graph_, model_->weights, 1);
    KvCache cache(model_->config, length_of(row));
    // Runs row[cached, end) and says what comes then.
    const auto next_after = [&](std::size_t end) {
        const auto cached = static_cast<std::size_t>(cache.length());
        Executor::Request request;
        request.extent = {1, static_cast<std::int64_t>(end - cached), cache.length()};
        request.ids = std::span(row).subspan(cached, end - cached);
        request.cache = &cache;
        request.outputs = {graph_->logits()};
        own->run(request);
        const ConstView logits = own->value(graph_->logits());
        return most_probable(logits, 0, logits.shape[1] - 1);
    };
    std::int64_t exact = 0;
    for (const Question& q : questions) {
        // Decoding ends at the first wrong token; until then what was decoded is the row itself.
        std::size_t at = q.begin;
        while (at < q.end && next_after(at) == row[at]) ++at;
        if (at == q.end) ++exact;
    }
    return exact;
}

}  // namespace sf
