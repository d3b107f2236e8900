// The page "kinds" of the view "Experts": what is drawn is what was counted.
#include "history_fixture.h"
#include "tests/support/page.h"
#include "views/draw/number.h"
#include "views/experts_kinds.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <sstream>

namespace sf {
namespace {

using test::ExpertsPicture;

ModelPtr reader() {
    auto model = std::make_shared<Model>(*preset_model("nano", 4));
    model->config.initializer_range = 0.2;
    model->weights = initial_weights(model->config, 5);
    return model;
}

TracePtr run() {
    const ModelPtr model = reader();
    return run_trace(model, {model->encode("Tom has 23 + 45 = 68")});
}

// Counted on fewer tokens than the view asks for, under the name of its need.
struct KindsPicture : ExpertsPicture {
    explicit KindsPicture(const TracePtr& t, double w = 1280, double h = 720, double text = 1,
                          bool dark = false)
        : ExpertsPicture(t, nullptr, "kinds", w, h, text, dark) {
        put(Derived::computed(expert_use(*t, {}, 96), [](double) { return true; }));
    }
    void put(const Derived::Entry& entry) {
        for (const Need& need : shown.needs(frame)) derived.set(need.key, entry);
    }
    const ExpertUse& use() const {
        return *derived.find<ExpertUse>(shown.needs(frame).front().key);
    }
    const ExpertUse::Layer& layer(const std::string& name) const {
        for (const auto& l : use().layers)
            if (l.name == name) return l;
        throw std::runtime_error(name);
    }
};

const Hit* matrix_hit(const RecordingCanvas& canvas, std::int64_t rows) {
    for (const Hit& h : canvas.hits())
        if (h.target.node == "setting:expert" && h.target.rows == rows) return &h;
    return nullptr;
}

double share(const ExpertUse& use, const ExpertUse::Layer& l, std::size_t kind, std::size_t e) {
    return static_cast<double>(l.loads[kind][e]) / static_cast<double>(l.tokens[kind] * use.top_k);
}

TEST(ExpertsKinds, EveryCellIsTheCountedShare) {
    for (const char* name : {"layers.1", "mtp.1"}) {
        KindsPicture p(run());
        const bool module = std::string(name) == "mtp.1";
        p.set("layer=" + std::to_string(module ? p.trace->graph->config.num_hidden_layers : 1));
        const auto kinds = static_cast<std::int64_t>(p.use().kinds.size());
        const ExpertUse::Layer& l = p.layer(name);
        for (const bool relative : {true, false}) {
            p.set(relative ? "cells=taste" : "cells=share");
            const RecordingCanvas canvas = p.draw();
            const Hit* hit = matrix_hit(canvas, kinds);
            ASSERT_NE(hit, nullptr);
            EXPECT_EQ(hit->target.cols, p.use().experts);
            const double w = hit->rect.w / static_cast<double>(p.use().experts);
            const double h = hit->rect.h / static_cast<double>(kinds);
            for (std::size_t k = 0; k < p.use().kinds.size(); ++k)
                for (std::size_t e = 0; e < static_cast<std::size_t>(p.use().experts); ++e) {
                    double mean = 0;
                    for (std::size_t i = 0; i < p.use().kinds.size(); ++i)
                        mean += share(p.use(), l, i, e) / static_cast<double>(kinds);
                    const double v = share(p.use(), l, k, e);
                    const double taste = v / mean;
                    const std::string expected = !relative ? format_percent(v)
                                                 : mean == 0
                                                     ? "–"
                                                     : format_fixed(taste, taste < 9.95 ? 1 : 0);
                    const Rect cell{hit->rect.x + w * static_cast<double>(e),
                                    hit->rect.y + h * static_cast<double>(k), w, h};
                    std::string drawn;
                    for (const Primitive& q : canvas.primitives())
                        if (q.kind == Primitive::Kind::text && cell.contains(q.rect.centre()))
                            drawn += q.text;
                    EXPECT_EQ(drawn, expected) << name << " " << k << " " << e;
                }
        }
    }
}

TEST(ExpertsKinds, TheFavouritesOfTheChosenExpertAreListed) {
    KindsPicture p(run());
    p.set("expert=5");
    const RecordingCanvas canvas = p.draw();
    EXPECT_TRUE(canvas.has_text("What expert 5 is given"));
    const auto& own = p.layer("layers.1").favourites[5];
    ASSERT_FALSE(own.empty());
    for (std::size_t i = 0; i < std::min<std::size_t>(own.size(), 5); ++i) {
        EXPECT_TRUE(canvas.has_text(format_fixed(own[i].gate, 3))) << i;
        EXPECT_TRUE(canvas.has_text(p.use().kinds[own[i].kind] + ", " + format_count(own[i].given) +
                                    " / " + format_count(own[i].seen)))
            << i;
    }
}

// Beside them what it does for the text at hand: cells of the trace.
TEST(ExpertsKinds, TheTextAtHandIsReadFromTheTrace) {
    KindsPicture p(run());
    p.set("expert=2");
    const RecordingCanvas canvas = p.draw();
    const Tensor& chosen = *p.trace->find("layers.1.router_indices");
    const Tensor& gates = *p.trace->find("layers.1.router_weights");
    std::int64_t expected = 0, seen = 0;
    for (std::int64_t i = 0; i < chosen.size(); ++i) expected += chosen.at(i) == 2;
    for (const Hit& h : canvas.hits()) {
        if (h.target.node != "layers.1.router_weights") continue;
        EXPECT_EQ(chosen.at(h.target.first), 2);
        bool drawn = false;
        for (const Primitive& q : canvas.primitives())
            drawn = drawn || (q.kind == Primitive::Kind::text && h.rect.contains(q.rect.centre()) &&
                              q.text == format_fixed(gates.at(h.target.first), 3));
        EXPECT_TRUE(drawn);
        ++seen;
    }
    EXPECT_GT(seen, 0);
    EXPECT_LE(seen, expected);
    EXPECT_TRUE(canvas.has_text(format_count(expected) + " of 20 tokens"));
}

TEST(ExpertsKinds, ChecksHoldAndSeeFaults) {
    KindsPicture p(run());
    const auto good = p.shown.invariants(p.frame);
    ASSERT_EQ(good.size(), 3U);
    for (const Invariant& i : good) EXPECT_TRUE(i.holds) << i.name << ": " << i.figure;
    const auto with = [&](const std::function<void(ExpertUse&)>& change) {
        auto copy = std::make_shared<ExpertUse>(p.use());
        change(*copy);
        KindsPicture other(p.trace);
        other.put({copy, "", 1});
        std::vector<bool> held;
        for (const Invariant& i : other.shown.invariants(other.frame)) held.push_back(i.holds);
        return held;
    };
    EXPECT_FALSE(with([](ExpertUse& u) { ++u.layers.front().loads[3][2]; })[0]);
    EXPECT_FALSE(with([](ExpertUse& u) { ++u.layers.front().loads[3][2]; })[1]);
    EXPECT_FALSE(with([](ExpertUse& u) {
        for (auto& own : u.layers.front().favourites)
            if (!own.empty()) own.front().given = own.front().seen + 1;
    })[2]);
}

TEST(ExpertsKinds, WhatCannotBeCountedIsSaid) {
    auto saved = std::make_shared<Trace>(*run());
    saved->weights = nullptr;
    ExpertsPicture p(saved, nullptr, "kinds");
    EXPECT_TRUE(p.draw().has_text("reading held-out documents"));
    p.settle();
    EXPECT_TRUE(p.draw().has_text("holds no weights"));
    EXPECT_TRUE(p.draw().has_text("In the text at hand"));
    EXPECT_NE(p.shown.describe(p.frame).find("holds no weights"), std::string::npos);
    test::expect_clean(p.draw(), "no weights");

    const ExpertsPicture none(nullptr, nullptr, "kinds");
    EXPECT_TRUE(none.draw().has_text("Type a text and press Enter"));
    EXPECT_TRUE(none.shown.needs(none.frame).empty());
    const ExpertsPicture dense(
        test::changed_run("the cat", [](ModelConfig& c) { c.n_routed_experts = 0; }), nullptr,
        "kinds");
    EXPECT_TRUE(dense.draw().has_text("No experts here"));
    EXPECT_TRUE(dense.shown.needs(dense.frame).empty());
}

TEST(ExpertsKinds, NothingOverlapsAtAnySize) {
    const TracePtr trace = run();
    for (const test::PageSize& size :
         {test::PageSize{1280, 720, 100, false}, test::PageSize{1280, 720, 200, true},
          test::PageSize{2560, 1440, 100, true}, test::PageSize{2560, 1440, 200, false},
          test::PageSize{900, 560, 100, false}, test::PageSize{640, 480, 200, false},
          test::PageSize{680, 380, 150, true}}) {
        KindsPicture p(trace, size.w, size.h, size.percent / 100.0, size.dark);
        std::ostringstream what;
        PrintTo(size, &what);
        for (const char* setting : {"cells=taste", "cells=share", "expert=7"}) {
            p.set(setting);
            test::expect_clean(p.draw(), what.str() + " " + setting);
            EXPECT_TRUE(p.draw() == p.draw());
        }
        p.frame.hover_node = "setting:expert";
        p.frame.hover_index = 1;
        test::expect_clean(p.draw(), what.str() + " hover");
    }
}

}  // namespace
}  // namespace sf
