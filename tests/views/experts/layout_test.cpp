// The pages "token" and "sequence" of the view "Experts": nothing overlaps, is cut or leaves its
// frame, whatever the model, the text and the settings.
#include "experts_fixture.h"
#include "tests/support/page.h"

#include <gtest/gtest.h>

namespace sf {
namespace {

void expect_clean(const ExpertsPicture& p, const std::string& what) {
    const RecordingCanvas canvas = p.draw();
    test::expect_clean(canvas, what);
    EXPECT_GT(canvas.texts().size(), 1U) << what;
    EXPECT_TRUE(canvas == p.draw()) << what << ": two draws differ";
}

class ExpertsLayout : public testing::TestWithParam<test::PageSize> {
protected:
    static void all_pages(const TracePtr& trace, const std::string& what) {
        const auto [w, h, percent, dark] = GetParam();
        for (const char* page : {"token", "sequence"}) {
            ExpertsPicture p(trace, "layers.1.ffn_out", w, h, percent / 100.0, dark);
            p.set(std::string("show=") + page);
            expect_clean(p, what + ", " + page);
            p.set("layer=2");
            p.set("expert=0");
            p.set("centred=false");
            if (p.trace->graph->config.n_routed_experts > 1) p.set("off=1");
            p.set("kick=0.6");
            if (!p.shown.edits(p.frame).empty()) p.apply_edits();
            if (std::string(page) == "sequence") p.set("capacity=0.5");
            expect_clean(p, what + ", " + page + ", by hand");
        }
    }
};

TEST_P(ExpertsLayout, SixteenInFourNodes) {
    all_pages(experts_run("23 + 45 = 68"), "16 experts");
}
TEST_P(ExpertsLayout, OneToken) {
    all_pages(experts_run("x"), "one token");
}
TEST_P(ExpertsLayout, LongText) {
    all_pages(experts_run(std::string(70, 'a') + " the cat sat on the mat"), "long");
}
TEST_P(ExpertsLayout, ManyExperts) {
    all_pages(experts_run("the cat sat",
                          [](ModelConfig& c) {
                              c.n_routed_experts = 128;
                              c.n_group = 8;
                              c.topk_group = 4;
                              c.num_experts_per_tok = 8;
                              c.moe_intermediate_size = 4;
                          }),
              "128 experts");
}
TEST_P(ExpertsLayout, OneGroupSoftmaxWithoutBiasOrShared) {
    all_pages(experts_run("the cat sat",
                          [](ModelConfig& c) {
                              c.n_group = c.topk_group = 1;
                              c.n_routed_experts = 6;
                              c.scoring_func = "softmax";
                              c.topk_method = "greedy";
                              c.n_shared_experts = 0;
                              c.routed_scaling_factor = 2.5;
                          }),
              "greedy softmax");
}
TEST_P(ExpertsLayout, OneExpert) {
    all_pages(experts_run("the cat",
                          [](ModelConfig& c) {
                              c.n_group = c.topk_group = c.n_routed_experts = 1;
                              c.num_experts_per_tok = 1;
                              c.topk_method = "greedy";
                          }),
              "one expert");
}
TEST_P(ExpertsLayout, AnotherRule) {
    const auto [w, h, percent, dark] = GetParam();
    for (const char* page : {"token", "sequence"}) {
        ExpertsPicture p(experts_run(), "layers.1.ffn_out", w, h, percent / 100.0, dark);
        p.set(std::string("show=") + page);
        p.set("top_k=7");
        p.set("groups=4");
        expect_clean(p, std::string(page) + ", pending");
        p.settle();
        expect_clean(p, std::string(page) + ", another rule");
    }
}
TEST_P(ExpertsLayout, EveryStepOfARouterAndEmpty) {
    const auto [w, h, percent, dark] = GetParam();
    const TracePtr trace = experts_run("the cat sat", {}, {}, 2);
    const Timeline timeline(*trace);
    for (const char* page : {"token", "sequence"}) {
        for (std::int64_t i = 0; i < timeline.size(); ++i) {
            const Step& step = timeline[i];
            if (step.layer != 2 || step.part != Part::ffn) continue;
            ExpertsPicture p(trace, step.name, w, h, percent / 100.0, dark);
            p.set(std::string("show=") + page);
            p.frame.cursor.batch = 1;
            p.frame.cursor.within = i % 2 == 0 ? 0.4 : 1;
            expect_clean(p, step.name + ", " + page);
        }
        ExpertsPicture empty(nullptr, "", w, h, percent / 100.0, dark);
        empty.set(std::string("show=") + page);
        expect_clean(empty, "nothing has run");
    }
}

INSTANTIATE_TEST_SUITE_P(
    Sizes, ExpertsLayout,
    testing::Values(test::PageSize{1280, 720, 100, false}, test::PageSize{1280, 720, 200, true},
                    test::PageSize{2560, 1440, 100, true}, test::PageSize{2560, 1440, 200, false},
                    test::PageSize{900, 560, 100, false}, test::PageSize{900, 560, 200, true},
                    test::PageSize{640, 480, 150, false}, test::PageSize{480, 900, 100, false}),
    testing::PrintToStringParamName());

TEST(Experts, EmptyStatesSayWhatToDo) {
    for (const char* page : {"token", "sequence"}) {
        ExpertsPicture p(nullptr);
        p.set(std::string("show=") + page);
        EXPECT_TRUE(p.draw().has_text("Type a text and press Enter"));
        EXPECT_FALSE(p.view().describe(p.frame).empty());
        EXPECT_TRUE(p.view().invariants(p.frame).empty());
        EXPECT_FALSE(p.view().parameters(p.frame).empty());
        ExpertsPicture dense(experts_run("the cat", [](ModelConfig& c) { c.n_routed_experts = 0; }),
                             "layers.1.ffn_out");
        dense.set(std::string("show=") + page);
        EXPECT_NE(dense.view().describe(dense.frame).find("dense"), std::string::npos);
        EXPECT_TRUE(dense.draw().has_text("No experts to show"));
    }
}

TEST(Experts, WhatWasNotKeptIsSaid) {
    const TracePtr full = experts_run();
    auto part = std::make_shared<Trace>();
    part->graph = full->graph;
    part->extent = full->extent;
    part->ids = full->ids;
    part->tokens = full->tokens;
    const ExpertsPicture p(part);
    EXPECT_NE(p.view().describe(p.frame).find("layers.1.router_scores"), std::string::npos);
    EXPECT_TRUE(p.view().invariants(p.frame).empty());
    EXPECT_TRUE(p.view().edits(p.frame).empty());
    EXPECT_TRUE(p.draw().has_text("layers.1.router_scores"));
}

TEST(Experts, ASavedTraceIsShownButNotChanged) {
    auto saved = std::make_shared<Trace>(*experts_run());
    saved->weights = nullptr;
    for (const char* page : {"token", "sequence"}) {
        ExpertsPicture p(saved);
        p.set(std::string("show=") + page);
        p.set("kick=0.5");
        p.set("off=2");
        EXPECT_TRUE(p.view().edits(p.frame).empty());
        EXPECT_TRUE(p.draw().has_text("a saved trace cannot be changed by hand"));
        EXPECT_FALSE(p.draw().has_text("switched off"));
        p.set("top_k=2");
        p.settle();
        const RecordingCanvas canvas = p.draw();
        EXPECT_TRUE(canvas.has_text("no weights to run with"));
        for (const Hit& h : canvas.hits()) {
            EXPECT_EQ(h.target.node.find("setting:off"), std::string::npos);
            EXPECT_EQ(h.target.node.find("setting:kick"), std::string::npos);
        }
        for (const Invariant& i : p.view().invariants(p.frame)) EXPECT_TRUE(i.holds) << i.name;
    }
}

TEST(Experts, ADenseLayersNearestIsShownAndSaid) {
    ExpertsPicture p(experts_run(), "layers.0.ffn_out");
    EXPECT_TRUE(p.draw().has_text("Layer 1 (layer 0 is dense)"));
}

// A move is a function of the phase, and over when its step is.
TEST(Experts, TheRoutersStepsMoveAndRest) {
    const TracePtr trace = experts_run();
    for (const char* step : {"router_scores", "router_biased", "group_scores", "router_groups",
                             "router_indices", "router_weights"}) {
        ExpertsPicture p(trace, std::string("layers.1.") + step);
        const RecordingCanvas still = p.draw();
        p.frame.cursor.within = 0.4;
        EXPECT_FALSE(p.draw() == still) << step;
        p.frame.cursor.within = 1;
        EXPECT_TRUE(p.draw() == still) << step;
    }
    ExpertsPicture other(trace, "layers.1.attn_out");
    const RecordingCanvas rest = other.draw();
    other.frame.cursor.within = 0.4;
    EXPECT_TRUE(other.draw() == rest);
}

}  // namespace
}  // namespace sf
