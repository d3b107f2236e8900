// What the view "RoPE" shows is what was computed.
#include "rope_fixture.h"

#include "core/ops/rope.h"
#include "views/draw/colour_map.h"
#include "views/draw/number.h"
#include "views/rope_scene.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <tuple>

namespace sf {
namespace {

std::string signed_text(double v) {
    return (v > 0 ? "+" : "") + format_fixed(v, 2);
}

const Hit* find_hit(const RecordingCanvas& canvas, const std::string& node,
                    std::int64_t cells = 0) {
    for (const Hit& h : canvas.hits())
        if (h.target.node == node && (cells == 0 || h.target.rows * h.target.cols == cells))
            return &h;
    return nullptr;
}

// The texts whose middle lies in a rectangle.
std::vector<std::string> texts_in(const RecordingCanvas& canvas, const Rect& r) {
    std::vector<std::string> all;
    for (const Primitive& p : canvas.primitives())
        if (p.kind == Primitive::Kind::text && r.contains(p.rect.centre())) all.push_back(p.text);
    return all;
}

bool holds(const std::vector<std::string>& all, const std::string& part) {
    for (const std::string& t : all)
        if (t.find(part) != std::string::npos) return true;
    return false;
}

class RopeNumbers : public testing::TestWithParam<AttentionMode> {
protected:
    static TracePtr run() {
        RunOptions options;
        options.attention = GetParam();
        return rope_run(
            "the cat sat", [](ModelConfig& c) { c.initializer_range = 0.3; }, options, 2);
    }
};

// Where the tips of the hands stand, from the trace alone: the hit of a tip names its cells.
TEST_P(RopeNumbers, TheHandsPointWhereTheTensorsSay) {
    const TracePtr trace = run();
    for (const std::int64_t batch : {0, 1}) {
        RopePicture p(trace);
        p.frame.cursor.batch = batch;
        p.set("t=9");
        p.set("s=4");
        p.set("head=2");
        const RecordingCanvas canvas = p.draw();
        std::vector<Vec2> centres;
        for (const Hit& h : canvas.hits())
            if (h.target.node == "setting:pair") centres.push_back(h.rect.centre());
        ASSERT_EQ(centres.size(), 4U);
        for (const char* node : {"layers.1.q_pe", "layers.1.k_pe"}) {
            const Tensor& tensor = *trace->find(node);
            const bool query = std::string(node).ends_with("q_pe");
            const std::int64_t first =
                query ? ((batch * 11 + 9) * 4 + 2) * 8 : (batch * 11 + 4) * 8;
            double longest = 0;
            for (std::int64_t i = 0; i < 4; ++i)
                longest = std::max(
                    longest, std::hypot(tensor.at(first + 2 * i), tensor.at(first + 2 * i + 1)));
            std::int64_t seen = 0;
            for (const Hit& h : canvas.hits()) {
                if (h.target.node != node) continue;
                const std::int64_t pair = (h.target.first - first) / 2;
                ASSERT_TRUE(pair >= 0 && pair < 4) << h.target.first;
                const Vec2 tip = h.rect.centre() - centres[static_cast<std::size_t>(pair)];
                const Rect dial = find_hit(canvas, "setting:pair")->rect;
                const double unit = dial.w / 2 / longest;
                EXPECT_NEAR(tip.x, tensor.at(h.target.first) * unit, 1e-3 * dial.w);
                EXPECT_NEAR(-tip.y, tensor.at(h.target.first + 1) * unit, 1e-3 * dial.w);
                ++seen;
            }
            EXPECT_EQ(seen, 4);
        }
    }
}

TEST_P(RopeNumbers, TheScoreAndItsPartsAreTheRuns) {
    const TracePtr trace = run();
    RopePicture p(trace);
    p.set("t=9");
    p.set("s=4");
    p.set("head=1");
    const RecordingCanvas canvas = p.draw();
    const Hit* score = find_hit(canvas, "layers.1.scores", 1);
    ASSERT_NE(score, nullptr);
    EXPECT_EQ(score->target.first, (1 * 11 + 9) * 11 + 4);
    const double a = value_at(*trace, "layers.1.scores", {0, 1, 9, 4});
    EXPECT_TRUE(holds(texts_in(canvas, score->rect), signed_text(a)));
    double position = 0;
    for (std::int64_t i = 0; i < 8; ++i)
        position += value_at(*trace, "layers.1.q_pe", {0, 9, 1, i}) *
                    value_at(*trace, "layers.1.k_pe", {0, 4, i});
    position *= trace->graph->config.softmax_scale();
    EXPECT_TRUE(canvas.has_text(signed_text(position) + " at distance 5"));
    EXPECT_TRUE(canvas.has_text(signed_text(a - position)));
    const Hit* weight = find_hit(canvas, "layers.1.attn_probs", 1);
    ASSERT_NE(weight, nullptr);
    EXPECT_TRUE(holds(texts_in(canvas, weight->rect),
                      format_percent(value_at(*trace, "layers.1.attn_probs", {0, 1, 9, 4}))));
}

TEST_P(RopeNumbers, TheMapHasTheColoursOfItsCells) {
    const TracePtr trace = run();
    RopePicture p(trace);
    p.set("head=3");
    const RecordingCanvas canvas = p.draw();
    const Hit* hit = find_hit(canvas, "layers.1.scores", 121);
    ASSERT_NE(hit, nullptr);
    const Tensor& tensor = *trace->find("layers.1.scores");
    const Image* image = nullptr;
    for (const Primitive& q : canvas.primitives())
        if (q.kind == Primitive::Kind::image && q.rect == hit->rect) image = q.image.get();
    ASSERT_NE(image, nullptr);
    std::vector<double> seen;
    for (std::int64_t r = 0; r < 11; ++r)
        for (std::int64_t c = 0; c <= r; ++c)
            seen.push_back(tensor.at(hit->target.first + r * hit->target.row_stride + c));
    const ColourScale scale = ColourScale::fit(seen);
    std::size_t at = 0;
    for (std::int64_t r = 0; r < 11; ++r)
        for (std::int64_t c = 0; c < 11; ++c) {
            const Colour drawn = image->pixels[static_cast<std::size_t>(r * 11 + c)];
            if (c > r) {
                EXPECT_EQ(drawn.a, 0);
                continue;
            }
            EXPECT_EQ(seen[at], value_at(*trace, "layers.1.scores", {0, 3, r, c}));
            EXPECT_TRUE(drawn == scale.colour(p.theme, seen[at++])) << r << "," << c;
        }
}

TEST_P(RopeNumbers, EveryInvariantHolds) {
    const TracePtr trace = run();
    for (const char* page : {"distance", "scaling", "latent"})
        for (const char* step : {"embed", "layers.0.q", "layers.2.scores", "mtp.1.k_pe", "probs"}) {
            RopePicture p(trace, step);
            p.frame.cursor.batch = 1;
            p.set(std::string("show=") + page);
            const auto list = p.view().invariants(p.frame);
            EXPECT_GE(list.size(), 7U);
            for (const Invariant& i : list) {
                EXPECT_TRUE(i.holds) << step << ": " << i.name << ": " << i.figure;
                EXPECT_EQ(i.figure.find("not measured"), std::string::npos) << step << i.name;
            }
        }
}

INSTANTIATE_TEST_SUITE_P(Modes, RopeNumbers,
                         testing::Values(AttentionMode::naive, AttentionMode::absorbed),
                         [](const auto& test_case) {
                             return test_case.param == AttentionMode::naive ? "naive" : "absorbed";
                         });

// Each group of heads has a rotated key of its own.
class RopeGroups : public testing::TestWithParam<std::int64_t> {
protected:
    static TracePtr run() {
        return rope_run(
            "the cat sat",
            [](ModelConfig& c) {
                c.attention_kind = "gqa";
                c.num_key_value_heads = GetParam();
                c.initializer_range = 0.3;
            },
            {}, 2);
    }
};

TEST_P(RopeGroups, TheHandsAndTheScoreAreThoseOfTheGroup) {
    const std::int64_t groups = GetParam();
    const TracePtr trace = run();
    const Tensor& rotated = *trace->find("layers.1.k_rotated");
    for (const std::int64_t head : {0, 1, 3}) {
        RopePicture p(trace, "layers.1.k_rotated");
        p.frame.cursor.batch = 1;
        p.set("t=9");
        p.set("s=4");
        p.set("head=" + std::to_string(head));
        const RecordingCanvas canvas = p.draw();
        const std::int64_t group = head * groups / 4;
        const std::int64_t first = (((11 + 4) * groups) + group) * 20 + 12;
        std::vector<Vec2> centres;
        double longest = 0;
        for (const Hit& h : canvas.hits())
            if (h.target.node == "setting:pair") centres.push_back(h.rect.centre());
        ASSERT_EQ(centres.size(), 4U);
        for (std::int64_t i = 0; i < 8; i += 2)
            longest =
                std::max(longest, std::hypot(rotated.at(first + i), rotated.at(first + i + 1)));
        const double unit = find_hit(canvas, "setting:pair")->rect.w / 2 / longest;
        std::int64_t seen = 0;
        for (const Hit& h : canvas.hits()) {
            if (h.target.node != "layers.1.k_rotated") continue;
            const std::int64_t pair = (h.target.first - first) / 2;
            ASSERT_TRUE(pair >= 0 && pair < 4) << h.target.first;
            const Vec2 tip = h.rect.centre() - centres[static_cast<std::size_t>(pair)];
            EXPECT_NEAR(tip.x, rotated.at(h.target.first) * unit, 0.05);
            EXPECT_NEAR(-tip.y, rotated.at(h.target.first + 1) * unit, 0.05);
            ++seen;
        }
        EXPECT_EQ(seen, 4);
        double position = 0;
        for (std::int64_t i = 0; i < 8; ++i)
            position += value_at(*trace, "layers.1.q_pe", {1, 9, head, i}) * rotated.at(first + i);
        position *= trace->graph->config.softmax_scale();
        EXPECT_TRUE(canvas.has_text(signed_text(position) + " at distance 5"));
        const double score = value_at(*trace, "layers.1.scores", {1, head, 9, 4});
        EXPECT_TRUE(canvas.has_text(signed_text(score - position)));
        EXPECT_TRUE(holds(texts_in(canvas, find_hit(canvas, "layers.1.scores", 1)->rect),
                          signed_text(score)));
    }
}

TEST_P(RopeGroups, EveryInvariantHoldsAndAFaultIsSeen) {
    const TracePtr trace = run();
    for (const char* page : {"distance", "scaling", "latent"})
        for (const char* step : {"embed", "layers.0.k", "layers.2.scores", "mtp.1.k_rotated"}) {
            RopePicture p(trace, step);
            p.set(std::string("show=") + page);
            p.set("head=2");
            EXPECT_EQ(p.view().invariants(p.frame).size(), 7U);
            for (const Invariant& i : p.view().invariants(p.frame)) {
                EXPECT_TRUE(i.holds) << step << ": " << i.name << ": " << i.figure;
                EXPECT_EQ(i.figure.find("not measured"), std::string::npos) << step << i.name;
            }
        }
    const std::int64_t last = (10 * GetParam() + GetParam() - 1) * 20;
    const TracePtr turned = test::with_added(*trace, "layers.1.k_rotated", last + 13, 1e-3);
    const RopePicture p(turned, "layers.1.k_rotated");
    for (const char* check : {"length", "angles"}) EXPECT_FALSE(p.check(check).holds) << check;
    RopePicture of_head(test::with_added(*trace, "layers.1.cache_k", last + 3, 1e-2),
                        "layers.1.k_rotated");
    of_head.set("head=3");
    EXPECT_FALSE(of_head.check("content + position").holds);
}

TEST_P(RopeGroups, ThePageOfTheLatentSaysWhyThereIsNothingToFold) {
    RopePicture p(run(), "layers.1.k_rotated");
    p.set("show=latent");
    const RecordingCanvas canvas = p.draw();
    EXPECT_TRUE(canvas.has_text("nothing has to be folded"));
    EXPECT_TRUE(canvas.has_text("no latent"));
    // Keys of 12 + 8 and values of 12 numbers a group.
    EXPECT_NE(p.view().describe(p.frame).find(std::to_string(GetParam() * 32) + " numbers a token"),
              std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Groups, RopeGroups, testing::Values(1, 2, 4));

TEST(RopeScaling, ThePageSaysWhatTheModelsOwnFrequenciesSay) {
    const TracePtr trace = rope_run();
    RopePicture p(trace);
    p.set("show=scaling");
    p.set("factor=8");
    p.set("trained=64");
    const RecordingCanvas canvas = p.draw();
    std::int64_t fresh = 0;
    const std::vector<double> thetas = rope_frequencies(trace->graph->config);
    for (const double theta : thetas) fresh += theta * 64 < 2 * 3.14159265358979 ? 1 : 0;
    EXPECT_TRUE(canvas.has_text(std::to_string(fresh) + " of 4 pairs"));
    // Interpolation meets no new angle, and turns the fastest pair by 1 / 8 a token.
    EXPECT_TRUE(canvas.has_text("no new angles, one token turns the fastest by 0.12"));
    for (const char* band : {"keep", "blend", "interpolate"}) EXPECT_TRUE(canvas.has_text(band));
}

TEST(RopeLatent, TheChangeIsThatOfTheMatrix) {
    const TracePtr trace = rope_run();
    RopePicture p(trace);
    p.set("show=latent");
    p.set("distance=9");
    p.set("head=1");
    // W_UQ^T R(9) W_UK of head 1, plainly.
    const ModelConfig& c = trace->graph->config;
    const Tensor& up_q = *trace->find("model.layers.1.self_attn.q_b_proj.weight");
    const Tensor& up_k = *trace->find("model.layers.1.self_attn.kv_b_proj.weight");
    ModelConfig wide = c;
    wide.qk_rope_head_dim = c.qk_nope_head_dim;
    const auto theta = RopeTable(wide).frequencies();
    double difference = 0, whole = 0;
    for (std::int64_t r = 0; r < *c.q_lora_rank; ++r)
        for (std::int64_t k = 0; k < c.kv_lora_rank; ++k) {
            double at_zero = 0, at_nine = 0;
            for (std::int64_t i = 0; i < c.qk_nope_head_dim / 2; ++i) {
                const auto q = [&](std::int64_t j) {
                    return up_q.at((1 * (12 + 8) + 2 * i + j) * 32 + r);
                };
                const auto key = [&](std::int64_t j) {
                    return up_k.at((1 * (12 + 12) + 2 * i + j) * 24 + k);
                };
                const double a = 9 * theta[static_cast<std::size_t>(i)];
                const double x = q(0) * std::cos(a) - q(1) * std::sin(a);
                const double y = q(0) * std::sin(a) + q(1) * std::cos(a);
                at_zero += q(0) * key(0) + q(1) * key(1);
                at_nine += x * key(0) + y * key(1);
            }
            difference += (at_nine - at_zero) * (at_nine - at_zero);
            whole += at_zero * at_zero;
        }
    const std::string change = format_percent(std::sqrt(difference / whole));
    EXPECT_TRUE(p.draw().has_text("changed by " + change)) << change;
    EXPECT_NE(p.view().describe(p.frame).find(change), std::string::npos);
}

TEST(RopeDescription, NamesWhatIsThere) {
    RopePicture p(rope_run());
    p.set("t=6");
    p.set("s=2");
    const std::string text = p.view().describe(p.frame);
    const double a = value_at(*p.trace, "layers.1.scores", {0, 0, 6, 2});
    for (const std::string& part :
         {std::string("layer 1, head 0"), std::string("token 6"), std::string("token 2"),
          std::string("4 pairs"), "= " + signed_text(a),
          format_percent(value_at(*p.trace, "layers.1.attn_probs", {0, 0, 6, 2}))})
        EXPECT_NE(text.find(part), std::string::npos) << part << " in: " << text;
}

TEST(RopeSettings, EveryOneChangesThePicture) {
    const TracePtr trace = rope_run();
    RopePicture p(trace);
    const RecordingCanvas plain = p.draw();
    for (const char* change :
         {"show=scaling", "show=latent", "layer=2", "head=1", "t=5", "s=3", "distance=8", "shift=4",
          "base=100", "width=4", "scaling=linear", "trained=100", "map=position", "map=content",
          "pair=1", "q1_x=0", "k2_y=0"}) {
        p.settings.clear();
        p.set(change);
        EXPECT_FALSE(p.draw() == plain) << change;
    }
    p.settings.clear();
    p.set("show=scaling");
    const RecordingCanvas scaling = p.draw();
    p.set("factor=2");
    EXPECT_FALSE(p.draw() == scaling);
    for (const char* bad : {"t=11", "head=4", "layer=4", "factor=0.5", "base=1", "pair=4",
                            "scaling=other", "q4_x=0", "width=1"})
        EXPECT_ANY_THROW(p.set(bad)) << bad;
}

TEST(RopeSettings, ShiftLeavesTheScoreAndAHandDoesNot) {
    RopePicture p(rope_run("the cat sat", [](ModelConfig& c) { c.initializer_range = 0.3; }));
    p.set("t=9");
    p.set("s=4");
    const std::string before = p.view().describe(p.frame);
    const auto score = [](const std::string& text) {
        const auto from = text.find("The score is");
        return text.substr(from, text.find_first_of(",.", text.find("= ", from) + 6) - from);
    };
    p.set("shift=100");
    EXPECT_EQ(score(p.view().describe(p.frame)), score(before));
    p.set("q0_x=0");
    p.set("q0_y=0");
    EXPECT_NE(score(p.view().describe(p.frame)), score(before));
}

}  // namespace
}  // namespace sf
