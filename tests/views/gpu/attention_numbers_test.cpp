// The page "attention": scores, work groups and the walk over the tiles, compared with figures that
// are counted anew.
#include "read_back.h"

#include "views/draw/number.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace sf {
namespace {

// 20 tokens, groups of 3 rows, tiles of 4 keys: everything counted by hand.
struct Walk {
    GpuPicture p;
    std::int64_t T = 20, H = 4;
    Walk() : p(gpu_run("the cat sat on a mat", {}, {}, 2)) {
        p.frame.area = {0, 0, 1800, 1000};
        p.frame.cursor.batch = 1;
        p.set("head=2");
        p.set("queries=3");
        p.set("keys=4");
    }
};

TEST(GpuAttention, TheMatrixIsTheHeadsScores) {
    Walk w;
    ASSERT_EQ(w.p.trace->extent.tokens, w.T);
    const RecordingCanvas canvas = w.p.draw();
    const Tensor& scores = *w.p.trace->find("layers.1.scores");
    const std::int64_t first = (1 * w.H + 2) * w.T * w.T;
    const auto hits = hits_of(canvas, "layers.1.scores");
    ASSERT_GE(hits.size(), 2U);
    const Hit& whole =
        **std::find_if(hits.begin(), hits.end(), [](const Hit* h) { return h->target.rows > 3; });
    EXPECT_EQ(whole.target.first, first);
    EXPECT_EQ(whole.target.row_stride, w.T);
    const ColourScale scale = ColourScale::symmetric(largest(scores, first, w.T * w.T));
    expect_pixels(
        canvas, w.p.theme, whole, scale,
        [&](std::int64_t r, std::int64_t c) { return scores.at(first + r * w.T + c); },
        [](std::int64_t r, std::int64_t c) { return c <= r; });
    // Over it lies the track that chooses group and tile.
    const Hit* track = find_hit(canvas, "setting:group,tile");
    ASSERT_NE(track, nullptr);
    EXPECT_EQ(track->rect, whole.rect);
    EXPECT_EQ(track->target.rows, 7);
    EXPECT_EQ(track->target.cols, 5);
}

TEST(GpuAttention, CountsGroupsTilesAndWhatIsSkipped) {
    Walk w;
    std::int64_t needed = 0;
    for (std::int64_t g = 0; g < 7; ++g)
        for (std::int64_t j = 0; j < 5; ++j)
            needed += j * 4 <= std::min(w.T, g * 3 + 3) - 1 ? 1 : 0;
    const RecordingCanvas canvas = w.p.draw();
    EXPECT_TRUE(says(canvas, "7 work groups walk at once"));
    EXPECT_TRUE(says(canvas, std::to_string(35 - needed) + " of 35 tiles"));
    // Two sequences of four heads.
    EXPECT_TRUE(says(canvas, "= " + std::to_string(7 * 4 * 1 * 2) + " work groups"));
}

TEST(GpuAttention, EachGroupIsWhereItsWalkHasCome) {
    Walk w;
    w.p.set("tile=2");
    const RecordingCanvas canvas = w.p.draw();
    for (std::int64_t g = 0; g < 7; ++g) {
        const std::int64_t walked = (std::min(w.T, g * 3 + 3) - 1) / 4 + 1;
        const std::string text =
            walked <= 3 ? "done after " + std::to_string(walked) : "3 of " + std::to_string(walked);
        EXPECT_TRUE(says(canvas, text)) << g;
    }
    // The outlines of the tiles at work: groups 4, 5 and 6 walk more than three.
    const Hit* track = find_hit(canvas, "setting:group,tile");
    const double cell = track->rect.w / static_cast<double>(w.T);
    const auto outlined = [&](std::int64_t g) {
        const double rows = static_cast<double>(std::min<std::int64_t>(3, w.T - g * 3));
        const Rect tile{track->rect.x + 8 * cell, track->rect.y + static_cast<double>(g) * 3 * cell,
                        4 * cell, rows * cell};
        return std::any_of(
            canvas.primitives().begin(), canvas.primitives().end(), [&](const Primitive& q) {
                return q.kind == Primitive::Kind::stroke_rect && q.colour == w.p.theme.accent &&
                       std::abs(q.rect.x - tile.x) < 0.01 && std::abs(q.rect.y - tile.y) < 0.01 &&
                       std::abs(q.rect.w - tile.w) < 0.01 && std::abs(q.rect.h - tile.h) < 0.01;
            });
    };
    for (std::int64_t g = 0; g < 7; ++g) EXPECT_EQ(outlined(g), g >= 4) << g;
}

// Plain softmax over the keys up to the end of the tile, in double.
struct Running {
    double m = -INFINITY, d = 0;
    std::vector<double> o;
};
Running running(const Trace& trace, std::int64_t b, std::int64_t h, std::int64_t row,
                std::int64_t end) {
    const Tensor &scores = *trace.find("layers.1.scores"), &kv = *trace.find("layers.1.kv");
    const std::int64_t T = trace.extent.tokens, H = scores.shape[1], width = kv.shape[3];
    const std::int64_t value = trace.graph->config.v_head_dim;
    Running r;
    r.o.resize(static_cast<std::size_t>(value));
    const auto at = [&](std::int64_t s) { return scores.at(((b * H + h) * T + row) * T + s); };
    for (std::int64_t s = 0; s < std::min(end, row + 1); ++s) r.m = std::max(r.m, at(s));
    for (std::int64_t s = 0; s < std::min(end, row + 1); ++s) {
        const double p = std::exp(at(s) - r.m);
        r.d += p;
        for (std::int64_t c = 0; c < value; ++c)
            r.o[static_cast<std::size_t>(c)] +=
                p * kv.at(((b * T + s) * H + h) * width + width - value + c);
    }
    return r;
}

TEST(GpuAttention, TheRowsStateIsThatOfThreePasses) {
    for (const std::int64_t tile : {0, 2, 3}) {
        Walk w;
        w.p.set("group=5");
        w.p.set("row=16");
        w.p.set("tile=" + std::to_string(tile));
        const RecordingCanvas canvas = w.p.draw();
        const Running before = running(*w.p.trace, 1, 2, 16, tile * 4),
                      after = running(*w.p.trace, 1, 2, 16, tile * 4 + 4);
        EXPECT_TRUE(says(canvas, "Row “" + w.p.trace->tokens[20 + 16] + "” at 16"));
        EXPECT_TRUE(says(canvas, format_number(after.m))) << tile;
        EXPECT_TRUE(says(canvas, format_number(after.d))) << tile;
        EXPECT_TRUE(says(canvas, tile == 0 ? "−∞" : format_number(before.m))) << tile;
        EXPECT_TRUE(says(canvas, format_number(before.d))) << tile;
        if (tile > 0) {
            const double shrink = std::exp(before.m - after.m);
            EXPECT_TRUE(says(canvas, "× " + (shrink >= 0.1 ? format_fixed(shrink, 2)
                                                           : format_number(shrink, 2))));
        }
        EXPECT_TRUE(says(canvas, "m and d from the trace's scores"));
    }
}

TEST(GpuAttention, OperandsAreTheTensorsOwnRows) {
    Walk w;
    w.p.set("group=5");
    w.p.set("tile=3");
    const RecordingCanvas canvas = w.p.draw();
    const ModelConfig& c = w.p.trace->graph->config;
    const std::int64_t kw = c.qk_nope_head_dim + c.v_head_dim;
    // K^C, upright: columns are the keys 12 .. 15 of sequence 1, head 2.
    const Tensor& kv = *w.p.trace->find("layers.1.kv");
    bool keys = false, values = false;
    for (const Hit* h : hits_of(canvas, "layers.1.kv")) {
        const std::int64_t base = ((w.T + 12) * w.H + 2) * kw;
        keys = keys || (h->target.first == base && h->target.rows == c.qk_nope_head_dim &&
                        h->target.cols == 4 && h->target.col_stride == w.H * kw);
        if (h->target.first != base + c.qk_nope_head_dim) continue;
        values = true;
        EXPECT_EQ(h->target.rows, 4);
        EXPECT_EQ(h->target.cols, c.v_head_dim);
        std::vector<double> all;
        for (std::int64_t r = 0; r < 4; ++r)
            for (std::int64_t i = 0; i < c.v_head_dim; ++i)
                all.push_back(kv.at(base + c.qk_nope_head_dim + r * w.H * kw + i));
        expect_pixels(canvas, w.p.theme, *h, ColourScale::fit(all),
                      [&](std::int64_t r, std::int64_t i) {
                          return all[static_cast<std::size_t>(r * c.v_head_dim + i)];
                      });
    }
    EXPECT_TRUE(keys);
    EXPECT_TRUE(values);
    EXPECT_NE(find_hit(canvas, "layers.1.q"), nullptr);
    EXPECT_NE(find_hit(canvas, "layers.1.q_pe"), nullptr);
    EXPECT_NE(find_hit(canvas, "layers.1.cache_k_pe"), nullptr);
    const std::int64_t width = c.qk_nope_head_dim + c.qk_rope_head_dim;
    EXPECT_TRUE(says(canvas, "4 × " + std::to_string(width) + ", " + format_bytes(4 * width * 4)));
    // 16 bits are what keys and values are stored in, not queries.
    w.p.set("half=true");
    EXPECT_TRUE(
        says(w.p.draw(), "4 × " + std::to_string(width) + ", " + format_bytes(4 * width * 2)));
    EXPECT_TRUE(
        says(w.p.draw(), "3 × " + std::to_string(width) + ", " + format_bytes(3 * width * 4)));
}

TEST(GpuAttention, TheWalkFollowsTheSteps) {
    const TracePtr trace = gpu_run("the cat sat on a mat");
    GpuPicture p(trace, "layers.1.attn_probs");
    p.set("queries=4");
    p.set("keys=4");
    p.frame.cursor.within = 0.5;  // of five tiles
    EXPECT_TRUE(p.draw().has_text("Work group 4, tile 2"));
    p.frame.cursor.within = 1;
    EXPECT_TRUE(p.draw().has_text("Work group 4, done"));
    const RecordingCanvas still = p.draw();
    p.frame.cursor.within = 0.3;
    EXPECT_FALSE(p.draw() == still);
    p.frame.cursor.within = 1;
    EXPECT_TRUE(p.draw() == still);
}

TEST(GpuAttention, TellsTheDevicesOwnMAndD) {
    GpuPicture p(gpu_run(std::string(70, 'a') + " the cat"));
    const auto device = p.with_device();
    device->m_fault = 0.25;
    p.set("keys=32");
    p.set("head=3");
    p.set("tile=2");
    EXPECT_FALSE(p.draw().has_text("as the device left them"));
    p.settle();
    const RecordingCanvas canvas = p.draw();
    EXPECT_TRUE(canvas.has_text("m and d as the device left them"));
    EXPECT_TRUE(canvas.has_text("16 KiB of 32 KiB shared memory"));
    // The last row of the last head is the one that the device tells wrong.
    const Running after = running(*p.trace, 0, 3, p.trace->extent.tokens - 1, 96);
    EXPECT_TRUE(canvas.has_text(format_number(after.m + 0.25)));
}

}  // namespace
}  // namespace sf
