#include "core/run/softmax_passes.h"

#include "core/io/half.h"
#include "core/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace sf {
namespace {

std::vector<Real> numbers(std::int64_t n, std::uint64_t stream, double scale = 1) {
    std::vector<Real> v;
    for (std::int64_t i = 0; i < n; ++i)
        v.push_back(
            static_cast<Real>(scale * random_normal(2, stream, static_cast<std::uint64_t>(i))));
    return v;
}

std::vector<std::int64_t> tiles_of(std::int64_t n, std::int64_t tile, bool backward = false) {
    std::vector<std::int64_t> order(static_cast<std::size_t>((n + tile - 1) / tile));
    std::iota(order.begin(), order.end(), 0);
    if (backward) std::reverse(order.begin(), order.end());
    return order;
}

TEST(SoftmaxPasses, all_three_give_the_same_and_count_the_formula) {
    const std::int64_t width = 5, ld = 7;
    for (const std::int64_t n : {1, 2, 7, 33}) {
        const auto scores = numbers(n, 1, 4), values = numbers(n * ld, 2);
        const SoftmaxRow row{scores.data(), n, values.data(), width, ld};
        const SoftmaxResult three = three_pass(row), two = two_pass(row);
        EXPECT_EQ(three.traffic, traffic_formula(3, n, width));
        EXPECT_EQ(two.traffic, traffic_formula(2, n, width));
        EXPECT_EQ(three.traffic.row(), 5 * n);
        EXPECT_EQ(two.traffic.row(), 4 * n);
        for (std::int64_t tile = 1; tile <= n + 1; ++tile)
            for (const bool backward : {false, true}) {
                const auto order = tiles_of(n, tile, backward);
                const SoftmaxResult one = one_pass(row, tile, order);
                EXPECT_EQ(one.traffic, traffic_formula(1, n, width));
                EXPECT_EQ(one.traffic.row(), n);
                EXPECT_EQ(one.m, three.m);
                EXPECT_NEAR(one.d, three.d, 1e-5 * static_cast<double>(three.d));
                EXPECT_NEAR(two.d, three.d, 1e-5 * static_cast<double>(three.d));
                ASSERT_EQ(one.states.size(), order.size());
                for (std::size_t c = 0; c < 5; ++c) {
                    EXPECT_NEAR(one.o[c], three.o[c], 1e-5);
                    EXPECT_NEAR(two.o[c], three.o[c], 1e-5);
                }
            }
    }
}

TEST(SoftmaxPasses, in_natural_order_the_states_are_those_of_online_softmax) {
    const std::int64_t n = 21, width = 4, tile = 6;
    const auto scores = numbers(n, 3, 3), values = numbers(n * width, 4);
    const auto one =
        one_pass({scores.data(), n, values.data(), width, width}, tile, tiles_of(n, tile));
    const auto want = online_softmax(scores.data(), n, values.data(), width, width, tile);
    ASSERT_EQ(one.states.size(), want.size());
    for (std::size_t j = 0; j < want.size(); ++j) {
        EXPECT_EQ(one.states[j].m, want[j].m);
        EXPECT_EQ(one.states[j].d, want[j].d);
        EXPECT_EQ(one.states[j].o, want[j].o);
    }
}

TEST(SoftmaxPasses, half_without_the_maximum_overflows_where_binary16_does) {
    EXPECT_TRUE(std::isfinite(half_exp(11.0F)));
    EXPECT_TRUE(std::isinf(half_exp(11.1F)));
    std::vector<Real> scores{1, 2, 3};
    const std::vector<Real> values{1, -1, 2};
    const auto states = half_softmax({scores.data(), 3, values.data(), 1, 1}, 1, tiles_of(3, 1));
    const double d = std::exp(1.0) + std::exp(2.0) + std::exp(3.0);
    EXPECT_NEAR(states.back().d, d, d * 2e-3);
    EXPECT_EQ(states.back().d, to_half(states.back().d));
    scores[1] = 12;
    const auto over = half_softmax({scores.data(), 3, values.data(), 1, 1}, 1, tiles_of(3, 1));
    EXPECT_TRUE(std::isfinite(over[0].d));
    EXPECT_TRUE(std::isinf(over[1].d));
    EXPECT_TRUE(std::isnan(over[2].o[0] / over[2].d));
}

TEST(Half, every_half_survives_and_others_go_to_the_nearest) {
    for (std::uint32_t bits = 0; bits <= 0xFFFFU; ++bits) {
        const float value = from_f16(static_cast<std::uint16_t>(bits));
        if (std::isnan(value))
            EXPECT_TRUE(std::isnan(to_half(value)));
        else
            EXPECT_EQ(to_f16(value), bits);
    }
    for (std::uint32_t bits = 0; bits < 0x7BFFU; ++bits) {
        const float a = from_f16(static_cast<std::uint16_t>(bits));
        const float b = from_f16(static_cast<std::uint16_t>(bits + 1));
        const float middle = a / 2 + b / 2;  // exact in float: ties to even
        EXPECT_EQ(to_f16(middle) & 1U, 0U) << bits;
        EXPECT_EQ(to_f16(std::nextafter(middle, 0.0F)), bits);
        EXPECT_EQ(to_f16(std::nextafter(middle, 1e9F)), bits + 1);
    }
    EXPECT_EQ(to_f16(65519.9F), 0x7BFFU);
    EXPECT_EQ(to_f16(65520.0F), 0x7C00U);
    EXPECT_EQ(to_f16(-1e30F), 0xFC00U);
    EXPECT_EQ(to_f16(std::numeric_limits<float>::infinity()), 0x7C00U);
}

}  // namespace
}  // namespace sf
