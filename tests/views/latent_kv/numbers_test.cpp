// The view "Latent KV": what is displayed is what was computed, and its checks can go red.
#include "core/attention_cost.h"
#include "core/known_shapes.h"
#include "core/run/cache_count.h"
#include "core/run/latent_rank.h"
#include "latent_fixture.h"
#include "views/draw/colour_map.h"
#include "views/draw/number.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace sf {
namespace {

// The strips of one row of a node: each hit of `cols` cells with the picture it lies on.
struct Seen {
    Target target;
    const Image* image = nullptr;
    Rect rect;
};
std::vector<Seen> strips(const RecordingCanvas& canvas, const std::string& node) {
    std::vector<Seen> all;
    for (const Hit& h : canvas.hits()) {
        if (h.target.node != node || h.target.rows != 1) continue;
        for (const Primitive& p : canvas.primitives())
            if (p.kind == Primitive::Kind::image && p.rect == h.rect)
                all.push_back({h.target, p.image.get(), h.rect});
    }
    return all;
}

// Every cell of the strips has the colour of its tensor's value on the scale of all of them.
void expect_colours(const LatentPicture& p, const std::vector<Seen>& all) {
    std::vector<double> values;
    for (const Seen& s : all)
        for (std::int64_t i = 0; i < s.target.cols; ++i)
            values.push_back(p.trace->find(s.target.node)->at(s.target.first + i));
    const ColourScale scale = ColourScale::fit(values);
    std::size_t at = 0;
    for (const Seen& s : all) {
        ASSERT_NE(s.image, nullptr);
        ASSERT_EQ(s.image->w, s.target.cols);
        for (std::int64_t i = 0; i < s.target.cols; ++i)
            EXPECT_TRUE(s.image->pixels[static_cast<std::size_t>(i)] ==
                        scale.colour(p.theme, values[at++]))
                << s.target.node << " " << i;
    }
}

class LatentNumbers : public testing::TestWithParam<AttentionMode> {
protected:
    static TracePtr run(const std::string& prompt = "the cat sat") {
        RunOptions options;
        options.attention = GetParam();
        return latent_run(prompt, {}, options, 2);
    }
};

TEST_P(LatentNumbers, TheStripsAreTheFollowedTokens) {
    const TracePtr trace = run();
    for (const std::int64_t batch : {0, 1})
        for (const std::int64_t token : {0, 6, 10}) {
            LatentPicture p(trace);
            p.frame.cursor.batch = batch;
            p.frame.cursor.token = token;
            const RecordingCanvas canvas = p.draw();
            const std::int64_t row = batch * 11 + token;
            struct Wanted {
                const char* node;
                std::int64_t width;
            };
            for (const auto& [node, width] :
                 {Wanted{"attn_in", 48}, Wanted{"kv_latent", 24}, Wanted{"k_pe", 8}}) {
                const auto seen = strips(canvas, std::string("layers.1.") + node);
                ASSERT_EQ(seen.size(), 1U) << node;
                EXPECT_EQ(seen[0].target.first, row * width) << node;
                EXPECT_EQ(seen[0].target.cols, width) << node;
                expect_colours(p, seen);
            }
            if (GetParam() == AttentionMode::absorbed) continue;
            // Four heads' keys, then four heads' values.
            const auto seen = strips(canvas, "layers.1.kv");
            ASSERT_EQ(seen.size(), 8U);
            for (std::size_t i = 0; i < 8; ++i) {
                const auto head = static_cast<std::int64_t>(i % 4);
                EXPECT_EQ(seen[i].target.first, (row * 4 + head) * 24 + (i < 4 ? 0 : 12));
                EXPECT_EQ(seen[i].target.cols, 12);
            }
            expect_colours(p, {seen.begin(), seen.begin() + 4});
            expect_colours(p, {seen.begin() + 4, seen.end()});
        }
}

TEST_P(LatentNumbers, WidthsAreAtOneScale) {
    const TracePtr trace = run();
    const LatentPicture p(trace);
    const RecordingCanvas canvas = p.draw();
    double unit = 0;
    for (const Hit& h : canvas.hits())
        if (h.target.node.starts_with("layers.1.") && h.target.node != "layers.1.scores") {
            const double one = h.rect.w / static_cast<double>(h.target.cols);
            if (unit > 0) {
                EXPECT_NEAR(one, unit, 1e-9) << h.target.node;
            }
            unit = one;
        }
    EXPECT_GT(unit, 0);
}

// The query in latent width, plainly from the weights, where the trace does not hold it.
TEST_P(LatentNumbers, AbsorbedStripsAreWhatTheOtherRunHolds) {
    RunOptions options;
    options.attention = AttentionMode::absorbed;
    const TracePtr absorbed = latent_run("the cat sat", {}, options, 2), mine = run();
    const auto images = [](const TracePtr& trace, const std::string& setting) {
        LatentPicture p(trace);
        p.set(setting);
        std::vector<Image> all;
        const RecordingCanvas canvas = p.draw();
        for (const Primitive& q : canvas.primitives())
            if (q.kind == Primitive::Kind::image) all.push_back(*q.image);
        return all;
    };
    RunOptions expand;
    const TracePtr expanded = latent_run("the cat sat", {}, expand, 2);
    for (const std::string setting : {"absorb=true", "absorb=false"}) {
        const auto a = images(mine, setting);
        const auto b = images(setting == "absorb=true" ? absorbed : expanded, setting);
        ASSERT_EQ(a.size(), b.size());
        ASSERT_GT(a.size(), 8U);
        for (std::size_t i = 0; i < a.size(); ++i) {
            ASSERT_EQ(a[i].pixels.size(), b[i].pixels.size());
            for (std::size_t k = 0; k < a[i].pixels.size(); ++k) {
                // Rounding may move a colour by a step.
                const Colour x = a[i].pixels[k], y = b[i].pixels[k];
                EXPECT_LE(std::abs(x.r - y.r) + std::abs(x.g - y.g) + std::abs(x.b - y.b), 9)
                    << setting << " strip " << i << " cell " << k;
            }
        }
    }
}

TEST_P(LatentNumbers, EveryInvariantHolds) {
    const TracePtr trace = run();
    for (const char* page : {"show=cache", "absorb=true", "show=rank", "show=shapes"})
        for (const char* step : {"embed", "layers.0.q", "layers.2.scores", "mtp.1.k_pe", "probs"}) {
            LatentPicture p(trace, step);
            p.frame.cursor.batch = 1;
            p.set("rank=7");
            p.set(page);
            p.settle();
            const auto list = p.view().invariants(p.frame);
            EXPECT_GE(list.size(), std::string(page).starts_with("show=cache") ? 3U : 1U) << page;
            for (const Invariant& i : list)
                EXPECT_TRUE(i.holds) << page << " " << step << ": " << i.name << ": " << i.figure;
        }
}

INSTANTIATE_TEST_SUITE_P(Modes, LatentNumbers,
                         testing::Values(AttentionMode::naive, AttentionMode::absorbed),
                         [](const auto& test_case) {
                             return test_case.param == AttentionMode::naive ? "naive" : "absorbed";
                         });

TEST(LatentCache, TheBytesAreTheCounted) {
    const TracePtr trace = latent_run();
    LatentPicture p(trace);
    p.frame.cursor.token = 4;
    p.settle();
    const RecordingCanvas canvas = p.draw();
    // Nano: 3 layers, 4 heads of 12 + 8 + 12, latent 24 + 8.
    for (const std::int64_t numbers : {3 * 4 * 32, 3 * 2 * 32, 3 * 32})
        EXPECT_TRUE(canvas.has_text(format_count(numbers * 4) + " B a token")) << numbers;
    EXPECT_TRUE(canvas.has_text("MHA  4 ×"));
    EXPECT_TRUE(canvas.has_text(format_bytes(5 * 3 * 4 * 32 * 4) + " at 5"));
    const std::string text = p.view().describe(p.frame);
    EXPECT_NE(text.find("MHA " + format_count(5 * 3 * 4 * 32 * 4) + " B"), std::string::npos)
        << text;
    EXPECT_NE(text.find("MLA " + format_count(5 * 3 * 32 * 4) + " B"), std::string::npos) << text;
    // Heights are at one scale where words do not need more: MHA's is twice GQA's.
    std::vector<Rect> rows;
    for (const Hit& h : canvas.hits())
        if (h.target.node == "token") rows.push_back(h.rect);
    ASSERT_EQ(rows.size(), 4U);
    for (const std::size_t i : {1, 2, 3}) EXPECT_NEAR(rows[0].h / rows[i].h, i == 1 ? 2 : 4, 1e-6);
}

TEST(LatentCache, CostsAreThoseOfTheShape) {
    LatentPicture p(latent_run());
    p.set("context=1000");
    p.set("bits=8");
    p.settle();
    const RecordingCanvas canvas = p.draw();
    const ModelConfig& c = p.trace->graph->config;
    for (const AttentionMode mode : {AttentionMode::naive, AttentionMode::absorbed}) {
        const AttentionCost cost = attention_cost(c, 1000, mode);
        EXPECT_TRUE(canvas.has_text(format_short(cost.flops)));
        EXPECT_TRUE(canvas.has_text(format_bytes(std::llround(cost.elements()))));
    }
}

TEST(LatentRank, TheFiguresAreTheRuns) {
    const TracePtr trace = latent_run("the cat", [](ModelConfig& c) { c.initializer_range = 0.2; });
    LatentPicture p(trace);
    p.set("show=rank");
    p.set("rank=6");
    p.settle();
    const RecordingCanvas canvas = p.draw();
    const auto* curve = p.derived.find<RankCurve>(rank_curve(*trace).key);
    const auto* cut = p.derived.find<RankRun>(rank_run(*trace, 6).key);
    ASSERT_NE(curve, nullptr);
    ASSERT_NE(cut, nullptr);
    EXPECT_TRUE(canvas.has_text(format_number(curve->divergence[5], 2) + " nats with 6"));
    EXPECT_TRUE(canvas.has_text(format_percent(curve->agreement[5]) + " choose"));
    // The likeliest token of the last position, in both runs.
    const Tensor &before = *trace->find("probs"), &now = *cut->run->find("probs");
    const std::int64_t vocab = before.shape.cols(), first = 6 * vocab;
    std::int64_t best = 0;
    for (std::int64_t i = 0; i < vocab; ++i)
        if (std::max(before.at(first + i), now.at(first + i)) >
            std::max(before.at(first + best), now.at(first + best)))
            best = i;
    EXPECT_TRUE(canvas.has_text(format_percent(before.at(first + best)) + " → " +
                                format_percent(now.at(first + best))));
    // Both maps have the colours of their runs' attention.
    const Tensor& maps = *cut->run->find("layers.1.attn_probs");
    bool found = false;
    for (const Primitive& q : canvas.primitives()) {
        if (q.kind != Primitive::Kind::image || q.image->w != 7 || q.image->h != 7) continue;
        bool same = true;
        for (std::int64_t r = 0; r < 7; ++r)
            for (std::int64_t k = 0; k <= r; ++k)
                same = same && q.image->pixels[static_cast<std::size_t>(r * 7 + k)] ==
                                   ColourScale::range(0, 1).colour(p.theme, maps.at(r * 7 + k));
        found = found || same;
    }
    EXPECT_TRUE(found);
}

TEST(LatentRank, AllDirectionsAreTheModelItself) {
    LatentPicture p(latent_run("the cat"));
    p.set("show=rank");
    p.settle();
    const RecordingCanvas canvas = p.draw();
    EXPECT_TRUE(canvas.has_text("the model itself"));
    p.set("rank=24");
    p.settle();
    EXPECT_TRUE(p.draw() == canvas);
    // The handle goes from one direction to all of them.
    for (const Hit& h : canvas.hits())
        if (h.target.node == "setting:rank") {
            EXPECT_EQ(h.target.first, 1);
            EXPECT_EQ(h.target.cols, 24);
        }
}

TEST(LatentShapes, TheFamousQuotientsComeOut) {
    LatentPicture p(latent_run());
    p.set("show=shapes");
    const std::string text = p.view().describe(p.frame);
    // DeepSeek-V2's 60 layers of 512 + 64 against 95 layers of 8 groups of 128 + 128.
    const double full = 1 - 60.0 * 576 / (95.0 * 2048),
                 low = 1 - 60.0 * 576 * 6 / (95.0 * 2048 * 16);
    EXPECT_EQ(format_fixed(full * 100, 1), "82.2");
    EXPECT_EQ(format_fixed(low * 100, 1), "93.3");
    for (const char* figure : {"82.2 %", "93.3 %"}) {
        EXPECT_NE(text.find(figure), std::string::npos) << text;
        EXPECT_TRUE(p.draw().has_text(figure));
    }
}

TEST(LatentShapes, BytesFollowBitsContextAndHand) {
    LatentPicture p(latent_run(), "layers.1.q", 1600, 900);
    p.set("show=shapes");
    for (const int bits : {4, 16, 32}) {
        p.set("bits=" + std::to_string(bits));
        const RecordingCanvas canvas = p.draw();
        for (const KnownShape& k : known_shapes())
            for (const double tokens : {1.0, 4096.0, 32768.0, 131072.0})
                EXPECT_TRUE(canvas.has_text(
                    format_bytes(std::llround(cache_bytes(k.config, tokens, bits)))))
                    << k.id << " " << tokens;
    }
    p.set("bits=8");
    p.set("context=10000");
    p.set("heads=10");
    p.set("head_width=64");
    p.set("rope_width=32");
    p.set("latent=200");
    const RecordingCanvas canvas = p.draw();
    // 3 layers; (64 + 32) + 64 a head; 200 + 32.
    for (const std::int64_t numbers : {10 * 160, 5 * 160, 160, 232})
        EXPECT_TRUE(canvas.has_text(format_bytes(10000 * 3 * numbers))) << numbers;
    EXPECT_TRUE(canvas.has_text("GQA, 5 groups"));
    EXPECT_NE(p.view().describe(p.frame).find(format_bytes(10000 * 3 * 232)), std::string::npos);
}

TEST(LatentSettings, EveryOneChangesThePicture) {
    const TracePtr trace = latent_run();
    LatentPicture p(trace);
    p.settle();
    const auto differs = [&](const std::string& page, const std::string& change) {
        p.settings.clear();
        p.set("show=" + page);
        p.settle();
        const RecordingCanvas plain = p.draw();
        p.set(change);
        p.settle();
        return !(p.draw() == plain);
    };
    for (const char* change :
         {"show=rank", "show=shapes", "absorb=true", "layer=2", "head=1", "context=100", "bits=8"})
        EXPECT_TRUE(differs("cache", change)) << change;
    for (const char* change : {"rank=3", "layer=0", "head=2"})
        EXPECT_TRUE(differs("rank", change)) << change;
    for (const char* change :
         {"heads=9", "head_width=64", "rope_width=32", "latent=99", "context=100", "bits=8"})
        EXPECT_TRUE(differs("shapes", change)) << change;
    for (const char* bad : {"rank=25", "head=4", "layer=4", "bits=1", "bits=33", "context=0",
                            "context=131073", "show=other", "heads=-1"})
        EXPECT_ANY_THROW(p.set(bad)) << bad;
}

TEST(LatentSettings, ContextGoesByItsLogarithm) {
    const LatentPicture p(latent_run("x"));
    for (const Parameter& q : p.view().parameters(p.frame)) {
        if (q.name != "context") continue;
        EXPECT_TRUE(q.log);
        EXPECT_EQ(q.value_at(0), 1);
        EXPECT_EQ(q.value_at(1), 131072);
        EXPECT_EQ(q.value_at(12.0 / 17), 4096);
        EXPECT_NEAR(q.part_of(4096), 12.0 / 17, 1e-12);
        EXPECT_EQ(q.part_of(0), 0);
    }
}

TEST(LatentGroups, WhatIsCachedIsTheGroups) {
    const TracePtr trace = grouped_run(2);
    LatentPicture p(trace, "layers.1.q");
    p.frame.cursor.token = 3;
    p.settle();
    const RecordingCanvas canvas = p.draw();
    const auto keys = strips(canvas, "layers.1.k_rotated"), values = strips(canvas, "layers.1.v");
    ASSERT_EQ(keys.size(), 2U);
    ASSERT_EQ(values.size(), 2U);
    EXPECT_EQ(keys[1].target.first, (3 * 2 + 1) * 20);
    EXPECT_EQ(values[1].target.first, (3 * 2 + 1) * 12);
    expect_colours(p, keys);
    expect_colours(p, values);
    EXPECT_TRUE(canvas.has_text("GQA  2 ×, this model"));
    EXPECT_TRUE(canvas.has_text("2 groups"));
}

TEST(LatentMoves, TheCachedStripComesInAndRests) {
    LatentPicture p(latent_run());
    p.settle();
    const RecordingCanvas still = p.draw();
    p.frame.cursor.within = 0.4;
    EXPECT_FALSE(p.draw() == still);
    p.frame.cursor.within = 1;
    EXPECT_TRUE(p.draw() == still);
}

}  // namespace
}  // namespace sf
