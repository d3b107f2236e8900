// Runs to compare with: kept, saved, loaded; and one beside the own run.
#include "app/command_table.h"
#include "app/controller.h"
#include "app/shell.h"
#include "core/error.h"
#include "core/run/divergence.h"
#include "core/run/runner.h"
#include "views/draw/number.h"

#include <gtest/gtest.h>
#include <cstdlib>
#include <filesystem>

namespace sf {
namespace {

namespace fs = std::filesystem;

SessionOptions nano() {
    SessionOptions o;
    o.model = preset_model("nano", 1);
    o.model_arguments = {"--preset", "nano", "--seed", "1"};
    o.run = RunPrompt{"the cat"};
    return o;
}

class Compare : public testing::Test {
protected:
    Compare()
        : folder_(fs::temp_directory_path() /
                  (std::string("sf_compare_") +
                   testing::UnitTest::GetInstance()->current_test_info()->name())) {
        fs::remove_all(folder_);
        fs::create_directories(folder_);
        start(nano());
    }
    ~Compare() override { fs::remove_all(folder_); }
    void start(SessionOptions options) {
        Host host;
        host.copy = [this](const std::string& text) { copied_ = text; };
        options.state_file = folder_ / "state.json";
        c_.reset();
        c_ = std::make_unique<Controller>(options, host);
        c_->wait_idle(0);
    }
    void run(const std::string& line) {
        carry_out(*c_, line);
        c_->wait_idle(0);
    }
    // Six steps without balance, kept as "none"; then six with a bias, from the same seed.
    void train_both() {
        for (const char* line : {"train-set batch=2", "train-set seq=16", "train-set steps=1000",
                                 "train-set balance=none", "train-step 6", "run-keep none",
                                 "train-set balance=bias", "train-restart", "train off"})
            run(line);
        if (c_->training()->step < 6) run("train-step " + std::to_string(6 - c_->training()->step));
    }
    std::string in(const std::string& name) const { return (folder_ / name).string(); }

    fs::path folder_;
    std::string copied_;
    std::unique_ptr<Controller> c_;
};

std::string refusal(Controller& c, const std::string& line) {
    try {
        carry_out(c, line);
    } catch (const UserError& error) {
        return error.what();
    }
    return "";
}

TEST_F(Compare, AKeptRunStaysAsItWas) {
    train_both();
    ASSERT_EQ(c_->runs().size(), 1U);
    const NamedRun kept = c_->runs()[0];
    EXPECT_EQ(kept.name, "none");
    EXPECT_EQ(kept.history->back().step, 6);
    EXPECT_EQ(kept.model->weights->trained_step, 6);
    ASSERT_NE(c_->frame(0).runs, nullptr);
    EXPECT_EQ(c_->frame(0).runs->front(), kept);
    const Divergence d = first_divergence(*kept.history, *c_->frame(0).history);
    EXPECT_EQ(d.step, 1);
    EXPECT_EQ(d.what, "bias of layers.1");
    run("run-drop none");
    EXPECT_TRUE(c_->runs().empty());
    EXPECT_EQ(c_->frame(0).runs, nullptr);
}

TEST_F(Compare, TwoPanesShowOneViewOfTwoRuns) {
    train_both();
    run("step layers.1.kv_latent");
    run("compare none");
    EXPECT_TRUE(c_->comparing());
    ASSERT_EQ(c_->panes(), 2);
    EXPECT_EQ(&c_->view(0), &c_->view(1));
    EXPECT_EQ(c_->run_name(1), "none");
    const Frame left = c_->frame(0), right = c_->frame(1);
    EXPECT_EQ(left.trace, c_->snapshot().trace.get());
    EXPECT_EQ(right.settings, left.settings);
    EXPECT_EQ(right.history, c_->runs()[0].history.get());
    ASSERT_NE(right.trace, nullptr);
    EXPECT_EQ(right.trace->ids, left.trace->ids);
    const ModelPtr kept = c_->runs()[0].model;
    const TracePtr wanted = run_trace(kept, {kept->encode("the cat")});
    EXPECT_EQ(right.trace->find("logits")->real, wanted->find("logits")->real);
    EXPECT_NE(right.trace->find("logits")->real, left.trace->find("logits")->real);
    ASSERT_NE(right.runs, nullptr);
    EXPECT_EQ(right.runs->front().history.get(), left.history) << "and it is compared with ours";
    for (const char* line : {"next", "step layers.2.router_weights", "last"}) {
        run(line);
        const Frame a = c_->frame(0), b = c_->frame(1);
        EXPECT_EQ((*a.timeline)[a.cursor.step].name, (*b.timeline)[b.cursor.step].name) << line;
    }
    // A view, a tensor and a setting are chosen for both.
    run("view rope");
    EXPECT_EQ(c_->view(0).id(), "rope");
    EXPECT_EQ(c_->view(1).id(), "rope");
    run("inspect layers.1.router_scores");
    EXPECT_EQ(c_->view(1).id(), "inspector");
    run("set inspector.scale=symmetric");
    EXPECT_EQ(setting_text(c_->frame(1), c_->view(1), "scale"), "symmetric");
    run("back");
    EXPECT_EQ(c_->view(1).id(), "rope");
    for (const Invariant& held : c_->invariants(1)) EXPECT_TRUE(held.holds) << held.name;
    // At a kept step both are the probes of that step.
    run("train-at 2");
    EXPECT_EQ(c_->frame(0).trace->trained_step, 2);
    EXPECT_EQ(c_->frame(1).trace->trained_step, 2);
    EXPECT_EQ(c_->frame(1).train_step, 2);
    EXPECT_EQ(c_->frame(1).trace->find("logits")->real,
              c_->runs()[0].history->probe(2)->find("logits")->real);
    run("train-at live");
    run("difference");
    EXPECT_EQ(c_->panes(), 1);
    EXPECT_EQ(c_->view(0).id(), "inspector");
    EXPECT_EQ(setting_text(c_->frame(0), c_->view(0), "compare"), "run:none");
    EXPECT_NE(c_->description(0).find("in run none the largest difference"), std::string::npos)
        << c_->description(0);
    run("back");
    EXPECT_EQ(c_->panes(), 2);
    EXPECT_TRUE(c_->comparing());
    run("compare");
    EXPECT_FALSE(c_->comparing());
    EXPECT_EQ(c_->panes(), 1);
    run("compare");
    EXPECT_EQ(c_->run_name(1), "none") << "without a name the first one";
    run("beside inspector");
    EXPECT_FALSE(c_->comparing());
    EXPECT_EQ(c_->panes(), 2);
    run("compare none");
    run("run-drop none");
    EXPECT_FALSE(c_->comparing()) << "what is dropped is not shown";
}

// The tip over the right pane tells the other run's value.
TEST_F(Compare, TheTipReadsTheRunUnderIt) {
    train_both();
    run("inspect layers.1.ffn_in");
    run("compare none");
    Shell shell(*c_);
    shell.layout(1600, 900);
    for (const int pane : {0, 1}) {
        const Rect area = shell.where().area[pane];
        const Hit* cell = nullptr;
        for (const RecordingCanvas* canvas : shell.under())
            for (const Hit& hit : canvas->hits())
                if (hit.target.node == "layers.1.ffn_in" && hit.target.cols > 1 &&
                    area.contains(hit.rect.centre()))
                    cell = &hit;
        ASSERT_NE(cell, nullptr) << pane;
        const Vec2 at = cell->rect.centre();
        const auto picked = pick(*cell, at);
        ASSERT_TRUE(picked);
        shell.pointer(at, false);
        shell.layout(1600, 900);
        const std::string value =
            format_number(c_->trace(pane)->find("layers.1.ffn_in")->at(picked->index), 6);
        EXPECT_TRUE(shell.over()->has_text(value)) << pane << ": " << value;
    }
    EXPECT_NE(c_->trace(0), c_->trace(1));
}

TEST_F(Compare, SavedRunsComeBackWithTheSession) {
    train_both();
    const TracePtr before = run_trace(c_->runs()[0].model, {{1, 2, 3}});
    EXPECT_NE(refusal(*c_, "copy-command").find("train-save FOLDER"), std::string::npos);
    run("run-save none " + in("kept run"));
    EXPECT_EQ(c_->error(), "");
    EXPECT_NE(refusal(*c_, "run-save none " + in("kept run")).find("not an empty folder"),
              std::string::npos);
    run("compare none");
    c_->keep_state();
    start(nano());
    ASSERT_EQ(c_->runs().size(), 1U) << c_->error();
    EXPECT_EQ(c_->runs()[0].name, "none");
    EXPECT_TRUE(c_->comparing());
    EXPECT_EQ(run_trace(c_->runs()[0].model, {{1, 2, 3}})->find("logits")->real,
              before->find("logits")->real)
        << "bit for bit";
    EXPECT_EQ(c_->runs()[0].history->size(), 6U);
    // The right pane's figure is that of the saved model.
    c_->focus_pane(1);
    run("copy-command");
    EXPECT_NE(copied_.find("--model '" + in("kept run") + "' --prompt 'the cat'"),
              std::string::npos)
        << copied_;
    std::string line = figure_command(c_->figure_request(1), in("a.svg"));
    line.replace(0, std::string("stepformer").size(), SF_BINARY);
    EXPECT_EQ(std::system(line.c_str()), 0) << line;
    // A folder that is gone is said and forgotten.
    fs::remove_all(folder_ / "kept run");
    start(nano());
    EXPECT_TRUE(c_->runs().empty());
    EXPECT_FALSE(c_->comparing());
    EXPECT_EQ(c_->panes(), 1);
    EXPECT_NE(c_->error().find("kept run"), std::string::npos) << c_->error();
    EXPECT_TRUE(c_->state().runs.empty());
}

TEST_F(Compare, PicturesThatShowRunsNameThem) {
    run("run-keep now");
    run("inspect logits");
    run("copy-command");
    EXPECT_EQ(copied_.find("--compare"), std::string::npos) << "this one shows none";
    run("set inspector.node=logits");
    run("set inspector.compare=run:now");
    EXPECT_NE(refusal(*c_, "copy-command").find("run-save"), std::string::npos);
    run("run-save now " + in("now"));
    run("copy-command");
    EXPECT_NE(copied_.find("--compare " + in("now") + " "), std::string::npos) << copied_;
}

TEST_F(Compare, RefusesInASentence) {
    EXPECT_NE(refusal(*c_, "compare").find("run-load FOLDER"), std::string::npos);
    EXPECT_NE(refusal(*c_, "compare b").find("no run 'b'"), std::string::npos);
    EXPECT_NE(refusal(*c_, "run-drop b").find("no run 'b'"), std::string::npos);
    EXPECT_NE(refusal(*c_, "run-save b c").find("no run 'b'"), std::string::npos);
    EXPECT_NE(refusal(*c_, "run-save b").find("folder"), std::string::npos);
    EXPECT_NE(refusal(*c_, "run-keep").find("name"), std::string::npos);
    EXPECT_NE(refusal(*c_, "run-keep a b").find("no space"), std::string::npos);
    EXPECT_NE(refusal(*c_, "run-load").find("folder"), std::string::npos);
    run("run-keep a");
    EXPECT_NE(refusal(*c_, "run-keep a").find("already"), std::string::npos);
    EXPECT_NE(refusal(*c_, "run-load nowhere a").find("already"), std::string::npos);
    EXPECT_NE(refusal(*c_, "compare b").find("runs are a"), std::string::npos);
    run("run-load " + in("nowhere"));
    EXPECT_NE(c_->error().find("nowhere"), std::string::npos) << c_->error();
    EXPECT_EQ(c_->runs().size(), 1U);
    for (const char* line : {"train-set batch=2", "train-set seq=16", "train-follow off"})
        run(line);
    run("train-step 2");
    EXPECT_NE(refusal(*c_, "run-keep b").find("train-follow on"), std::string::npos);
    run("train-follow on");
    run("run-keep b");
    EXPECT_EQ(c_->runs().back().model->weights->trained_step, 2);
    EXPECT_EQ(c_->runs().back().history->back().step, 2);
}

// Another shape has other steps.
TEST_F(Compare, AnotherShapeStandsWhereItCan) {
    Model small = *preset_model("nano", 1);
    small.config.num_hidden_layers = 1;
    small.config.num_nextn_predict_layers = 0;
    small.weights = initial_weights(small.config, 3);
    SessionOptions o = nano();
    o.runs = {{"small", std::make_shared<Model>(small), nullptr}};
    start(o);
    run("compare small");
    for (const char* step : {"layers.0.kv_latent", "layers.2.ffn_out", "probs"}) {
        run(std::string("step ") + step);
        const Frame f = c_->frame(1);
        ASSERT_NE(f.trace, nullptr);
        ASSERT_LT(f.cursor.step, f.timeline->size());
        for (const auto& view : views()) {
            run("view " + view->id());
            RecordingCanvas canvas(c_->frame(1).area);
            c_->view(1).draw(canvas, c_->frame(1));
            EXPECT_GT(canvas.primitives().size(), 0U);
        }
    }
    run("step layers.0.kv_latent");
    const Frame f = c_->frame(1);
    EXPECT_EQ((*f.timeline)[f.cursor.step].name, "layers.0.kv_latent");
    // A text that it cannot read is said in its place.
    o.runs[0].model = [&] {
        auto short_model = std::make_shared<Model>(small);
        short_model->config.max_position_embeddings = 3;
        return short_model;
    }();
    start(o);
    run("compare small");
    ASSERT_TRUE(c_->waits(1));
    EXPECT_NE(c_->waits(1)->error.find("max_position_embeddings"), std::string::npos);
    Shell shell(*c_);
    shell.layout(1280, 720);
}

}  // namespace
}  // namespace sf
