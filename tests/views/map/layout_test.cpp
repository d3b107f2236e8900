#include "map_fixture.h"
#include "tests/support/page.h"

#include "core/io/trace_io.h"

#include <gtest/gtest.h>

#include <unistd.h>
#include <filesystem>
#include <ostream>

namespace sf {
namespace {

struct Size {
    double w, h, text;
};
void PrintTo(const Size& s, std::ostream* out) {
    *out << s.w << "x" << s.h << "_" << static_cast<int>(s.text * 100);
}

void expect_clean(const MapPicture& p, const std::string& what) {
    const RecordingCanvas canvas = p.draw();
    test::expect_clean(canvas, what);
    EXPECT_GT(canvas.texts().size(), 3U) << what;
    EXPECT_TRUE(canvas == p.draw()) << what << ": two draws differ";
}

class Layout : public testing::TestWithParam<Size> {
protected:
    void at_steps(const TracePtr& trace) const {
        const auto [w, h, text] = GetParam();
        const Timeline timeline(*trace);
        // Every seventh step meets every kind of operation of some layer.
        for (std::int64_t i = 0; i < timeline.size(); i += 7)
            expect_clean(MapPicture(trace, timeline[i].name, w, h, text), timeline[i].name);
        expect_clean(MapPicture(trace, "probs", w, h, text), "probs");
    }
};

TEST_P(Layout, DenseAndExperts) {
    at_steps(map_run());
}
TEST_P(Layout, NoModules) {
    at_steps(map_run("ab", 2, 0));
}
TEST_P(Layout, TwoModules) {
    at_steps(map_run("abcd", 1, 2));
}
TEST_P(Layout, ParallelModules) {
    at_steps(map_run("abcd", 1, 2, [](ModelConfig& c) { c.mtp_kind = "parallel"; }));
}
TEST_P(Layout, NoGroupsNoSharedExpertNoQueryLatent) {
    at_steps(map_run("abc", 2, 0, [](ModelConfig& c) {
        c.n_group = c.topk_group = 1;
        c.n_shared_experts = 0;
        c.q_lora_rank.reset();
    }));
}
TEST_P(Layout, Absorbed) {
    RunOptions options;
    options.attention = AttentionMode::absorbed;
    at_steps(map_run("abc", 2, 0, {}, options));
}
TEST_P(Layout, OneToken) {
    at_steps(map_run("x", 2, 1));
}
TEST_P(Layout, LongPromptAndBatch) {
    const TracePtr trace = map_run(std::string(200, 'a'), 2, 0, {}, {}, 2);
    const auto [w, h, text] = GetParam();
    for (const std::int64_t token : {0, 100, 199})
        for (const std::int64_t batch : {0, 1}) {
            MapPicture p(trace, "layers.1.attn_probs", w, h, text);
            p.frame.cursor.token = token;
            p.frame.cursor.batch = batch;
            expect_clean(p, "token " + std::to_string(token));
        }
}
TEST_P(Layout, TheWayBack) {
    RunOptions options;
    options.gradients = true;
    const TracePtr trace = map_run("the cat sat", 3, 1, {}, options);
    const auto [w, h, text] = GetParam();
    const Timeline timeline(*trace);
    for (std::int64_t i = 3; i < timeline.size(); i += 11)
        expect_clean(MapPicture(trace, timeline[i].name, w, h, text), timeline[i].name);
    for (const char* step : {"loss", "mtp.1.nll", "layers.1.balance_p", "grad.loss"})
        expect_clean(MapPicture(trace, step, w, h, text), step);
}
TEST_P(Layout, ManyLayers) {
    const TracePtr trace = map_run("abc", 61, 1);
    const auto [w, h, text] = GetParam();
    for (const char* step : {"ids", "layers.0.q", "layers.30.experts.1", "layers.60.hidden",
                             "layers.31.scores", "logits", "mtp.1.concat"})
        if (Timeline(*trace).find(step) >= 0)
            expect_clean(MapPicture(trace, step, w, h, text), step);
}

INSTANTIATE_TEST_SUITE_P(Sizes, Layout,
                         testing::Values(Size{1280, 720, 1}, Size{1280, 720, 2},
                                         Size{2560, 1440, 1}, Size{2560, 1440, 2},
                                         Size{640, 480, 1}, Size{640, 480, 2}, Size{768, 500, 1},
                                         Size{680, 380, 1.5}),
                         testing::PrintToStringParamName());

TEST(Map, EmptyStateSaysWhatToDo) {
    const Theme theme = Theme::dark_theme();
    Frame frame;
    frame.theme = &theme;
    frame.area = {100, 50, 640, 480};
    RecordingCanvas canvas(frame.area);
    const View& view = MapPicture::view();
    view.draw(canvas, frame);
    EXPECT_TRUE(canvas.has_text("Type a text and press Enter"));
    EXPECT_EQ(canvas.outside(), std::vector<std::string>{});
    EXPECT_FALSE(view.describe(frame).empty());
    EXPECT_TRUE(view.invariants(frame).empty());
    EXPECT_FALSE(view.parameters(frame).empty());
}

TEST(Map, MoveOnlyWhileUnderWay) {
    const TracePtr trace = map_run();
    MapPicture rest(trace, "layers.1.scores");
    const RecordingCanvas still = rest.draw();
    rest.frame.cursor.within = 0.3;
    const RecordingCanvas early = rest.draw();
    rest.frame.cursor.within = 0.6;
    EXPECT_FALSE(early == still);
    EXPECT_FALSE(early == rest.draw());
    rest.frame.cursor.within = 1;
    EXPECT_TRUE(still == rest.draw());
}

TEST(Map, ZoomKeepsWhatIsUnderThePointerAndStaysInItsFrame) {
    const TracePtr trace = map_run();
    MapPicture p(trace, "layers.1.scores");
    const RecordingCanvas plain = p.draw();
    Vec2 at;
    for (const Hit& h : plain.hits())
        if (h.target.node == "layers.1.q_pe") at = h.rect.centre();
    const auto before = plain.find(at);
    ASSERT_TRUE(before);
    // What the window does for a wheel turn at `at`.
    const Vec2 pan = (at - p.frame.area.centre()) * (1 - 3.0);
    set_setting(p.settings, p.view(), p.frame, "zoom=3");
    p.settings["pan_x"] = pan.x;
    p.settings["pan_y"] = pan.y;
    const RecordingCanvas zoomed = p.draw();
    const auto after = zoomed.find(at);
    ASSERT_TRUE(after);
    EXPECT_EQ(after->node, before->node);
    EXPECT_EQ(zoomed.outside(), std::vector<std::string>{});
}

TEST(Map, DrawnFromAFile) {
    // One name a process: several test programs may run at once.
    const auto file = std::filesystem::temp_directory_path() /
                      ("sf_map_" + std::to_string(getpid()) + ".safetensors");
    const TracePtr trace = map_run();
    write_trace(file, *trace);
    const TracePtr read = read_trace(file);
    std::filesystem::remove(file);
    MapPicture a(trace, "layers.1.scores"), b(read, "layers.1.scores");
    // Only names of ids outside the prompt are lost: the same cells lie in the same places.
    const auto hits = [](const RecordingCanvas& c) {
        std::vector<std::string> nodes;
        for (const Hit& h : c.hits()) nodes.push_back(h.target.node);
        return nodes;
    };
    EXPECT_EQ(hits(a.draw()), hits(b.draw()));
    expect_clean(b, "from a file");
    for (const Invariant& i : b.view().invariants(b.frame)) EXPECT_TRUE(i.holds) << i.name;
}

TEST(Map, WhatWasNotKeptIsSaid) {
    const TracePtr full = map_run();
    Trace part;
    part.graph = full->graph;
    part.extent = full->extent;
    part.ids = full->ids;
    part.tokens = full->tokens;
    part.keep(full->graph->find("ids"), full->share(full->graph->find("ids")), 0);
    MapPicture p(std::make_shared<Trace>(part), "layers.1.scores");
    const RecordingCanvas canvas = p.draw();
    EXPECT_TRUE(canvas.has_text("not kept"));
    for (const Hit& h : canvas.hits())
        EXPECT_EQ(h.target.rows * h.target.cols > 1 && h.target.node != "ids", false)
            << h.target.node;
    expect_clean(p, "not kept");
    EXPECT_NE(p.view().describe(p.frame).find("not kept"), std::string::npos);
}

}  // namespace
}  // namespace sf
