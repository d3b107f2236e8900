// The attention view on the recording canvas: what is drawn equals the trace, and what must hold
// does, or turns red.
#include "scene.h"

#include "core/run/probe.h"
#include "views/attention_row.h"

namespace sf {
namespace {

using test::read_bars;
using test::Scene;
using test::small_run;
using test::text_after;
using test::with_value;

const std::vector<std::string> orders{"forward", "backward", "smallest first", "largest first",
                                      "shuffled"};

class AttentionModes : public testing::TestWithParam<AttentionMode> {
protected:
    std::string out_node() const {
        return GetParam() == AttentionMode::naive ? "layers.1.heads" : "layers.1.attn_latent";
    }
};

TEST_P(AttentionModes, BarsAreTheRecordedScoresAndTheResult) {
    Scene s(small_run(GetParam()));
    s.cursor.batch = 1;
    for (const std::string& order : orders)
        for (const int query : {3, 8, 13})
            for (const int tile : {0, 1, 5}) {
                s.settings.clear();
                s.set("order=" + order);
                s.set("query=" + std::to_string(query));
                s.set("tile=" + std::to_string(tile));
                s.set("head=2");
                const RecordingCanvas canvas = s.draw();
                EXPECT_GE(read_bars(canvas, *s.trace, "layers.1.scores"), query + 1) << order;
                EXPECT_GE(read_bars(canvas, *s.trace, out_node()),
                          s.trace->find(out_node())->shape.cols());
            }
}

TEST_P(AttentionModes, AWrongNumberIsFound) {
    Scene s(small_run(GetParam()));
    const TracePtr truth = s.trace;
    s.set("query=6");
    const RecordingCanvas canvas = s.draw();
    for (const std::string& node : {std::string("layers.1.scores"), out_node()}) {
        std::int64_t first = -1;
        for (const Hit& h : canvas.hits())
            if (h.target.node == node && h.rect.h >= 24) first = h.target.first;
        ASSERT_GE(first, 0) << node;
        const TracePtr other = with_value(*truth, node, first, truth->find(node)->at(first) + 0.5);
        testing::TestPartResultArray failures;
        {
            const testing::ScopedFakeTestPartResultReporter reporter(
                testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD,
                &failures);
            read_bars(canvas, *other, node);
        }
        EXPECT_GT(failures.size(), 0) << node;
    }
}

TEST_P(AttentionModes, EverythingThatMustHoldHolds) {
    Scene s(small_run(GetParam()));
    for (const char* step : {"layers.0.scores", "layers.2.attn_probs", "mtp.1.scores"}) {
        s.at(step);
        ASSERT_GE(s.cursor.step, 0) << step;
        for (const int query : {0, 1, 9}) {
            s.settings.clear();
            s.set("query=" + std::to_string(query));
            EXPECT_EQ(s.red(), std::vector<std::string>{}) << step << " " << query;
            s.set("order=shuffled");
            s.set("tile=3");
            s.set("push=9.5");
            s.set("key=" + std::to_string(query / 2));
            EXPECT_EQ(s.red(), std::vector<std::string>{}) << step << " " << query;
            s.set("divide=false");
            s.set("push=-20");
            EXPECT_EQ(s.red(), std::vector<std::string>{}) << step << " " << query;
        }
    }
    EXPECT_GE(s.view.invariants(s.frame()).size(), 7U);
}

INSTANTIATE_TEST_SUITE_P(Modes, AttentionModes,
                         testing::Values(AttentionMode::naive, AttentionMode::absorbed),
                         [](const auto& test_case) {
                             return test_case.param == AttentionMode::naive ? "naive" : "absorbed";
                         });

TEST(AttentionView, HoldsForTheOtherModelsToo) {
    for (const char* preset : {"micro", "bench"}) {
        Scene s(small_run(AttentionMode::naive, "Anna has 3 apples and Ben has 4 apples", preset));
        EXPECT_EQ(s.red(), std::vector<std::string>{}) << preset;
    }
}

TEST(AttentionView, TheMapIsTheTrace) {
    Scene s(small_run());
    s.set("head=1");
    const RecordingCanvas canvas = s.draw();
    const Tensor& probs = *s.trace->find("layers.1.attn_probs");
    const std::int64_t T = probs.shape[2], S = probs.shape[3];
    int maps = 0;
    for (const Hit& h : canvas.hits()) {
        if (h.target.node != "layers.1.attn_probs") continue;
        for (const Primitive& p : canvas.primitives()) {
            if (p.kind != Primitive::Kind::image || !(p.rect == h.rect)) continue;
            ++maps;
            ASSERT_EQ(p.image->w, S);
            ASSERT_EQ(p.image->h, T);
            for (std::int64_t i = 0; i < T * S; ++i) {
                const Colour seen = p.image->pixels[static_cast<std::size_t>(i)];
                if (i % S > i / S) {
                    EXPECT_EQ(seen.a, 0) << "above the diagonal";
                    continue;
                }
                const std::int64_t flat =
                    h.target.first + i / S * h.target.row_stride + i % S * h.target.col_stride;
                EXPECT_EQ(flat, T * S + i) << "head 1 of sequence 0";
                EXPECT_EQ(seen, ColourScale::range(0, 1).colour(s.theme, probs.at(flat)));
            }
        }
    }
    EXPECT_EQ(maps, 1);
}

// With the model's own tiles the numbers are those that the trace kept.
TEST(AttentionView, MaximumAndSumAreTheRecordedOnes) {
    std::string prompt;
    for (int i = 0; i < 5; ++i) prompt += "the cat sat on ";  // 75 keys: three tiles
    Scene s(small_run(AttentionMode::naive, prompt));
    s.set("tile=32");
    s.set("head=3");
    const std::int64_t t = 70;
    s.set("query=70");
    for (std::int64_t j = 0; j < 3; ++j) {
        s.set("arrived=" + std::to_string(j + 1));
        const RecordingCanvas canvas = s.draw();
        const double m = value_at(*s.trace, "layers.1.online_m", {0, 3, t, j});
        const double d = value_at(*s.trace, "layers.1.online_d", {0, 3, t, j});
        EXPECT_EQ(text_after(canvas, "m = "), format_number(m, 3)) << j;
        EXPECT_EQ(text_after(canvas, "d = "), format_number(d, 3)) << j;
    }
    s.set("arrived=3");
    EXPECT_GE(read_bars(s.draw(), *s.trace, "layers.1.online_o", s.theme.meaning(Meaning::value)),
              3 * s.trace->find("layers.1.online_o")->shape.cols());
    // The steps of the timeline show the same.
    s.set("arrived=-1");
    s.at("layers.1.attn_probs.tile.1");
    const RecordingCanvas canvas = s.draw();
    EXPECT_EQ(text_after(canvas, "m = "),
              format_number(value_at(*s.trace, "layers.1.online_m", {0, 3, t, 1}), 3));
}

TEST(AttentionView, PrintedScoresAreTheTrace) {
    Scene s(small_run(AttentionMode::naive, "the cat"));
    const RecordingCanvas canvas = s.draw();
    const Tensor& scores = *s.trace->find("layers.1.scores");
    int read = 0;
    for (const Hit& h : canvas.hits()) {
        if (h.target.node != "layers.1.scores" || h.rect.h >= 24) continue;
        for (const Primitive& p : canvas.primitives()) {
            const Vec2 middle{p.rect.centre().x, p.baseline.y - 3};
            if (p.kind != Primitive::Kind::text) continue;
            const auto cell = pick(h, middle);
            if (!cell) continue;
            ++read;
            EXPECT_EQ(p.text, format_number(scores.at(cell->index), 3));
        }
    }
    EXPECT_EQ(read, 7);
}

TEST(AttentionView, TrafficIsWhatTheFormulaSays) {
    Scene s(small_run());
    s.set("query=10");
    const RecordingCanvas canvas = s.draw();
    EXPECT_TRUE(canvas.has_text("5n = 55"));
    EXPECT_TRUE(canvas.has_text("4n = 44"));
    EXPECT_TRUE(canvas.has_text("n = 11"));
}

bool red_in(const std::vector<Invariant>& list, const std::string& name) {
    for (const Invariant& i : list)
        if (i.name.rfind(name, 0) == 0) return !i.holds;
    ADD_FAILURE() << "there is no check " << name;
    return false;
}

TEST(AttentionView, AFaultTurnsItsInvariantRed) {
    Scene s(small_run());
    const TracePtr truth = s.trace;
    s.set("query=7");
    ASSERT_EQ(s.red(), std::vector<std::string>{});
    const std::int64_t T = 14, row = 7 * T;  // head 0
    const auto red_with = [&](const std::string& node, std::int64_t at, double value,
                              const std::string& name) {
        s.trace = with_value(*truth, node, at, value);
        return red_in(s.view.invariants(s.frame()), name);
    };
    EXPECT_TRUE(red_with("layers.1.attn_probs", row + 2, 0.9, "every row of the map sums to 1"));
    EXPECT_TRUE(red_with("layers.1.attn_probs", row + 2, 0.9, "weights of the row"));
    EXPECT_TRUE(red_with("layers.1.attn_probs", row + 9, 1e-6, "nothing above the diagonal"));
    EXPECT_TRUE(red_with("layers.1.scores", row + 2, 5, "result = what the model computed"));
    EXPECT_TRUE(red_with("layers.1.scores", row + 2, 5, "recorded m, d, o"));
    EXPECT_TRUE(red_with("layers.1.heads", 7 * 4 * 12 + 3, 9, "result = what the model computed"));
    EXPECT_TRUE(red_with("layers.1.online_d", 7, 99, "recorded m, d, o"));
    EXPECT_TRUE(red_with("layers.1.scores", row + 2, std::nan(""), "result = three-pass"));
    // Of heads that are not on screen too.
    EXPECT_TRUE(red_with("layers.1.scores", 2 * T * T + row + 2, 5, "recorded m, d, o"));
    EXPECT_TRUE(red_with("layers.1.heads", (7 * 4 + 3) * 12, 9, "result = what the model"));
    EXPECT_TRUE(red_with("layers.1.attn_probs", 3 * T * T + row + 2, 0.9, "weights of the row"));
}

// Every state of every tile is measured, not only the last one.
TEST_P(AttentionModes, AFaultInAnyRecordedStateIsFound) {
    std::string prompt;
    for (int i = 0; i < 5; ++i) prompt += "the cat sat on ";
    Scene s(small_run(GetParam(), prompt));
    const TracePtr truth = s.trace;
    s.set("query=70");
    EXPECT_FALSE(red_in(s.view.invariants(s.frame()), "recorded m, d, o"));
    for (const char* node : {"layers.1.online_m", "layers.1.online_d", "layers.1.online_o"})
        for (const std::int64_t head : {0, 2})
            for (const std::int64_t tile : {0, 1, 2}) {
                const Tensor& t = *truth->find(node);
                const std::int64_t width = t.shape.rank == 5 ? t.shape[4] : 1;
                const std::int64_t at = ((head * 75 + 70) * 3 + tile) * width + width / 2;
                s.trace = with_value(*truth, node, at, t.at(at) + 1e-3 * (1 + std::fabs(t.at(at))));
                EXPECT_TRUE(red_in(s.view.invariants(s.frame()), "recorded m, d, o"))
                    << node << " of head " << head << " after tile " << tile;
            }
}

// What the view measures itself: a row whose results are not what they must be.
TEST(AttentionChecks, SeeAWrongRow) {
    Scene s(small_run());
    const Frame frame = s.frame();
    const online::Row truth = online::make_row(frame, {}).row;
    const auto red_with = [&](const std::string& name, const auto& fault) {
        online::Row other = truth;
        fault(other);
        return red_in(online::checks(other), name);
    };
    const auto nothing = [](online::Row&) {};
    for (const char* name : {"traffic counted", "m and d at the end", "result = three-pass"})
        EXPECT_FALSE(red_with(name, nothing)) << name;
    using online::Row;
    EXPECT_TRUE(red_with("traffic", [](Row& r) { ++r.shown.traffic.scores_read; }));
    EXPECT_TRUE(red_with("traffic", [](Row& r) { ++r.shown.traffic.weights_written; }));
    EXPECT_TRUE(red_with("traffic", [](Row& r) { --r.two.traffic.scores_read; }));
    EXPECT_TRUE(red_with("traffic", [](Row& r) { r.three.traffic.weights_read *= 2; }));
    EXPECT_TRUE(red_with("traffic", [](Row& r) { r.three = r.two; }));
    EXPECT_TRUE(red_with("traffic", [](Row& r) { r.shown.traffic.values_read = 0; }));
    EXPECT_TRUE(red_with("traffic", [](Row& r) { ++r.two.traffic.out_written; }));
    EXPECT_TRUE(red_with("m and d at the end", [](Row& r) { r.shown.m += Real(1e-3); }));
    EXPECT_TRUE(red_with("m and d at the end", [](Row& r) { r.shown.d *= Real(1.0001); }));
    EXPECT_TRUE(red_with("m and d at the end", [](Row& r) { r.shown.d = Real(NAN); }));
    EXPECT_TRUE(red_with("result = three-pass", [](Row& r) { r.shown.o.back() += Real(1e-3); }));
    EXPECT_TRUE(red_with("result = three-pass", [](Row& r) { r.two.o.front() += Real(1e-3); }));
    EXPECT_TRUE(red_with("result = three-pass", [](Row& r) { r.three.o.front() = Real(NAN); }));
}

// The figure says what was covered.
TEST(AttentionChecks, EveryTileSizeOfARowThatIsNotLong) {
    const auto figure = [](std::size_t keys) {
        Scene s(small_run(AttentionMode::naive, std::string(keys, 'a')));
        const Invariant first = s.view.invariants(s.frame()).front();
        EXPECT_TRUE(first.holds) << first.figure;
        return first.figure;
    };
    EXPECT_NE(figure(1).find("the one size × 5 orders"), std::string::npos);
    EXPECT_NE(figure(128).find("all 128 sizes × 5 orders"), std::string::npos);
    // 1, 2, 4 ... 128, the 32 on screen among them, and the whole row.
    EXPECT_NE(figure(200).find("9 of 200 sizes × 5 orders"), std::string::npos);
}

TEST(AttentionView, AHugeLateScoreShrinksWhatCameBefore) {
    Scene s(small_run());
    s.set("push=30");
    const RecordingCanvas canvas = s.draw();
    EXPECT_NE(s.view.describe(s.frame()).find("set by hand to"), std::string::npos);
    // The changed score is no cell of the trace.
    const Tensor& scores = *s.trace->find("layers.1.scores");
    const std::int64_t key = 13 * 14 + 13;
    for (const Hit& h : canvas.hits())
        if (h.target.node == "layers.1.scores") {
            EXPECT_FALSE(h.target.first <= key && key < h.target.first + h.target.cols);
        }
    EXPECT_EQ(text_after(canvas, "m = "), format_number(scores.at(key) + 30, 3));
    double d = 0;
    for (std::int64_t i = 0; i < 14; ++i)
        d += std::exp(scores.at(13 * 14 + i) + (i == 13 ? 30 : 0) - scores.at(key) - 30);
    EXPECT_NEAR(std::atof(text_after(canvas, "d = ").c_str()), d, 0.006);
    EXPECT_EQ(s.red(), std::vector<std::string>{}) << "the algorithm holds for any row";
}

TEST(AttentionView, SixteenBitsWithoutTheMaximumOverflow) {
    Scene s(small_run());
    s.set("half=true");
    EXPECT_EQ(s.red(), std::vector<std::string>{}) << "small scores fit";
    s.set("push=20");
    const RecordingCanvas canvas = s.draw();
    EXPECT_TRUE(canvas.has_text("NaN"));
    EXPECT_EQ(text_after(canvas, "d = "), "∞");
    ASSERT_EQ(s.red().size(), 1U);
    EXPECT_EQ(s.red()[0].rfind("16 bits without the maximum", 0), 0U);
}

TEST(AttentionView, DrawsTheSameTwiceAndEveryPhase) {
    Scene s(small_run());
    RecordingCanvas last(s.area);
    for (const double within : {0.0, 0.2, 0.5, 0.8, 1.0}) {
        s.at("layers.1.attn_probs", within);
        const RecordingCanvas canvas = s.draw();
        EXPECT_TRUE(canvas == s.draw());
        EXPECT_FALSE(canvas == last);
        last = canvas;
    }
}

TEST(AttentionView, SaysWhyThereIsNothing) {
    Scene nothing(nullptr);
    EXPECT_TRUE(nothing.draw().has_text("Type a text"));
    EXPECT_TRUE(nothing.view.invariants(nothing.frame()).empty());
    Scene s(nullptr);
    const ModelPtr model = preset_model("nano", 3);
    s.trace = make_probe(*run_trace(model, {model->encode("the cat")}), 0);
    s.timeline = Timeline(*s.trace);
    ASSERT_FALSE(s.trace->has("layers.0.scores"));
    EXPECT_TRUE(s.draw().has_text("not"));
    EXPECT_NE(s.view.describe(s.frame()).find("were not kept"), std::string::npos);
}

TEST(AttentionView, HoveredCellsAreLit) {
    Scene s(small_run());
    const RecordingCanvas plain = s.draw();
    s.hover_node = "layers.1.scores";
    s.hover_index = 13 * 14 + 4;
    EXPECT_FALSE(plain == s.draw());
}

}  // namespace
}  // namespace sf
