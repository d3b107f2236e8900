#include "core/dense_shape.h"

#include <algorithm>

namespace sf {

ModelConfig dense_of_equal_active(const ModelConfig& config) {
    ModelConfig dense = config;
    dense.n_routed_experts = 0;
    // With no width at all, so that what is missing is what the feed-forward layers are to hold.
    dense.intermediate_size = 0;
    const std::int64_t missing = cost(config).active_parameters - cost(dense).active_parameters;
    const std::int64_t unit = 3 * config.hidden_size * config.num_hidden_layers;
    dense.intermediate_size = std::max<std::int64_t>(1, (missing + unit / 2) / unit);
    return dense;
}

}  // namespace sf
