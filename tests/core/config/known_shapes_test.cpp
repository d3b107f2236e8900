#include "core/known_shapes.h"

#include <gtest/gtest.h>

// Against the published figures, worked out by hand.

namespace sf {
namespace {

const ModelConfig& shape(const char* id) {
    const KnownShape* s = find_shape(id);
    if (!s) throw std::runtime_error(id);
    return s->config;
}

TEST(KnownShapes, are_sound) {
    for (const KnownShape& s : known_shapes())
        EXPECT_EQ(s.config.problems(), std::vector<std::string>{}) << s.id;
    EXPECT_EQ(find_shape("gpt"), nullptr);
}

TEST(KnownShapes, have_the_published_numbers_of_parameters) {
    const auto billions = [](const char* id) {
        return static_cast<double>(cost(shape(id)).parameters) / 1e9;
    };
    EXPECT_NEAR(billions("deepseek-v2"), 235.7, 0.1);
    EXPECT_NEAR(billions("deepseek-v2-lite"), 15.7, 0.05);
    EXPECT_NEAR(billions("deepseek-v3"), 671.03, 0.01);
    EXPECT_NEAR(billions("deepseek-67b"), 67.4, 0.1);
    EXPECT_NEAR(billions("llama-3-70b"), 70.55, 0.01);
}

TEST(KnownShapes, elements_cached_a_token) {
    const auto elements = [](const char* id) { return cost(shape(id)).cache_floats_per_token; };
    EXPECT_EQ(cache_widths(shape("deepseek-v3"))[0] + cache_widths(shape("deepseek-v3"))[1], 576);
    EXPECT_EQ(elements("deepseek-v3"), 61 * 576);
    EXPECT_EQ(elements("deepseek-v2"), 60 * 576);
    EXPECT_EQ(elements("deepseek-v2-lite"), 27 * 576);
    EXPECT_EQ(elements("deepseek-67b"), 95 * 2 * 8 * 128);
    EXPECT_EQ(elements("llama-3-70b"), 80 * 2 * 8 * 128);
}

// DeepSeek-V2, section 3.2.3: 93.3 % less cache than DeepSeek 67B, with 6 bits an element
// against 16.
TEST(KnownShapes, v2_against_the_dense_67b) {
    const auto less = [](double bits) {
        return 1 - cache_bytes(shape("deepseek-v2"), 1, bits) /
                       cache_bytes(shape("deepseek-67b"), 1, 16);
    };
    EXPECT_NEAR(less(16), 0.822, 0.0005);
    EXPECT_NEAR(less(6), 0.933, 0.0005);
}

TEST(KnownShapes, bytes_at_a_context_length) {
    EXPECT_EQ(cache_bytes(shape("deepseek-v3"), 131072, 16), 35136.0 * 131072 * 2);
    EXPECT_EQ(cache_bytes(shape("deepseek-v3"), 1, 16), 70272);
    EXPECT_EQ(cache_bytes(shape("llama-3-70b"), 4096, 8), 163840.0 * 4096);
}

}  // namespace
}  // namespace sf
