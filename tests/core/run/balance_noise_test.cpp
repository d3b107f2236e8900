#include "core/run/balance_noise.h"

#include "core/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace sf {
namespace {

// Tokens that each choose top_k different experts, dealt like cards.
double simulated(std::int64_t tokens, std::int64_t top_k, std::int64_t experts, int repeats) {
    std::uint64_t at = 0;
    double sum = 0;
    std::vector<std::int64_t> cards(static_cast<std::size_t>(experts));
    for (int r = 0; r < repeats; ++r) {
        std::vector<std::int64_t> load(cards.size());
        std::iota(cards.begin(), cards.end(), 0);
        for (std::int64_t t = 0; t < tokens; ++t)
            for (std::int64_t k = 0; k < top_k; ++k) {
                const auto other = k + static_cast<std::int64_t>(random_uniform(1, 2, at++) *
                                                                 static_cast<double>(experts - k));
                std::swap(cards[static_cast<std::size_t>(k)],
                          cards[static_cast<std::size_t>(other)]);
                ++load[static_cast<std::size_t>(cards[static_cast<std::size_t>(k)])];
            }
        sum += static_cast<double>(*std::max_element(load.begin(), load.end())) *
                   static_cast<double>(experts) / static_cast<double>(tokens * top_k) -
               1;
    }
    return sum / repeats;
}

TEST(BalancedNoise, IsWhatASimulationGives) {
    struct Case {
        std::int64_t tokens, top_k, experts;
        int repeats;
    };
    for (const auto& [tokens, top_k, experts, repeats] :
         {Case{512, 4, 16, 2000}, Case{64, 2, 16, 4000}, Case{256, 8, 256, 600},
          Case{1024, 1, 8, 1000}, Case{32, 1, 4, 8000}, Case{128, 2, 4, 8000}}) {
        const double noise = BalancedNoise(top_k, experts)(tokens),
                     seen = simulated(tokens, top_k, experts, repeats);
        EXPECT_NEAR(noise / seen, 1, 0.035) << tokens << " " << top_k << " " << experts;
    }
    EXPECT_NEAR(BalancedNoise(2, 16)(16) / simulated(16, 2, 16, 8000), 1, 0.12);
}

TEST(BalancedNoise, EndsAndErrors) {
    EXPECT_EQ(BalancedNoise(1, 1)(100), 0);
    EXPECT_EQ(BalancedNoise(4, 4)(100), 0);
    EXPECT_TRUE(std::isnan(BalancedNoise(2, 8)(0)));
    // Four times the tokens, half the noise.
    const BalancedNoise noise(4, 16);
    EXPECT_NEAR(noise(400000) / noise(100000), 0.5, 0.002);
}

}  // namespace
}  // namespace sf
