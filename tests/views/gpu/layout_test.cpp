// The view "On the GPU" on the recording canvas: nothing overlaps, is cut or leaves its frame.
#include "gpu_fixture.h"
#include "tests/support/page.h"

#include <gtest/gtest.h>

namespace sf {
namespace {

void expect_clean(const GpuPicture& p, const std::string& what) {
    const RecordingCanvas canvas = p.draw();
    test::expect_clean(canvas, what);
    EXPECT_GT(canvas.texts().size(), 1U) << what;
    EXPECT_TRUE(canvas == p.draw()) << what << ": two draws differ";
    EXPECT_FALSE(p.shown.describe(p.frame).empty()) << what;
}

class GpuLayout : public testing::TestWithParam<test::PageSize> {
protected:
    static GpuPicture picture(const TracePtr& trace, const std::string& step = "layers.1.heads") {
        const auto& s = GetParam();
        return GpuPicture(trace, step, s.w, s.h, s.percent / 100.0, s.dark);
    }
    static void all_pages(const TracePtr& trace, const std::string& what) {
        for (const bool device : {false, true}) {
            GpuPicture p = picture(trace);
            if (device) {
                p.with_device()->info.software = true;
                p.set("show=result");
                expect_clean(p, what + ", at work");
                p.settle();
            }
            for (const char* page : {"attention", "experts", "result", "cost"}) {
                p.set(std::string("show=") + page);
                expect_clean(p, what + ", " + page + (device ? ", device" : ""));
            }
            for (const char* setting : {"show=attention",
                                        "keys=1",
                                        "queries=1",
                                        "tile=2",
                                        "group=0",
                                        "variant=registers",
                                        "half=true",
                                        "keys=3",
                                        "queries=2",
                                        "row=1",
                                        "show=experts",
                                        "rows=1",
                                        "rows=5",
                                        "expert_tile=2",
                                        "show=result",
                                        "of=experts",
                                        "of=shared",
                                        "cell=5",
                                        "variant=subgroups",
                                        "show=cost"}) {
                try {
                    p.set(setting);
                } catch (const UserError&) {
                    continue;  // a short text
                }
                expect_clean(p, what + ", " + setting + (device ? ", device" : ""));
            }
        }
    }
};

TEST_P(GpuLayout, ShortText) {
    static const TracePtr trace = gpu_run();
    all_pages(trace, "short");
}
TEST_P(GpuLayout, OneToken) {
    static const TracePtr trace = gpu_run("x");
    all_pages(trace, "one token");
}
TEST_P(GpuLayout, LongText) {
    static const TracePtr trace = gpu_run(std::string(190, 'a'));
    all_pages(trace, "long");
}
TEST_P(GpuLayout, TwoSequencesAbsorbed) {
    RunOptions absorbed;
    absorbed.attention = AttentionMode::absorbed;
    static const TracePtr trace = gpu_run("the cat sat on", {}, absorbed, 2);
    all_pages(trace, "absorbed");
}
TEST_P(GpuLayout, GroupsOfHeadsAndManyExperts) {
    static const TracePtr trace = gpu_run("the cat sat on the mat", [](ModelConfig& c) {
        c.attention_kind = "gqa";
        c.num_key_value_heads = 2;
        c.n_routed_experts = 64;
        c.n_group = 8;
        c.topk_group = 4;
        c.num_experts_per_tok = 8;
        c.n_shared_experts = 0;
    });
    all_pages(trace, "many experts");
}
TEST_P(GpuLayout, EveryPhase) {
    const TracePtr trace = gpu_run("the cat sat on the mat");
    const Timeline timeline(*trace);
    const std::int64_t walk = timeline.find("layers.1.attn_probs");
    for (std::int64_t i = walk % 5; i < timeline.size(); i += 5)
        for (const double within : {0.0, 0.3, 0.55, 0.9})
            for (const char* page : {"attention", "experts"}) {
                GpuPicture p = picture(trace, timeline[i].name);
                p.set(std::string("show=") + page);
                p.frame.cursor.token = i % 11;
                p.frame.cursor.within = within;
                expect_clean(p, timeline[i].name);
            }
}
TEST_P(GpuLayout, Empty) {
    for (const char* page : {"attention", "experts", "result", "cost"}) {
        GpuPicture p = picture(nullptr);
        p.set(std::string("show=") + page);
        expect_clean(p, "nothing has run");
        GpuPicture dense = picture(gpu_run("the cat", [](ModelConfig& c) {
            c.first_k_dense_replace = c.num_hidden_layers;
            c.num_nextn_predict_layers = 0;
        }));
        dense.with_device();
        dense.set(std::string("show=") + page);
        dense.settle();
        expect_clean(dense, "dense");
        RunOptions small;
        small.budget_bytes = 0;
        GpuPicture bare = picture(gpu_run("the cat", {}, small));
        bare.with_device();
        bare.set(std::string("show=") + page);
        bare.settle();
        expect_clean(bare, "nothing kept");
    }
}

INSTANTIATE_TEST_SUITE_P(
    Sizes, GpuLayout,
    testing::Values(test::PageSize{1280, 720, 100, false}, test::PageSize{1280, 720, 200, true},
                    test::PageSize{2560, 1440, 100, true}, test::PageSize{2560, 1440, 200, false},
                    test::PageSize{900, 560, 100, false}, test::PageSize{640, 480, 100, true},
                    test::PageSize{680, 380, 150, false}),
    testing::PrintToStringParamName());

TEST(Gpu, EmptyStateSaysWhatToDo) {
    const GpuPicture p(nullptr);
    EXPECT_TRUE(p.draw().has_text("Type a text and press Enter"));
    EXPECT_TRUE(p.shown.invariants(p.frame).empty());
    EXPECT_TRUE(p.shown.needs(p.frame).empty());
    EXPECT_FALSE(p.shown.lesson().empty());
    for (const Parameter& parameter : p.shown.parameters(p.frame))
        EXPECT_FALSE(parameter.help.empty()) << parameter.name;
}

TEST(Gpu, WithoutADeviceItSaysWhyAndWhatToDo) {
    GpuPicture p(gpu_run());
    for (const char* page : {"show=result", "show=cost"}) {
        p.set(page);
        p.frame.gpu_note.clear();
        EXPECT_TRUE(p.draw().has_text("No device computes here"));
        EXPECT_TRUE(p.draw().has_text("--backend gl"));
        p.frame.gpu_note = "This machine has no OpenGL 4.3";
        EXPECT_TRUE(p.draw().has_text("This machine has no OpenGL 4.3"));
        EXPECT_TRUE(p.shown.invariants(p.frame).empty());
    }
    for (const char* page : {"show=attention", "show=experts"}) {
        p.set(page);
        EXPECT_FALSE(p.shown.invariants(p.frame).empty());
        EXPECT_TRUE(p.shown.needs(p.frame).empty());
    }
}

}  // namespace
}  // namespace sf
