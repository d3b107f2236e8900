#include "core/run/cache_count.h"

#include "core/backend/executor.h"
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

ModelConfig grouped(ModelConfig config, std::int64_t groups) {
    config.attention_kind = "gqa";
    config.num_key_value_heads = groups;
    return config;
}
// A model that has none gets a latent of twice its heads' width, as DeepSeek's have four times.
ModelConfig latent(ModelConfig config) {
    config.attention_kind = "mla";
    config.num_key_value_heads = config.num_attention_heads;
    if (config.kv_lora_rank < 1) config.kv_lora_rank = 2 * config.v_head_dim;
    return config;
}

}  // namespace

std::vector<CacheCount> count_caches(const ModelConfig& of, const std::vector<std::int64_t>& ids,
                                     const Progress& progress) {
    ModelConfig config = of;
    // Nothing of these is cached.
    config.num_nextn_predict_layers = 0;
    const std::int64_t heads = config.num_attention_heads;
    std::vector<CacheCount> kinds{{"MHA", heads, grouped(config, heads), {}}};
    const std::int64_t own = config.mla() ? heads / 2 : config.num_key_value_heads;
    if (own > 1 && own < heads && heads % own == 0)
        kinds.push_back({"GQA", own, grouped(config, own), {}});
    if (heads > 1) kinds.push_back({"MQA", 1, grouped(config, 1), {}});
    kinds.push_back({"MLA", 0, latent(config), {}});
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        if (!progress(static_cast<double>(i) / static_cast<double>(kinds.size()))) return {};
        kinds[i].bytes = grown(kinds[i].config, ids);
    }
    return kinds;
}

Need cache_counts(const Trace& trace) {
    const std::vector<std::int64_t> ids(trace.ids.begin(), trace.ids.begin() + trace.extent.tokens);
    const auto graph = trace.graph;
    std::string name = "bytes of caches:";
    for (const std::int64_t id : ids) name += " " + std::to_string(id);
    const auto compute = [graph, ids](const Progress& progress) -> DerivedPtr {
        auto counts = std::make_shared<CacheCounts>();
        counts->kinds = count_caches(graph->config, ids, progress);
        return counts->kinds.empty() ? nullptr : counts;
    };
    return {{name, graph.get()}, compute};
}

}  // namespace sf
