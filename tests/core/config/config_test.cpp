#include "core/config.h"

#include "core/error.h"
#include "core/known_shapes.h"
#include "core/model/weights.h"

#include <gtest/gtest.h>
#include <cmath>
#include <functional>
#include <limits>
#include <ostream>

namespace sf {
namespace {

ModelConfig deepseek_v3() {
    return find_shape("deepseek-v3")->config;
}

TEST(Config, presets_are_sound) {
    for (const auto& name : ModelConfig::preset_names()) {
        const auto config = ModelConfig::preset(name);
        EXPECT_EQ(config.problems(), std::vector<std::string>{}) << name;
    }
    EXPECT_EQ(deepseek_v3().problems(), std::vector<std::string>{});
}

TEST(Config, unknown_preset_names_the_known_ones) {
    try {
        ModelConfig::preset("huge");
        FAIL();
    } catch (const UserError& e) {
        EXPECT_STREQ(e.what(), "--preset: huge: is not one of nano, micro, bench");
    }
}

TEST(Config, presets_have_the_agreed_sizes) {
    // 2.36 M parameters, as the benchmark's description says.
    EXPECT_EQ(
        std::llround(static_cast<double>(cost(ModelConfig::preset("bench")).parameters) / 1e4),
        236);
    EXPECT_LE(cost(ModelConfig::preset("micro")).parameters, 2'200'000);
    EXPECT_LE(cost(ModelConfig::preset("nano")).parameters, 300'000);
}

// The published sizes: 671 B parameters, 37 B of them active, 1 MTP module 11.5 B of its own.
TEST(Config, cost_of_the_real_model) {
    ModelConfig c = deepseek_v3();
    EXPECT_NEAR(static_cast<double>(cost(c).parameters), 671.03e9, 0.01e9);
    EXPECT_NEAR(static_cast<double>(cost(c).active_parameters), 36.6e9, 0.2e9);
    EXPECT_EQ(cost(c).cache_floats_per_token, 61 * (512 + 64));
    const auto main = cost(c).parameters;
    c.num_nextn_predict_layers = 1;
    EXPECT_NEAR(static_cast<double>(cost(c).parameters - main), 11.6e9, 0.1e9);
}

TEST(Config, cost_counts_the_parameter_list) {
    std::vector<ModelConfig> configs;
    for (const auto& name : ModelConfig::preset_names())
        configs.push_back(ModelConfig::preset(name));
    configs.push_back(configs[0]);
    configs.back().tie_word_embeddings = true;
    configs.push_back(configs[0]);
    configs.back().topk_method = "group_limited_greedy";
    configs.back().n_shared_experts = 2;
    configs.back().q_lora_rank.reset();
    configs.push_back(configs[0]);
    configs.back().n_shared_experts = 0;
    configs.back().moe_layer_freq = 2;
    configs.push_back(configs[0]);
    configs.back().n_routed_experts = 0;
    for (const std::int64_t groups : {1, 2, 4}) {
        configs.push_back(configs[0]);
        configs.back().attention_kind = "gqa";
        configs.back().num_key_value_heads = groups;
    }
    configs.push_back(configs[1]);
    configs.back().mtp_kind = "parallel";
    for (const auto& config : configs) {
        std::int64_t sum = 0;
        for (const auto& spec : parameters(config)) sum += spec.shape.size();
        EXPECT_EQ(cost(config).parameters, sum);
    }
}

TEST(Config, kinds_of_attention) {
    ModelConfig c = ModelConfig::preset("nano");
    const auto first = [&] { return c.problems().empty() ? "" : c.problems().front(); };
    EXPECT_EQ(cost(c).cache_floats_per_token, 3 * (24 + 8));
    c.num_key_value_heads = 3;  // says nothing of mla
    EXPECT_EQ(first(), "");
    c.attention_kind = "gqa";
    EXPECT_EQ(first(), "num_key_value_heads: 3 heads of keys and values do not divide 4 heads");
    c.num_key_value_heads = 5;
    EXPECT_EQ(first(), "num_key_value_heads: must be from 1 to 4, got 5");
    c.num_key_value_heads = 1;
    EXPECT_EQ(first(), "");
    EXPECT_EQ(cost(c).cache_floats_per_token, 3 * (20 + 12));
    c.num_key_value_heads = 4;
    EXPECT_EQ(cost(c).cache_floats_per_token, 3 * 4 * (20 + 12));
    c.qk_nope_head_dim = 0;
    EXPECT_EQ(first(), "");
    c.attention_kind = "flash";
    EXPECT_EQ(first(), "attention_kind: must be mla or gqa, got \"flash\"");
}

TEST(Config, active_parameters_of_a_small_model_by_hand) {
    ModelConfig c = ModelConfig::preset("nano");
    c.num_hidden_layers = 1;
    c.first_k_dense_replace = 0;
    c.num_nextn_predict_layers = 0;
    const auto total = cost(c);
    // All but the embedding's other rows and the six experts that were not chosen.
    EXPECT_EQ(total.parameters - total.active_parameters, (258 - 1) * 48 + 6 * 3 * 48 * 24);
}

TEST(Config, softmax_scale_of_the_real_model) {
    ModelConfig c = deepseek_v3();
    EXPECT_NEAR(c.softmax_scale(), 0.1352337789, 1e-10);
    c.max_position_embeddings = 4096;  // not beyond the original context: no YaRN
    EXPECT_DOUBLE_EQ(c.softmax_scale(), 1.0 / std::sqrt(192.0));
    c.rope_scaling.type = "linear";
    c.max_position_embeddings = 163840;
    EXPECT_DOUBLE_EQ(c.softmax_scale(), 1.0 / std::sqrt(192.0));
}

struct Broken {
    const char* field;
    std::function<void(ModelConfig&)> change;
};
void PrintTo(const Broken& b, std::ostream* out) {
    *out << b.field;
}

class ConfigProblem : public testing::TestWithParam<Broken> {};

TEST_P(ConfigProblem, is_named_and_is_the_only_one) {
    ModelConfig config = ModelConfig::preset("nano");
    GetParam().change(config);
    const auto problems = config.problems();
    ASSERT_EQ(problems.size(), 1U) << testing::PrintToString(problems);
    EXPECT_EQ(problems[0].rfind(std::string(GetParam().field) + ": ", 0), 0U) << problems[0];
}

constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr std::int64_t huge = std::numeric_limits<std::int64_t>::max();

INSTANTIATE_TEST_SUITE_P(
    all, ConfigProblem,
    testing::Values(
        Broken{"model_type", [](auto& c) { c.model_type = "llama"; }},
        Broken{"vocab_size", [](auto& c) { c.vocab_size = huge; }},
        Broken{"hidden_size", [](auto& c) { c.hidden_size = 0; }},
        Broken{"hidden_size", [](auto& c) { c.hidden_size = -1; }},
        Broken{"hidden_size", [](auto& c) { c.hidden_size = huge; }},
        Broken{"num_hidden_layers", [](auto& c) { c.num_hidden_layers = 0; }},
        Broken{"num_hidden_layers", [](auto& c) { c.num_hidden_layers = 1025; }},
        Broken{"num_attention_heads", [](auto& c) { c.num_attention_heads = huge; }},
        Broken{"qk_nope_head_dim", [](auto& c) { c.qk_nope_head_dim = 0; }},
        Broken{"qk_rope_head_dim", [](auto& c) { c.qk_rope_head_dim = 7; }},
        Broken{"qk_rope_head_dim", [](auto& c) { c.qk_rope_head_dim = 0; }},
        Broken{"v_head_dim", [](auto& c) { c.v_head_dim = -4; }},
        Broken{"kv_lora_rank", [](auto& c) { c.kv_lora_rank = 0; }},
        Broken{"q_lora_rank", [](auto& c) { c.q_lora_rank = 0; }},
        Broken{"intermediate_size", [](auto& c) { c.intermediate_size = 0; }},
        Broken{"moe_intermediate_size", [](auto& c) { c.moe_intermediate_size = 0; }},
        Broken{"first_k_dense_replace", [](auto& c) { c.first_k_dense_replace = -1; }},
        Broken{"moe_layer_freq", [](auto& c) { c.moe_layer_freq = 0; }},
        Broken{"n_routed_experts", [](auto& c) { c.n_routed_experts = -8; }},
        Broken{"n_routed_experts", [](auto& c) { c.n_routed_experts = huge; }},
        Broken{"n_routed_experts",
               [](auto& c) {
                   c.n_routed_experts = 4096;
                   c.num_hidden_layers = 1024;
                   c.hidden_size = 1;
               }},
        Broken{"n_shared_experts", [](auto& c) { c.n_shared_experts = -1; }},
        Broken{"num_experts_per_tok", [](auto& c) { c.num_experts_per_tok = 0; }},
        Broken{"num_experts_per_tok", [](auto& c) { c.num_experts_per_tok = 9; }},
        Broken{"num_experts_per_tok", [](auto& c) { c.num_experts_per_tok = 5; }},  // of 2 x 2
        Broken{"n_group", [](auto& c) { c.n_group = 3; }},
        Broken{"n_group", [](auto& c) { c.n_group = 8; }},  // one expert a group, with a bias
        Broken{"n_group", [](auto& c) { c.n_group = huge; }},
        Broken{"n_group", [](auto& c) { c.topk_method = "greedy"; }},
        Broken{"topk_group", [](auto& c) { c.topk_group = 5; }},
        Broken{"topk_group", [](auto& c) { c.topk_group = huge; }},
        Broken{"scoring_func", [](auto& c) { c.scoring_func = "relu"; }},
        Broken{"topk_method", [](auto& c) { c.topk_method = "random"; }},
        Broken{"routed_scaling_factor", [](auto& c) { c.routed_scaling_factor = nan_value; }},
        Broken{"routed_scaling_factor", [](auto& c) { c.routed_scaling_factor = 0; }},
        Broken{"num_nextn_predict_layers", [](auto& c) { c.num_nextn_predict_layers = -1; }},
        Broken{"num_nextn_predict_layers", [](auto& c) { c.num_nextn_predict_layers = huge; }},
        Broken{"mtp_kind", [](auto& c) { c.mtp_kind = "serial"; }},
        Broken{"max_position_embeddings", [](auto& c) { c.max_position_embeddings = 0; }},
        Broken{"max_position_embeddings", [](auto& c) { c.max_position_embeddings = huge; }},
        Broken{"rope_theta", [](auto& c) { c.rope_theta = infinity; }},
        Broken{"rope_theta", [](auto& c) { c.rope_theta = 0; }},
        Broken{"rope_scaling.type", [](auto& c) { c.rope_scaling.type = "longrope"; }},
        Broken{"rope_scaling.factor", [](auto& c) { c.rope_scaling.factor = 0.5; }},
        Broken{"rope_scaling.factor", [](auto& c) { c.rope_scaling.factor = nan_value; }},
        Broken{"rope_scaling.original_max_position_embeddings",
               [](auto& c) { c.rope_scaling.original_max_position_embeddings = 0; }},
        Broken{"rope_scaling.beta_fast", [](auto& c) { c.rope_scaling.beta_fast = 0.5; }},
        Broken{"rope_scaling.mscale", [](auto& c) { c.rope_scaling.mscale = -1; }},
        Broken{"qk_rope_head_dim",
               [](auto& c) {
                   c.rope_scaling.type = "ntk";
                   c.qk_rope_head_dim = 2;
               }},
        Broken{"rms_norm_eps", [](auto& c) { c.rms_norm_eps = 0; }},
        Broken{"rms_norm_eps", [](auto& c) { c.rms_norm_eps = nan_value; }},
        Broken{"initializer_range", [](auto& c) { c.initializer_range = -0.1; }},
        Broken{"bos_token_id", [](auto& c) { c.bos_token_id = 258; }},
        Broken{"eos_token_id", [](auto& c) { c.eos_token_id = -1; }},
        Broken{"hidden_size", [](auto& c) {
                   // Each size within bounds, all together beyond.
                   c.hidden_size = c.intermediate_size = 1 << 20;
                   c.num_hidden_layers = 1024;
               }}));

TEST(Config, every_problem_is_reported) {
    ModelConfig c = ModelConfig::preset("nano");
    c.qk_rope_head_dim = 7;
    c.n_group = 3;
    c.rms_norm_eps = -1;
    EXPECT_EQ(c.problems().size(), 3U);
}

TEST(Config, experts_only_where_the_layer_says) {
    ModelConfig c = ModelConfig::preset("nano");
    c.first_k_dense_replace = 1;
    c.moe_layer_freq = 2;
    EXPECT_FALSE(c.is_moe(0));
    EXPECT_FALSE(c.is_moe(1));
    EXPECT_TRUE(c.is_moe(2));
    c.n_routed_experts = 0;
    EXPECT_FALSE(c.is_moe(2));
    EXPECT_TRUE(c.problems().empty());
}

}  // namespace
}  // namespace sf
