#include "core/random.h"
#include "tests/support/plain_model.h"
#include "tests/support/reference.h"

#include <gtest/gtest.h>

// Configurations that the golden data do not hold, against a plain implementation in double.

namespace sf {
namespace {

// Also built with the core in double (sf_test_core_model_f64), where agreement is tight.
constexpr bool in_double = sizeof(Real) == sizeof(double);

// Weights large enough that every part matters, norms and biases that are not 1 and 0.
ModelPtr strong_model(const ModelConfig& config, std::uint64_t seed) {
    auto model = std::make_shared<Model>();
    model->name = "variant";
    model->config = config;
    auto weights = std::make_shared<Weights>();
    for (const ParameterSpec& p : parameters(config)) {
        auto t = std::make_shared<Tensor>(p.shape, DType::real);
        const bool vector = p.shape.rank == 1;
        const double scale = vector ? 0.2 : 1.0 / std::sqrt(static_cast<double>(p.shape.cols()));
        const bool bias = p.name.find("correction_bias") != std::string::npos;
        for (std::size_t i = 0; i < t->real.size(); ++i)
            t->real[i] = static_cast<Real>((vector && !bias ? 1.0 : 0.0) +
                                           scale * random_normal(seed, stream_of(p.name), i));
        weights->tensors[p.name] = std::move(t);
    }
    model->weights = std::move(weights);
    return model;
}

struct Variant {
    const char* name;
    void (*change)(ModelConfig&);
};
void PrintTo(const Variant& v, std::ostream* out) {
    *out << v.name;
}

ModelConfig small_config() {
    ModelConfig c;
    c.vocab_size = 53;
    c.hidden_size = 24;
    c.num_hidden_layers = 3;
    c.num_attention_heads = 3;
    c.qk_nope_head_dim = 10;
    c.qk_rope_head_dim = 8;
    c.v_head_dim = 7;
    c.kv_lora_rank = 12;
    c.intermediate_size = 30;
    c.moe_intermediate_size = 11;
    c.n_routed_experts = 12;
    c.num_experts_per_tok = 3;
    c.max_position_embeddings = 80;
    return c;
}

const Variant variants[] = {
    {"v3",
     [](ModelConfig& c) {
         c.q_lora_rank = 14;
         c.n_group = 4;
         c.topk_group = 2;
     }},
    {"v2_lite",
     [](ModelConfig& c) {
         c.scoring_func = "softmax";
         c.topk_method = "greedy";
         c.n_shared_experts = 2;
     }},
    {"v2_groups_by_maximum",
     [](ModelConfig& c) {
         c.scoring_func = "softmax";
         c.topk_method = "group_limited_greedy";
         c.n_group = 6;
         c.topk_group = 2;
         c.routed_scaling_factor = 16;
         c.n_shared_experts = 2;
         c.q_lora_rank = 9;
     }},
    {"softmax_with_bias",
     [](ModelConfig& c) {
         c.scoring_func = "softmax";
         c.n_group = 3;
         c.topk_group = 1;
     }},
    {"sigmoid_without_bias",
     [](ModelConfig& c) {
         c.topk_method = "group_limited_greedy";
         c.n_group = 12;
         c.topk_group = 5;
     }},
    {"no_shared_expert", [](ModelConfig& c) { c.n_shared_experts = 0; }},
    {"all_dense", [](ModelConfig& c) { c.first_k_dense_replace = 3; }},
    {"all_moe_every_expert",
     [](ModelConfig& c) {
         c.first_k_dense_replace = 0;
         c.num_experts_per_tok = 12;
         c.routed_scaling_factor = 0.7;
     }},
    {"every_second_layer_moe", [](ModelConfig& c) { c.moe_layer_freq = 2; }},
    {"linear_scaling",
     [](ModelConfig& c) {
         c.rope_scaling.type = "linear";
         c.rope_scaling.factor = 4;
     }},
    {"ntk_scaling",
     [](ModelConfig& c) {
         c.rope_scaling.type = "ntk";
         c.rope_scaling.factor = 8;
     }},
    {"yarn",
     [](ModelConfig& c) {
         c.rope_scaling = {"yarn", 5, 16, 32, 1, 0.707};
         c.q_lora_rank = 14;
     }},
    {"yarn_within_the_original_length",
     [](ModelConfig& c) { c.rope_scaling = {"yarn", 5, 80, 32, 1, 1}; }},
    {"multi_query",
     [](ModelConfig& c) {
         c.attention_kind = "gqa";
         c.num_key_value_heads = 1;
     }},
    {"multi_head",
     [](ModelConfig& c) {
         c.attention_kind = "gqa";
         c.num_key_value_heads = 3;
         c.q_lora_rank = 14;
         c.num_nextn_predict_layers = 1;
     }},
    {"grouped_query",
     [](ModelConfig& c) {
         c.attention_kind = "gqa";
         c.num_attention_heads = 6;
         c.num_key_value_heads = 2;
         c.rope_scaling = {"yarn", 5, 16, 32, 1, 0.707};
     }},
    {"tied_with_large_eps",
     [](ModelConfig& c) {
         c.tie_word_embeddings = true;
         c.rms_norm_eps = 0.01;
     }},
    {"three_parallel_mtp_modules",
     [](ModelConfig& c) {
         c.num_nextn_predict_layers = 3;
         c.mtp_kind = "parallel";
         c.q_lora_rank = 14;
     }},
    {"three_mtp_modules",
     [](ModelConfig& c) {
         c.num_nextn_predict_layers = 3;
         c.n_group = 4;
         c.topk_group = 2;
     }},
};

class Variants : public testing::TestWithParam<Variant> {};

TEST_P(Variants, equal_the_plain_implementation_in_every_mode) {
    ModelConfig config = small_config();
    GetParam().change(config);
    ASSERT_TRUE(config.problems().empty()) << config.problems().front();
    const auto model = strong_model(config, 5);
    std::vector<std::int64_t> ids;
    for (std::uint64_t i = 0; i < 41; ++i)
        ids.push_back(static_cast<std::int64_t>(random_bits(1, 2, i) % 53));

    test::PlainModel plain(*model);
    plain.run(ids);
    for (const auto mode : {AttentionMode::naive, AttentionMode::absorbed}) {
        RunOptions options;
        options.attention = mode;
        const auto trace = run_trace(model, {ids}, options);
        for (const auto& [name, rows] : plain.seen) {
            // Without a shared expert the routed output is the layer's.
            if (config.n_shared_experts == 0 && name.find("routed_out") != std::string::npos)
                continue;
            const Tensor* have = trace->find(name);
            ASSERT_NE(have, nullptr) << name;
            const auto cols = static_cast<std::int64_t>(rows.empty() ? 0 : rows[0].size());
            ASSERT_EQ(have->size(), static_cast<std::int64_t>(rows.size()) * cols) << name;
            double worst = 0, largest = 1;
            for (std::size_t r = 0; r < rows.size(); ++r)
                for (std::size_t i = 0; i < rows[r].size(); ++i) {
                    const double got = have->at(static_cast<std::int64_t>(r) * cols +
                                                static_cast<std::int64_t>(i));
                    largest = std::max(largest, std::fabs(rows[r][i]));
                    worst = std::max(worst, std::fabs(got - rows[r][i]));
                }
            EXPECT_LE(worst / largest, in_double ? 1e-12 : 2e-5) << name;
        }
        const Tensor steps = decode_logits(model, {ids}, 7, mode);
        double worst = 0;
        for (std::int64_t s = 0; s < steps.shape[1]; ++s)
            for (std::int64_t i = 0; i < config.vocab_size; ++i)
                worst =
                    std::max(worst, std::fabs(steps.at(s * config.vocab_size + i) -
                                              plain.seen["logits"][static_cast<std::size_t>(s + 6)]
                                                        [static_cast<std::size_t>(i)]));
        EXPECT_LE(worst, in_double ? 1e-11 : 1e-4);
    }
}

INSTANTIATE_TEST_SUITE_P(All, Variants, testing::ValuesIn(variants),
                         testing::PrintToStringParamName());

TEST(Variants, experts_all_active_and_alike_are_one_dense_network) {
    ModelConfig config = small_config();
    config.first_k_dense_replace = 0;
    config.num_experts_per_tok = 12;
    config.n_shared_experts = 0;
    const auto base = strong_model(config, 6);
    // Every expert carries expert 0's weights: gates sum to 1, so the layer is that one network.
    auto weights = std::make_shared<Weights>(*base->weights);
    for (auto& [name, tensor] : weights->tensors)
        if (const auto at = name.find("experts."); at != std::string::npos) {
            const auto end = name.find('.', at + 8);
            tensor = base->weights->tensors.at(name.substr(0, at + 8) + "0" + name.substr(end));
        }
    auto model = std::make_shared<Model>(*base);
    model->weights = weights;
    const auto trace = run_trace(model, {{1, 2, 3, 4, 5, 6, 7}});
    const Tensor *x = trace->find("layers.0.ffn_in"), *y = trace->find("layers.0.ffn_out");
    const std::string e = "model.layers.0.mlp.experts.0.";
    for (std::int64_t t = 0; t < 7; ++t)
        for (std::int64_t o = 0; o < 24; ++o) {
            double want = 0;
            for (std::int64_t i = 0; i < 11; ++i) {
                double g = 0, u = 0;
                for (std::int64_t d = 0; d < 24; ++d) {
                    g += x->at(t * 24 + d) * weights->at(e + "gate_proj.weight").at(i * 24 + d);
                    u += x->at(t * 24 + d) * weights->at(e + "up_proj.weight").at(i * 24 + d);
                }
                want +=
                    g / (1 + std::exp(-g)) * u * weights->at(e + "down_proj.weight").at(o * 11 + i);
            }
            EXPECT_NEAR(y->at(t * 24 + o), want, 1e-5);
        }
}

}  // namespace
}  // namespace sf
