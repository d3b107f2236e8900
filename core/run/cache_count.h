#pragma once

#include "core/config.h"
#include "core/run/derived.h"
#include "core/run/trace.h"

#include <cstdint>
#include <string>
#include <vector>

namespace sf {

// What a cache of keys and values takes, counted from the buffers after each token was decoded:
// the model's own kind of attention and the others, of the same heads and widths. Weights are
// those of a fresh model: they do not change a buffer's size.
struct CacheCount {
    std::string kind;                  // "MHA", "GQA", "MQA" or "MLA"
    std::int64_t key_value_heads = 0;  // 0: MLA
    ModelConfig config;
    std::vector<std::int64_t> bytes;  // over all layers, after token 0, 1, ...
};
struct CacheCounts : DerivedValue {
    std::vector<CacheCount> kinds;  // MHA, GQA (half of the heads; not where that is 1), MQA, MLA
};
std::vector<CacheCount> count_caches(
    const ModelConfig& config, const std::vector<std::int64_t>& ids,
    const Progress& progress = [](double) { return true; });
Need cache_counts(const Trace& trace);

}  // namespace sf
