#include "core/dense_shape.h"

#include "core/known_shapes.h"
#include "core/model/weights.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace sf {
namespace {

// Counted tensor by tensor: what one token of the main model meets, but for the embedding.
std::int64_t met(const ModelConfig& c) {
    std::int64_t sum = 0;
    for (const ParameterSpec& p : parameters(c)) {
        if (p.name.find("embed_tokens") != std::string::npos) continue;
        const auto at = p.name.find("layers.");
        if (at != std::string::npos && std::atoll(p.name.c_str() + at + 7) >= c.num_hidden_layers)
            continue;  // of an MTP module
        const auto expert = p.name.find(".experts.");
        if (expert != std::string::npos &&
            std::atoll(p.name.c_str() + expert + 9) >= c.num_experts_per_tok)
            continue;  // any top_k experts are as large as the first
        sum += p.shape.size();
    }
    return sum;
}

TEST(DenseShape, has_as_many_active_parameters) {
    std::vector<ModelConfig> all;
    for (const std::string& name : ModelConfig::preset_names())
        all.push_back(ModelConfig::preset(name));
    ModelConfig odd = ModelConfig::preset("nano");
    odd.n_shared_experts = 0;
    odd.moe_intermediate_size = 7;
    odd.hidden_size = 19;
    odd.num_hidden_layers = 5;
    odd.moe_layer_freq = 2;
    all.push_back(odd);
    for (const ModelConfig& c : all) {
        const ModelConfig dense = dense_of_equal_active(c);
        EXPECT_EQ(dense.problems(), std::vector<std::string>{});
        EXPECT_EQ(dense.n_routed_experts, 0);
        for (const ParameterSpec& p : parameters(dense))
            EXPECT_EQ(p.name.find("experts"), std::string::npos) << p.name;
        const std::int64_t half_a_unit = 3 * c.hidden_size * c.num_hidden_layers / 2 + 1;
        EXPECT_LE(std::abs(met(dense) - met(c)), half_a_unit);
        EXPECT_LE(std::abs(cost(dense).active_parameters - cost(c).active_parameters), half_a_unit);
        EXPECT_EQ(cost(dense).cache_floats_per_token, cost(c).cache_floats_per_token);
    }
}

TEST(DenseShape, of_a_dense_model_is_the_model) {
    ModelConfig c = ModelConfig::preset("micro");
    c.n_routed_experts = 0;
    EXPECT_EQ(dense_of_equal_active(c), c);
}

// 671B of which 37B work on a token: as a dense model it would have hardly more than those 37B.
TEST(DenseShape, of_deepseek_v3) {
    const ModelConfig dense = dense_of_equal_active(find_shape("deepseek-v3")->config);
    EXPECT_NEAR(static_cast<double>(cost(dense).active_parameters) / 1e9, 36.6, 0.1);
    EXPECT_NEAR(static_cast<double>(cost(dense).parameters) / 1e9, 37.5, 0.1);
    EXPECT_NEAR(static_cast<double>(dense.intermediate_size), 18432, 256);
}

}  // namespace
}  // namespace sf
