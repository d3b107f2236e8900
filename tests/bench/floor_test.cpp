#include "tests/bench/floor.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sf {
namespace {

// Multiply-adds of one token's forward pass by the formulas, attention's at a mean of `context`.
double macs(const ModelConfig& c, double context, bool moe) {
    const auto D = static_cast<double>(c.hidden_size),
               H = static_cast<double>(c.num_attention_heads);
    const auto q = static_cast<double>(*c.q_lora_rank), kv = static_cast<double>(c.kv_lora_rank);
    const auto nope = static_cast<double>(c.qk_nope_head_dim),
               rope = static_cast<double>(c.qk_rope_head_dim),
               v = static_cast<double>(c.v_head_dim);
    const double projections =
        D * q + q * H * (nope + rope) + D * (kv + rope) + kv * H * (nope + v) + H * v * D;
    const double attention = H * context * (nope + rope + v);
    const auto I = static_cast<double>(c.moe_intermediate_size);
    const double ffn =
        moe ? D * static_cast<double>(c.n_routed_experts) +
                  3 * D * I * static_cast<double>(c.num_experts_per_tok + c.n_shared_experts)
            : 3 * D * static_cast<double>(c.intermediate_size);
    return projections + attention + ffn;
}

TEST(Floor, FlopsOfTheBenchPreset) {
    const auto c = ModelConfig::preset("bench");
    const double head = static_cast<double>(c.hidden_size * c.vocab_size), D = 128;
    const double main = macs(c, 64.5, false) + 3 * macs(c, 64.5, true) + head;
    // The MTP module has no input for the last position.
    const double mtp = macs(c, 64, true) + 2 * D * D + head;

    const auto forward = forward_products(c, 8, 128);
    EXPECT_NEAR(product_flops(forward, true) / 1024, 2 * main, 1);
    EXPECT_GT(product_flops(forward, false), product_flops(forward, true));

    const auto training = training_products(c, 8, 128);
    const double per_token = product_flops(training, true) / 1024;
    EXPECT_NEAR(per_token, 6 * (main + mtp * 127 / 128), 10);
    // 7.70 MFLOP a token with an input for every position, as the peer counts.
    EXPECT_NEAR(6 * (main + macs(c, 64.5, true) + 2 * D * D + head), 7.70e6, 0.005e6);
    EXPECT_NEAR(per_token, 7.70e6, 0.03e6);
}

TEST(Floor, DecodeReadsActiveWeightsAndTheLatentCache) {
    const auto c = ModelConfig::preset("bench");
    const double weights = macs(c, 0, false) + 3 * macs(c, 0, true) +
                           static_cast<double>(c.hidden_size * c.vocab_size);
    EXPECT_EQ(decode_bytes(c, 64), sizeof(Real) * (weights + 4.0 * 64 * (64 + 16)));
}

TEST(Floor, OddLengthsKeepTheirShare) {
    auto c = ModelConfig::preset("bench");
    c.n_routed_experts = c.num_experts_per_tok;  // so that loads are even at any length
    for (const std::int64_t tokens : {1, 2, 3, 7, 128}) {
        const auto length = static_cast<double>(tokens), context = (length + 1) / 2;
        EXPECT_NEAR(product_flops(forward_products(c, 2, tokens), true),
                    4 * length *
                        (macs(c, context, false) + 3 * macs(c, context, true) +
                         static_cast<double>(c.hidden_size * c.vocab_size)),
                    1)
            << tokens;
    }
}

TEST(Products, EigenAndOurKernelMultiplyTheSame) {
    for (const Operands operands : {Operands::streamed, Operands::cached})
        for (const Form form : {Form::forward, Form::input_gradient, Form::weight_gradient})
            for (const std::int64_t m : {std::int64_t{1}, std::int64_t{37}}) {
                Products products({{form, m, 45, 70, 2}}, operands);
                Products mine({{form, m, 45, 70, 2}}, operands);
                const double before = products.sum();
                products.eigen();
                mine.own();
                EXPECT_NEAR(mine.sum(), products.sum(), 1e-3 * std::abs(products.sum()) + 1e-2);
                EXPECT_GT(std::abs(products.sum() - before), 0.1);
            }
}

// A whole step's list, all forms in the memory they share or do not share.
TEST(Products, AStepRuns) {
    const auto c = ModelConfig::preset("bench");
    Products products(training_products(c, 1, 16), Operands::streamed);
    products.eigen();
    const double eigen = products.sum();
    products.own();
    EXPECT_NEAR(products.sum(), eigen, 1e-3 * std::abs(eigen) + 1e-1);
}

}  // namespace
}  // namespace sf
