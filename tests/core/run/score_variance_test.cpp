#include "core/run/score_variance.h"

#include <gtest/gtest.h>

namespace sf {
namespace {

const std::vector<std::int64_t> widths{8, 16, 32, 64, 128, 256};
const std::vector<std::int64_t> ids{3, 14, 15, 92, 65, 35, 89, 79, 32, 38, 46, 26, 43, 38, 32, 79};

// The sum of d products of independent numbers has d times the variance of one.
TEST(ScoreVariance, grows_with_the_width_and_not_when_divided) {
    const auto all = score_variances(ModelConfig::preset("micro"), ids, widths, 1);
    ASSERT_EQ(all.size(), widths.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
        EXPECT_EQ(all[i].d, widths[i]);
        EXPECT_EQ(all[i].pairs, 4 * 16 * 17 / 2);
        EXPECT_NEAR(all[i].raw / all[i].scaled, static_cast<double>(all[i].d), 1e-3 * 256);
    }
    const double raw = all.back().raw / all.front().raw,
                 scaled = all.back().scaled / all.front().scaled;
    EXPECT_GT(raw, 8);
    EXPECT_GT(scaled, 0.25);
    EXPECT_LT(scaled, 4);
}

TEST(ScoreVariance, same_seed_same_numbers_and_can_be_stopped) {
    const auto config = ModelConfig::preset("nano");
    const auto a = score_variances(config, ids, widths, 5),
               b = score_variances(config, ids, widths, 5);
    for (std::size_t i = 0; i < a.size(); ++i) EXPECT_EQ(a[i].scaled, b[i].scaled);
    int asked = 0;
    EXPECT_EQ(score_variances(config, ids, widths, 5, [&] { return ++asked > 2; }).size(), 2U);
}

}  // namespace
}  // namespace sf
