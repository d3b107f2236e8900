#include "core/train/settings.h"

#include "core/error.h"
#include "core/io/config_json.h"
#include "core/random.h"

#include <gtest/gtest.h>
#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

namespace sf {
namespace {

const std::vector<std::string> kinds{"prose", "code"};

std::string refusal(std::string_view name, std::string_view value) {
    TrainSettings s;
    try {
        set_train_setting(s, name, value, kinds);
    } catch (const UserError& e) {
        EXPECT_EQ(s, TrainSettings{}) << "a refused value must not be set";
        return e.what();
    }
    return "";
}

std::string parse_refusal(std::string_view json) {
    try {
        parse_settings(json, "f.json");
    } catch (const UserError& e) {
        return e.what();
    }
    return "";
}

TEST(Settings, defaults_are_sound_and_are_what_the_list_says) {
    const TrainSettings defaults;
    EXPECT_TRUE(defaults.problems().empty());
    EXPECT_EQ(train_setting(defaults, "balance"), "bias+seq");
    EXPECT_EQ(train_setting(defaults, "lr"), "0.003");
    for (const auto& info : train_settings()) {
        EXPECT_FALSE(info.help.empty());
        if (info.name == "corpus.KIND") continue;
        EXPECT_EQ(train_setting(defaults, info.name), info.default_value);
        TrainSettings s;
        set_train_setting(s, info.name, info.default_value, kinds);
        EXPECT_EQ(s, defaults) << info.name;
    }
}

TEST(Settings, every_name_sets_its_own_value) {
    TrainSettings s;
    const auto set = [&](const char* name, const char* value) {
        set_train_setting(s, name, value, kinds);
        EXPECT_EQ(train_setting(s, name), value);
    };
    set("steps", "3000");
    set("seed", "18446744073709551615");
    set("batch", "4");
    set("seq", "64");
    set("lr", "0.1");
    set("min_lr_ratio", "0.25");
    set("warmup", "7");
    set("decay_fraction", "0.5");
    set("weight_decay", "0.01");
    set("beta1", "0.8");
    set("beta2", "0.99");
    set("adam_eps", "1e-09");
    set("clip", "0");
    set("balance", "aux");
    set("gamma", "0.002");
    set("alpha", "0.003");
    set("aux_alpha", "0.004");
    set("lambda", "0.1");
    set("hot", "0.25");
    set("checkpoint_every", "10");
    set("report_every", "1");
    set("corpus.code", "2.5");
    TrainSettings expected;
    expected.steps = 3000;
    expected.seed = std::numeric_limits<std::uint64_t>::max();
    expected.batch = 4;
    expected.seq = 64;
    expected.lr = 0.1;
    expected.min_lr_ratio = 0.25;
    expected.warmup = 7;
    expected.decay_fraction = 0.5;
    expected.weight_decay = 0.01;
    expected.beta1 = 0.8;
    expected.beta2 = 0.99;
    expected.adam_eps = 1e-9;
    expected.clip = 0;
    expected.balance = BalanceMode::aux;
    expected.gamma = 0.002;
    expected.alpha = 0.003;
    expected.aux_alpha = 0.004;
    expected.lambda = 0.1;
    expected.hot = 0.25;
    expected.checkpoint_every = 10;
    expected.report_every = 1;
    expected.corpus = {{"code", 2.5}};
    EXPECT_EQ(s, expected);
    EXPECT_EQ(s.corpus_weight("prose"), 1);
    for (const char* mode : {"none", "aux", "bias", "bias+seq"}) set("balance", mode);
}

TEST(Settings, refusals_name_setting_range_and_value) {
    EXPECT_EQ(refusal("lr", "fast"), "--set lr: must be a number from 0 to 10, got \"fast\"");
    EXPECT_EQ(refusal("batch", "0"),
              "--set batch: must be a whole number from 1 to 4096, got \"0\"");
    EXPECT_EQ(refusal("balance", "seq"),
              "--set balance: must be none, aux, bias or bias+seq, got \"seq\"");
    EXPECT_EQ(refusal("corpus.poems", "1"),
              "--set corpus.poems: is not a kind of text of the corpus (prose, code)");
    for (const char* value : {"", " 1", "1 ", "1x", "nan", "inf", "-1", "1e99", "0x1", "+1"})
        for (const char* name : {"lr", "gamma", "warmup", "steps", "seq", "seed", "corpus.code"})
            EXPECT_NE(refusal(name, value), "") << name << "=" << value;
    EXPECT_NE(refusal("steps", "1.5"), "");
    EXPECT_NE(refusal("seed", "18446744073709551616"), "");
    const auto unknown = refusal("learning_rate", "1");
    for (const auto& info : train_settings())
        EXPECT_NE(unknown.find(info.name), std::string::npos) << unknown;
    EXPECT_NE(refusal("a\nb", "1").find("a b"), std::string::npos);
}

TEST(Settings, problems_name_what_was_set_past_the_check) {
    TrainSettings s;
    s.lr = std::numeric_limits<double>::quiet_NaN();
    s.seq = 1;
    s.corpus["code"] = -1;
    const auto problems = s.problems();
    ASSERT_EQ(problems.size(), 3U);
    EXPECT_EQ(problems[0], "seq: must be a whole number from 2 to 65536, got 1");
    EXPECT_EQ(problems[1].rfind("lr: ", 0), 0U);
    EXPECT_EQ(problems[2].rfind("corpus.code: ", 0), 0U);
    TrainSettings large;
    large.batch = 4096;
    large.seq = 65536;
    ASSERT_EQ(large.problems().size(), 1U);
}

TEST(Settings, json_round_trip_is_exact) {
    TrainSettings s;
    s.seed = (std::uint64_t{1} << 63) + 1;
    s.corpus = {{"code", 1.0 / 3}, {"prose \"x\"", 0}};
    for (std::uint64_t i = 0; i < 200; ++i) {
        s.lr = 10 * random_uniform(1, 2, i);
        s.adam_eps = 1e-12 * (1 + random_uniform(1, 3, i));
        s.beta2 = 0.9 + 0.09 * random_uniform(1, 4, i);
        EXPECT_EQ(parse_settings(settings_json(s), "f"), s);
    }
    EXPECT_EQ(parse_settings("{}", "f"), TrainSettings{});
    EXPECT_EQ(parse_settings(R"({"later": [1]})", "f"), TrainSettings{});
}

TEST(Settings, a_damaged_file_is_refused_in_one_sentence) {
    for (const auto& [json, reason] : std::vector<std::pair<const char*, const char*>>{
             {"[]", "f.json: must be an object"},
             {"{", "f.json: "},
             {R"({"lr": "x"})", "f.json: lr: must be a number from 0 to 10, got a string"},
             {R"({"lr": null})", "f.json: lr: must be"},
             {R"({"lr": 11})", "f.json: lr: must be a number from 0 to 10, got 11"},
             {R"({"steps": 1.5})", "f.json: steps: must be a whole number"},
             {R"({"steps": -1})", "f.json: steps: "},
             {R"({"seed": -1})", "f.json: seed: "},
             {R"({"balance": "x"})", "f.json: balance: must be none, aux"},
             {R"({"balance": 1})", "f.json: balance: must be none, aux"},
             {R"({"corpus": 1})", "f.json: corpus: must be an object"},
             {R"({"corpus": {"code": -1}})", "f.json: corpus.code: must be a number"},
             {R"({"corpus": {"code": []}})", "f.json: corpus.code: must be a number"},
             {R"({"batch": 4096, "seq": 65536})", "f.json: batch: 4096 sequences"}})
        EXPECT_EQ(parse_refusal(json).rfind(reason, 0), 0U) << json << ": " << parse_refusal(json);
    // Any piece of a file is read or refused.
    const std::string valid = settings_json({});
    for (std::size_t n = 0; n < valid.size(); ++n) parse_refusal(valid.substr(0, n));
}

TEST(ModelFields, each_is_set_by_its_name) {
    ModelConfig c = ModelConfig::preset("nano");
    EXPECT_TRUE(set_model_field(c, "hidden_size", "64"));
    EXPECT_TRUE(set_model_field(c, "q_lora_rank", "null"));
    EXPECT_TRUE(set_model_field(c, "num_attention_heads", "2"));
    EXPECT_TRUE(set_model_field(c, "scoring_func", "softmax"));
    EXPECT_TRUE(set_model_field(c, "rope_theta", "500"));
    EXPECT_TRUE(set_model_field(c, "tie_word_embeddings", "true"));
    EXPECT_TRUE(set_model_field(c, "rope_scaling.factor", "4"));
    EXPECT_TRUE(set_model_field(c, "rope_scaling.type", "yarn"));
    EXPECT_TRUE(set_model_field(c, "rope_scaling.mscale", "0.5"));
    // Unsound for a moment, sound when all are set.
    EXPECT_TRUE(set_model_field(c, "n_routed_experts", "6"));
    EXPECT_FALSE(c.problems().empty());
    EXPECT_TRUE(set_model_field(c, "n_group", "3"));
    EXPECT_TRUE(c.problems().empty());
    ModelConfig expected = ModelConfig::preset("nano");
    expected.hidden_size = 64;
    expected.q_lora_rank.reset();
    expected.num_attention_heads = 2;
    expected.scoring_func = "softmax";
    expected.rope_theta = 500;
    expected.tie_word_embeddings = true;
    expected.rope_scaling.factor = 4;
    expected.rope_scaling.type = "yarn";
    expected.rope_scaling.mscale = 0.5;
    expected.n_routed_experts = 6;
    expected.n_group = 3;
    EXPECT_EQ(c, expected);
    EXPECT_TRUE(set_model_field(c, "q_lora_rank", "16"));
    EXPECT_EQ(c.q_lora_rank, 16);
}

// config.json is the list: a field added there can be set at once, and setting what is there
// already changes nothing.
TEST(ModelFields, all_of_config_json) {
    const auto fields = model_fields();
    const ModelConfig nano = ModelConfig::preset("nano");
    const auto json = nlohmann::json::parse(config_json(nano));
    std::size_t derived = 0;
    for (const auto& [name, value] : json.items()) {
        const bool known = std::find(fields.begin(), fields.end(), name) != fields.end();
        ModelConfig c = nano;
        if (name == "rope_scaling") continue;
        derived += known ? 0 : 1;
        if (!known) continue;
        EXPECT_TRUE(
            set_model_field(c, name, value.is_string() ? value.get<std::string>() : value.dump()))
            << name;
        EXPECT_EQ(c, nano) << name;
    }
    EXPECT_EQ(derived, 6U);
    EXPECT_NE(std::find(fields.begin(), fields.end(), "rope_scaling.beta_fast"), fields.end());
}

TEST(ModelFields, refusals) {
    const auto refused = [](const char* name, const char* value) -> std::string {
        ModelConfig c = ModelConfig::preset("nano");
        try {
            EXPECT_TRUE(set_model_field(c, name, value));
        } catch (const UserError& e) {
            EXPECT_EQ(c, ModelConfig::preset("nano"));
            return e.what();
        }
        return "";
    };
    EXPECT_EQ(refused("hidden_size", "fast"),
              "--set hidden_size: must be a whole number, got \"fast\"");
    EXPECT_EQ(refused("rope_theta", "nan"), "--set rope_theta: must be a number, got \"nan\"");
    EXPECT_EQ(refused("tie_word_embeddings", "1"),
              "--set tie_word_embeddings: must be true or false, got \"1\"");
    EXPECT_EQ(refused("q_lora_rank", "none"),
              "--set q_lora_rank: must be a whole number or null, got \"none\"");
    EXPECT_NE(refused("rope_scaling.type", "x"), "");
    EXPECT_NE(refused("model_type", "llama"), "");
    ModelConfig c;
    for (const char* name : {"lr", "", "rope_scaling", "rope_scaling.", "hidden_act",
                             "rope_scaling.x", "norm_topk_prob"})
        EXPECT_FALSE(set_model_field(c, name, "1")) << name;
    EXPECT_EQ(c, ModelConfig{});
}

}  // namespace
}  // namespace sf
