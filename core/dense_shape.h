#pragma once

#include "core/config.h"

namespace sf {

// The same model without experts whose feed-forward layers are so wide that a token of the main
// model meets as many parameters as it meets with them: cost().active_parameters agree to half a
// unit of width in every layer, 3/2 · num_hidden_layers · hidden_size. A model without experts is
// its own dense shape.
ModelConfig dense_of_equal_active(const ModelConfig& config);

}  // namespace sf
