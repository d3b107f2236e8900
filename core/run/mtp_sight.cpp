#include "core/run/mtp_sight.h"

#include "core/backend/executor.h"
#include "core/error.h"

#include <algorithm>
#include <cmath>

namespace sf {

namespace {

struct Question {
    std::shared_ptr<const Graph> graph;
    WeightsPtr weights;
    Extent extent;
    std::vector<std::int64_t> ids;
    std::int64_t batch = 0, position = 0;
};

NodeId logits_of(const Graph& g, std::int64_t k) {
    return k == 0 ? g.logits() : g.find("mtp." + std::to_string(k) + ".logits");
}

// The logits of depth k at the position, with the sequence's tokens [begin, end) each moved to
// another id.
std::vector<Real> logits_with(Executor& executor, const Question& q, std::int64_t k,
                              std::int64_t begin, std::int64_t end) {
    auto ids = q.ids;
    for (std::int64_t i = begin; i < end; ++i) {
        auto& id = ids[static_cast<std::size_t>(q.batch * q.extent.tokens + i)];
        id = (id + 1) % q.graph->config.vocab_size;
    }
    const NodeId node = logits_of(*q.graph, k);
    Executor::Request request;
    request.extent = q.extent;
    request.ids = ids;
    request.outputs = {node};
    executor.run(request);
    const ConstView all = executor.value(node);
    const Real* const row = all.real + (q.batch * all.shape[1] + q.position) * all.shape[2];
    return {row, row + all.shape[2]};
}

DerivedPtr look(const Question& q, const Progress& progress) {
    if (!q.weights) throw UserError("a saved trace holds no weights to run with");
    auto sight = std::make_shared<MtpSight>();
    sight->batch = q.batch;
    sight->position = q.position;
    Executor executor(q.graph, q.weights, 1);
    const std::int64_t depths = q.graph->config.num_nextn_predict_layers;
    for (std::int64_t k = 0; k <= depths; ++k) {
        if (!progress(static_cast<double>(k) / static_cast<double>(depths + 1))) return nullptr;
        if ((*q.graph)[logits_of(*q.graph, k)].shape(q.extent)[1] <= q.position) continue;
        MtpSight::Depth depth;
        depth.k = k;
        depth.reach = q.graph->config.mtp_chain() ? k : 0;
        const std::int64_t T = q.extent.tokens, last = q.position + depth.reach;
        depth.changed = T - 1 - last;
        depth.logits = logits_with(executor, q, k, last + 1, T);
        const auto plain = logits_with(executor, q, k, 0, 0);
        const auto moved = logits_with(executor, q, k, last, last + 1);
        for (std::size_t i = 0; i < plain.size(); ++i)
            depth.by_last =
                std::max(depth.by_last, std::abs(static_cast<double>(moved[i] - plain[i])));
        sight->depths.push_back(std::move(depth));
    }
    return sight;
}

}  // namespace

Need mtp_sight(const Trace& trace, std::int64_t batch, std::int64_t position) {
    const Question q{trace.graph, trace.weights, trace.extent, trace.ids, batch, position};
    return {key_of_text(
                "sight of sequence " + std::to_string(batch) + " at " + std::to_string(position),
                q.ids, q.weights.get()),
            [q](const Progress& progress) { return look(q, progress); }};
}

}  // namespace sf
