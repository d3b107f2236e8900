// The page "dense" of the view "Experts": two shapes in which a token costs the same.
#include "history_fixture.h"
#include "tests/support/page.h"
#include "tests/views/random/random_config.h"
#include "views/draw/number.h"
#include "views/experts_dense.h"

#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

namespace sf {
namespace {

using test::ExpertsPicture;

TracePtr run() {
    return test::changed_run("the cat sat");
}

// Widths of what is drawn of each layer, in rows from above: filled or outlined.
struct Row {
    double filled = 0, all = 0;
};
std::map<double, Row> rows(const RecordingCanvas& canvas, const Theme& theme, double right) {
    std::map<double, Row> found;
    for (const Primitive& q : canvas.primitives()) {
        const bool piece = q.colour == theme.meaning(Meaning::routed_expert) ||
                           q.colour == theme.meaning(Meaning::shared_expert) ||
                           q.colour == theme.meaning(Meaning::residual);
        const bool outline = q.kind == Primitive::Kind::stroke_rect &&
                             q.colour == theme.meaning(Meaning::routed_expert).alpha(0.7);
        if (q.rect.right() > right || q.rect.h < 20) continue;
        if (q.kind == Primitive::Kind::fill_rect && piece) {
            found[std::round(q.rect.y)].filled += q.rect.w + 1;
            found[std::round(q.rect.y)].all += q.rect.w + 1;
        } else if (outline) {
            found[std::round(q.rect.y - 0.5)].all += q.rect.w + 2;
        }
    }
    return found;
}

TEST(ExpertsDense, LayersAreDrawnToScale) {
    const ExpertsPicture p(run(), nullptr, "dense");
    const ModelConfig& c = p.trace->graph->config;
    const auto drawn = rows(p.draw(), p.theme, 740);
    ASSERT_EQ(static_cast<std::int64_t>(drawn.size()), 2 * c.num_hidden_layers);
    std::vector<Row> all;
    for (const auto& [y, row] : drawn) all.push_back(row);
    const double expert = static_cast<double>(c.moe_intermediate_size);
    const double whole = expert * static_cast<double>(c.n_routed_experts + c.n_shared_experts);
    const double most = all[static_cast<std::size_t>(c.first_k_dense_replace)].all;
    double work = 0, dense_work = 0;
    for (std::int64_t l = 0; l < c.num_hidden_layers; ++l) {
        const Row& row = all[static_cast<std::size_t>(l)];
        const double own = c.is_moe(l) ? whole : static_cast<double>(c.intermediate_size);
        const double active =
            c.is_moe(l) ? expert * static_cast<double>(c.num_experts_per_tok + c.n_shared_experts)
                        : own;
        EXPECT_NEAR(row.all / most, own / whole, 0.01) << l;
        EXPECT_NEAR(row.filled / most, active / whole, 0.01) << l;
        work += row.filled;
        dense_work += all[static_cast<std::size_t>(c.num_hidden_layers + l)].filled;
    }
    // But for the gates, which are not drawn.
    EXPECT_NEAR(dense_work / work, 1, 0.06);
}

TEST(ExpertsDense, TheFiguresAreThoseOfTheShapes) {
    const ExpertsPicture p(run(), nullptr, "dense");
    const RecordingCanvas canvas = p.draw();
    // Counted in the weights themselves.
    std::int64_t numbers = 0;
    for (const auto& [name, tensor] : p.trace->weights->tensors) numbers += tensor->size();
    EXPECT_TRUE(canvas.has_text(format_short(static_cast<double>(numbers))));
    EXPECT_NE(p.shown.describe(p.frame).find("has " + format_count(numbers) + " parameters"),
              std::string::npos);
    ModelConfig dense = p.trace->graph->config;
    dense.n_routed_experts = 0;
    const auto scene = experts::make_dense_scene(p.frame);
    dense.intermediate_size = scene.dense.config.intermediate_size;
    std::int64_t in_dense = 0;
    for (const ParameterSpec& spec : parameters(dense)) in_dense += spec.shape.size();
    EXPECT_TRUE(canvas.has_text(format_short(static_cast<double>(in_dense))));
    EXPECT_TRUE(canvas.has_text("intermediate_size=" + std::to_string(dense.intermediate_size)));
}

TEST(ExpertsDense, ADenseRunLiesBesideIt) {
    ExpertsPicture p(run(), test::trained(BalanceMode::bias, 40), "dense");
    p.beside("twin", test::trained(BalanceMode::none, 30, true));
    p.beside("of experts", test::trained(BalanceMode::none));
    const RecordingCanvas canvas = p.draw();
    EXPECT_TRUE(canvas.has_text("twin"));
    EXPECT_FALSE(canvas.has_text("of experts"));
    EXPECT_FALSE(canvas.has_text("To compare what both learn"));
    // Means over the last 16 records at step 30, which both have come to.
    const auto mean = [](const History& h) {
        double sum = 0;
        for (std::size_t i = h.upto(30) - 16; i < h.upto(30); ++i)
            sum += static_cast<double>(h[i].loss) / 16;
        return sum;
    };
    const double own = mean(*p.history), twin = mean(*p.runs[0].history);
    EXPECT_TRUE(canvas.has_text(format_fixed(own, 3) + ", dense " + format_fixed(twin, 3)));
    EXPECT_NE(
        p.shown.describe(p.frame).find("At step 30 the training loss is " + format_fixed(own, 3)),
        std::string::npos);
    // Both curves on one scale.
    std::vector<std::vector<Vec2>> curves;
    for (const Primitive& q : canvas.primitives())
        if (q.kind == Primitive::Kind::polyline && q.width == 2 && q.points.size() == 40)
            curves.push_back(q.points);
    ASSERT_EQ(curves.size(), 1U);
    double first = static_cast<double>((*p.history)[0].loss);
    const auto at = [&](std::size_t i) {
        double sum = 0, n = 0;
        for (std::size_t j = i >= 15 ? i - 15 : 0; j <= i; ++j, ++n)
            sum += static_cast<double>((*p.history)[j].loss);
        return sum / n;
    };
    const double y0 = curves[0].front().y, y1 = curves[0].back().y;
    for (std::size_t i = 0; i < 40; ++i)
        EXPECT_NEAR(curves[0][i].y, y0 + (y1 - y0) * (at(i) - first) / (at(39) - first), 0.05);
}

TEST(ExpertsDense, ChecksHoldAndSeeFaults) {
    const ExpertsPicture p(run(), nullptr, "dense");
    const auto good = p.shown.invariants(p.frame);
    ASSERT_EQ(good.size(), 3U);
    for (const Invariant& i : good) EXPECT_TRUE(i.holds) << i.name << ": " << i.figure;
    auto scene = experts::make_dense_scene(p.frame);
    scene.dense.cost.size.active_parameters += 1 + std::llround(scene.unit());
    EXPECT_FALSE(experts::dense_checks(scene)[0].holds);
    scene.dense.cost.size.cache_floats_per_token += 1;
    EXPECT_FALSE(experts::dense_checks(scene)[1].holds);
    scene.sparse.cost.size.parameters += 1;
    EXPECT_FALSE(experts::dense_checks(scene)[2].holds);
}

TEST(ExpertsDense, EmptyStates) {
    EXPECT_TRUE(
        ExpertsPicture(nullptr, nullptr, "dense").draw().has_text("Type a text and press Enter"));
    const ExpertsPicture dense(
        test::changed_run("the cat", [](ModelConfig& c) { c.n_routed_experts = 0; }), nullptr,
        "dense");
    EXPECT_TRUE(dense.draw().has_text("its own dense counterpart"));
    EXPECT_TRUE(dense.shown.invariants(dense.frame).empty());
}

TEST(ExpertsDense, NothingOverlapsAtAnySize) {
    const TracePtr trace = run();
    const TracePtr many = test::changed_run("the cat", [](ModelConfig& c) {
        c.num_hidden_layers = 40;
        c.n_routed_experts = 64;
        c.n_group = 1;
        c.topk_group = 1;
    });
    for (const test::PageSize& size :
         {test::PageSize{1280, 720, 100, false}, test::PageSize{1280, 720, 200, true},
          test::PageSize{2560, 1440, 100, true}, test::PageSize{2560, 1440, 200, false},
          test::PageSize{900, 560, 100, false}, test::PageSize{640, 480, 200, false},
          test::PageSize{680, 380, 150, true}})
        for (const TracePtr& shown : {trace, many})
            for (const bool runs : {false, true}) {
                ExpertsPicture p(shown, runs ? test::trained(BalanceMode::bias) : nullptr, "dense",
                                 size.w, size.h, size.percent / 100.0, size.dark);
                if (runs) p.beside("twin", test::trained(BalanceMode::none, 30, true));
                std::ostringstream what;
                PrintTo(size, &what);
                test::expect_clean(p.draw(), what.str());
                EXPECT_TRUE(p.draw() == p.draw());
                for (const Invariant& i : p.shown.invariants(p.frame))
                    EXPECT_TRUE(i.holds) << i.name << i.figure;
            }
}

}  // namespace
}  // namespace sf
