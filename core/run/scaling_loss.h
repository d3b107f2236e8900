#pragma once

#include "core/config.h"
#include "core/run/derived.h"
#include "core/run/trace.h"

#include <cstdint>
#include <string>
#include <vector>

namespace sf {

// Ways to stretch the positions, in the order in which they are compared; names as in
// RopeScaling::type.
const std::vector<std::string>& scaling_methods();  // "none", "linear", "ntk", "yarn"

// The shape with another way, stretched by `factor` from `trained` tokens.
ModelConfig with_scaling(const ModelConfig& config, const std::string& type, double factor,
                         std::int64_t trained);

// What each way costs and saves: the model's own loss on rows that are longer than those it was
// trained on, nothing retrained.
struct ScalingLosses : DerivedValue {
    struct Method {
        std::string type;
        double within = 0, beyond = 0;  // nats a token at positions below `trained`, and from it on
        std::vector<double> loss;       // (bands)
    };
    std::int64_t trained = 0, length = 0;  // tokens
    std::int64_t rows = 0;
    std::vector<std::int64_t> begin;  // first position of each band; bands are equally long
    std::vector<Method> methods;
    std::string text;  // what was read
};

// Reads held-out rows of the generated corpus of ceil(trained · factor) tokens, 2 to 16 of them.
// Why it cannot is the entry's error: no weights, no tokenizer, or a text that this program does
// not have
// (`corpora`: the labels of what the model was trained on).
Need scaling_losses(const Trace& trace, const std::vector<std::string>& corpora,
                    std::int64_t trained, double factor);

}  // namespace sf
