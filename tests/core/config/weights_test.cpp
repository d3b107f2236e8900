#include "core/model/weights.h"
#include "core/error.h"
#include "core/io/checkpoint.h"
#include "core/io/tokenizer_json.h"
#include "core/model/model.h"
#include "core/random.h"

#include <gtest/gtest.h>
#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

namespace sf {
namespace {

class Golden : public testing::TestWithParam<const char*> {};

// Names and shapes are those of the reference checkpoints, nothing missing and nothing more.
TEST_P(Golden, parameters_are_those_of_the_checkpoint) {
    const auto folder = std::filesystem::path(SF_SOURCE_DIR) / "tests" / "reference" / GetParam();
    const auto config = read_config(folder / "config.json");
    const SafetensorsFile file(folder / "model.safetensors");
    std::set<std::string> named;
    for (const auto& spec : parameters(config)) {
        EXPECT_TRUE(named.insert(spec.name).second) << spec.name;
        const auto found = file.entries().find(spec.name);
        ASSERT_NE(found, file.entries().end()) << spec.name;
        Shape shape;
        for (const auto d : found->second.shape) shape.push(d);
        EXPECT_EQ(to_string(spec.shape), to_string(shape)) << spec.name;
    }
    for (const auto& [name, entry] : file.entries()) {
        const bool copy =
            name.ends_with(".embed_tokens.weight") || name.ends_with(".shared_head.head.weight");
        EXPECT_TRUE(named.contains(name) || (copy && name.starts_with("model.layers."))) << name;
    }
}

INSTANTIATE_TEST_SUITE_P(all, Golden, testing::Values("A", "B", "C", "B_mtp"));

TEST(Weights, parameters_follow_the_config) {
    ModelConfig c = ModelConfig::preset("nano");
    c.n_shared_experts = 2;
    c.topk_method = "group_limited_greedy";
    c.tie_word_embeddings = true;
    c.q_lora_rank.reset();
    std::map<std::string, Shape> by_name;
    for (const auto& spec : parameters(c)) by_name[spec.name] = spec.shape;
    EXPECT_EQ(by_name.at("model.layers.1.mlp.shared_experts.up_proj.weight"), (Shape{48, 48}));
    EXPECT_EQ(by_name.at("model.layers.0.self_attn.q_proj.weight"), (Shape{80, 48}));
    EXPECT_EQ(by_name.at("model.layers.3.eh_proj.weight"), (Shape{48, 96}));
    EXPECT_FALSE(by_name.contains("lm_head.weight"));
    EXPECT_FALSE(by_name.contains("model.layers.1.mlp.gate.e_score_correction_bias"));
    EXPECT_FALSE(by_name.contains("model.layers.0.self_attn.q_a_proj.weight"));
    c.n_shared_experts = 0;
    for (const auto& spec : parameters(c))
        EXPECT_EQ(spec.name.find("shared_experts"), std::string::npos);
}

TEST(Weights, initial_values_are_as_described) {
    const auto config = ModelConfig::preset("nano");
    const auto weights = initial_weights(config, 7);
    EXPECT_EQ(weights->trained_step, 0);
    EXPECT_EQ(weights->tensors.size(), parameters(config).size());
    for (const auto v : weights->at("model.norm.weight").real) EXPECT_EQ(v, Real{1});
    for (const auto v : weights->at("model.layers.1.mlp.gate.e_score_correction_bias").real)
        EXPECT_EQ(v, Real{0});

    const auto& x = weights->at("model.embed_tokens.weight").real;
    double sum = 0, squares = 0;
    for (const auto v : x) {
        sum += v;
        squares += static_cast<double>(v) * v;
    }
    const auto n = static_cast<double>(x.size());
    EXPECT_NEAR(sum / n, 0, 4 * 0.02 / std::sqrt(n));
    EXPECT_NEAR(std::sqrt(squares / n), 0.02, 4 * 0.02 / std::sqrt(2 * n));
}

TEST(Weights, bits_depend_on_name_and_seed_alone) {
    ModelConfig config = ModelConfig::preset("nano");
    const auto a = initial_weights(config, 7);
    config.num_hidden_layers = 2;  // fewer layers, the same numbers in those that stay
    const auto b = initial_weights(config, 7);
    const auto other = initial_weights(config, 8);
    const std::string name = "model.layers.1.mlp.experts.3.up_proj.weight";
    EXPECT_EQ(a->at(name).real, b->at(name).real);
    EXPECT_NE(a->at(name).real, other->at(name).real);
    EXPECT_NE(a->at(name).real, a->at("model.layers.1.mlp.experts.2.up_proj.weight").real);
}

TEST(Weights, missing_name_is_a_shape_error) {
    EXPECT_THROW(initial_weights(ModelConfig::preset("nano"), 0)->at("nothing"), ShapeError);
}

TEST(Weights, absurd_models_are_refused_before_allocation) {
    ModelConfig c = ModelConfig::preset("nano");
    c.hidden_size = c.intermediate_size = 1 << 19;
    EXPECT_THROW(initial_weights(c, 0), UserError);
    c.n_group = 3;
    EXPECT_THROW(initial_weights(c, 0), UserError);
}

TEST(Random, uniform_is_in_range_and_spread) {
    double sum = 0;
    for (std::uint64_t i = 0; i < 10000; ++i) {
        const double u = random_uniform(1, 2, i);
        ASSERT_GE(u, 0);
        ASSERT_LT(u, 1);
        sum += u;
    }
    EXPECT_NEAR(sum / 10000, 0.5, 4 * std::sqrt(1.0 / 12 / 10000));
}

TEST(Random, neighbours_do_not_correlate) {
    double in_pair = 0, across = 0, streams = 0;
    constexpr std::uint64_t n = 20000;
    for (std::uint64_t i = 0; i < n; i += 2) {
        in_pair += random_normal(1, 2, i) * random_normal(1, 2, i + 1);
        across += random_normal(1, 2, i + 1) * random_normal(1, 2, i + 2);
        streams += random_normal(1, 2, i) * random_normal(1, 3, i);
    }
    const double limit = 4 * std::sqrt(n / 2.0);
    EXPECT_LT(std::abs(in_pair), limit);
    EXPECT_LT(std::abs(across), limit);
    EXPECT_LT(std::abs(streams), limit);
}

std::string error_of(const std::function<void()>& action) {
    try {
        action();
    } catch (const UserError& e) {
        return e.what();
    }
    return "";
}

TEST(Model, preset_reads_text) {
    const auto model = preset_model("nano", 3);
    EXPECT_EQ(model->name, "nano");
    EXPECT_EQ(model->encode("ab"), (std::vector<std::int64_t>{97, 98}));
    EXPECT_EQ(model->label(97), "a");
    EXPECT_EQ(model->label(257), "⟨257⟩");
}

TEST(Model, bad_prompts_are_named) {
    auto model = *preset_model("nano", 3);
    EXPECT_EQ(error_of([&] { model.encode(""); }), "prompt: is empty");
    EXPECT_EQ(error_of([&] { model.encode("ab\xFF"); }), "prompt: byte 2 is not valid UTF-8");
    EXPECT_EQ(error_of([&] { model.encode(std::string(257, 'a')); }),
              "prompt: has 257 tokens, the model's context holds 256 (max_position_embeddings)");
    EXPECT_EQ(model.encode(std::string(256, 'a')).size(), 256U);
    model.tokenizer = nullptr;
    EXPECT_NE(error_of([&] { model.encode("a"); }).find("give ids instead"), std::string::npos);
    EXPECT_EQ(model.label(97), "⟨97⟩");
}

TEST(Model, bad_ids_are_named) {
    const auto model = preset_model("nano", 3);
    EXPECT_EQ(error_of([&] { model->check_ids({0, 257}, "x.json"); }), "");
    EXPECT_EQ(error_of([&] { model->check_ids({}, "x.json"); }), "x.json: a sequence is empty");
    EXPECT_EQ(error_of([&] {
                  model->check_ids({0, 258}, "x.json");
              }),
              "x.json: id 258 at position 1 is outside the vocabulary of 258");
    EXPECT_NE(error_of([&] { model->check_ids({-1}, "x.json"); }), "");
    EXPECT_NE(error_of([&] { model->check_ids(std::vector<std::int64_t>(257), "x.json"); }), "");
}

TEST(Model, loads_a_folder) {
    const auto folder = std::filesystem::path(SF_SOURCE_DIR) / "tests" / "reference" / "B_mtp";
    const auto model = load_model(folder / "");
    EXPECT_EQ(model->name, "B_mtp");
    EXPECT_EQ(model->tokenizer, nullptr);  // 83 ids are no bytes
    EXPECT_EQ(model->weights->tensors.size(), parameters(model->config).size());
    EXPECT_NE(error_of([&] { load_model(folder / "nowhere"); }).find("is not a folder"),
              std::string::npos);
}

TEST(Model, reads_the_tokenizer_beside_it) {
    const auto folder = std::filesystem::path(testing::TempDir()) / "sf_with_tokenizer";
    std::filesystem::create_directories(folder);
    const auto nano = preset_model("nano", 1);
    write_file(folder / "config.json", config_json(nano->config));
    write_weights(folder / "model.safetensors", *nano->weights, StoredType::f32);
    EXPECT_EQ(load_model(folder)->encode("a"), (std::vector<std::int64_t>{97}));

    const std::vector<std::string_view> documents{"the cat, the cat"};
    const auto write_trained = [&](std::int64_t vocab_size) {
        write_file(folder / "tokenizer.json",
                   tokenizer_json(*train_bpe(documents, {vocab_size, 0, 1, "corpus"})));
    };
    write_trained(258);
    EXPECT_EQ(load_model(folder)->encode("a"), (std::vector<std::int64_t>{99}));
    EXPECT_EQ(load_model(folder)->label(0), "<|bos|>");
    // More ids than the model's 258.
    write_trained(259);
    const std::string sentence = error_of([&] { load_model(folder); });
    for (const char* part : {"tokenizer.json", "258", "config.json", "vocab_size"})
        EXPECT_NE(sentence.find(part), std::string::npos) << sentence;
    write_file(folder / "tokenizer.json", "{}");
    EXPECT_NE(error_of([&] { load_model(folder); }).find("tokenizer.json: "), std::string::npos);
    std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace sf
