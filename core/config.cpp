#include "core/config.h"

#include "core/error.h"
#include "core/text/one_line.h"

#include <cmath>
#include <cstdio>
#include <utility>

namespace sf {

namespace {

// Bounds that real models stay far below and that keep every product inside 64 bits.
constexpr std::int64_t max_dim = std::int64_t{1} << 20;
constexpr std::int64_t max_head_dim = std::int64_t{1} << 16;
constexpr std::int64_t max_heads = 4096;
constexpr std::int64_t max_layers = 1024;
constexpr std::int64_t max_mtp = 64;
constexpr std::int64_t max_experts = 4096;
constexpr std::int64_t max_shared_experts = 256;
constexpr std::int64_t max_expert_blocks = std::int64_t{1} << 16;  // layers x experts
constexpr std::int64_t max_positions = std::int64_t{1} << 24;
constexpr std::int64_t max_parameters = std::int64_t{1} << 40;

std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%g", value);
    return text;
}

// Collects sentences "field: reason, got value".
class Problems {
public:
    void say(const std::string& field, const std::string& reason) {
        list_.push_back(field + ": " + reason);
    }
    bool range(const char* field, std::int64_t value, std::int64_t low, std::int64_t high) {
        const bool inside = value >= low && value <= high;
        if (!inside)
            say(field, "must be from " + std::to_string(low) + " to " + std::to_string(high) +
                           ", got " + std::to_string(value));
        return inside;
    }
    void range(const char* field, double value, double low, double high) {
        if (!std::isfinite(value) || value < low || value > high) {
            say(field, "must be a number from " + number(low) + " to " + number(high) + ", got " +
                           (std::isfinite(value) ? number(value) : "a number that is not finite"));
        }
    }
    bool empty() const { return list_.empty(); }
    std::vector<std::string> take() { return std::move(list_); }

private:
    std::vector<std::string> list_;
};

void check_sizes(const ModelConfig& c, Problems& p) {
    if (c.model_type != "deepseek_v3" && c.model_type != "deepseek_v2")
        p.say("model_type",
              "must be deepseek_v3 or deepseek_v2, got \"" + one_line(c.model_type) + "\"");
    p.range("vocab_size", c.vocab_size, 1, max_dim);
    p.range("hidden_size", c.hidden_size, 1, max_dim);
    p.range("num_hidden_layers", c.num_hidden_layers, 1, max_layers);
    p.range("num_attention_heads", c.num_attention_heads, 1, max_heads);
    if (c.attention_kind != "mla" && c.attention_kind != "gqa") {
        p.say("attention_kind", "must be mla or gqa, got \"" + one_line(c.attention_kind) + "\"");
    } else if (!c.mla() &&
               p.range("num_key_value_heads", c.num_key_value_heads, 1, c.num_attention_heads) &&
               c.num_attention_heads % c.num_key_value_heads != 0) {
        p.say("num_key_value_heads", std::to_string(c.num_key_value_heads) +
                                         " heads of keys and values do not divide " +
                                         std::to_string(c.num_attention_heads) + " heads");
    }
    p.range("qk_nope_head_dim", c.qk_nope_head_dim, c.mla() ? 1 : 0, max_head_dim);
    p.range("qk_rope_head_dim", c.qk_rope_head_dim, 2, max_head_dim);
    if (c.qk_rope_head_dim > 0 && c.qk_rope_head_dim % 2 != 0)
        p.say("qk_rope_head_dim",
              "must be even (rotation acts on pairs), got " + std::to_string(c.qk_rope_head_dim));
    p.range("v_head_dim", c.v_head_dim, 1, max_head_dim);
    p.range("kv_lora_rank", c.kv_lora_rank, 1, max_dim);
    if (c.q_lora_rank) p.range("q_lora_rank", *c.q_lora_rank, 1, max_dim);
    p.range("intermediate_size", c.intermediate_size, 1, max_dim);
    p.range("first_k_dense_replace", c.first_k_dense_replace, 0, max_layers);
    p.range("moe_layer_freq", c.moe_layer_freq, 1, max_layers);
    p.range("num_nextn_predict_layers", c.num_nextn_predict_layers, 0, max_mtp);
    if (c.mtp_kind != "chain" && c.mtp_kind != "parallel")
        p.say("mtp_kind", "must be chain or parallel, got \"" + one_line(c.mtp_kind) + "\"");
    p.range("max_position_embeddings", c.max_position_embeddings, 1, max_positions);
    p.range("rms_norm_eps", c.rms_norm_eps, 1e-20, 1.0);
    p.range("initializer_range", c.initializer_range, 0.0, 100.0);
    p.range("bos_token_id", c.bos_token_id, 0, c.vocab_size > 0 ? c.vocab_size - 1 : 0);
    p.range("eos_token_id", c.eos_token_id, 0, c.vocab_size > 0 ? c.vocab_size - 1 : 0);
}

void check_experts(const ModelConfig& c, Problems& p) {
    if (c.scoring_func != "sigmoid" && c.scoring_func != "softmax")
        p.say("scoring_func",
              "must be sigmoid or softmax, got \"" + one_line(c.scoring_func) + "\"");
    if (c.topk_method != "noaux_tc" && c.topk_method != "greedy" &&
        c.topk_method != "group_limited_greedy")
        p.say("topk_method", "must be noaux_tc, greedy or group_limited_greedy, got \"" +
                                 one_line(c.topk_method) + "\"");
    bool bounded = p.range("n_routed_experts", c.n_routed_experts, 0, max_experts);
    p.range("n_shared_experts", c.n_shared_experts, 0, max_shared_experts);
    bounded &= p.range("n_group", c.n_group, 1, max_experts);
    bounded &= p.range("topk_group", c.topk_group, 1, max_experts);
    p.range("routed_scaling_factor", c.routed_scaling_factor, 1e-6, 1e6);
    // A purely dense model needs no sound routing.
    if (c.n_routed_experts < 1) return;
    p.range("moe_intermediate_size", c.moe_intermediate_size, 1, max_dim);
    bounded &= p.range("num_experts_per_tok", c.num_experts_per_tok, 1, c.n_routed_experts);
    // What follows multiplies; only numbers within bounds may.
    if (!bounded) return;

    const auto experts = std::to_string(c.n_routed_experts);
    const auto groups = std::to_string(c.n_group);
    if (c.topk_method == "greedy" && c.n_group != 1)
        p.say("n_group", "topk_method greedy knows no groups, got " + groups);
    if (c.topk_group > c.n_group)
        p.say("topk_group", std::to_string(c.topk_group) + " kept groups are more than the " +
                                groups + " there are");
    if (c.n_routed_experts % c.n_group != 0) {
        p.say("n_group", groups + " groups do not divide " + experts + " experts");
        return;
    }
    const std::int64_t per_group = c.n_routed_experts / c.n_group;
    if (c.has_router_bias() && per_group < 2)
        p.say("n_group", "with a router bias (topk_method noaux_tc) a group needs two experts, " +
                             groups + " groups of " + experts + " experts leave one");
    if (c.topk_group * per_group < c.num_experts_per_tok)
        p.say("num_experts_per_tok",
              std::to_string(c.num_experts_per_tok) + " experts do not fit into " +
                  std::to_string(c.topk_group) + " kept groups of " + std::to_string(per_group));
}

// What many layers of many experts cost in names alone; only when each number is within bounds.
void check_totals(const ModelConfig& c, Problems& p) {
    const std::int64_t blocks =
        (c.num_hidden_layers + c.num_nextn_predict_layers) * c.n_routed_experts;
    if (blocks > max_expert_blocks)
        p.say("n_routed_experts", "experts times layers must be at most " +
                                      std::to_string(max_expert_blocks) + ", got " +
                                      std::to_string(blocks));
    const std::int64_t n = cost(c).parameters;
    if (n > max_parameters)
        p.say("hidden_size", "the model would have " + std::to_string(n) +
                                 " parameters, more than " + std::to_string(max_parameters));
}

void check_rope(const ModelConfig& c, Problems& p) {
    const RopeScaling& s = c.rope_scaling;
    p.range("rope_theta", c.rope_theta, 1.0001, 1e12);
    if (s.type != "none" && s.type != "linear" && s.type != "ntk" && s.type != "yarn") {
        p.say("rope_scaling.type",
              "must be none, linear, ntk or yarn, got \"" + one_line(s.type) + "\"");
        return;
    }
    p.range("rope_scaling.factor", s.factor, 1.0, 1e6);
    p.range("rope_scaling.original_max_position_embeddings", s.original_max_position_embeddings, 1,
            max_positions);
    p.range("rope_scaling.beta_fast", s.beta_fast, 1e-6, 1e6);
    p.range("rope_scaling.beta_slow", s.beta_slow, 1e-6, 1e6);
    if (s.beta_fast < s.beta_slow)
        p.say("rope_scaling.beta_fast", "must not be below beta_slow, got " + number(s.beta_fast) +
                                            " and " + number(s.beta_slow));
    p.range("rope_scaling.mscale", s.mscale, 0.0, 1e3);
    if (s.type == "ntk" && c.qk_rope_head_dim < 4)
        p.say("qk_rope_head_dim",
              "rope_scaling ntk needs at least 4, got " + std::to_string(c.qk_rope_head_dim));
}

}  // namespace

double ModelConfig::softmax_scale() const {
    double scale = 1.0 / std::sqrt(static_cast<double>(qk_head_dim()));
    if (yarn()) {
        const double m = 0.1 * rope_scaling.mscale * std::log(rope_scaling.factor) + 1.0;
        scale *= m * m;
    }
    return scale;
}

std::vector<std::string> ModelConfig::problems() const {
    Problems p;
    check_sizes(*this, p);
    check_experts(*this, p);
    check_rope(*this, p);
    if (p.empty()) check_totals(*this, p);
    return p.take();
}

std::vector<std::string> ModelConfig::preset_names() {
    return {"nano", "micro", "bench"};
}

ModelConfig ModelConfig::preset(std::string_view name) {
    ModelConfig c;
    if (name == "nano") {
        // Small enough to read every number, with every part of the architecture present.
        c.vocab_size = 258;
        c.bos_token_id = 256;
        c.eos_token_id = 257;
        c.hidden_size = 48;
        c.num_hidden_layers = 3;
        c.num_attention_heads = 4;
        c.qk_nope_head_dim = 12;
        c.qk_rope_head_dim = 8;
        c.v_head_dim = 12;
        c.kv_lora_rank = 24;
        c.q_lora_rank = 32;
        c.intermediate_size = 96;
        c.moe_intermediate_size = 24;
        c.n_routed_experts = 8;
        c.n_group = 4;
        c.topk_group = 2;
        c.num_experts_per_tok = 2;
        c.num_nextn_predict_layers = 1;
        return c;
    }
    if (name == "micro") {
        // Large enough to learn, small enough to be trained on two cores and shipped.
        c.vocab_size = 512;
        c.bos_token_id = 256;
        c.eos_token_id = 257;
        c.hidden_size = 96;
        c.num_hidden_layers = 4;
        c.num_attention_heads = 4;
        c.qk_nope_head_dim = 24;
        c.qk_rope_head_dim = 32;
        c.v_head_dim = 24;
        c.kv_lora_rank = 40;
        c.q_lora_rank = 64;
        c.intermediate_size = 288;
        c.moe_intermediate_size = 64;
        c.n_routed_experts = 16;
        c.n_group = 4;
        c.topk_group = 2;
        c.num_experts_per_tok = 4;
        c.num_nextn_predict_layers = 2;
        c.max_position_embeddings = 512;
        // Measured on texts in which things are looked up: with a base near the length of the rows
        // and a wide rotated part heads sooner tell a token from its neighbours.
        c.rope_theta = 20;
        // Wider than the usual 0.02, which suits rows of thousands: measured, it learns faster.
        c.initializer_range = 0.06;
        return c;
    }
    if (name == "bench") {
        // The shape that speed is compared with.
        c.vocab_size = 512;
        c.bos_token_id = 256;
        c.eos_token_id = 257;
        c.hidden_size = 128;
        c.num_hidden_layers = 4;
        c.num_attention_heads = 4;
        c.qk_nope_head_dim = 32;
        c.qk_rope_head_dim = 16;
        c.v_head_dim = 32;
        c.kv_lora_rank = 64;
        c.q_lora_rank = 96;
        c.intermediate_size = 384;
        c.moe_intermediate_size = 64;
        c.n_routed_experts = 16;
        c.num_experts_per_tok = 4;
        c.num_nextn_predict_layers = 1;
        c.max_position_embeddings = 512;
        return c;
    }
    std::string known;
    for (const auto& n : preset_names()) known += (known.empty() ? "" : ", ") + n;
    throw UserError("--preset", std::string(name), "is not one of " + known);
}

ModelCost cost(const ModelConfig& c) {
    const std::int64_t dim = c.hidden_size;
    const std::int64_t heads = c.num_attention_heads;
    const std::int64_t q_rows = heads * c.qk_head_dim();
    std::int64_t attention = c.q_lora_rank
                                 ? dim * *c.q_lora_rank + *c.q_lora_rank + *c.q_lora_rank * q_rows
                                 : dim * q_rows;
    const auto cached = cache_widths(c);
    attention += dim * (cached[0] + cached[1]);
    if (c.mla())
        attention += c.kv_lora_rank + c.kv_lora_rank * heads * (c.qk_nope_head_dim + c.v_head_dim);
    attention += heads * c.v_head_dim * dim;

    const std::int64_t expert = 3 * dim * c.moe_intermediate_size;
    const std::int64_t router = c.n_routed_experts * (dim + (c.has_router_bias() ? 1 : 0));
    const auto block = [&](std::int64_t layer, std::int64_t experts) {
        const std::int64_t ffn = c.is_moe(layer) ? router + (experts + c.n_shared_experts) * expert
                                                 : 3 * dim * c.intermediate_size;
        return 2 * dim + attention + ffn;
    };

    ModelCost result;
    const std::int64_t head = c.vocab_size * dim;
    result.parameters = head + (c.tie_word_embeddings ? 0 : head) + dim;
    result.active_parameters = head + (c.tie_word_embeddings ? 0 : dim) + dim;
    for (std::int64_t i = 0; i < c.num_hidden_layers; ++i) {
        result.parameters += block(i, c.n_routed_experts);
        result.active_parameters += block(i, c.num_experts_per_tok);
    }
    const std::int64_t joining = c.mtp_chain() ? 2 * dim + 2 * dim * dim : 0;
    for (std::int64_t k = 0; k < c.num_nextn_predict_layers; ++k)
        result.parameters += block(c.num_hidden_layers + k, c.n_routed_experts) + dim + joining;
    result.cache_floats_per_token = c.num_hidden_layers * (cached[0] + cached[1]);
    return result;
}

std::array<std::int64_t, 2> cache_widths(const ModelConfig& c) {
    if (c.mla()) return {c.kv_lora_rank, c.qk_rope_head_dim};
    return {c.num_key_value_heads * c.qk_head_dim(), c.num_key_value_heads * c.v_head_dim};
}

}  // namespace sf
