#pragma once

#include "core/config.h"
#include "core/run/trace.h"

#include <cstdint>
#include <string>

// Where views of one layer look, and what they call it.
namespace sf {

struct Frame;

// The layer of the cursor's step; what belongs to no layer is looked at with the layer before it.
// MTP modules count on from the main model's layers.
int layer_at_cursor(const Frame& frame);
std::string layer_prefix(const ModelConfig& config, std::int64_t layer);  // "layers.1.", "mtp.1."
std::string layer_name(const ModelConfig& config, std::int64_t layer);  // "layer 1", "MTP module 1"

// A tensor that was kept and has the shape that the run gives it, else null.
const Tensor* fitting_tensor(const Trace& trace, const std::string& name);
std::string quoted_token(const Trace& trace, std::int64_t batch, std::int64_t token);  // “cat”

}  // namespace sf
