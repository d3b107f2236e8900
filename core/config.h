#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sf {

// How positions beyond the trained length are mapped (reference data's README, "What the reference
// does"). type: "none", "linear", "ntk" or "yarn".
struct RopeScaling {
    std::string type = "none";
    double factor = 1.0;
    std::int64_t original_max_position_embeddings = 4096;
    double beta_fast = 32.0;
    double beta_slow = 1.0;
    double mscale = 1.0;
    bool operator==(const RopeScaling&) const = default;
};

// The hyper-parameters, with the names of DeepSeek's config.json. Everything that the model does is
// a field here; nothing is inferred from a size.
struct ModelConfig {
    std::string model_type = "deepseek_v3";
    std::int64_t vocab_size = 258;
    std::int64_t hidden_size = 64;
    std::int64_t num_hidden_layers = 2;
    std::int64_t num_attention_heads = 4;
    // "mla": keys and values out of one latent (DeepSeek-V2, section 2.1). "gqa": keys and values
    // of their own for each group of heads (Ainslie et al. 2023), with the same head widths and the
    // same rotated columns, so that only what is cached differs.
    std::string attention_kind = "mla";
    // Of gqa: 1 is multi-query (Shazeer 2019), num_attention_heads multi-head attention.
    std::int64_t num_key_value_heads = 4;
    std::int64_t qk_nope_head_dim = 16;
    std::int64_t qk_rope_head_dim = 8;
    std::int64_t v_head_dim = 16;
    std::int64_t kv_lora_rank = 32;
    std::optional<std::int64_t> q_lora_rank;  // null: q_proj straight from the hidden state
    std::int64_t intermediate_size = 128;     // of the dense layers
    std::int64_t moe_intermediate_size = 32;  // of one expert
    std::int64_t first_k_dense_replace = 1;   // layers before this one are dense
    std::int64_t moe_layer_freq = 1;
    std::int64_t n_routed_experts = 8;
    std::int64_t n_shared_experts = 1;
    std::int64_t num_experts_per_tok = 2;
    std::int64_t n_group = 1;              // groups of experts ("nodes")
    std::int64_t topk_group = 1;           // groups a token may reach
    std::string scoring_func = "sigmoid";  // or "softmax"
    std::string topk_method = "noaux_tc";  // or "greedy", "group_limited_greedy": no bias
    double routed_scaling_factor = 1.0;
    std::int64_t num_nextn_predict_layers = 0;  // MTP modules
    // What module k reads. "chain": the hidden state of depth k - 1 and the token k places on
    // (DeepSeek-V3, section 2.2). "parallel": the main model's hidden state alone, each module an
    // independent layer over one trunk (Gloeckle et al. 2024, "Better & Faster Large Language
    // Models via Multi-token Prediction", section 2). The trunk is the whole main model here, so
    // that this stays the same whatever reads it; theirs ends before its last layer.
    std::string mtp_kind = "chain";
    std::int64_t max_position_embeddings = 256;
    double rope_theta = 10000.0;
    RopeScaling rope_scaling;
    double rms_norm_eps = 1e-6;
    double initializer_range = 0.02;
    bool tie_word_embeddings = false;
    std::int64_t bos_token_id = 0;
    std::int64_t eos_token_id = 1;

    bool operator==(const ModelConfig&) const = default;

    bool is_moe(std::int64_t layer) const {
        return n_routed_experts > 0 && layer >= first_k_dense_replace &&
               layer % moe_layer_freq == 0;
    }
    bool mla() const { return attention_kind == "mla"; }
    bool mtp_chain() const { return mtp_kind == "chain"; }
    bool has_router_bias() const { return topk_method == "noaux_tc"; }
    // Gate weights are divided by their sum (sigmoid) or are a softmax's share already.
    bool norm_topk_prob() const { return scoring_func == "sigmoid"; }
    std::int64_t qk_head_dim() const { return qk_nope_head_dim + qk_rope_head_dim; }
    // YaRN acts on every position as soon as the longest context exceeds the original one.
    bool yarn() const {
        return rope_scaling.type == "yarn" &&
               max_position_embeddings > rope_scaling.original_max_position_embeddings;
    }
    // (nope + rope)^-1/2, with YaRN times (0.1 mscale ln(factor) + 1)^2.
    double softmax_scale() const;

    // Every inconsistency as a sentence that begins with the field's name; empty when sound. Sizes
    // are bounded so that a hostile file cannot ask for absurd memory.
    std::vector<std::string> problems() const;

    // Named presets: "nano", "micro", "bench". An unknown name throws UserError listing them.
    static ModelConfig preset(std::string_view name);
    static std::vector<std::string> preset_names();
};

// What the shape costs.
struct ModelCost {
    std::int64_t parameters = 0;         // all of them, MTP modules included (shared tensors once)
    std::int64_t active_parameters = 0;  // touched by one token of the main model
    std::int64_t cache_floats_per_token = 0;  // over all layers
};
ModelCost cost(const ModelConfig& config);
// What a layer caches of a token, in numbers: latent and rope key of mla; keys and values of gqa.
std::array<std::int64_t, 2> cache_widths(const ModelConfig& config);

}  // namespace sf
