#pragma once

#include "core/config.h"
#include "core/graph/graph.h"

#include <cstdint>

namespace sf {

// What attention costs when one token is decoded at a context of S tokens (itself included), over
// all num_hidden_layers. FLOPs are those of the matrix products, 2·m·n·k each; elements are what
// has to pass through memory once. With d hidden_size, H heads, widths n (nope), r (rope), v, and
// d_c the latent's, a layer of mla takes
//   both ways   queries 2 d H(n+r)  or, with their own latent c', 2 c' (d + H(n+r));
//               2 d (d_c + r) for latent and rope key; output 2 H v d
//   expanded    2 S d_c H(n+v) for keys and values of all S latents,
//               scores 2 S H(n+r), values 2 S H v
//   absorbed    2 H n d_c into the query, scores 2 S H(d_c+r), latents 2 S H d_c,
//               2 H d_c v out of the latent (DeepSeek-V2, section 2.1.2)
// and gqa of g groups, whose two modes are the same: keys and values 2 d g(n+r+v), scores and
// values as expanded.
struct AttentionCost {
    double flops = 0;
    double weight_elements = 0;    // of the matrices, each read once
    double cache_elements = 0;     // S (d_c + r), or S g(n+r+v): read once
    double expanded_elements = 0;  // expanded: keys and values of S tokens, written and read
    double elements() const { return weight_elements + cache_elements + expanded_elements; }
    double bytes(double bits) const { return elements() * bits / 8; }
};
AttentionCost attention_cost(const ModelConfig& config, double context, AttentionMode mode);

}  // namespace sf
