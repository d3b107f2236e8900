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

}  // namespace sf
