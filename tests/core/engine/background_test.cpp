#include "core/engine/background.h"

#include <gtest/gtest.h>
#include <algorithm>
#include <stdexcept>
#include <thread>

#ifdef __linux__
#include <sys/resource.h>
#endif

namespace sf {
namespace {

TEST(Background, RunsOnAThreadOfItsOwnAndWaits) {
    Background background;
    std::thread::id first, second;
    int done = 0;
    background.run([&] { first = std::this_thread::get_id(), ++done; });
    EXPECT_EQ(done, 1);
    background.run([&] { second = std::this_thread::get_id(), ++done; });
    EXPECT_EQ(done, 2);
    EXPECT_EQ(first, second);
    EXPECT_NE(first, std::this_thread::get_id());
}

TEST(Background, ThrowsWhatWasThrownAndGoesOn) {
    Background background;
    EXPECT_THROW(background.run([] { throw std::runtime_error("no"); }), std::runtime_error);
    bool ran = false;
    background.run([&] { ran = true; });
    EXPECT_TRUE(ran);
}

#ifdef __linux__
TEST(Background, IsHumbleAndSoIsWhatItStarts) {
    const int own = getpriority(PRIO_PROCESS, 0);
    int there = 0, below = 0;
    Background background;
    background.run([&] {
        there = getpriority(PRIO_PROCESS, 0);
        std::thread([&] { below = getpriority(PRIO_PROCESS, 0); }).join();
    });
    EXPECT_GT(there, std::min(own, 18));
    EXPECT_EQ(below, there);
    EXPECT_EQ(getpriority(PRIO_PROCESS, 0), own) << "the caller stays as it is";
}
#endif

}  // namespace
}  // namespace sf
