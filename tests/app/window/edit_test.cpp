// Values of the run set by hand: by the handle of a view and by command, seen by all views, taken
// back by one key, and in the printed command line.
#include "app/command_table.h"
#include "app/controller.h"
#include "app/exporter.h"
#include "core/error.h"
#include "core/run/runner.h"

#include <gtest/gtest.h>

namespace sf {
namespace {

class EditsByHand : public testing::Test {
protected:
    EditsByHand() {
        SessionOptions options;
        options.model = preset_model("nano", 1);
        options.model_arguments = {"--preset", "nano", "--seed", "1"};
        c_ = std::make_unique<Controller>(options, Host{});
        run("prompt the cat sat");
        plain_ = c_->snapshot().trace;
        run("step layers.1.attn_probs");
    }
    void run(const std::string& line) {
        carry_out(*c_, line);
        c_->wait_idle(time_ += 1);  // moves have come to rest
    }
    TracePtr now() const { return c_->snapshot().trace; }
    Hit handle(const std::string& name) {
        RecordingCanvas canvas(c_->frame(0).area);
        c_->view(0).draw(canvas, c_->frame(0));
        for (const Hit& hit : canvas.hits())
            if (const auto names = settings_of(hit.target);
                !names.empty() && names.front().starts_with(name))
                return hit;
        ADD_FAILURE() << "no handle " << name;
        return {};
    }
    void drag(const Hit& hit, Vec2 by) {
        const Vec2 from = hit.rect.centre();
        const SettingDrag held = c_->begin_drag(0, hit, from);
        c_->drag_to(0, held, from + by);
        c_->wait_idle(time_ += 1);
    }
    // The run is the core's own with these edits, bit for bit.
    void expect_run_with(const std::vector<Edit>& edits) {
        const TracePtr want = edit_trace(*plain_, edits);
        EXPECT_EQ(now()->edits, edits);
        for (const char* name : {"layers.1.scores", "layers.2.q", "logits"})
            EXPECT_EQ(now()->find(name)->real, want->find(name)->real) << name;
        EXPECT_EQ(c_->frame(0).base, plain_.get());
        EXPECT_TRUE(c_->all_hold());
    }

    std::unique_ptr<Controller> c_;
    TracePtr plain_;
    double time_ = 0;
};

TEST_F(EditsByHand, AScoreIsPushedAndStaysPushedWhereverOneGoes) {
    run("view attention");
    EXPECT_EQ(c_->frame(0).base, nullptr);
    drag(handle("push"), {0, -60});
    ASSERT_EQ(now()->edits.size(), 1U);
    const Edit pushed = now()->edits.front();
    EXPECT_EQ(pushed.node, "layers.1.scores");
    const double before = plain_->find(pushed.node)->at(pushed.index);
    EXPECT_NEAR(pushed.value, before + c_->number(0, "push"), 1e-5);
    expect_run_with({pushed});
    run("step layers.2.attn_probs");
    run("token 3");
    expect_run_with({pushed});
    run("view map");
    expect_run_with({pushed});
    run("restore");
    EXPECT_EQ(now(), plain_);
    EXPECT_EQ(c_->frame(0).base, nullptr);
    run("view attention");
    EXPECT_EQ(c_->number(0, "push"), 0);
    EXPECT_EQ(c_->number(0, "layer"), -1) << "the place is free again";
    EXPECT_EQ(c_->number(0, "query"), -1);
    EXPECT_THROW(run("restore"), UserError);
}

TEST_F(EditsByHand, AQueryVectorIsTurnedAndTheModelsOwnRotationFollows) {
    run("view rope");
    run("set rope.pair=1");
    drag(handle("q1_x"), {6, 4});
    ASSERT_FALSE(now()->edits.empty());
    for (const Edit& e : now()->edits) EXPECT_EQ(e.node, "layers.1.q");
    expect_run_with(now()->edits);
    EXPECT_NE(now()->find("layers.1.q_pe")->real, plain_->find("layers.1.q_pe")->real);
    run("restore");
    EXPECT_EQ(now(), plain_);
}

TEST_F(EditsByHand, AnExpertIsKickedAndSwitchedOffInItsLayer) {
    run("view experts");
    drag(handle("kick"), {0, -30});
    ASSERT_EQ(now()->edits.size(), 11U) << "one a token";
    const double kick = c_->number(0, "kick");
    EXPECT_GT(kick, 0);
    const auto expert = static_cast<std::int64_t>(c_->number(0, "expert"));
    for (std::size_t t = 0; t < now()->edits.size(); ++t) {
        const Edit& e = now()->edits[t];
        EXPECT_EQ(e.node, "layers.1.router_biased");
        EXPECT_EQ(e.index, static_cast<std::int64_t>(t) * 8 + expert);
        EXPECT_NEAR(e.value, plain_->find(e.node)->at(e.index) + kick, 1e-6);
    }
    expect_run_with(now()->edits);
    run("step layers.2.router_indices");
    run("token 3");
    EXPECT_EQ(now()->edits.front().node, "layers.1.router_biased");
    run("restore");
    EXPECT_EQ(now(), plain_);
    EXPECT_EQ(c_->number(0, "layer"), -1) << "the place is free again";
    // A press on the switch, and one back.
    const Hit press = handle("off");
    c_->begin_drag(0, press, press.rect.centre());
    c_->wait_idle(time_ += 1);
    const auto off = static_cast<std::size_t>(c_->number(0, "off"));
    EXPECT_EQ(now()->find("layers.2.expert_load")->ints[off], 0);
    EXPECT_GT(plain_->find("layers.2.expert_load")->ints[off], 0);
    EXPECT_TRUE(c_->all_hold());
    const Hit again = handle("off");
    c_->begin_drag(0, again, again.rect.centre());
    c_->wait_idle(time_ += 1);
    EXPECT_EQ(now(), plain_);
}

TEST_F(EditsByHand, AnotherTopKRunsTheSameWeights) {
    run("view experts");
    run("set experts.top_k=3");
    EXPECT_EQ(now(), plain_) << "the run of the other views is the model's own";
    EXPECT_EQ(c_->frame(0).base, nullptr);
    EXPECT_TRUE(c_->all_hold());
    EXPECT_NE(c_->view(0).describe(c_->frame(0)).find("top-3"), std::string::npos)
        << c_->view(0).describe(c_->frame(0));
}

TEST_F(EditsByHand, ACellIsSetByCommand) {
    run("edit layers.1.scores[0,0,5,2]=4.5");
    run("edit layers.0.ffn_in[3]=-1");
    run("edit layers.1.scores[0,0,5,2]=5.5");
    EXPECT_EQ(c_->edited(), 2U) << "a cell has one value";
    EXPECT_EQ(now()->find("layers.0.ffn_in")->at(3), -1);
    EXPECT_THROW(run("edit nothing[0]=1"), UserError);
    run("prompt the dog sat");
    EXPECT_EQ(c_->edited(), 0U) << "another run";
    EXPECT_TRUE(now()->edits.empty());
}

TEST_F(EditsByHand, ThePrintedCommandLineNamesThem) {
    run("set attention.push=3");
    run("set attention.layer=1");
    run("edit layers.0.ffn_in[3]=-1");
    run("view map");
    FigureRequest map = c_->figure_request(0);
    settle_figure(map);
    const Theme theme = figure_theme(map);
    EXPECT_EQ(figure_frame(map, theme).trace->find("logits")->real, now()->find("logits")->real);
    const std::string line = figure_command(map, "a.png");
    EXPECT_NE(line.find("--edit 'layers.0.ffn_in[3]=-1'"), std::string::npos) << line;
    EXPECT_NE(line.find("--edit 'layers.1.scores["), std::string::npos) << line;
    run("view attention");
    const std::string own = figure_command(c_->figure_request(0), "a.png");
    EXPECT_EQ(own.find("--edit 'layers.1.scores["), std::string::npos)
        << "its settings say it: " << own;
    EXPECT_NE(own.find("--set push=3"), std::string::npos) << own;
}

}  // namespace
}  // namespace sf
