#include "app/pace.h"

#include <gtest/gtest.h>

namespace sf {
namespace {

// A window that trains, told of a change at each of many moments: how much of the time it draws.
TEST(Pace, WhatTrainingChangesIsDrawnInATenthOfTheTime) {
    for (const double frame : {0.002, 0.02, 0.3}) {
        Pace pace;
        double drawing = 0, now = 0;
        int frames = 0;
        while (now < 100) {
            if (pace.draws(now, true, false, true)) {
                pace.drawn(now, now + frame);
                drawing += frame;
                now += frame;
                ++frames;
            } else {
                now += 0.001;
            }
        }
        EXPECT_NEAR(drawing / now, 0.1, 0.01 + 0.001 / frame / 10) << frame;
        EXPECT_GT(frames, 20) << frame;
    }
}

TEST(Pace, WhatAPersonDoesIsDrawnAtOnce) {
    Pace pace;
    EXPECT_TRUE(pace.draws(0, true, false, true)) << "the first frame";
    pace.drawn(0, 1);
    EXPECT_FALSE(pace.draws(1.5, true, false, true));
    EXPECT_FALSE(pace.draws(1.5, false, false, false)) << "nothing is new";
    EXPECT_TRUE(pace.draws(1.5, false, true, true)) << "a key";
    EXPECT_TRUE(pace.draws(1.5, true, false, false)) << "a result, or a move";
    EXPECT_TRUE(pace.draws(10, true, false, true));
}

}  // namespace
}  // namespace sf
