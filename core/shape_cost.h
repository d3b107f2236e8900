#pragma once

#include "core/config.h"

namespace sf {

// A figure by what it is spent on; the parts add up to the whole.
struct CostParts {
    double vocabulary = 0;  // embedding and head
    double attention = 0;
    double context = 0;    // FLOPs of scores and values: they grow with S
    double always_on = 0;  // dense feed-forward and shared experts
    double routed = 0;     // routed experts and their gate
    double norms = 0;
    double mtp = 0;  // all MTP modules
    double sum() const {
        return vocabulary + attention + context + always_on + routed + norms + mtp;
    }
};

// What a shape costs, known before anything is trained. FLOPs are those of the matrix products, 2 m
// n k each, of one token that is read as the last of S; everything before it is in the cache, and
// keys and values out of a latent are made once a token. With d hidden_size, H heads, widths n
// (nope), r (rope), v and d_c the latent's, a layer takes
//   attention  2 (queries + d (d_c + r) + d_c H(n+v) + H v d), scores 2 S H(n+r), values 2 S H v
//              (gqa of g groups: keys and values 2 d g(n+r+v) instead of the latent's two)
//   dense      3 products 2 d intermediate_size
//   experts    the gate 2 d E, and (K chosen + shared) times 3 products 2 d moe_intermediate_size
// and the head 2 d vocab_size. An MTP module adds its projection 2 (2 d) d (of the chain), a layer
// and the head.
struct ShapeCost {
    ModelCost size;
    CostParts parameters, active;  // add up to those of `size`
    CostParts flops;               // of the main model; mtp: of the modules, while training
    double forward() const { return flops.sum() - flops.mtp; }

    // Of a layer of experts when every set of top-k experts in the kept groups is equally likely,
    // as a balanced router makes it: over how many groups ("nodes") a token's routed experts are
    // spread. 0 without experts.
    double nodes = 0;
    // Numbers that leave the token's own node and come back, over the main model's layers of
    // experts: hidden_size to each other node once and once back (DeepSeek-V3, section 3.2.2), the
    // token's own node being any of them.
    double sent = 0;
};
ShapeCost shape_cost(const ModelConfig& config, double context);

// More are not trained in the window: weights, gradient and AdamW's two moments take 16 bytes each.
inline constexpr std::int64_t most_trained_parameters = 32'000'000;

// Of K draws without return from M groups of g: the mean number of groups that are drawn from,
// M (1 - C(Mg - g, K) / C(Mg, K)).
double groups_drawn_from(double groups, double per_group, double draws);

}  // namespace sf
