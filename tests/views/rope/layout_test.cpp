// The view "RoPE" on the recording canvas: nothing overlaps, is cut or leaves its frame.
#include "rope_fixture.h"
#include "tests/support/page.h"

#include <gtest/gtest.h>

#include <ostream>

namespace sf {
namespace {

struct Size {
    double w, h, text;
    bool dark;
};
void PrintTo(const Size& s, std::ostream* out) {
    *out << s.w << "x" << s.h << "_" << static_cast<int>(s.text * 100);
}

void expect_clean(const RopePicture& p, const std::string& what, bool twice = true) {
    const RecordingCanvas canvas = p.draw();
    test::expect_clean(canvas, what);
    EXPECT_GT(canvas.texts().size(), 1U) << what;
    if (twice) {
        EXPECT_TRUE(canvas == p.draw()) << what << ": two draws differ";
    }
}

class RopeLayout : public testing::TestWithParam<Size> {
protected:
    static void all_pages(const TracePtr& trace, const std::string& what) {
        const auto [w, h, text, dark] = GetParam();
        for (const char* page : {"distance", "scaling", "latent"}) {
            RopePicture p(trace, "layers.1.k_pe", w, h, text, dark);
            p.set(std::string("show=") + page);
            expect_clean(p, what + ", " + page);
            p.set("factor=1");
            p.set("pair=0");
            p.set("shift=3");
            expect_clean(p, what + ", " + page + ", other settings", false);
            p.set("distance=100");
            p.set("map=position");
            expect_clean(p, what + ", " + page + ", far", false);
        }
    }
};

TEST_P(RopeLayout, FourPairs) {
    all_pages(rope_run(), "nano");
}
TEST_P(RopeLayout, OneToken) {
    all_pages(rope_run("x"), "one token");
}
TEST_P(RopeLayout, LongText) {
    all_pages(rope_run(std::string(80, 'a')), "long");
}
TEST_P(RopeLayout, ManyPairs) {
    all_pages(rope_run("the cat sat", [](ModelConfig& c) { c.qk_rope_head_dim = 64; }), "32 pairs");
}
TEST_P(RopeLayout, OnePairNoQueryLatent) {
    all_pages(rope_run("the cat",
                       [](ModelConfig& c) {
                           c.qk_rope_head_dim = 2;
                           c.q_lora_rank.reset();
                           c.qk_nope_head_dim = 5;
                       }),
              "one pair");
}
TEST_P(RopeLayout, AbsorbedAndYarn) {
    RunOptions options;
    options.attention = AttentionMode::absorbed;
    all_pages(rope_run(
                  "the cat sat on",
                  [](ModelConfig& c) {
                      c.rope_scaling.type = "yarn";
                      c.rope_scaling.factor = 40;
                      c.rope_scaling.original_max_position_embeddings = 16;
                  },
                  options),
              "yarn");
}
TEST_P(RopeLayout, KeysOfGroups) {
    for (const std::int64_t groups : {1, 2})
        all_pages(rope_run("the cat sat on",
                           [&](ModelConfig& c) {
                               c.attention_kind = "gqa";
                               c.num_key_value_heads = groups;
                               c.qk_nope_head_dim = groups == 1 ? 0 : 12;
                           }),
                  std::to_string(groups) + " groups");
}
TEST_P(RopeLayout, EveryStepAndEmpty) {
    const auto [w, h, text, dark] = GetParam();
    const TracePtr trace = rope_run("the cat sat", {}, {}, 2);
    const Timeline timeline(*trace);
    for (std::int64_t i = 0; i < timeline.size(); i += 9) {
        RopePicture p(trace, timeline[i].name, w, h, text, dark);
        p.frame.cursor.batch = 1;
        p.frame.cursor.token = i % 11;
        expect_clean(p, timeline[i].name);
    }
    expect_clean(RopePicture(nullptr, "", w, h, text, dark), "nothing has run");
}

INSTANTIATE_TEST_SUITE_P(Sizes, RopeLayout,
                         testing::Values(Size{1280, 720, 1, false}, Size{1280, 720, 2, true},
                                         Size{2560, 1440, 1, true}, Size{2560, 1440, 2, false},
                                         Size{900, 560, 1, false}, Size{900, 560, 2, true},
                                         Size{640, 480, 1, false}, Size{640, 480, 2, false},
                                         Size{680, 380, 1.5, true}),
                         testing::PrintToStringParamName());

TEST(Rope, EmptyStateSaysWhatToDo) {
    const RopePicture p(nullptr);
    EXPECT_TRUE(p.draw().has_text("Type a text and press Enter"));
    EXPECT_FALSE(p.view().describe(p.frame).empty());
    EXPECT_TRUE(p.view().invariants(p.frame).empty());
    EXPECT_FALSE(p.view().parameters(p.frame).empty());
    EXPECT_FALSE(p.view().lesson().empty());
}

TEST(Rope, WhatWasNotKeptIsSaid) {
    const TracePtr full = rope_run();
    auto part = std::make_shared<Trace>();
    part->graph = full->graph;
    part->extent = full->extent;
    part->ids = full->ids;
    part->tokens = full->tokens;
    const RopePicture p(part);
    EXPECT_TRUE(p.draw().has_text("layers.1.q"));
    EXPECT_TRUE(p.draw().hits().empty());
    EXPECT_TRUE(p.view().invariants(p.frame).empty());
    EXPECT_NE(p.view().describe(p.frame).find("layers.1.q"), std::string::npos);
}

TEST(Rope, WithoutWeightsTheLatentPageSaysSo) {
    auto copy = std::make_shared<Trace>(*rope_run());
    copy->weights = nullptr;
    RopePicture p(copy);
    p.set("show=latent");
    EXPECT_TRUE(p.draw().has_text("no weights"));
    for (const Invariant& i : p.view().invariants(p.frame)) EXPECT_TRUE(i.holds) << i.name;
}

TEST(Rope, TheHandsTurnWhileTheirStepArrives) {
    RopePicture p(rope_run(), "layers.1.q_pe");
    const RecordingCanvas still = p.draw();
    p.frame.cursor.within = 0.4;
    EXPECT_FALSE(p.draw() == still);
    p.frame.cursor.within = 1;
    EXPECT_TRUE(p.draw() == still);
    RopePicture other(rope_run(), "layers.1.attn_out");
    const RecordingCanvas rest = other.draw();
    other.frame.cursor.within = 0.4;
    EXPECT_TRUE(other.draw() == rest);
}

}  // namespace
}  // namespace sf
