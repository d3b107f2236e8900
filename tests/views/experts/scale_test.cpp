// The page "scale" of the view "Experts": a gate of DeepSeek-V3's shape.
#include "history_fixture.h"
#include "tests/support/page.h"
#include "views/draw/number.h"
#include "views/experts_scale.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <sstream>

namespace sf {
namespace {

using test::ExpertsPicture;

TracePtr run() {
    return test::changed_run("the cat sat on the mat");
}

// With a tokenizer, which runs of tests/support carry too; balanced on fewer tokens than the view
// asks for, under the name of its need.
struct ScalePicture : ExpertsPicture {
    explicit ScalePicture(const TracePtr& t, double w = 1280, double h = 720, double text = 1,
                          bool dark = false)
        : ExpertsPicture(t, nullptr, "scale", w, h, text, dark) {
        static std::map<const void*, Derived::Entry> made;  // by weights, which it keeps alive
        static std::vector<TracePtr> kept;
        Derived::Entry& entry = made[t->weights.get()];
        if (!entry.settled()) {
            kept.push_back(t);
            entry =
                Derived::computed(real_gate(*t, "layers.1", {512, 6}), [](double) { return true; });
        }
        put(entry);
    }
    void put(const Derived::Entry& entry) { derived.set(shown.needs(frame).front().key, entry); }
    const RealGate& gate() const { return *derived.find<RealGate>(shown.needs(frame).front().key); }
};

GateRoute route_of(const ScalePicture& p, std::int64_t t) {
    const Tensor& u = *p.trace->find("layers.1.ffn_in");
    std::vector<double> row;
    for (std::int64_t i = 0; i < u.shape.cols(); ++i) row.push_back(u.at(t * u.shape.cols() + i));
    return p.gate().route(row);
}

// As many cells are filled as experts are chosen, each in the box of its node, and as many are
// outlined as plain top-8 would choose besides.
TEST(ExpertsScale, TheNodesShowTheRouteOfTheToken) {
    ScalePicture p(run());
    for (const std::int64_t t : {0, 4, 21}) {
        p.frame.cursor.token = t;
        const GateRoute r = route_of(p, t);
        const RecordingCanvas canvas = p.draw();
        std::vector<Rect> boxes;
        for (std::int64_t n = 0; n < 8; ++n)
            for (const Primitive& q : canvas.primitives())
                if (q.kind == Primitive::Kind::text && q.text == "node " + std::to_string(n))
                    for (const Primitive& b : canvas.primitives())
                        if (b.kind == Primitive::Kind::stroke_rect && b.rect.h > 100 &&
                            b.rect.contains(q.rect.centre()))
                            boxes.push_back(b.rect);
        ASSERT_EQ(boxes.size(), 8U);
        std::vector<std::int64_t> filled(8), outlined(8), chosen(8), plain_only(8);
        for (const Primitive& q : canvas.primitives())
            for (std::size_t n = 0; n < 8; ++n) {
                if (!boxes[n].contains(q.rect.centre())) continue;
                filled[n] += q.kind == Primitive::Kind::fill_rect &&
                             q.colour == p.theme.meaning(Meaning::routed_expert);
                outlined[n] += q.kind == Primitive::Kind::stroke_rect && q.width == 2 &&
                               q.colour == p.theme.meaning(Meaning::position);
            }
        const std::set<std::int64_t> own(r.chosen.begin(), r.chosen.end());
        for (const std::int64_t e : r.chosen) ++chosen[static_cast<std::size_t>(e / 32)];
        for (const std::int64_t e : r.plain)
            if (!own.contains(e)) ++plain_only[static_cast<std::size_t>(e / 32)];
        EXPECT_EQ(filled, chosen) << t;
        EXPECT_EQ(outlined, plain_only) << t;
        for (const double score : r.node_scores)
            EXPECT_TRUE(canvas.has_text(format_fixed(score, 3)));
    }
}

TEST(ExpertsScale, TheCountsAreThoseOfTheGate) {
    const ScalePicture p(run());
    const RecordingCanvas canvas = p.draw();
    const RealGate& g = p.gate();
    double mean = 0, plain = 0;
    for (std::size_t n = 0; n < 9; ++n) {
        mean += static_cast<double>(n) * static_cast<double>(g.limited.nodes[n]) / 512;
        plain += static_cast<double>(n) * static_cast<double>(g.plain.nodes[n]) / 512;
    }
    EXPECT_TRUE(canvas.has_text("limit: " + format_fixed(mean, 2)));
    EXPECT_TRUE(canvas.has_text("plain top-8: " + format_fixed(plain, 2)));
    EXPECT_TRUE(
        canvas.has_text(format_fixed(mean, 2) + " nodes instead of " + format_fixed(plain, 2)));
    // The path of the violation on its logarithmic axis.
    std::vector<Vec2> path;
    for (const Primitive& q : canvas.primitives())
        if (q.kind == Primitive::Kind::polyline && q.points.size() == g.path.size())
            path = q.points;
    ASSERT_EQ(path.size(), 30U);
    const auto [lo, hi] = std::minmax_element(g.path.begin(), g.path.end());
    const double y_lo = path[static_cast<std::size_t>(lo - g.path.begin())].y;
    const double y_hi = path[static_cast<std::size_t>(hi - g.path.begin())].y;
    EXPECT_GT(y_lo, y_hi + 20);
    for (std::size_t i = 0; i < path.size(); ++i)
        EXPECT_NEAR(path[i].y,
                    y_lo + (y_hi - y_lo) * std::log(g.path[i] / *lo) / std::log(*hi / *lo), 0.05);
}

TEST(ExpertsScale, ItIsLabelledAsWhatItIs) {
    const ScalePicture p(run());
    const RecordingCanvas canvas = p.draw();
    EXPECT_TRUE(canvas.has_text("DeepSeek-V3's gate, weights seeded and untrained"));
    EXPECT_TRUE(canvas.has_text("layers.1.ffn_in"));
    EXPECT_NE(p.shown.describe(p.frame).find("The token “t”"), std::string::npos);
}

TEST(ExpertsScale, ChecksHoldAndSeeFaults) {
    const TracePtr trace = run();
    const ScalePicture p(trace);
    const auto good = p.shown.invariants(p.frame);
    ASSERT_EQ(good.size(), 6U);
    for (const Invariant& i : good) EXPECT_TRUE(i.holds) << i.name << ": " << i.figure;
    const auto with = [&](const std::function<void(RealGate&)>& change) {
        auto copy = std::make_shared<RealGate>(p.gate());
        change(*copy);
        ScalePicture other(trace);
        other.put({copy, "", 1});
        std::vector<bool> held;
        for (const Invariant& i : other.shown.invariants(other.frame)) held.push_back(i.holds);
        return held;
    };
    EXPECT_FALSE(with([](RealGate& g) { ++g.limited.nodes[5], --g.limited.nodes[4]; })[0]);
    EXPECT_FALSE(with([](RealGate& g) { g.unequal = 1; })[1]);
    EXPECT_FALSE(with([](RealGate& g) { --g.plain.load[7]; })[2]);
    EXPECT_FALSE(with([](RealGate& g) { std::swap(g.limited, g.unbalanced); })[3]);
    EXPECT_FALSE(with([](RealGate& g) { g.shape.routed_scaling_factor = 2; })[4]);
    auto scene = experts::make_scale_scene(p.frame, p.shown);
    scene.route->nodes.front() = (scene.route->nodes.front() + 1) % 8;
    scene.route->nodes.resize(1);
    EXPECT_FALSE(experts::scale_checks(scene)[5].holds);
}

TEST(ExpertsScale, WhatCannotBeHadIsSaid) {
    auto saved = std::make_shared<Trace>(*run());
    saved->weights = nullptr;
    ExpertsPicture p(saved, nullptr, "scale");
    EXPECT_TRUE(p.draw().has_text("balancing a gate of 256 experts"));
    p.settle();
    EXPECT_TRUE(p.draw().has_text("holds no weights"));
    EXPECT_TRUE(p.shown.invariants(p.frame).empty());
    const ExpertsPicture none(nullptr, nullptr, "scale");
    EXPECT_TRUE(none.draw().has_text("Type a text and press Enter"));
    const ExpertsPicture dense(
        test::changed_run("the cat", [](ModelConfig& c) { c.n_routed_experts = 0; }), nullptr,
        "scale");
    EXPECT_TRUE(dense.draw().has_text("No experts here"));

    // The layer's input was left out of the trace.
    const TracePtr full = run();
    auto part = std::make_shared<Trace>();
    part->graph = full->graph;
    part->extent = full->extent;
    part->ids = full->ids;
    part->tokens = full->tokens;
    part->weights = full->weights;
    part->tokenizer = full->tokenizer;
    const ScalePicture q(part);
    EXPECT_TRUE(q.draw().has_text("The trace does not hold layers.1.ffn_in"));
    for (const Invariant& i : q.shown.invariants(q.frame)) EXPECT_TRUE(i.holds) << i.name;
    test::expect_clean(q.draw(), "left out");
}

TEST(ExpertsScale, NothingOverlapsAtAnySize) {
    const TracePtr trace = run();
    for (const test::PageSize& size :
         {test::PageSize{1280, 720, 100, false}, test::PageSize{1280, 720, 200, true},
          test::PageSize{2560, 1440, 100, true}, test::PageSize{2560, 1440, 200, false},
          test::PageSize{900, 560, 100, false}, test::PageSize{640, 480, 200, false},
          test::PageSize{680, 380, 150, true}})
        for (const std::int64_t t : {-1, 0, 3}) {
            ScalePicture p(trace, size.w, size.h, size.percent / 100.0, size.dark);
            p.frame.cursor.token = t;
            std::ostringstream what;
            PrintTo(size, &what);
            test::expect_clean(p.draw(), what.str());
            EXPECT_TRUE(p.draw() == p.draw());
        }
}

}  // namespace
}  // namespace sf
