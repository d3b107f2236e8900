// The inspector on the recording canvas: for every node what is drawn equals the trace.
#include "scene.h"
#include "tests/support/page.h"

#include <gtest/gtest.h>

namespace sf {
namespace {

using test::all_nodes;
using test::expect_clean;
using test::nano;
using test::PageSize;
using test::read_back;
using test::ReadBack;
using test::Scene;
using test::with_value;

class Inspector : public testing::TestWithParam<AttentionMode> {};

TEST_P(Inspector, EveryNodeShowsWhatTheTraceHolds) {
    Scene s(nano(GetParam()));
    s.cursor.batch = 1;
    for (const std::string& node : all_nodes(*s.trace)) {
        s.look_at(node);
        const RecordingCanvas canvas = s.draw();
        const ReadBack read = read_back(canvas, *s.trace, node, s.theme);
        EXPECT_EQ(read.wrong, std::vector<std::string>{}) << node;
        EXPECT_GT(read.numbers + read.pixels + read.bars, 0) << node << " shows nothing";
        // The selected cell in full.
        const std::string described = s.view->describe(s.frame());
        EXPECT_NE(described.find(node), std::string::npos);
    }
}

TEST_P(Inspector, AWrongNumberIsFound) {
    const TracePtr truth = nano(GetParam());
    Scene s(truth);
    for (const std::string& node : all_nodes(*truth)) {
        const Tensor& tensor = *truth->find(node);
        if (tensor.size() < 2) continue;
        s.trace = truth;
        s.look_at(node);
        const RecordingCanvas before = s.draw();
        // A cell that is on screen.
        std::int64_t at = -1;
        if (const Hit* hit = test::main_hit(before, node)) at = hit->target.first;
        for (const Hit& h : before.hits())
            if (at < 0 && tensor.dtype == DType::i64 && h.target.node == node) at = h.target.first;
        ASSERT_GE(at, 0) << node;
        const double other =
            tensor.dtype == DType::i64 ? (tensor.at(at) == 1 ? 2 : 1) : tensor.at(at) + 7;
        s.trace = with_value(*truth, node, at, other);
        const ReadBack read = read_back(s.draw(), *truth, node, s.theme);
        EXPECT_FALSE(read.wrong.empty()) << node;
    }
}

TEST_P(Inspector, EveryInvariantHolds) {
    Scene s(nano(GetParam()));
    for (const std::string& node : all_nodes(*s.trace)) {
        s.look_at(node);
        const auto list = s.view->invariants(s.frame());
        EXPECT_GE(list.size(), 2U) << node;
        for (const Invariant& i : list) {
            EXPECT_TRUE(i.holds) << node << ": " << i.name << ": " << i.figure;
            EXPECT_FALSE(i.figure.empty());
        }
    }
}

TEST_P(Inspector, AnInvariantSeesAWrongValue) {
    const TracePtr truth = nano(GetParam());
    Scene s(truth);
    s.cursor.token = 2;
    for (const char* node : {"layers.0.kv_latent", "layers.1.attn_probs", "layers.2.hidden",
                             "layers.1.router_indices", "layers.1.router_weights", "logits"}) {
        s.look_at(node);
        const Tensor& tensor = *truth->find(node);
        // The cell that is selected: token 2, column 0 of sequence 0 (head 0).
        const std::int64_t at = 2 * tensor.shape.cols();
        s.trace = with_value(*truth, node, at, tensor.at(at) + 1);
        const auto list = s.view->invariants(s.frame());
        EXPECT_TRUE(std::any_of(list.begin(), list.end(), [](const Invariant& i) {
            return !i.holds;
        })) << node;
    }
}

INSTANTIATE_TEST_SUITE_P(Modes, Inspector,
                         testing::Values(AttentionMode::naive, AttentionMode::absorbed),
                         [](const auto& test_case) {
                             return test_case.param == AttentionMode::naive ? "naive" : "absorbed";
                         });

class InspectorPage : public testing::TestWithParam<PageSize> {
protected:
    void set(Scene& s) const {
        const PageSize p = GetParam();
        s.theme = p.theme();
        s.area = {0, 0, p.w, p.h};
    }
};

TEST_P(InspectorPage, NothingOverlapsIsCutOrLeavesIt) {
    Scene s(nano(AttentionMode::naive));
    set(s);
    for (const std::string& node : all_nodes(*s.trace)) {
        s.look_at(node);
        expect_clean(s.draw(), node);
    }
    s.trace = nano(AttentionMode::absorbed);
    for (const char* node : {"layers.1.q_absorbed", "layers.1.attn_latent", "layers.1.online_o"}) {
        s.look_at(node);
        expect_clean(s.draw(), node);
    }
}

TEST_P(InspectorPage, OtherStatesAreCleanToo) {
    Scene empty(nullptr);
    set(empty);
    expect_clean(empty.draw(), "empty");
    Scene s(nano(AttentionMode::naive, 200000));
    set(s);
    s.look_at("layers.1.online_o");
    expect_clean(s.draw(), "not kept");
    s.look_at("layers.9.nothing");
    expect_clean(s.draw(), "unknown");
    s.trace = nano(AttentionMode::naive);
    for (const char* b : {"layers.1.hidden", "layers.1.kv", "layers.1.ids"}) {
        s.look_at("layers.0.hidden");
        s.settings["compare"] = std::string(b);
        expect_clean(s.draw(), std::string("compared with ") + b);
    }
    s.look_at("layers.1.router_indices");
    s.settings["compare"] = std::string("layers.2.router_indices");
    expect_clean(s.draw(), "indices compared");
    s.look_at("layers.1.scores");
    s.settings["compare"] = std::string("layers.2.scores");
    expect_clean(s.draw(), "scores compared");
    s.settings.erase("compare");
    s.settings["zoom"] = 6.0;
    s.settings["pan_x"] = -120.0;
    for (const char* node : {"layers.1.scores", "layers.1.kv", "logits", "layers.1.expert_load"}) {
        s.look_at(node);
        expect_clean(s.draw(), std::string("zoomed ") + node);
    }
}

TEST_P(InspectorPage, TwoDrawsAreEqual) {
    Scene s(nano(AttentionMode::naive));
    set(s);
    for (double within : {0.0, 0.4, 1.0}) {
        s.cursor.within = within;
        for (std::int64_t step : {3, 20, 40}) {
            s.cursor.step = step;
            EXPECT_TRUE(s.draw() == s.draw());
        }
    }
}

INSTANTIATE_TEST_SUITE_P(
    Sizes, InspectorPage,
    testing::Values(PageSize{1280, 720, 100, false}, PageSize{1280, 720, 200, true},
                    PageSize{2560, 1440, 100, true}, PageSize{2560, 1440, 200, false},
                    PageSize{900, 560, 100, false}, PageSize{900, 560, 200, false},
                    PageSize{640, 600, 150, true}),
    testing::PrintToStringParamName());

TEST(InspectorStates, NothingHasRun) {
    const Scene s(nullptr);
    EXPECT_TRUE(s.draw().has_text("Nothing has run yet"));
    EXPECT_TRUE(s.draw().hits().empty());
    EXPECT_TRUE(s.view->invariants(s.frame()).empty());
    EXPECT_EQ(s.view->describe(s.frame()), "Nothing has run yet.");
    EXPECT_FALSE(s.view->parameters(s.frame()).empty());
    EXPECT_FALSE(s.view->lesson().empty());
}

TEST(InspectorStates, NotKeptNamesTheCommand) {
    Scene s(nano(AttentionMode::naive, 1));
    s.look_at("layers.1.online_o");
    ASSERT_EQ(s.trace->find("layers.1.online_o"), nullptr);
    EXPECT_TRUE(s.draw().has_text("Not in this trace"));
    EXPECT_NE(s.view->describe(s.frame()).find("complete layers.1.online_o"), std::string::npos);
    EXPECT_TRUE(s.view->invariants(s.frame()).empty());
}

TEST(InspectorStates, WeightsAreNotInASavedTrace) {
    auto copy = std::make_shared<Trace>(*nano(AttentionMode::naive));
    copy->weights = nullptr;
    Scene s(copy);
    s.look_at("model.norm.weight");
    EXPECT_NE(s.view->describe(s.frame()).find("holds no weights"), std::string::npos);
    EXPECT_TRUE(s.draw().has_text("Not in this trace"));
    // A product whose weight is missing is shown, not explained.
    s.look_at("layers.0.kv_a");
    EXPECT_EQ(read_back(s.draw(), *copy, "layers.0.kv_a", s.theme).wrong,
              std::vector<std::string>{});
    for (const Invariant& i : s.view->invariants(s.frame())) EXPECT_TRUE(i.holds) << i.name;
}

TEST(InspectorStates, AnUnknownNameIsSaidWithNeighbours) {
    Scene s(nano(AttentionMode::naive));
    s.look_at("layers.7.kv_latent");
    EXPECT_TRUE(s.draw().has_text("No tensor “layers.7.kv_latent”"));
    EXPECT_TRUE(s.draw().has_text("layers.0.kv_latent"));
}

TEST(InspectorStates, NaNAndInfinityAreLoud) {
    const TracePtr truth = nano(AttentionMode::naive);
    TracePtr bad = with_value(*truth, "layers.0.hidden", 3, NAN);
    bad = with_value(*bad, "layers.0.hidden", 60, INFINITY);
    Scene s(bad);
    s.look_at("layers.0.hidden");
    EXPECT_TRUE(s.draw().has_text("1 NaN, 1 infinite"));
    const auto list = s.view->invariants(s.frame());
    EXPECT_TRUE(std::any_of(list.begin(), list.end(), [](const Invariant& i) { return !i.holds; }));
    const RecordingCanvas canvas = s.draw();
    const auto red = std::count_if(
        canvas.primitives().begin(), canvas.primitives().end(), [&](const Primitive& p) {
            return p.kind == Primitive::Kind::fill_rect && p.colour == s.theme.bad;
        });
    EXPECT_GE(red, 3);  // two cells and the banner
    EXPECT_FALSE(Scene(truth).draw().has_text("NaN"));
}

}  // namespace
}  // namespace sf
