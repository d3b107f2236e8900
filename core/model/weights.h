#pragma once

#include "core/config.h"
#include "core/tensor.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace sf {

struct ParameterSpec {
    std::string name;  // the checkpoint's: "model.layers.0.self_attn.kv_a_proj_with_mqa.weight"
    Shape shape;       // linear weights are (out, in)
};

// Every parameter of a model of this shape, in checkpoint order. Shared tensors (an MTP module's
// embedding and head) appear once, under the main model's names.
std::vector<ParameterSpec> parameters(const ModelConfig& config);

// One immutable version of a model's numbers. Shared by the traces made with it.
struct Weights {
    std::map<std::string, TensorPtr> tensors;
    std::int64_t trained_step = 0;                    // 0: untrained
    const Tensor& at(const std::string& name) const;  // throws ShapeError when missing
};
using WeightsPtr = std::shared_ptr<const Weights>;

// Seeded, untrained: normal with initializer_range, norms 1, router bias 0. The bits depend on the
// parameter's name and the seed alone.
WeightsPtr initial_weights(const ModelConfig& config, std::uint64_t seed);

}  // namespace sf
