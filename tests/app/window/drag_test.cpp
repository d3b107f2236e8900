// Settings that are dragged in the picture, with the view "RoPE", which has every kind of target.
#include "app/controller.h"
#include "app/shell.h"

#include "app/command_table.h"

#include <gtest/gtest.h>
#include <algorithm>
#include <cmath>

namespace sf {
namespace {

class Drags : public testing::Test {
protected:
    Drags() {
        SessionOptions options;
        options.model = preset_model("nano", 1);
        options.model_arguments = {"--preset", "nano", "--seed", "1"};
        c_ = std::make_unique<Controller>(options, Host{});
        run("prompt the cat sat");
        run("view rope");
        shell_ = std::make_unique<Shell>(*c_);
        shell_->layout(1600, 900);
    }
    void run(const std::string& line) {
        carry_out(*c_, line);
        c_->wait_idle(0);
    }
    double number(const char* name) const { return c_->number(0, name); }
    // The picture's target that begins so.
    Hit target(const std::string& node) {
        shell_->layout(1600, 900);
        for (const RecordingCanvas* canvas : shell_->under())
            for (const Hit& h : canvas->hits())
                if (h.target.node.starts_with(node)) return h;
        ADD_FAILURE() << "no target " << node;
        return {};
    }
    void drag(Vec2 from, Vec2 to) {
        shell_->pointer(from, false);
        shell_->press(false);
        shell_->pointer(to, false);
        shell_->release();
        shell_->layout(1600, 900);
    }

    std::unique_ptr<Controller> c_;
    std::unique_ptr<Shell> shell_;
};

TEST_F(Drags, ATrackBecomesTheCellUnderThePointer) {
    const Hit h = target("setting:distance");
    const double cell = h.rect.w / static_cast<double>(h.target.cols);
    const double y = h.rect.centre().y;
    drag({h.rect.x + 4.5 * cell, y}, {h.rect.x + 9.5 * cell, y});
    EXPECT_EQ(number("distance"), 9);
    // Beyond its end the last cell counts.
    drag({h.rect.x + 4.5 * cell, y}, {h.rect.right() + 500, y});
    EXPECT_EQ(number("distance"), static_cast<double>(h.target.cols - 1));
}

TEST_F(Drags, AMapSetsRowAndColumnBelowItsCellsAndWhatIsFixed) {
    run("set rope.distance=7");
    const Hit h = target("setting:t,s");
    const Vec2 cell{h.rect.w / 11, h.rect.h / 11};
    const Vec2 at{h.rect.x + 3.5 * cell.x, h.rect.y + 8.5 * cell.y};
    const std::int64_t step = c_->step();
    drag(at, at);
    EXPECT_EQ(number("t"), 8);
    EXPECT_EQ(number("s"), 3);
    EXPECT_EQ(number("distance"), -1);
    c_->reset_settings(0, target("setting:t,s").target);
    EXPECT_EQ(number("distance"), -1) << "what a map fixes stays so";
    drag(at, at);
    EXPECT_EQ(c_->step(), step) << "the click on the cell is the drag's";
}

TEST_F(Drags, AHandleIsPulledBySoManyPixels) {
    const Hit dial = target("setting:pair");
    // Off the hands' tips: the dial itself is a track of one cell.
    drag({dial.rect.x + 2, dial.rect.y + 2}, {dial.rect.x + 2, dial.rect.y + 2});
    EXPECT_EQ(number("pair"), 0);
    const Hit h = target("setting:q0_x,q0_y");
    const double x = number("q0_x"), y = number("q0_y");
    double range = 0;
    for (const Parameter& p : c_->view(0).parameters(c_->frame(0)))
        if (p.name == "q0_x") range = p.max - p.min;
    const Vec2 from = h.rect.centre();
    drag(from, from + Vec2{6, -3});
    const auto pixels = static_cast<double>(h.target.cols);
    const auto limited = [&](double v) { return std::clamp(v, -range / 2, range / 2); };
    EXPECT_NEAR(number("q0_x"), limited(x + 6 / pixels * range), 1e-9);
    EXPECT_NEAR(number("q0_y"), limited(y + 3 / pixels * range), 1e-9);
    run("reset");
    EXPECT_EQ(number("q0_x"), x);
}

TEST_F(Drags, APressOnAPageShowsIt) {
    const Hit h = target("command:set rope.show=latent");
    drag(h.rect.centre(), h.rect.centre());
    EXPECT_TRUE(c_->error().empty()) << c_->error();
    EXPECT_EQ(setting_text(c_->frame(0), c_->view(0), "show"), "latent");
}

TEST_F(Drags, ALogarithmicTrackGoesEvenlyByOctaves) {
    run("view latent-kv");
    run("set latent-kv.show=shapes");
    const Hit h = target("setting:context");
    const auto cells = static_cast<double>(h.target.cols);
    const double cell = h.rect.w / cells, y = h.rect.centre().y;
    EXPECT_EQ(cells, 8 * 17 + 1);
    const auto at = [&](double octave) { return Vec2{h.rect.x + (8 * octave + 0.5) * cell, y}; };
    for (const double octave : {1.0, 10.0, 12.5, 17.0}) {
        drag(at(4), at(octave));
        EXPECT_EQ(number("context"), std::round(std::exp2(octave))) << octave;
    }
    drag(at(4), {h.rect.right() + 500, y});
    EXPECT_EQ(number("context"), 131072);
    drag(at(4), {h.rect.x - 500, y});
    EXPECT_EQ(number("context"), 1);
}

TEST_F(Drags, TheRanksHandleKeepsSoManyDirections) {
    run("view latent-kv");
    run("set latent-kv.show=rank");
    const Hit h = target("setting:rank");
    const double cell = h.rect.w / static_cast<double>(h.target.cols), y = h.rect.centre().y;
    drag({h.rect.x + 20.5 * cell, y}, {h.rect.x + 4.5 * cell, y});
    EXPECT_EQ(number("rank"), 5);
}

}  // namespace
}  // namespace sf
