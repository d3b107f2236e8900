// What the view "On the GPU" shows is what was computed: read back from the recording canvas and
// compared with figures that are counted anew.
#include "gpu_fixture.h"

#include "views/draw/colour_map.h"
#include "views/draw/number.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace sf {
namespace {

std::vector<const Hit*> hits_of(const RecordingCanvas& canvas, const std::string& node) {
    std::vector<const Hit*> all;
    for (const Hit& h : canvas.hits())
        if (h.target.node == node) all.push_back(&h);
    return all;
}

// The picture that lies exactly under a hit, each pixel compared with the value it stands for.
void expect_pixels(const RecordingCanvas& canvas, const Theme& theme, const Hit& hit,
                   const ColourScale& scale,
                   const std::function<double(std::int64_t, std::int64_t)>& value,
                   const std::function<bool(std::int64_t, std::int64_t)>& filled = {}) {
    for (const Primitive& p : canvas.primitives()) {
        if (p.kind != Primitive::Kind::image || !(p.rect == hit.rect)) continue;
        ASSERT_EQ(p.image->w, hit.target.cols) << hit.target.node;
        ASSERT_EQ(p.image->h, hit.target.rows) << hit.target.node;
        for (std::int64_t r = 0; r < hit.target.rows; ++r)
            for (std::int64_t c = 0; c < hit.target.cols; ++c)
                if (!filled || filled(r, c)) {
                    EXPECT_EQ(p.image->pixels[static_cast<std::size_t>(r * hit.target.cols + c)],
                              scale.colour(theme, value(r, c)))
                        << hit.target.node << " " << r << " " << c;
                }
        return;
    }
    ADD_FAILURE() << "no picture of " << hit.target.node;
}

double largest(const Tensor& t, std::int64_t first, std::int64_t count) {
    double most = 0;
    for (std::int64_t i = first; i < first + count; ++i)
        if (std::isfinite(t.at(i))) most = std::max(most, std::abs(t.at(i)));
    return most;
}

bool says(const RecordingCanvas& canvas, const std::string& text) {
    return canvas.has_text(text);
}

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

// Choices, loads and tiles found again from the router's indices alone.
struct Rows {
    std::vector<std::vector<std::int64_t>> of;  // slots by expert
    explicit Rows(const Trace& trace)
        : of(static_cast<std::size_t>(trace.graph->config.n_routed_experts)) {
        const Tensor& chosen = *trace.find("layers.1.router_indices");
        for (std::int64_t i = 0; i < chosen.size(); ++i)
            of[static_cast<std::size_t>(chosen.ints[static_cast<std::size_t>(i)])].push_back(i);
    }
    std::int64_t tiles(std::int64_t rows) const {
        std::int64_t n = 0;
        for (const auto& slots : of) n += (std::ssize(slots) + rows - 1) / rows;
        return n;
    }
};

TEST(GpuExperts, EveryTileOfEveryExpertIsDrawn) {
    const TracePtr trace = gpu_run("the cat sat on a mat", {}, {}, 2);
    const Rows rows(*trace);
    for (const std::int64_t cut : {1, 3, 5, 32}) {
        GpuPicture p(trace, "layers.1.ffn_out", 1600, 900);
        p.set("show=experts");
        p.set("rows=" + std::to_string(cut));
        const RecordingCanvas canvas = p.draw();
        EXPECT_EQ(std::ssize(hits_of(canvas, "setting:expert_tile")), rows.tiles(cut));
        const std::int64_t all = std::ssize(trace->ids) * trace->graph->config.num_experts_per_tok;
        const std::int64_t computed = rows.tiles(cut) * cut;
        if (cut > 1) {
            EXPECT_TRUE(says(canvas, format_count(all) + " rows of tokens, " +
                                         format_count(computed) + " computed"));
            EXPECT_TRUE(says(canvas, format_percent(1 - static_cast<double>(all) /
                                                            static_cast<double>(computed))));
        } else {
            EXPECT_TRUE(says(canvas, "Every row that is computed is somebody's"));
        }
        for (const auto& slots : rows.of)
            EXPECT_TRUE(says(canvas, format_count(std::ssize(slots))));
        // The filled part of a tile is as high as its rows.
        const Hit& first = *hits_of(canvas, "setting:expert_tile").front();
        const auto filled = std::find_if(
            canvas.primitives().begin(), canvas.primitives().end(), [&](const Primitive& q) {
                return q.kind == Primitive::Kind::fill_rect && q.rect.x == first.rect.x &&
                       std::abs(q.rect.bottom() - first.rect.bottom()) < 0.01 &&
                       q.colour == p.theme.meaning(Meaning::routed_expert);
            });
        ASSERT_NE(filled, canvas.primitives().end());
        std::size_t e = 0;
        while (rows.of[e].empty()) ++e;
        const double share = static_cast<double>(std::min(std::ssize(rows.of[e]),
                                                          static_cast<std::ptrdiff_t>(cut))) /
                             static_cast<double>(cut);
        EXPECT_NEAR(filled->rect.h / first.rect.h, share, 0.05) << cut;
    }
}

TEST(GpuExperts, TheTileShowsItsRowsAndTheTokenGathersIts) {
    const TracePtr trace = gpu_run("the cat sat on a mat", {}, {}, 2);
    const Rows rows(*trace);
    GpuPicture p(trace, "layers.1.ffn_out", 1600, 900);
    p.frame.cursor.batch = 1;
    p.frame.cursor.token = 4;
    p.set("show=experts");
    const RecordingCanvas canvas = p.draw();
    const ModelConfig& c = trace->graph->config;
    const std::int64_t k = c.num_experts_per_tok, token = 20 + 4, D = c.hidden_size;
    const Tensor &chosen = *trace->find("layers.1.router_indices"),
                 &gates = *trace->find("layers.1.router_weights");
    const auto row_of = [&](std::int64_t slot) {
        const auto e = static_cast<std::size_t>(chosen.ints[static_cast<std::size_t>(slot)]);
        std::int64_t row = 0;
        for (std::size_t i = 0; i < e; ++i) row += std::ssize(rows.of[i]);
        return row + (std::find(rows.of[e].begin(), rows.of[e].end(), slot) - rows.of[e].begin());
    };
    for (std::int64_t j = 0; j < k; ++j) {
        const std::int64_t slot = token * k + j, row = row_of(slot);
        EXPECT_TRUE(says(canvas, "expert " +
                                     std::to_string(chosen.ints[static_cast<std::size_t>(slot)]) +
                                     ", row " + std::to_string(row)));
        EXPECT_TRUE(says(canvas, "× " + format_fixed(gates.at(slot), 2)));
        const auto strips = hits_of(canvas, "layers.1.expert_out");
        EXPECT_TRUE(std::any_of(strips.begin(), strips.end(), [&](const Hit* h) {
            return h->target.first == row * D && h->target.cols == D;
        }));
    }
    const Hit* sum = find_hit(canvas, "layers.1.routed_out");
    ASSERT_NE(sum, nullptr);
    EXPECT_EQ(sum->target.first, token * D);
    const Tensor& out = *trace->find("layers.1.routed_out");
    expect_pixels(canvas, p.theme, *sum, ColourScale::symmetric(largest(out, token * D, D)),
                  [&](std::int64_t, std::int64_t i) { return out.at(token * D + i); });
    // The tile that is looked at begins with the first row of the token's first expert.
    const auto e = static_cast<std::size_t>(chosen.ints[static_cast<std::size_t>(token * k)]);
    const std::int64_t begin = row_of(rows.of[e].front());
    const Hit* h = find_hit(canvas, "layers.1.expert_h");
    ASSERT_NE(h, nullptr);
    EXPECT_EQ(h->target.first, begin * c.moe_intermediate_size);
    EXPECT_EQ(h->target.rows, std::min<std::int64_t>(32, std::ssize(rows.of[e])));
}

TEST(GpuExperts, TheLiveStageIsLit) {
    const TracePtr trace = gpu_run("the cat sat on a mat");
    const auto lit = [&](const std::string& step, double within = 1) {
        GpuPicture p(trace, step, 1600, 900);
        p.set("show=experts");
        p.frame.cursor.within = within;
        const RecordingCanvas canvas = p.draw();
        for (const Primitive& q : canvas.primitives())
            if (q.kind == Primitive::Kind::text && q.colour == p.theme.accent)
                for (const char* name : {"gather", "gate, up, SwiGLU", "down", "combine"})
                    if (q.text == name) return std::string(name);
        return std::string("none");
    };
    EXPECT_EQ(lit("layers.1.expert_in"), "gather");
    EXPECT_EQ(lit("layers.1.expert_up"), "gate, up, SwiGLU");
    EXPECT_EQ(lit("layers.1.expert_out"), "down");
    EXPECT_EQ(lit("layers.1.routed_out"), "combine");
    EXPECT_EQ(lit("layers.1.kv"), "none");
    const Tensor& load = *trace->find("layers.1.expert_load");
    const auto busy = std::max_element(load.ints.begin(), load.ints.end()) - load.ints.begin();
    const std::string expert = "layers.1.experts." + std::to_string(busy);
    EXPECT_EQ(lit(expert, 0.1), "gather");
    EXPECT_EQ(lit(expert, 0.6), "down");
    EXPECT_EQ(lit(expert, 1), "combine");
}

TEST(GpuResult, ShowsBothAndTheirDifference) {
    GpuPicture p(gpu_run("the cat sat", {}, {}, 2));
    const auto device = p.with_device();
    device->faults = {{Op::attention, 70, 3e-6}, {Op::attention, 41, -1e-6}};
    p.set("show=result");
    EXPECT_TRUE(p.draw().has_text("The device is at work"));
    p.settle();
    const RecordingCanvas canvas = p.draw();
    const Tensor& cpu = *p.trace->find("layers.1.heads");
    const std::int64_t cols = cpu.shape[2] * cpu.shape[3];
    const Hit* left = find_hit(canvas, "layers.1.heads");
    ASSERT_NE(left, nullptr);
    EXPECT_EQ(left->target.rows, 22);
    EXPECT_EQ(left->target.cols, cols);
    const ColourScale scale = ColourScale::symmetric(largest(cpu, 0, cpu.size()));
    expect_pixels(canvas, p.theme, *left, scale,
                  [&](std::int64_t r, std::int64_t c) { return cpu.at(r * cols + c); });
    const auto others = hits_of(canvas, "setting:cell");
    ASSERT_EQ(others.size(), 2U);
    const auto off = [&](std::int64_t i) {
        const auto add = static_cast<Real>(i == 70 ? 3e-6 : i == 41 ? -1e-6 : 0);
        return static_cast<double>(cpu.real[static_cast<std::size_t>(i)] + add) - cpu.at(i);
    };
    expect_pixels(canvas, p.theme, *others[0], scale, [&](std::int64_t r, std::int64_t c) {
        return cpu.at(r * cols + c) + off(r * cols + c);
    });
    expect_pixels(canvas, p.theme, *others[1], ColourScale::symmetric(std::abs(off(70))),
                  [&](std::int64_t r, std::int64_t c) { return off(r * cols + c); });
    EXPECT_TRUE(says(canvas, "Largest difference, row " + std::to_string(70 / cols) + ", column " +
                                 std::to_string(70 % cols)));
    EXPECT_TRUE(says(canvas, "difference " + format_number(off(70), 2)));
    p.set("cell=41");
    EXPECT_TRUE(says(p.draw(), "difference " + format_number(off(41), 2)));
    // A hovered element of the CPU's is looked at in all three.
    p.frame.hover_node = "layers.1.heads";
    p.frame.hover_index = 5;
    EXPECT_TRUE(says(p.draw(), "Here, row 0, column 5: CPU " + format_number(cpu.at(5), 7)));
}

TEST(GpuResult, ARefusedVariantSaysWhy) {
    GpuPicture p(gpu_run());
    p.with_device()->fails = [](Op op, bool half) {
        return op == Op::attention && half ? std::string("out of memory") : std::string();
    };
    p.set("show=result");
    p.settle();
    EXPECT_TRUE(p.draw().has_text("this device has no subgroup arithmetic"));
    EXPECT_TRUE(p.draw().has_text("out of memory"));
    p.set("variant=subgroups");
    EXPECT_TRUE(p.draw().has_text("This kernel did not run here"));
    p.set("show=cost");
    EXPECT_TRUE(p.draw().has_text("this device has no subgroup arithmetic"));
}

TEST(GpuCost, TheTableIsTheLaunches) {
    GpuPicture p(gpu_run("the cat sat", {}, {}, 2), "layers.1.heads", 1800, 1000);
    const auto device = p.with_device();
    p.set("show=cost");
    p.settle();
    const RecordingCanvas canvas = p.draw();
    const ModelConfig& c = p.trace->graph->config;
    const double pairs = 11 * 12 / 2, tokens = 22;
    const double k = static_cast<double>(c.qk_nope_head_dim + c.qk_rope_head_dim),
                 v = static_cast<double>(c.v_head_dim),
                 H = static_cast<double>(c.num_attention_heads);
    EXPECT_TRUE(says(canvas, "Attention: attention"));
    EXPECT_TRUE(says(canvas, format_short(2 * H * pairs * (2 * k + 2 * v + 1))));
    const double D = static_cast<double>(c.hidden_size),
                 W = static_cast<double>(c.moe_intermediate_size),
                 n = tokens * static_cast<double>(c.num_experts_per_tok);
    EXPECT_TRUE(says(canvas, "Routed experts: experts gate and up"));
    EXPECT_TRUE(says(canvas, format_short(4 * n * D * W)));
    EXPECT_TRUE(says(canvas, format_short(2 * n * D * W)));
    // The fake runs at 20 GFLOP/s, under a roof of 50.
    EXPECT_TRUE(says(canvas, "20 of at most 50 GFLOP/s"));
    EXPECT_TRUE(says(canvas, "multiply-adds: 50 GFLOP/s"));
    EXPECT_TRUE(says(canvas, "copies: 10 GB/s"));
    EXPECT_TRUE(says(canvas, "40 %"));
    EXPECT_FALSE(says(canvas, "software renderer"));
    device->info.software = true;
    p.derived = Derived();
    p.settle();
    EXPECT_TRUE(says(p.draw(), "is a software renderer: it shows the mechanism, not the speed"));
}

// Each point lies at its FLOPs a byte and its rate, read back against the roof's corner.
TEST(GpuCost, PointsLieWhereTheyWereMeasured) {
    GpuPicture p(gpu_run("the cat sat"), "layers.1.heads", 1800, 1000);
    p.with_device()->roof = {40e9, 80e9};  // the ridge: 2 FLOPs a byte
    p.set("show=cost");
    p.settle();
    const RecordingCanvas canvas = p.draw();
    const Primitive* roof = nullptr;
    std::vector<Vec2> experts;  // gate and up, down, combine
    for (const Primitive& q : canvas.primitives()) {
        if (q.kind == Primitive::Kind::polyline && q.points.size() == 3 && q.colour == p.theme.ink)
            roof = &q;
        const bool disc = q.kind == Primitive::Kind::polygon && q.rect.y > 300;
        if (disc && q.colour == p.theme.meaning(Meaning::routed_expert))
            experts.push_back(q.rect.centre());
    }
    ASSERT_NE(roof, nullptr);
    ASSERT_EQ(experts.size(), 3U);
    const Vec2 low = roof->points[0], ridge = roof->points[1];
    EXPECT_NEAR(roof->points[2].y, ridge.y, 0.01);
    // As the fake tells them: 20 GFLOP/s, bytes of rows and weights.
    const ModelConfig& c = p.trace->graph->config;
    const double D = static_cast<double>(c.hidden_size),
                 W = static_cast<double>(c.moe_intermediate_size),
                 n = 11 * static_cast<double>(c.num_experts_per_tok);
    const double intensity[] = {4 * n * D * W / (4 * (n * (D + W) + 2 * D * W)),
                                2 * n * D * W / (4 * (n * (D + W) + D * W)), 0.5};
    const double across = (experts[0].x - experts[2].x) / std::log(intensity[0] / intensity[2]);
    const double down = (experts[0].y - ridge.y) / std::log(80.0 / 20.0);
    EXPECT_GT(across, 1);
    EXPECT_GT(down, 1);
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_NEAR(experts[i].x, ridge.x + across * std::log(intensity[i] / 2), 0.6) << i;
        EXPECT_NEAR(experts[i].y, experts[0].y, 0.6) << i;
    }
    // Where memory limits, ten times the intensity is ten times the rate.
    EXPECT_NEAR((low.y - ridge.y) / (ridge.x - low.x), down / across, 0.01 * down / across);
}

}  // namespace
}  // namespace sf
