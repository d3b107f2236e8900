#include "app/controller.h"

#include "app/command_table.h"
#include "core/error.h"

#include <gtest/gtest.h>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace sf {
namespace {

SessionOptions nano() {
    SessionOptions o;
    o.model = preset_model("nano", 1);
    o.model_arguments = {"--preset", "nano", "--seed", "1"};
    return o;
}

// A controller with a run in it, its time in the test's hands.
class Walk : public testing::Test {
protected:
    Walk() {
        Host host;
        host.copy = [this](const std::string& text) { copied_ = text; };
        host.print = [this](const std::string& line) { printed_.push_back(line); };
        folder_ = std::filesystem::temp_directory_path() /
                  (std::string("sf_walk_") +
                   testing::UnitTest::GetInstance()->current_test_info()->name());
        std::filesystem::remove_all(folder_);
        std::filesystem::create_directories(folder_);
        SessionOptions options = nano();
        options.save_folder = folder_;
        c_ = std::make_unique<Controller>(options, host);
        run("prompt the cat sat");
    }
    ~Walk() override { std::filesystem::remove_all(folder_); }
    void run(const std::string& line) {
        carry_out(*c_, line);
        c_->wait_idle(now_);
    }
    std::int64_t last() const { return c_->snapshot().timeline->size() - 1; }

    double now_ = 0;
    std::string copied_;
    std::vector<std::string> printed_;
    std::filesystem::path folder_;
    std::unique_ptr<Controller> c_;
};

TEST_F(Walk, MovesByStepsOperationsAndLayers) {
    const Timeline& t = *c_->snapshot().timeline;
    ASSERT_GT(t.size(), 20);
    EXPECT_EQ(c_->step(), 0);
    run("previous");
    EXPECT_EQ(c_->step(), 0) << "clamped at the beginning";
    run("next");
    EXPECT_EQ(c_->step(), 1);
    run("next-operation");
    EXPECT_EQ(c_->step(), t.next_operation(1));
    run("next-layer");
    EXPECT_EQ(c_->step(), t.next_layer(t.next_operation(1)));
    run("previous-layer");
    run("last");
    EXPECT_EQ(c_->step(), last());
    run("next");
    EXPECT_EQ(c_->step(), last());
    run("first");
    EXPECT_EQ(c_->step(), 0);
}

TEST_F(Walk, FindsStepsByNumberAndName) {
    run("step 12");
    EXPECT_EQ(c_->step(), 12);
    run("step layers.0.q");
    ASSERT_NE(c_->current_step(), nullptr);
    EXPECT_EQ(c_->current_step()->name, "layers.0.q");
    EXPECT_THROW(carry_out(*c_, "step nowhere"), UserError);
    EXPECT_THROW(carry_out(*c_, "step 100000"), UserError);
    EXPECT_EQ(c_->current_step()->name, "layers.0.q") << "a refused command changes nothing";
}

TEST_F(Walk, AMoveEasesForwardAndIsInstantBack) {
    c_->tick(10);
    run("next");
    EXPECT_EQ(c_->frame(0).cursor.within, 0);
    EXPECT_TRUE(c_->animating());
    c_->tick(10.15);
    EXPECT_NEAR(c_->frame(0).cursor.within, 0.5, 1e-6);
    c_->tick(11);
    EXPECT_EQ(c_->frame(0).cursor.within, 1);
    EXPECT_FALSE(c_->animating());
    run("previous");
    EXPECT_EQ(c_->frame(0).cursor.within, 1);
    run("reduce-motion on");
    run("next");
    EXPECT_EQ(c_->frame(0).cursor.within, 1);
    EXPECT_FALSE(c_->animating());
}

TEST_F(Walk, PlaysToTheEndAndSleeps) {
    run("step " + std::to_string(last() - 2));
    c_->tick(100);
    run("play");
    for (double t = 100; t < 106; t += 0.1) c_->tick(t);
    EXPECT_EQ(c_->step(), last());
    EXPECT_FALSE(c_->state().playing);
    EXPECT_EQ(c_->next_wake(), std::numeric_limits<double>::infinity()) << "nothing to wake for";
}

TEST_F(Walk, KeysPressedDuringARunAreNotLost) {
    carry_out(*c_, "prompt another text");
    carry_out(*c_, "next");
    carry_out(*c_, "next");
    carry_out(*c_, "next");
    carry_out(*c_, "previous");
    c_->wait_idle(now_);
    EXPECT_EQ(c_->snapshot().prompt, "another text");
    EXPECT_EQ(c_->step(), 2);
}

TEST_F(Walk, AFailedRunKeepsWhatIsThere) {
    run("step 5");
    const TracePtr before = c_->snapshot().trace;
    carry_out(*c_, "model /nowhere/at/all");
    c_->wait_idle(now_);
    EXPECT_NE(c_->error().find("/nowhere/at/all"), std::string::npos) << c_->error();
    EXPECT_EQ(c_->snapshot().trace, before);
    EXPECT_EQ(c_->step(), 5);
    // And the command line still names the model that is on screen.
    run("copy-command");
    EXPECT_NE(copied_.find("--preset nano"), std::string::npos) << copied_;
    run("dismiss");
    EXPECT_EQ(c_->error(), "");
}

TEST_F(Walk, RefusesWithASentence) {
    EXPECT_THROW(carry_out(*c_, "fly"), UserError);
    EXPECT_THROW(carry_out(*c_, "next 3"), UserError);
    EXPECT_THROW(carry_out(*c_, "text 20"), UserError);
    EXPECT_THROW(carry_out(*c_, "text big"), UserError);
    EXPECT_THROW(carry_out(*c_, "theme pink"), UserError);
    EXPECT_THROW(carry_out(*c_, "token 1000"), UserError);
    EXPECT_THROW(carry_out(*c_, "view nothing"), UserError);
    EXPECT_THROW(carry_out(*c_, "inspect nothing"), UserError);
    EXPECT_THROW(carry_out(*c_, "complete nothing"), UserError);
    EXPECT_THROW(carry_out(*c_, "set map.nothing=3"), UserError);
    c_->attempt("fly");
    EXPECT_NE(c_->error().find("fly"), std::string::npos);
}

TEST_F(Walk, OpensATensorAndComesBack) {
    run("step layers.0.q");
    run("enter");
    EXPECT_EQ(c_->view(0).id(), "inspector");
    EXPECT_EQ(c_->inspected(0), "layers.0.q");
    // A tensor that is a step is gone to, so that the next key walks on from it; a weight is
    // pinned.
    run("inspect layers.1.q_pe");
    EXPECT_EQ(c_->current_step()->name, "layers.1.q_pe");
    EXPECT_EQ(c_->inspected(0), "layers.1.q_pe");
    run("inspect model.norm.weight");
    EXPECT_EQ(c_->current_step()->name, "layers.1.q_pe");
    EXPECT_EQ(c_->inspected(0), "model.norm.weight");
    run("back");
    run("back");
    run("back");
    EXPECT_EQ(c_->view(0).id(), "map");
    run("beside inspector");
    EXPECT_EQ(c_->panes(), 2);
    run("other");
    EXPECT_EQ(c_->state().focus, 1);
    run("beside");
    EXPECT_EQ(c_->panes(), 1);
    EXPECT_EQ(c_->view(0).id(), "inspector");
}

TEST_F(Walk, GradientsAreTurnedOnAndWalkedThrough) {
    run("step layers.0.q");
    run("gradients");
    EXPECT_TRUE(c_->snapshot().gradients);
    EXPECT_EQ(c_->current_step()->name, "layers.0.q") << "the step is found again";
    run("step grad.layers.1.q_pe");
    run("enter");
    EXPECT_EQ(c_->view(0).id(), "inspector");
    EXPECT_EQ(c_->inspected(0), "grad.layers.1.q_pe");
    const auto at = c_->step();
    run("inspect layers.1.q_pe");
    EXPECT_EQ(c_->current_step()->name, "layers.1.q_pe");
    run("inspect grad.layers.1.q_pe");
    EXPECT_EQ(c_->step(), at);
    run("inspect grad.model.norm.weight");
    EXPECT_EQ(c_->step(), at);
    EXPECT_EQ(c_->inspected(0), "grad.model.norm.weight");
    run("inspect layers.0.q");
    run("set inspector.gradient=true");
    EXPECT_EQ(c_->inspected(0), "grad.layers.0.q");
    const std::string command = figure_command(c_->figure_request(0), "a.png");
    EXPECT_NE(command.find(" --grad"), std::string::npos) << command;
    EXPECT_NE(command.find("--set gradient=true"), std::string::npos) << command;
    run("gradients off");
    EXPECT_FALSE(c_->snapshot().gradients);
    EXPECT_EQ(c_->current_step()->name, "layers.0.q");
    EXPECT_THROW(carry_out(*c_, "step grad.logits"), UserError);
}

TEST_F(Walk, TheCommandLineNamesWhatTheModelWroteToo) {
    run("continue 3");
    c_->wait_idle(0);
    const auto& ids = c_->snapshot().trace->ids;
    std::string list = "--ids '[[";
    for (std::size_t i = 0; i < ids.size(); ++i)
        list += (i > 0 ? "," : "") + std::to_string(ids[i]);
    const std::string command = figure_command(c_->figure_request(0), "a.png");
    // The untrained model writes bytes that are no text.
    EXPECT_NE(command.find(list + "]]'"), std::string::npos) << command;
}

TEST_F(Walk, ReducesToThePlainLimitAndBack) {
    EXPECT_FALSE(c_->has_plain(0));  // the map
    EXPECT_THROW(carry_out(*c_, "plain"), UserError);
    run("view rope");
    EXPECT_FALSE(c_->is_plain(0));
    EXPECT_GT(c_->number(0, "factor"), 1);
    run("plain");
    EXPECT_TRUE(c_->is_plain(0));
    EXPECT_EQ(c_->number(0, "factor"), 1);
    EXPECT_TRUE(c_->all_hold());
    run("plain");
    EXPECT_FALSE(c_->is_plain(0));
    EXPECT_GT(c_->number(0, "factor"), 1);

    // One tile is the three-pass softmax.
    run("view attention");
    run("plain");
    EXPECT_EQ(c_->number(0, "tile"), static_cast<double>(c_->token_count()));
    EXPECT_TRUE(c_->all_hold());
}

TEST_F(Walk, ZoomKeepsWhatIsUnderThePointer) {
    const Rect area{100, 50, 800, 600};
    c_->set_area(0, area);
    const Vec2 at{300, 200};
    // The point of the picture under the pointer, before and after.
    const auto under = [&] {
        const double z = c_->number(0, "zoom");
        return Vec2{(at.x - area.centre().x - c_->number(0, "pan_x")) / z,
                    (at.y - area.centre().y - c_->number(0, "pan_y")) / z};
    };
    const Vec2 before = under();
    c_->zoom_at(0, 2, at);
    EXPECT_GT(c_->number(0, "zoom"), 1);
    EXPECT_NEAR(under().x, before.x, 1e-9);
    EXPECT_NEAR(under().y, before.y, 1e-9);
    run("reset");
    EXPECT_EQ(c_->number(0, "zoom"), 1);
}

TEST_F(Walk, SavesBesideWhatIsThereAndPrintsTheCommand) {
    run("step 3");
    run("save");
    run("save");
    EXPECT_TRUE(std::filesystem::exists(folder_ / "stepformer-map-3.png"));
    EXPECT_TRUE(std::filesystem::exists(folder_ / "stepformer-map-3-2.png"));
    ASSERT_EQ(printed_.size(), 4U);
    EXPECT_EQ(printed_[0], (folder_ / "stepformer-map-3.png").string());
    EXPECT_EQ(printed_[1].rfind("stepformer figure map ", 0), 0U) << printed_[1];
    EXPECT_NE(printed_[1].find("--prompt 'the cat sat'"), std::string::npos) << printed_[1];
    ASSERT_NE(c_->toast(), nullptr);
    EXPECT_EQ(c_->toast()->offers.size(), 2U) << "SVG and PDF";
    run("save-format svg");
    run("save");
    EXPECT_TRUE(std::filesystem::exists(folder_ / "stepformer-map-3.svg"));
    std::ofstream(folder_ / "file") << "not a folder";
    EXPECT_THROW(carry_out(*c_, "save file/a.png"), UserError);
}

TEST(State, GoesOnWhereItStopped) {
    const auto file = std::filesystem::temp_directory_path() / "sf_goes_on" / "state.json";
    std::filesystem::remove_all(file.parent_path());
    SessionOptions options = nano();
    options.state_file = file;
    {
        Controller c(options, {});
        carry_out(c, "prompt hello");
        c.wait_idle(0);
        carry_out(c, "step 7");
        carry_out(c, "theme dark");
        carry_out(c, "text 150");
        c.keep_state();
    }
    {
        Controller c(options, {});
        c.wait_idle(0);
        EXPECT_EQ(c.step(), 7);
        EXPECT_TRUE(c.state().dark);
        EXPECT_EQ(c.state().text_percent, 150);
        EXPECT_EQ(c.snapshot().prompt, "hello");
    }
    std::filesystem::remove_all(file.parent_path());
}

}  // namespace
}  // namespace sf
