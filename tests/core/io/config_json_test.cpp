#include "core/io/config_json.h"

#include "tests/core/io/scratch.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <ostream>

namespace sf {
namespace {

using nlohmann::json;
using test::Scratch;
using test::user_error;

class GoldenConfig : public testing::TestWithParam<const char*> {};

TEST_P(GoldenConfig, reads_and_round_trips) {
    const auto file = test::reference(std::string(GetParam()) + "/config.json");
    const ModelConfig config = read_config(file);
    EXPECT_EQ(parse_config(config_json(config), "again"), config);
    // What is written says the same as the original wherever both speak.
    const json original = json::parse(read_file(file));
    const json written = json::parse(config_json(config));
    for (const auto& [key, value] : original.items()) {
        if (!written.contains(key) || key == "rope_scaling") continue;
        EXPECT_EQ(written[key], value) << key;
    }
    if (!original["rope_scaling"].is_object()) return;
    for (const auto& [key, value] : original["rope_scaling"].items())
        EXPECT_EQ(written["rope_scaling"][key], value) << key;
}

INSTANTIATE_TEST_SUITE_P(all, GoldenConfig, testing::Values("A", "B", "C", "B_mtp"));

TEST(ConfigJson, golden_fields) {
    const auto c = read_config(test::reference("C/config.json"));
    EXPECT_EQ(c.q_lora_rank, 20);
    EXPECT_EQ(c.n_group, 4);
    EXPECT_EQ(c.topk_group, 2);
    EXPECT_EQ(c.routed_scaling_factor, 2.5);
    EXPECT_EQ(c.rope_scaling, (RopeScaling{"yarn", 40, 16, 32, 1, 1}));
    EXPECT_TRUE(c.yarn());
    EXPECT_FALSE(read_config(test::reference("A/config.json")).q_lora_rank);
}

// The fields of the released models' files, as published.
json deepseek_v2_lite() {
    return json::parse(R"({
      "architectures": ["DeepseekV2ForCausalLM"], "model_type": "deepseek_v2",
      "attention_bias": false, "attention_dropout": 0.0, "aux_loss_alpha": 0.001,
      "auto_map": {"AutoConfig": "x"}, "bos_token_id": 100000, "eos_token_id": 100001,
      "first_k_dense_replace": 1, "hidden_act": "silu", "hidden_size": 2048,
      "initializer_range": 0.02, "intermediate_size": 10944, "kv_lora_rank": 512,
      "max_position_embeddings": 163840, "moe_intermediate_size": 1408, "moe_layer_freq": 1,
      "n_group": 1, "n_routed_experts": 64, "n_shared_experts": 2, "norm_topk_prob": false,
      "num_attention_heads": 16, "num_experts_per_tok": 6, "num_hidden_layers": 27,
      "num_key_value_heads": 16, "pretraining_tp": 1, "q_lora_rank": null,
      "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "rms_norm_eps": 1e-06,
      "rope_scaling": {"beta_fast": 32, "beta_slow": 1, "factor": 40, "mscale": 0.707,
        "mscale_all_dim": 0.707, "original_max_position_embeddings": 4096, "type": "yarn"},
      "rope_theta": 10000, "routed_scaling_factor": 1.0, "scoring_func": "softmax",
      "seq_aux": true, "tie_word_embeddings": false, "topk_group": 1, "topk_method": "greedy",
      "torch_dtype": "bfloat16", "use_cache": true, "v_head_dim": 128, "vocab_size": 102400})");
}

TEST(ConfigJson, the_released_models_are_read) {
    json lite = deepseek_v2_lite();
    const auto c = parse_config(lite.dump(), "lite");
    EXPECT_FALSE(c.q_lora_rank);
    EXPECT_FALSE(c.has_router_bias());
    EXPECT_FALSE(c.norm_topk_prob());
    EXPECT_EQ(c.n_shared_experts, 2);
    EXPECT_EQ(c.rope_scaling.mscale, 0.707);
    EXPECT_EQ(parse_config(config_json(c), "again"), c);

    json v2 = lite;
    v2["topk_method"] = "group_limited_greedy";
    v2["n_group"] = 8;
    v2["topk_group"] = 3;
    v2["n_routed_experts"] = 160;
    v2["routed_scaling_factor"] = 16.0;
    v2["q_lora_rank"] = 1536;
    EXPECT_EQ(parse_config(v2.dump(), "v2").topk_group, 3);

    json v3 = v2;
    v3["model_type"] = "deepseek_v3";
    v3["topk_method"] = "noaux_tc";
    v3["scoring_func"] = "sigmoid";
    v3["norm_topk_prob"] = true;
    v3["n_routed_experts"] = 256;
    v3["num_experts_per_tok"] = 8;
    v3["topk_group"] = 4;
    v3["num_nextn_predict_layers"] = 1;
    v3["hidden_size"] = 7168;
    v3["rope_scaling"]["mscale"] = v3["rope_scaling"]["mscale_all_dim"] = 1.0;
    v3["quantization_config"] = {{"fmt", "e4m3"}, {"weight_block_size", {128, 128}}};
    EXPECT_TRUE(parse_config(v3.dump(), "v3").has_router_bias());
}

TEST(ConfigJson, values_without_a_key) {
    json j = deepseek_v2_lite();
    for (const char* key : {"n_group", "topk_group", "norm_topk_prob", "rope_scaling",
                            "num_key_value_heads", "hidden_act", "scoring_func", "topk_method",
                            "attention_bias", "tie_word_embeddings", "bos_token_id"})
        j.erase(key);
    const auto c = parse_config(j.dump(), "x");
    EXPECT_EQ(c.n_group, 1);
    EXPECT_EQ(c.scoring_func, "softmax");
    EXPECT_EQ(c.topk_method, "greedy");
    EXPECT_EQ(c.rope_scaling.type, "none");
}

TEST(ConfigJson, both_spellings_of_the_scaling_type) {
    json j = deepseek_v2_lite();
    j["rope_scaling"].erase("type");
    j["rope_scaling"]["rope_type"] = "yarn";
    EXPECT_EQ(parse_config(j.dump(), "x").rope_scaling.type, "yarn");
    j["rope_scaling"]["type"] = "yarn";
    EXPECT_EQ(parse_config(j.dump(), "x").rope_scaling.type, "yarn");
    j["rope_scaling"] = {{"rope_type", "default"}};
    EXPECT_EQ(parse_config(j.dump(), "x").rope_scaling, RopeScaling{});
    j["rope_scaling"] = {{"type", "linear"}, {"factor", 4}};
    EXPECT_EQ(parse_config(j.dump(), "x").rope_scaling.factor, 4.0);
    // Newer files: the base inside.
    j.erase("rope_scaling");
    j.erase("rope_theta");
    j["rope_parameters"] = {{"rope_type", "ntk"}, {"factor", 2.0}, {"rope_theta", 5000.0}};
    EXPECT_EQ(parse_config(j.dump(), "x").rope_scaling.type, "ntk");
    EXPECT_EQ(parse_config(j.dump(), "x").rope_theta, 5000.0);
}

TEST(ConfigJson, every_number_comes_back_bit_for_bit) {
    ModelConfig c = ModelConfig::preset("micro");
    c.model_type = "deepseek_v2";
    c.rope_theta = 12345.678901234567;
    c.rms_norm_eps = 1.0000000000000002e-6;
    c.initializer_range = 0.1 + 0.2;
    c.routed_scaling_factor = 16.0 / 3;
    c.scoring_func = "softmax";
    c.tie_word_embeddings = true;
    for (const char* type : {"none", "linear", "ntk", "yarn"}) {
        c.rope_scaling = {type, 39.999999999999993, 17, 31.5, 1.0000000000000002, 0.707};
        EXPECT_EQ(parse_config(config_json(c), "x"), c) << type;
    }
    c.rope_scaling = {};
    EXPECT_EQ(parse_config(config_json(c), "x"), c);
    for (const auto& name : ModelConfig::preset_names())
        EXPECT_EQ(parse_config(config_json(ModelConfig::preset(name)), "x"),
                  ModelConfig::preset(name));
}

// A JSON patch and how the sentence must begin after the file's name.
struct Refused {
    const char* patch;
    const char* field;
};
void PrintTo(const Refused& r, std::ostream* out) {
    *out << r.patch;
}
class ConfigRefused : public testing::TestWithParam<Refused> {};

TEST_P(ConfigRefused, names_file_and_field) {
    json j = deepseek_v2_lite();
    json patch = json::parse(GetParam().patch);
    for (const auto& [key, value] : patch.items()) {
        if (value == "<erase>")
            j.erase(key);
        else if (key == "rope_scaling" && value.is_object())
            j[key].update(value);
        else
            j[key] = value;
    }
    const auto sentence = user_error([&] { parse_config(j.dump(), "dir/config.json"); });
    EXPECT_EQ(sentence.rfind("dir/config.json: " + std::string(GetParam().field) + ": ", 0), 0U)
        << sentence;
}

INSTANTIATE_TEST_SUITE_P(
    all, ConfigRefused,
    testing::Values(
        Refused{R"({"model_type": "llama"})", "model_type"},
        Refused{R"({"model_type": "<erase>"})", "model_type"},
        Refused{R"({"model_type": 3})", "model_type"},
        Refused{R"({"vocab_size": "<erase>"})", "vocab_size"},
        Refused{R"({"vocab_size": null})", "vocab_size"},
        Refused{R"({"vocab_size": "102400"})", "vocab_size"},
        Refused{R"({"hidden_size": 2048.5})", "hidden_size"},
        Refused{R"({"hidden_size": 2048.0})", "hidden_size"},
        Refused{R"({"hidden_size": -1})", "hidden_size"},
        Refused{R"({"hidden_size": 18446744073709551615})", "hidden_size"},
        Refused{R"({"hidden_size": 1000000000000})", "hidden_size"},
        Refused{R"({"hidden_size": [2048]})", "hidden_size"},
        Refused{R"({"hidden_size": true})", "hidden_size"},
        Refused{R"({"kv_lora_rank": "<erase>"})", "kv_lora_rank"},
        Refused{R"({"q_lora_rank": "none"})", "q_lora_rank"},
        Refused{R"({"num_hidden_layers": 100000})", "num_hidden_layers"},
        Refused{R"({"qk_rope_head_dim": 63})", "qk_rope_head_dim"},
        Refused{R"({"num_experts_per_tok": "<erase>"})", "num_experts_per_tok"},
        Refused{R"({"first_k_dense_replace": "<erase>"})", "first_k_dense_replace"},
        Refused{R"({"routed_scaling_factor": "<erase>"})", "routed_scaling_factor"},
        Refused{R"({"routed_scaling_factor": "1"})", "routed_scaling_factor"},
        Refused{R"({"scoring_func": "relu"})", "scoring_func"},
        Refused{R"({"topk_method": "noaux"})", "topk_method"},
        Refused{R"({"n_group": 3, "topk_method": "group_limited_greedy"})", "n_group"},
        Refused{R"({"n_group": 8})", "n_group"},
        Refused{R"({"norm_topk_prob": true})", "norm_topk_prob"},
        Refused{R"({"norm_topk_prob": false, "scoring_func": "sigmoid"})", "norm_topk_prob"},
        Refused{R"({"norm_topk_prob": 0})", "norm_topk_prob"},
        Refused{R"({"hidden_act": "gelu"})", "hidden_act"},
        Refused{R"({"attention_bias": true})", "attention_bias"},
        Refused{R"({"attention_bias": "false"})", "attention_bias"},
        Refused{R"({"rope_interleave": false})", "rope_interleave"},
        Refused{R"({"num_key_value_heads": 4})", "num_key_value_heads"},
        Refused{R"({"bos_token_id": 102400})", "bos_token_id"},
        Refused{R"({"eos_token_id": [1, 2]})", "eos_token_id"},
        Refused{R"({"rms_norm_eps": "1e-6"})", "rms_norm_eps"},
        Refused{R"({"rms_norm_eps": 0})", "rms_norm_eps"},
        Refused{R"({"rope_scaling": "yarn"})", "rope_scaling"},
        Refused{R"({"rope_scaling": {"type": "longrope"}})", "rope_scaling.type"},
        Refused{R"({"rope_scaling": {"rope_type": "linear"}})", "rope_scaling.rope_type"},
        Refused{R"({"rope_scaling": {"type": 1}})", "rope_scaling.type"},
        Refused{R"({"rope_scaling": {"type": null}})", "rope_scaling.type"},
        Refused{R"({"rope_scaling": {"factor": null}})", "rope_scaling.factor"},
        Refused{R"({"rope_scaling": {"factor": 0.5}})", "rope_scaling.factor"},
        Refused{R"({"rope_scaling": {"mscale": 1.0}})", "rope_scaling.mscale_all_dim"},
        Refused{R"({"rope_scaling": {"original_max_position_embeddings": null}})",
                "rope_scaling.original_max_position_embeddings"},
        Refused{R"({"rope_scaling": {"attention_factor": 1.5}})", "rope_scaling.attention_factor"},
        Refused{R"({"rope_scaling": {"truncate": false}})", "rope_scaling.truncate"}));

struct BadText {
    std::string text;
    const char* reason;
};
void PrintTo(const BadText& b, std::ostream* out) {
    *out << b.reason;
}
class ConfigText : public testing::TestWithParam<BadText> {};

TEST_P(ConfigText, is_refused_in_one_short_sentence) {
    const auto sentence = user_error([&] { parse_config(GetParam().text, "c.json"); });
    EXPECT_EQ(sentence.rfind("c.json: ", 0), 0U) << sentence;
    EXPECT_NE(sentence.find(GetParam().reason), std::string::npos) << sentence;
    EXPECT_LT(sentence.size(), 500U);
    EXPECT_EQ(sentence.find('\n'), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(
    all, ConfigText,
    testing::Values(BadText{"", "is not JSON"}, BadText{"{", "is not JSON"},
                    BadText{"[]", "must be an object"}, BadText{"null", "must be an object"},
                    BadText{"{\"a\": NaN}", "is not JSON"},
                    BadText{"{\"a\": 1e999}", "is not JSON"},
                    BadText{"{\"a\": \"\xFF\"}", "is not JSON"},
                    BadText{"{\"a\": \"" + std::string(100000, 'x'), "is not JSON"},
                    BadText{"{} trailing", "is not JSON"},
                    BadText{std::string("{\"a\": 1\0}", 9), "is not JSON"},
                    BadText{std::string(100000, '['), "nested"},
                    BadText{"{\"n_group\": 1, \"n_group\": 2}", "n_group: is given twice"},
                    BadText{"{\"x\": {\"y\": 1, \"y\": 1}}", "y: is given twice"}));

TEST(ConfigJson, kinds_of_attention) {
    ModelConfig c = ModelConfig::preset("nano");
    EXPECT_EQ(config_json(c).find("attention_kind"), std::string::npos);
    try {
        set_model_field(c, "num_key_value_heads", "2", "--set");
        FAIL();
    } catch (const UserError& e) {
        EXPECT_STREQ(e.what(),
                     "--set num_key_value_heads: belongs to attention_kind gqa, which must be set "
                     "before it");
    }
    EXPECT_TRUE(set_model_field(c, "num_attention_heads", "8", "--set"));
    EXPECT_TRUE(set_model_field(c, "attention_kind", "gqa", "--set"));
    EXPECT_EQ(c.num_key_value_heads, 8);
    EXPECT_TRUE(set_model_field(c, "num_key_value_heads", "2", "--set"));
    EXPECT_EQ(c.problems(), std::vector<std::string>{});
    EXPECT_EQ(parse_config(config_json(c), "f"), c);
}

TEST(ConfigJson, kinds_of_mtp) {
    ModelConfig c = ModelConfig::preset("nano");
    const std::string chain = config_json(c);
    EXPECT_EQ(chain.find("mtp_kind"), std::string::npos);
    EXPECT_EQ(parse_config(chain, "f").mtp_kind, "chain");
    EXPECT_TRUE(set_model_field(c, "mtp_kind", "parallel", "--set"));
    EXPECT_EQ(c.mtp_kind, "parallel");
    EXPECT_EQ(parse_config(config_json(c), "f"), c);
    EXPECT_TRUE(set_model_field(c, "mtp_kind", "none", "--set"));
    EXPECT_EQ(c.problems(),
              std::vector<std::string>{"mtp_kind: must be chain or parallel, got \"none\""});
}

TEST(ConfigJson, the_file_is_named) {
    Scratch folder;
    EXPECT_EQ(user_error([&] { read_config(folder / "config.json"); }),
              (folder / "config.json").string() + ": no such file");
    EXPECT_NE(user_error([&] { read_config(folder.path()); }), "");
    folder.with("config.json", std::string((1 << 20) + 1, ' '));
    EXPECT_NE(user_error([&] { read_config(folder / "config.json"); }).find("larger than"),
              std::string::npos);
}

}  // namespace
}  // namespace sf
