#include "core/run/cache_count.h"

#include "core/backend/executor.h"
#include "core/known_shapes.h"
#include "core/model/model.h"

#include <utility>

namespace sf {

namespace {

// One token after the other through a cache.
std::vector<std::int64_t> grown(const ModelConfig& config, const std::vector<std::int64_t>& ids) {
    const auto weights = initial_weights(config, 0);
    const auto graph = build_graph(config, AttentionMode::naive);
    Executor executor(graph, weights, 1);
    KvCache cache(config, static_cast<std::int64_t>(ids.size()));
    std::vector<std::int64_t> bytes;
    for (const std::int64_t id : ids) {
        Executor::Request request;
        request.extent = {1, 1, cache.length()};
        request.ids = {&id, 1};
        request.cache = &cache;
        request.outputs = {graph->logits()};
        executor.run(request);
        bytes.push_back(cache.bytes());
    }
    return bytes;
}

}  // namespace

std::vector<CacheCount> count_caches(const ModelConfig& of, const std::vector<std::int64_t>& ids,
                                     const Progress& progress) {
    ModelConfig config = of;
    // Nothing of these is cached.
    config.num_nextn_predict_layers = 0;
    std::vector<CacheCount> kinds;
    for (AttentionKind& kind : attention_kinds(config))
        kinds.push_back({kind.name, kind.groups, std::move(kind.config), {}});
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        if (!progress(static_cast<double>(i) / static_cast<double>(kinds.size()))) return {};
        kinds[i].bytes = grown(kinds[i].config, ids);
    }
    return kinds;
}

Need cache_counts(const Trace& trace) {
    const auto ids = trace.sequence(0);
    const auto graph = trace.graph;
    const auto compute = [graph, ids](const Progress& progress) -> DerivedPtr {
        auto counts = std::make_shared<CacheCounts>();
        counts->kinds = count_caches(graph->config, ids, progress);
        return counts->kinds.empty() ? nullptr : counts;
    };
    return {key_of_text("bytes of caches", ids, graph.get()), compute};
}

}  // namespace sf
