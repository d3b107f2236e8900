// The view "Latent KV" on the recording canvas: nothing overlaps, is cut or leaves its frame.
#include "latent_fixture.h"
#include "tests/support/page.h"

#include <gtest/gtest.h>

namespace sf {
namespace {

using test::PageSize;

void expect_page(const LatentPicture& p, const std::string& what) {
    const RecordingCanvas canvas = p.draw();
    test::expect_clean(canvas, what);
    EXPECT_GT(canvas.texts().size(), 1U) << what;
    EXPECT_TRUE(canvas == p.draw()) << what << ": two draws differ";
}

class LatentLayout : public testing::TestWithParam<PageSize> {
protected:
    // What was computed for another size; the traces that it is of live as long.
    static Derived& known() {
        static Derived all;
        return all;
    }
    // Pending, then with what was computed.
    static void all_pages(const TracePtr& trace, const std::string& what,
                          const std::string& step = "layers.1.kv_latent") {
        const PageSize size = GetParam();
        LatentPicture p(trace, step, size.w, size.h, size.percent / 100.0, size.dark);
        for (const char* page : {"show=cache", "absorb=true", "show=rank", "rank=0", "show=shapes",
                                 "context=131072"}) {
            const std::string change = page;
            if (change == "rank=0" && trace->graph->config.mla())
                p.set("rank=" +
                      std::to_string(std::min<std::int64_t>(5, trace->graph->config.kv_lora_rank)));
            if (change != "rank=0") p.set(change);
            expect_page(p, what + ", pending, " + page);
            p.derived = known();
            p.settle();
            known() = p.derived;
            expect_page(p, what + ", " + page);
            p.derived = {};
        }
        p.set("heads=256");
        p.set("latent=2048");
        p.set("bits=3");
        expect_page(p, what + ", by hand");
    }
};

TEST_P(LatentLayout, Expanded) {
    static const TracePtr trace = latent_run();
    all_pages(trace, "nano");
}
TEST_P(LatentLayout, AbsorbedBatch) {
    static const TracePtr trace = absorbed_run("the cat", 2);
    all_pages(trace, "absorbed");
}
TEST_P(LatentLayout, OneToken) {
    static const TracePtr trace = latent_run("x");
    all_pages(trace, "one token", "mtp.1.kv_latent");
}
TEST_P(LatentLayout, LongText) {
    static const TracePtr trace = latent_run(std::string(90, 'a'));
    all_pages(trace, "long", "layers.0.cache_latent");
}
TEST_P(LatentLayout, Grouped) {
    static const std::vector<TracePtr> traces{grouped_run(1), grouped_run(2), grouped_run(4)};
    for (const TracePtr& trace : traces) all_pages(trace, "groups", "layers.1.k_rotated");
}
TEST_P(LatentLayout, ManyHeads) {
    static const TracePtr many = latent_run("the cat", [](ModelConfig& c) {
        c.num_attention_heads = 32;
        c.qk_nope_head_dim = 1;
        c.v_head_dim = 2;
        c.kv_lora_rank = 100;
    });
    static const TracePtr one = latent_run("the cat", [](ModelConfig& c) {
        c.num_attention_heads = 1;
        c.q_lora_rank.reset();
        c.kv_lora_rank = 1;
        c.qk_rope_head_dim = 2;
    });
    all_pages(many, "32 heads");
    all_pages(one, "one head");
}
TEST_P(LatentLayout, EveryStepAndEmpty) {
    const PageSize size = GetParam();
    static const TracePtr trace = latent_run("the cat sat", {}, {}, 2);
    const Timeline timeline(*trace);
    for (std::int64_t i = 0; i < timeline.size(); i += 9) {
        LatentPicture p(trace, timeline[i].name, size.w, size.h, size.percent / 100.0, size.dark);
        p.frame.cursor.batch = 1;
        p.frame.cursor.token = i % 11;
        p.frame.cursor.within = i % 2 == 0 ? 1 : 0.4;
        p.derived = known();
        p.settle();
        known() = p.derived;
        expect_page(p, timeline[i].name);
    }
    expect_page(LatentPicture(nullptr, "", size.w, size.h, size.percent / 100.0, size.dark),
                "nothing has run");
}

INSTANTIATE_TEST_SUITE_P(
    Sizes, LatentLayout,
    testing::Values(PageSize{1280, 720, 100, false}, PageSize{1280, 720, 200, true},
                    PageSize{2560, 1440, 100, true}, PageSize{2560, 1440, 200, false},
                    PageSize{900, 560, 100, false}, PageSize{900, 560, 200, true},
                    PageSize{640, 480, 100, false}, PageSize{640, 480, 200, false},
                    PageSize{680, 380, 150, true}),
    testing::PrintToStringParamName());

TEST(LatentKv, EmptyStateSaysWhatToDo) {
    const LatentPicture p(nullptr);
    EXPECT_TRUE(p.draw().has_text("Type a text and press Enter"));
    EXPECT_FALSE(p.view().describe(p.frame).empty());
    EXPECT_TRUE(p.view().invariants(p.frame).empty());
    EXPECT_TRUE(p.view().needs(p.frame).empty());
    EXPECT_FALSE(p.view().parameters(p.frame).empty());
    EXPECT_FALSE(p.view().lesson().empty());
}

TEST(LatentKv, WhatWasNotKeptIsSaid) {
    const TracePtr full = latent_run();
    auto part = std::make_shared<Trace>();
    part->graph = full->graph;
    part->extent = full->extent;
    part->ids = full->ids;
    part->tokens = full->tokens;
    const LatentPicture p(part);
    EXPECT_TRUE(p.draw().has_text("layers.1.attn_in"));
    EXPECT_TRUE(p.draw().hits().empty());
    EXPECT_TRUE(p.view().needs(p.frame).empty());
    EXPECT_TRUE(p.view().invariants(p.frame).empty());
    EXPECT_NE(p.view().describe(p.frame).find("layers.1.attn_in"), std::string::npos);
}

TEST(LatentKv, ASavedTraceShowsWhatItHasAndSaysTheRest) {
    auto copy = std::make_shared<Trace>(*latent_run());
    copy->weights = nullptr;
    LatentPicture p(copy);
    p.settle();
    EXPECT_FALSE(p.view().invariants(p.frame).empty());
    for (const Invariant& i : p.view().invariants(p.frame)) EXPECT_TRUE(i.holds) << i.name;
    p.set("absorb=true");
    EXPECT_TRUE(p.draw().has_text("takes the weights"));
    p.set("show=rank");
    EXPECT_TRUE(p.draw().has_text("A saved trace holds no weights"));
    EXPECT_TRUE(p.view().needs(p.frame).empty());
}

TEST(LatentKv, GroupsHaveNoRankAndSaySo) {
    LatentPicture p(grouped_run(2));
    p.set("show=rank");
    EXPECT_TRUE(p.draw().has_text("there is no latent"));
    EXPECT_TRUE(p.view().needs(p.frame).empty());
}

TEST(LatentKv, AnErrorStandsInTheResultsPlace) {
    LatentPicture p(latent_run());
    for (const Need& need : p.view().needs(p.frame)) {
        Derived::Entry entry;
        entry.error = "no room left";
        p.derived.set(need.key, entry);
    }
    EXPECT_TRUE(p.draw().has_text("no room left"));
    EXPECT_TRUE(p.view().invariants(p.frame).empty());
}

}  // namespace
}  // namespace sf
