// The page "experts": tiles of rows and what they gather, compared with the choices of the trace.
#include "read_back.h"

#include "views/draw/number.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace sf {
namespace {

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

}  // namespace
}  // namespace sf
