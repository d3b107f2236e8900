// The pages "result" and "cost": what the device left, beside the CPU and under the roof.
#include "read_back.h"

#include "views/draw/number.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace sf {
namespace {

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
