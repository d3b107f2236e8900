#include "core/known_shapes.h"

namespace sf {

namespace {

ModelConfig deepseek_v2_lite() {
    ModelConfig c;
    c.model_type = "deepseek_v2";
    c.vocab_size = 102400;
    c.hidden_size = 2048;
    c.num_hidden_layers = 27;
    c.num_attention_heads = 16;
    c.qk_nope_head_dim = 128;
    c.qk_rope_head_dim = 64;
    c.v_head_dim = 128;
    c.kv_lora_rank = 512;
    c.intermediate_size = 10944;
    c.moe_intermediate_size = 1408;
    c.n_routed_experts = 64;
    c.n_shared_experts = 2;
    c.num_experts_per_tok = 6;
    c.scoring_func = "softmax";
    c.topk_method = "greedy";
    c.max_position_embeddings = 163840;
    c.rope_scaling = {"yarn", 40, 4096, 32, 1, 0.707};
    return c;
}

ModelConfig deepseek_v2() {
    ModelConfig c = deepseek_v2_lite();
    c.hidden_size = 5120;
    c.num_hidden_layers = 60;
    c.num_attention_heads = 128;
    c.q_lora_rank = 1536;
    c.intermediate_size = 12288;
    c.moe_intermediate_size = 1536;
    c.n_routed_experts = 160;
    c.topk_method = "group_limited_greedy";
    c.n_group = 8;
    c.topk_group = 3;
    c.routed_scaling_factor = 16;
    return c;
}

ModelConfig deepseek_v3() {
    ModelConfig c;
    c.vocab_size = 129280;
    c.hidden_size = 7168;
    c.num_hidden_layers = 61;
    c.num_attention_heads = 128;
    c.qk_nope_head_dim = 128;
    c.qk_rope_head_dim = 64;
    c.v_head_dim = 128;
    c.kv_lora_rank = 512;
    c.q_lora_rank = 1536;
    c.intermediate_size = 18432;
    c.moe_intermediate_size = 2048;
    c.first_k_dense_replace = 3;
    c.n_routed_experts = 256;
    c.num_experts_per_tok = 8;
    c.n_group = 8;
    c.topk_group = 4;
    c.routed_scaling_factor = 2.5;
    c.max_position_embeddings = 163840;
    c.rope_scaling = {"yarn", 40, 4096, 32, 1, 1};
    return c;
}

// Dense, every column of a head rotated.
ModelConfig grouped_query(std::int64_t vocab, std::int64_t layers, std::int64_t width) {
    ModelConfig c;
    c.vocab_size = vocab;
    c.hidden_size = 8192;
    c.num_hidden_layers = layers;
    c.num_attention_heads = 64;
    c.attention_kind = "gqa";
    c.num_key_value_heads = 8;
    c.qk_nope_head_dim = 0;
    c.qk_rope_head_dim = 128;
    c.v_head_dim = 128;
    c.intermediate_size = width;
    c.n_routed_experts = 0;
    c.n_shared_experts = 0;
    c.max_position_embeddings = 131072;
    return c;
}

}  // namespace

const std::vector<KnownShape>& known_shapes() {
    static const std::vector<KnownShape> shapes{
        {"deepseek-v2", "DeepSeek-V2", "DeepSeek-V2 (2024), section 3.1.2", deepseek_v2()},
        {"deepseek-v2-lite", "DeepSeek-V2-Lite", "DeepSeek-V2 (2024), appendix B",
         deepseek_v2_lite()},
        {"deepseek-v3", "DeepSeek-V3", "DeepSeek-V3 (2024), section 4.2", deepseek_v3()},
        {"deepseek-67b", "DeepSeek 67B", "DeepSeek LLM (2024), table 2",
         grouped_query(102400, 95, 22016)},
        {"llama-3-70b", "Llama 3 70B", "Llama 3 (2024), table 3", grouped_query(128256, 80, 28672)},
    };
    return shapes;
}

const KnownShape* find_shape(const std::string& id) {
    for (const KnownShape& s : known_shapes())
        if (s.id == id) return &s;
    return nullptr;
}

double cache_bytes(const ModelConfig& config, double tokens, double bits) {
    return static_cast<double>(cost(config).cache_floats_per_token) * tokens * bits / 8;
}

std::vector<AttentionKind> attention_kinds(const ModelConfig& config) {
    const std::int64_t heads = config.num_attention_heads;
    std::vector<AttentionKind> all;
    const auto grouped = [&](const char* name, std::int64_t groups) {
        ModelConfig c = config;
        c.attention_kind = "gqa";
        c.num_key_value_heads = groups;
        all.push_back({name, groups, c});
    };
    grouped("MHA", heads);
    std::int64_t own = config.mla() ? heads / 2 : config.num_key_value_heads;
    if (own < 1 || heads % own != 0) own = heads / 2;
    if (own > 1 && own < heads && heads % own == 0) grouped("GQA", own);
    if (heads > 1) grouped("MQA", 1);
    ModelConfig latent = config;
    latent.attention_kind = "mla";
    latent.num_key_value_heads = heads;
    // A model that has none gets a latent of twice its heads' width, as DeepSeek's have four times.
    if (latent.kv_lora_rank < 1) latent.kv_lora_rank = 2 * config.v_head_dim;
    all.push_back({"MLA", 0, latent});
    return all;
}

}  // namespace sf
