#include "app/chrome.h"
#include "app/command_table.h"
#include "app/controller.h"
#include "app/headless.h"
#include "core/error.h"
#include "views/canvas/cairo_canvas.h"
#include "views/canvas/recording_canvas.h"

#include <gtest/gtest.h>
#include <cstdlib>
#include <filesystem>

namespace sf {
namespace {

ShotOptions nano() {
    ShotOptions o;
    o.model = preset_model("nano", 1);
    o.model_arguments = {"--preset", "nano", "--seed", "1"};
    o.width = 1280;
    o.height = 720;
    o.run = RunPrompt{"the cat"};
    return o;
}

// Small steps, so that tests are quick.
void make_small(Controller& c) {
    for (const char* line : {"train-set batch=2", "train-set seq=16", "train-set steps=1000"})
        carry_out(c, line);
}

class Training : public testing::Test {
protected:
    Training() {
        Host host;
        host.copy = [this](const std::string& text) { copied_ = text; };
        folder_ = std::filesystem::temp_directory_path() /
                  (std::string("sf_training_") +
                   testing::UnitTest::GetInstance()->current_test_info()->name());
        std::filesystem::remove_all(folder_);
        c_ = std::make_unique<Controller>(nano(), host);
        c_->wait_idle(0);
        make_small(*c_);
    }
    ~Training() override { std::filesystem::remove_all(folder_); }
    void run(const std::string& line) {
        carry_out(*c_, line);
        c_->wait_idle(0);
    }
    std::filesystem::path folder_;
    std::string copied_;
    std::unique_ptr<Controller> c_;
};

TEST_F(Training, TheClockWalksKeptStepsAndBackToNow) {
    EXPECT_FALSE(c_->has_clock());
    EXPECT_THROW(carry_out(*c_, "train-back"), UserError);
    EXPECT_THROW(carry_out(*c_, "train-at 3"), UserError);
    run("train-step 12");
    ASSERT_NE(c_->training(), nullptr);
    EXPECT_EQ(c_->training()->step, 12);
    EXPECT_TRUE(c_->has_clock());
    EXPECT_EQ(c_->probe_step(), -1) << "live at first";
    EXPECT_EQ(c_->snapshot().trace->trained_step, 12);
    run("step layers.1.kv_latent");
    run("train-back");
    EXPECT_EQ(c_->probe_step(), 10);
    EXPECT_EQ(c_->snapshot().trace->trained_step, 10);
    EXPECT_EQ(c_->snapshot().trace->weights, nullptr) << "the probe itself";
    EXPECT_EQ(c_->current_step()->name, "layers.1.kv_latent") << "the walk stays where it is";
    EXPECT_EQ(c_->frame(0).train_step, 10);
    ASSERT_NE(c_->frame(0).history, nullptr);
    run("train-at 7");
    EXPECT_EQ(c_->probe_step(), 5);
    run("train-back");
    run("train-back");
    run("train-back");
    run("train-back");
    EXPECT_EQ(c_->probe_step(), 0);
    // Training on changes nothing of it.
    const TracePtr at_0 = c_->snapshot().trace;
    run("train-step 3");
    EXPECT_EQ(c_->snapshot().trace, at_0);
    run("train-at live");
    EXPECT_EQ(c_->snapshot().trace->trained_step, 15);
    run("train-back");
    run("train-forward");
    EXPECT_EQ(c_->probe_step(), -1);
    // A text that is run is seen.
    run("train-at 1");
    run("prompt abc");
    EXPECT_EQ(c_->probe_step(), -1);
    EXPECT_EQ(c_->token_count(), 3);
}

TEST_F(Training, CommandLinesNameWhatIsSavedOnly) {
    run("train-step 2");
    EXPECT_THROW(carry_out(*c_, "copy-command"), UserError);
    run("train-at 1");
    EXPECT_THROW(carry_out(*c_, "copy-command"), UserError);
    run("train-save " + folder_.string());
    EXPECT_EQ(c_->error(), "");
    run("copy-command");
    EXPECT_NE(copied_.find("--model " + folder_.string() + " --train-step 1"), std::string::npos)
        << copied_;
    EXPECT_EQ(copied_.find("--prompt"), std::string::npos) << copied_;
    // And it makes that picture.
    const FigureRequest here = c_->figure_request(0);
    const std::string file = (folder_ / "a.svg").string();
    std::string line = figure_command(here, file);
    line.replace(0, std::string("stepformer").size(), SF_BINARY);
    ASSERT_EQ(std::system(line.c_str()), 0) << line;
    run("train-at live");
    run("copy-command");
    EXPECT_NE(copied_.find("--model " + folder_.string() + " --prompt 'the cat'"),
              std::string::npos)
        << copied_;
}

TEST_F(Training, SettingsAreKeptForTheNextRunAndRefusedByName) {
    run("train-set lr=0.01");
    EXPECT_EQ(c_->training_setting("lr"), "0.01");
    EXPECT_EQ(c_->state().training.at("lr"), "0.01");
    EXPECT_THROW(carry_out(*c_, "train-set lr=fast"), UserError);
    EXPECT_THROW(carry_out(*c_, "train-set speed=1"), UserError);
    EXPECT_THROW(carry_out(*c_, "train-set lr"), UserError);
    run("train-step");
    EXPECT_EQ(c_->training()->settings.lr, 0.01);
    run("train-set gamma=0.02");
    EXPECT_EQ(c_->training()->settings.gamma, 0.02);
    EXPECT_EQ(c_->training_setting("gamma"), "0.02");
    run("train on");
    EXPECT_EQ(c_->training()->state, TrainingStatus::State::running);
    run("train off");
    EXPECT_EQ(c_->training()->state, TrainingStatus::State::paused);
    run("train-restart 5");
    run("train off");
    EXPECT_EQ(c_->training()->settings.seed, 5U);
    run("preset nano");
    EXPECT_NE(c_->error().find("train-stop"), std::string::npos);
    run("train-stop");
    EXPECT_EQ(c_->training(), nullptr);
    EXPECT_TRUE(c_->has_clock()) << "the history stays with the model";
}

TEST_F(Training, AnExpertIsKickedByItsName) {
    EXPECT_THROW(carry_out(*c_, "train-kick layers.1 0 1"), UserError) << "no run";
    run("train-step 2");
    for (const char* line : {"train-kick", "train-kick layers.1 0", "train-kick layers.1 0 1 2",
                             "train-kick layers.1 x 1", "train-kick layers.1 0 much"})
        EXPECT_THROW(carry_out(*c_, line), UserError) << line;
    const auto bias = [&] {
        return c_->snapshot()
            .trace->weights->at("model.layers.1.mlp.gate.e_score_correction_bias")
            .real[1];
    };
    const float before = bias();
    run("train-kick layers.1 1 -0.25");
    EXPECT_EQ(c_->error(), "");
    EXPECT_EQ(bias(), before - 0.25F);
    run("train-kick layers.1 99 1");
    EXPECT_NE(c_->error().find("expert 99"), std::string::npos) << c_->error();
}

TEST_F(Training, KeysOfTheWalkGoOnWhileItTrains) {
    run("train on");
    for (int i = 0; i < 3; ++i) {
        carry_out(*c_, "next");
        EXPECT_EQ(c_->step(), i + 1);
        c_->tick(i);
    }
    run("train off");
    EXPECT_EQ(c_->step(), 3) << "what is shown is refreshed, the step stays";
}

TEST_F(Training, AnotherShapeIsBuiltAndWaitsForItsFirstStep) {
    const auto width = [&] { return c_->snapshot().model->config.hidden_size; };
    for (const char* bad :
         {"train-shape", "train-shape hidden_size", "train-shape depth=3",
          "train-shape hidden_size=wide", "train-shape hidden_size=0", "train-shape n_group=3",
          "train-shape hidden_size=4096 num_hidden_layers=12"})
        EXPECT_THROW(carry_out(*c_, bad), UserError) << bad;
    run("train-shape hidden_size=32 n_routed_experts=4 n_group=2");
    EXPECT_EQ(c_->error(), "");
    ASSERT_NE(c_->training(), nullptr);
    EXPECT_EQ(c_->training()->state, TrainingStatus::State::paused);
    EXPECT_EQ(c_->training()->step, 0);
    EXPECT_EQ(width(), 32);
    ASSERT_NE(c_->snapshot().trace, nullptr) << "the text is read by the new model";
    EXPECT_EQ(c_->snapshot().trace->graph->config.n_routed_experts, 4);
    EXPECT_EQ(c_->training()->settings.batch, 2) << "with the settings that were chosen";
    ASSERT_NE(c_->toast(), nullptr);
    EXPECT_NE(c_->toast()->text.find("Built: "), std::string::npos);
    EXPECT_NE(c_->toast()->text.find(" parameters (−"), std::string::npos) << c_->toast()->text;
    // Before its first step a run gives way, after it no more.
    run("train-shape hidden_size=24");
    EXPECT_EQ(width(), 24);
    run("train-step 2");
    EXPECT_THROW(carry_out(*c_, "train-shape hidden_size=32"), UserError);
    EXPECT_EQ(c_->training()->step, 2);
    EXPECT_EQ(width(), 24);
    run("train-stop");
    run("train-shape hidden_size=32");
    EXPECT_EQ(width(), 32);
}

TEST_F(Training, ADrawnUpShapeIsBuiltAtOnceWhenItRests) {
    for (const char* line :
         {"view training", "set training.show=shape", "set training.rebuild=true"})
        run(line);
    carry_out(*c_, "set training.num_hidden_layers=2");
    const auto layers = [&] { return c_->snapshot().model->config.num_hidden_layers; };
    c_->tick(10);
    EXPECT_LE(c_->next_wake(), 10 + shape_rest);
    c_->tick(10 + shape_rest / 2);
    EXPECT_EQ(c_->training(), nullptr) << "it is still being dragged";
    carry_out(*c_, "set training.num_hidden_layers=4");
    c_->tick(10 + shape_rest);
    EXPECT_EQ(c_->training(), nullptr);
    c_->tick(10 + 3 * shape_rest);
    c_->wait_idle(11);
    ASSERT_NE(c_->training(), nullptr);
    EXPECT_EQ(layers(), 4);
    // What was built is the present shape now; nothing is left to build.
    c_->tick(20);
    EXPECT_EQ(c_->error(), "");
    // A run that has taken steps is left alone, and is not asked again and again.
    run("train-step 1");
    carry_out(*c_, "set training.num_hidden_layers=5");
    c_->tick(30);
    c_->tick(31);
    EXPECT_NE(c_->error().find("train-stop"), std::string::npos);
    carry_out(*c_, "dismiss");
    c_->tick(32);
    c_->tick(33);
    EXPECT_EQ(c_->error(), "");
    EXPECT_EQ(layers(), 4);
}

#define START(name, options)                                                    \
    std::unique_ptr<Headless> name;                                             \
    try {                                                                       \
        name = std::make_unique<Headless>(options);                             \
    } catch (const DeviceError& error) {                                        \
        GTEST_SKIP() << "no headless window on this machine: " << error.what(); \
    }

Layout layout_of(Headless& h) {
    const RecordingCanvas measure({0, 0, 1280, 720});
    return make_layout(h.controller(), measure, 1280, 720);
}

TEST(TrainingWindow, TheClockIsDrawnAndSnapsWhereItIsDragged) {
    START(h, nano());
    h->finish();
    h->key("Escape");
    EXPECT_EQ(layout_of(*h).clock.h, 0) << "nothing to show yet";
    make_small(h->controller());
    h->controller().attempt("train-step 12");
    h->finish();
    h->advance(0);
    const Layout l = layout_of(*h);
    ASSERT_GT(l.clock.h, 10);
    const double y = l.clock.centre().y;
    const auto x = [&](std::int64_t step) { return train_step_x(h->controller(), l, step); };
    const Image live = h->picture();
    h->input(mouse_move({x(-1), y}));
    h->input(mouse_button(0, true));
    h->advance(0);
    EXPECT_EQ(h->controller().probe_step(), -1);
    h->input(mouse_move({x(5) + 6, y}));
    h->advance(0);
    EXPECT_EQ(h->controller().probe_step(), 5) << "snaps to the kept step";
    h->input(mouse_move({x(1) - 3, y + 30}));
    h->advance(0);
    EXPECT_EQ(h->controller().probe_step(), 1) << "the drag goes on outside the bar";
    h->input(mouse_button(0, false));
    h->advance(0);
    EXPECT_EQ(h->controller().probe_step(), 1);
    EXPECT_FALSE(h->picture().pixels == live.pixels);
    h->key(".");
    EXPECT_EQ(h->controller().probe_step(), 2);
    h->key(",");
    h->key("Alt+Left");
    EXPECT_EQ(h->controller().probe_step(), 0);
    h->advance(1);  // no double click
    h->click({x(-1), y});
    h->advance(0);
    EXPECT_EQ(h->controller().probe_step(), -1);
}

TEST(TrainingWindow, ButtonsAndTracksOfThePanelWork) {
    START(h, nano());
    h->finish();
    h->key("Escape");
    make_small(h->controller());
    h->controller().attempt("train-panel on");
    h->advance(0);
    const Layout l = layout_of(*h);
    const double y = l.panel.y + 49;  // the row of buttons: train, one step, restart, stop
    const auto click = [&](int place) {
        h->click({l.panel.x + 28 + 30 * place, y});
        h->finish();
    };
    click(1);
    ASSERT_NE(h->controller().training(), nullptr);
    EXPECT_EQ(h->controller().training()->step, 1);
    click(1);
    EXPECT_EQ(h->controller().training()->step, 2);
    click(0);
    EXPECT_EQ(h->controller().training()->state, TrainingStatus::State::running);
    click(0);
    EXPECT_EQ(h->controller().training()->state, TrainingStatus::State::paused);
    // Somewhere below stands the track of lr.
    const std::string before = h->controller().training_setting("lr");
    for (double down = y + 60;
         down < l.panel.bottom() && h->controller().training_setting("lr") == before; down += 8)
        h->click({l.panel.x + 60, down});
    h->finish();
    EXPECT_NE(h->controller().training_setting("lr"), before);
    EXPECT_EQ(train_setting(h->controller().training()->settings, "lr"),
              h->controller().training_setting("lr"));
    h->key("r");
    h->finish();
    EXPECT_EQ(h->controller().training()->state, TrainingStatus::State::running);
    click(3);
    EXPECT_EQ(h->controller().training(), nullptr);
}

TEST(TrainingWindow, TheCurvesMoveTheClockByPressAndDrag) {
    START(h, nano());
    h->finish();
    h->key("Escape");
    make_small(h->controller());
    h->controller().attempt("train-step 12");
    h->finish();
    h->controller().attempt("view training");
    h->advance(0);
    RecordingCanvas picture({0, 0, 1280, 720});
    h->controller().view(0).draw(picture, h->controller().frame(0));
    const auto at = [&](std::int64_t step) {
        for (const Hit& hit : picture.hits())
            if (hit.target.node == "train-at" && hit.target.first == step) return hit.rect.centre();
        ADD_FAILURE() << "no place of step " << step;
        return Vec2{};
    };
    h->input(mouse_move(at(5)));
    h->input(mouse_button(0, true));
    h->advance(0);
    EXPECT_EQ(h->controller().probe_step(), 5);
    h->input(mouse_move(at(10)));
    h->advance(0);
    EXPECT_EQ(h->controller().probe_step(), 10);
    h->input(mouse_move({2, 2}));
    h->advance(0);
    EXPECT_EQ(h->controller().probe_step(), 10) << "beside the curves it stays";
    h->input(mouse_move(at(2)));
    h->input(mouse_button(0, false));
    h->advance(0);
    EXPECT_EQ(h->controller().probe_step(), 2);
    EXPECT_EQ(h->controller().frame(0).train_step, 2);
}

}  // namespace
}  // namespace sf
