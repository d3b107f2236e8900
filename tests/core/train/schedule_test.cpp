#include "core/train/schedule.h"

#include <gtest/gtest.h>
#include <cmath>
#include <numbers>

namespace sf {
namespace {

TrainSettings thousand() {
    TrainSettings s;
    s.steps = 1000;
    s.lr = 0.01;
    s.warmup = 50;
    s.decay_fraction = 0.4;
    s.min_lr_ratio = 0.1;
    return s;
}

TEST(Schedule, rises_stays_falls) {
    const TrainSettings s = thousand();
    EXPECT_DOUBLE_EQ(learning_rate(s, 0), 0.01 / 50);
    EXPECT_DOUBLE_EQ(learning_rate(s, 24), 0.005);
    for (std::int64_t step = 49; step < 600; ++step) EXPECT_EQ(learning_rate(s, step), 0.01);
    EXPECT_LT(learning_rate(s, 600), 0.01);
    // Half way down the cosine: the mean of both ends.
    EXPECT_NEAR(learning_rate(s, 799), 0.0055, 1e-15);
    EXPECT_NEAR(learning_rate(s, 699), 0.001 + 0.009 * 0.5 * (1 + std::sqrt(0.5)), 1e-15);
    EXPECT_DOUBLE_EQ(learning_rate(s, 999), 0.001);
    EXPECT_DOUBLE_EQ(learning_rate(s, 5000), 0.001);
    EXPECT_EQ(learning_rate(s, -1), learning_rate(s, 0));
}

TEST(Schedule, has_no_jumps) {
    const TrainSettings s = thousand();
    for (std::int64_t step = 1; step < 1100; ++step) {
        const double change = learning_rate(s, step) - learning_rate(s, step - 1);
        EXPECT_LE(change, 0.01 / 50 + 1e-15) << step;
        // The steepest fall of a cosine over 400 steps.
        EXPECT_GE(change, -0.009 * std::numbers::pi / 2 / 400 - 1e-15) << step;
        EXPECT_TRUE(step < 50 || change <= 0) << step;
    }
}

TEST(Schedule, without_warmup_or_decay) {
    TrainSettings s = thousand();
    s.warmup = 0;
    EXPECT_EQ(learning_rate(s, 0), 0.01);
    s.decay_fraction = 0;
    EXPECT_EQ(learning_rate(s, 999), 0.01);
    s = thousand();
    s.steps = 0;
    EXPECT_EQ(learning_rate(s, 100000), 0.01);
    s = thousand();
    s.decay_fraction = 1;
    s.warmup = 0;
    EXPECT_LT(learning_rate(s, 0), 0.01);
    EXPECT_DOUBLE_EQ(learning_rate(s, 499), 0.0055);
}

TEST(Schedule, a_run_shorter_than_its_warmup_stays_below_lr) {
    TrainSettings s = thousand();
    s.steps = 10;
    for (std::int64_t step = 0; step < 10; ++step) {
        EXPECT_GT(learning_rate(s, step), 0);
        EXPECT_LE(learning_rate(s, step), 0.002);
    }
}

}  // namespace
}  // namespace sf
