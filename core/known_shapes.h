#pragma once

#include "core/config.h"

#include <string>
#include <vector>

namespace sf {

// The shape of a published model, to compute with: nothing of its weights is here.
struct KnownShape {
    std::string id;      // "deepseek-v3"
    std::string title;   // "DeepSeek-V3"
    std::string source;  // where the numbers stand
    ModelConfig config;
};
// DeepSeek-V2, V2-Lite, V3, DeepSeek 67B and Llama 3 70B (both grouped-query).
const std::vector<KnownShape>& known_shapes();
const KnownShape* find_shape(const std::string& id);  // null when there is none

// Bytes of the cache of `tokens` tokens over all layers at `bits` bits an element.
double cache_bytes(const ModelConfig& config, double tokens, double bits);

// The kinds of attention that a shape could have, of the same heads and widths: MHA, GQA (the
// model's own groups, else half of its heads; not where that is 1 or all), MQA and MLA.
struct AttentionKind {
    std::string name;         // "GQA"
    std::int64_t groups = 0;  // of keys and values; 0: MLA
    ModelConfig config;
};
std::vector<AttentionKind> attention_kinds(const ModelConfig& config);

}  // namespace sf
