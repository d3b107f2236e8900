#include "core/attention_cost.h"

namespace sf {

AttentionCost attention_cost(const ModelConfig& c, double context, AttentionMode mode) {
    const auto real = [](std::int64_t n) { return static_cast<double>(n); };
    const double d = real(c.hidden_size), heads = real(c.num_attention_heads);
    const double nope = real(c.qk_nope_head_dim), rope = real(c.qk_rope_head_dim);
    const double value = real(c.v_head_dim), latent = real(c.kv_lora_rank);
    const auto widths = cache_widths(c);
    const double cached = real(widths[0] + widths[1]);

    // Each of these matrices meets one row, so it costs two FLOPs an element.
    const double query_rows = heads * (nope + rope);
    double matrices = c.q_lora_rank ? real(*c.q_lora_rank) * (d + query_rows) : d * query_rows;
    matrices += d * cached + heads * value * d;

    AttentionCost one;
    one.weight_elements = matrices;
    one.cache_elements = context * cached;
    one.flops = 2 * matrices;
    if (c.mla()) one.weight_elements += latent * heads * (nope + value);
    if (c.mla() && mode == AttentionMode::absorbed) {
        one.flops += 2 * heads * latent * (nope + value);
        one.flops += 2 * context * heads * (latent + rope + latent);
    } else {
        one.flops += 2 * context * heads * (nope + rope + value);
    }
    if (c.mla() && mode == AttentionMode::naive) {
        one.flops += 2 * context * latent * heads * (nope + value);
        one.expanded_elements = 2 * context * heads * (nope + value);
    }
    const double layers = real(c.num_hidden_layers);
    return {one.flops * layers, one.weight_elements * layers, one.cache_elements * layers,
            one.expanded_elements * layers};
}

}  // namespace sf
