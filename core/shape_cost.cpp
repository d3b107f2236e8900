#include "core/shape_cost.h"

namespace sf {

namespace {

double real(std::int64_t n) {
    return static_cast<double>(n);
}

// Elements of a layer's matrices: what one row is multiplied with.
double attention_matrices(const ModelConfig& c) {
    const double d = real(c.hidden_size), heads = real(c.num_attention_heads);
    const double key = real(c.qk_head_dim()), value = real(c.v_head_dim);
    const auto cached = cache_widths(c);
    const double queries =
        c.q_lora_rank ? real(*c.q_lora_rank) * (d + heads * key) : d * heads * key;
    const double expanded =
        c.mla() ? real(c.kv_lora_rank) * heads * (real(c.qk_nope_head_dim) + value) : 0;
    return queries + d * real(cached[0] + cached[1]) + expanded + heads * value * d;
}

double expert(const ModelConfig& c) {
    return 3 * real(c.hidden_size) * real(c.moe_intermediate_size);
}

// The projection with which a module of the chain joins its two inputs.
double mtp_joining(const ModelConfig& c) {
    return c.mtp_chain() ? 2 * real(c.hidden_size) * real(c.hidden_size) : 0;
}

// What the parts of one layer hold when so many of its routed experts count.
void add_layer(CostParts& p, const ModelConfig& c, std::int64_t layer, std::int64_t experts) {
    p.attention += attention_matrices(c);
    if (!c.is_moe(layer)) {
        p.always_on += 3 * real(c.hidden_size) * real(c.intermediate_size);
        return;
    }
    p.always_on += real(c.n_shared_experts) * expert(c);
    p.routed += real(c.n_routed_experts) * real(c.hidden_size) + real(experts) * expert(c);
}

// Those of the norms and of the router's bias: no matrices.
void add_vectors(CostParts& p, const ModelConfig& c, std::int64_t layer) {
    p.norms += 2 * real(c.hidden_size) + (c.mla() ? real(c.kv_lora_rank) : 0) +
               (c.q_lora_rank ? real(*c.q_lora_rank) : 0);
    if (c.is_moe(layer) && c.has_router_bias()) p.routed += real(c.n_routed_experts);
}

// All parameters, or those that a token touches.
CostParts parameter_parts(const ModelConfig& c, bool active) {
    const double d = real(c.hidden_size), head = d * real(c.vocab_size);
    const std::int64_t experts = active ? c.num_experts_per_tok : c.n_routed_experts;
    CostParts p;
    // Of the embedding a token touches its own row.
    p.vocabulary = head + (c.tie_word_embeddings ? 0 : active ? d : head);
    p.norms = d;
    for (std::int64_t i = 0; i < c.num_hidden_layers; ++i) {
        add_layer(p, c, i, experts);
        add_vectors(p, c, i);
    }
    if (active) return p;
    CostParts modules;
    for (std::int64_t k = 0; k < c.num_nextn_predict_layers; ++k) {
        add_layer(modules, c, c.num_hidden_layers + k, experts);
        add_vectors(modules, c, c.num_hidden_layers + k);
        modules.attention += mtp_joining(c);
        modules.norms += d * (c.mtp_chain() ? 3 : 1);
    }
    p.mtp = modules.sum();
    return p;
}

CostParts flops_parts(const ModelConfig& c, double context) {
    const double d = real(c.hidden_size), head = 2 * d * real(c.vocab_size);
    const double read =
        2 * context * real(c.num_attention_heads) * real(c.qk_head_dim() + c.v_head_dim);
    const auto layer = [&](std::int64_t i) {
        CostParts elements;
        add_layer(elements, c, i, c.num_experts_per_tok);
        return CostParts{
            0, 2 * elements.attention, read, 2 * elements.always_on, 2 * elements.routed, 0, 0};
    };
    CostParts p;
    p.vocabulary = head;
    for (std::int64_t i = 0; i < c.num_hidden_layers; ++i) {
        const CostParts one = layer(i);
        p.attention += one.attention;
        p.context += one.context;
        p.always_on += one.always_on;
        p.routed += one.routed;
    }
    for (std::int64_t k = 0; k < c.num_nextn_predict_layers; ++k)
        p.mtp += 2 * mtp_joining(c) + layer(c.num_hidden_layers + k).sum() + head;
    return p;
}

}  // namespace

double groups_drawn_from(double groups, double per_group, double draws) {
    // C(N - g, K) / C(N, K): none of the g is among the K.
    double none = 1;
    const double all = groups * per_group;
    for (double i = 0; i < draws; ++i) none *= (all - per_group - i) / (all - i);
    return groups * (1 - (none > 0 ? none : 0));
}

ShapeCost shape_cost(const ModelConfig& c, double context) {
    ShapeCost s;
    s.size = cost(c);
    s.parameters = parameter_parts(c, false);
    s.active = parameter_parts(c, true);
    s.flops = flops_parts(c, context);
    double moe_layers = 0;
    for (std::int64_t i = 0; i < c.num_hidden_layers; ++i) moe_layers += c.is_moe(i) ? 1 : 0;
    if (moe_layers == 0) return s;
    const double groups = real(c.n_group), kept = real(c.topk_group);
    s.nodes =
        groups_drawn_from(kept, real(c.n_routed_experts) / groups, real(c.num_experts_per_tok));
    s.sent = 2 * real(c.hidden_size) * moe_layers * s.nodes * (1 - 1 / groups);
    return s;
}

}  // namespace sf
