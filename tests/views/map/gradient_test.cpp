// The way back on the map: what is drawn of the gradients is what the trace holds.
#include "map_fixture.h"
#include "tests/support/page.h"

#include "views/draw/number.h"
#include "views/draw/shapes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>

namespace sf {
namespace {

TracePtr run_back(const std::string& prompt = "the cat sat", std::size_t batch = 1,
                  const std::function<void(ModelConfig&)>& change = {}, std::int64_t modules = 1) {
    RunOptions options;
    options.gradients = true;
    return map_run(prompt, 3, modules, change, options, batch);
}

// Independent of the view: the root of the sum of squares of the tensor by its name.
double norm_of(const Trace& trace, const std::string& name) {
    const Tensor* t = trace.find(name);
    double squares = 0;
    for (std::int64_t i = 0; t && i < t->size(); ++i) squares += t->at(i) * t->at(i);
    return t ? std::sqrt(squares) : std::nan("");
}

TracePtr with_gradient(const Trace& trace, const std::string& node,
                       const std::function<void(Tensor&)>& change) {
    auto copy = std::make_shared<Trace>(trace);
    const NodeId id = trace.graph->find(node);
    auto tensor = std::make_shared<Tensor>(*trace.gradient(id));
    change(*tensor);
    copy->keep_gradient(id, tensor);
    return copy;
}

std::vector<std::string> texts_in(const RecordingCanvas& canvas, const Rect& r) {
    std::vector<std::string> texts;
    for (const Primitive& p : canvas.primitives())
        if (p.kind == Primitive::Kind::text && r.contains(p.rect.centre())) texts.push_back(p.text);
    return texts;
}

// The bar of a row or box: its track, and what is filled of it from the middle.
struct Bar {
    Rect track, fill;
};
std::optional<Bar> bar_in(const RecordingCanvas& canvas, const Theme& theme, const Rect& r) {
    const auto& all = canvas.primitives();
    for (std::size_t i = 0; i + 1 < all.size(); ++i)
        if (all[i].kind == Primitive::Kind::fill_rect && all[i].colour == theme.grid &&
            r.contains(all[i].rect.centre()) && all[i].rect.h > 2 && all[i].rect.w > 10 &&
            all[i + 1].kind == Primitive::Kind::fill_rect)
            return Bar{all[i].rect, all[i + 1].rect};
    return std::nullopt;
}

const std::vector<std::string> stream{"layers.2.hidden", "layers.1.hidden", "layers.0.hidden",
                                      "embed"};

// Boxes of the diagram: each shows the norm of the gradient that its hit names.
int check_boxes(const RecordingCanvas& canvas, const Trace& trace,
                std::vector<std::string>& wrong) {
    int checked = 0;
    for (const Hit& hit : canvas.hits()) {
        const std::string& name = hit.target.node;
        const bool box = std::any_of(canvas.primitives().begin(), canvas.primitives().end(),
                                     [&](const Primitive& p) {
                                         return p.kind == Primitive::Kind::stroke_rect &&
                                                p.rect == hit.rect && p.radius == 6;
                                     });
        if (!box || !name.starts_with(gradient_prefix) || hit.rect.w < 120) continue;
        const auto texts = texts_in(canvas, hit.rect);
        const std::string number = format_number(norm_of(trace, name), 2);
        if (std::find(texts.begin(), texts.end(), number) == texts.end())
            wrong.push_back(name + " does not show " + number);
        ++checked;
    }
    return checked;
}

TEST(MapGradient, BoxesShowTheNormsOfTheTensors) {
    const TracePtr trace = run_back("the cat", 2);
    const Timeline timeline(*trace);
    int checked = 0;
    for (std::int64_t i = timeline.find("grad.mtp.1.loss"); i < timeline.size(); i += 3) {
        const MapPicture p(trace, timeline[i].name, 2560, 1440);
        std::vector<std::string> wrong;
        checked += check_boxes(p.draw(), *trace, wrong);
        EXPECT_EQ(wrong, std::vector<std::string>{}) << timeline[i].name;
    }
    EXPECT_GT(checked, 300);
}

TEST(MapGradient, ADoubledGradientIsNoticed) {
    const TracePtr trace = run_back();
    const MapPicture p(trace, "grad.layers.1.kv_latent", 2560, 1440);
    const RecordingCanvas canvas = p.draw();
    for (const char* node : {"layers.1.kv_latent", "layers.1.scores", "logits", "embed"}) {
        const TracePtr other = with_gradient(*trace, node, [](Tensor& t) {
            for (Real& v : t.real) v *= 2;
        });
        std::vector<std::string> wrong;
        check_boxes(canvas, *other, wrong);
        EXPECT_EQ(wrong.size(), 1U) << node;
    }
}

TEST(MapGradient, TheStripShowsTheStreamLayerByLayer) {
    for (const bool dark : {false, true}) {
        const TracePtr trace = run_back("the cat sat", 2);
        const MapPicture p(trace, "grad.layers.1.q", 1280, 720, 1, dark);
        const RecordingCanvas canvas = p.draw();
        const double reference = norm_of(*trace, "grad.layers.2.hidden");
        double decades = 3, y = 0;
        for (const std::string& node : stream)
            decades = std::max(
                decades,
                std::ceil(std::abs(std::log10(norm_of(*trace, "grad." + node) / reference))));
        for (const std::string& node : stream) {
            const Hit* row = nullptr;  // the last one: the panel is drawn beside the diagram
            for (const Hit& h : canvas.hits())
                if (h.target.node == "grad." + node && h.rect.x > 900) row = row ? row : &h;
            ASSERT_NE(row, nullptr) << node;
            EXPECT_GT(row->rect.y, y) << "from the loss's end down";
            y = row->rect.y;
            const double ratio = norm_of(*trace, "grad." + node) / reference;
            const auto texts = texts_in(canvas, row->rect);
            EXPECT_NE(std::find(texts.begin(), texts.end(), "×" + format_number(ratio, 2)),
                      texts.end())
                << node;
            const auto bar = bar_in(canvas, p.theme, row->rect);
            ASSERT_TRUE(bar) << node;
            const double middle = bar->track.centre().x;
            const double reach = std::log10(ratio) / decades * bar->track.w / 2;
            EXPECT_NEAR(bar->fill.w, std::max(1.0, std::abs(reach)), 1e-6) << node;
            EXPECT_NEAR(reach < 0 ? bar->fill.right() : bar->fill.x, middle, 1.01) << node;
        }
    }
}

TEST(MapGradient, TheLossesOfTheTokensStandBeside) {
    const TracePtr trace = run_back("the cat", 2);
    MapPicture p(trace, "grad.layers.1.q", 1280, 720);
    p.frame.cursor.batch = 1;
    const RecordingCanvas canvas = p.draw();
    const Tensor& nll = *trace->find("nll");
    std::int64_t next = 6;  // of the second sequence
    for (const Hit& h : canvas.hits()) {
        if (h.target.node != "nll" || h.rect.x < 900) continue;
        EXPECT_EQ(h.target.first, next);
        const auto texts = texts_in(canvas, h.rect);
        ASSERT_EQ(texts.size(), 2U);
        EXPECT_EQ(texts[0], token_label(trace->tokens[static_cast<std::size_t>(next + 2)]));
        EXPECT_EQ(texts[1], format_fixed(nll.at(next), 3));
        ++next;
    }
    EXPECT_EQ(next, 12);
}

TEST(MapGradient, TheHeadlineTellsHowMuchIsLeft) {
    const TracePtr trace = run_back();
    const auto headline = [&](double factor) {
        const TracePtr changed = with_gradient(*trace, "embed", [&](Tensor& t) {
            for (Real& v : t.real) v *= static_cast<Real>(factor);
        });
        const double ratio =
            norm_of(*changed, "grad.embed") / norm_of(*changed, "grad.layers.2.hidden");
        const MapPicture p(changed, "grad.layers.1.q", 1280, 720);
        const RecordingCanvas canvas = p.draw();
        const std::string number = format_number(ratio >= 1 ? ratio : 1 / ratio, 2) + " times";
        EXPECT_TRUE(canvas.has_text(number)) << number;
        EXPECT_TRUE(canvas.has_text(ratio >= 1 ? "grows" : "shrinks"));
        const std::string said = MapPicture::view().describe(p.frame);
        EXPECT_NE(said.find(number), std::string::npos) << said;
        return canvas;
    };
    EXPECT_TRUE(headline(1e4).has_text("explodes"));
    EXPECT_TRUE(headline(1e-5).has_text("vanishes"));
    EXPECT_TRUE(headline(1).has_text("neither vanishes nor explodes"));
}

// The dot of a move, where it is at a moment; several where a gradient comes from several sides.
std::vector<Vec2> dots(MapPicture& p, double within) {
    p.frame.cursor.within = within;
    std::vector<Vec2> at;
    const RecordingCanvas canvas = p.draw();
    for (const Primitive& d : canvas.primitives())
        if (d.kind == Primitive::Kind::polygon && d.colour == p.theme.accent &&
            std::abs(d.rect.w - 9) < 1 && std::abs(d.rect.h - 9) < 1)
            at.push_back(d.rect.centre());
    p.frame.cursor.within = 1;
    return at;
}

Rect box_of(const RecordingCanvas& canvas, const std::string& name) {
    for (const Primitive& p : canvas.primitives())
        if (p.kind == Primitive::Kind::stroke_rect && p.radius == 6)
            for (const Hit& h : canvas.hits())
                if (h.rect == p.rect && h.target.node == name) return p.rect;
    return {};
}

TEST(MapGradient, FlowsBackAlongTheSameEdges) {
    const TracePtr trace = run_back();
    // Where the gradient comes from, and where it goes to.
    struct Move {
        const char *to, *from;
    };
    for (const Move m : {Move{"layers.1.attn_probs", "layers.1.heads"},
                         Move{"layers.1.heads", "layers.1.attn_out"},
                         Move{"layers.1.scores", "layers.1.attn_probs"},
                         Move{"layers.0.h", "layers.0.ffn_out"}, Move{"logits", "nll"}}) {
        MapPicture p(trace, std::string("grad.") + m.to, 2560, 1440);
        const RecordingCanvas still = p.draw();
        const Rect to = box_of(still, std::string("grad.") + m.to);
        ASSERT_GT(to.w, 0) << m.to;
        const auto begin = dots(p, 0), end = dots(p, 0.999);
        ASSERT_FALSE(begin.empty()) << m.to;
        ASSERT_EQ(begin.size(), end.size());
        for (std::size_t i = 0; i < end.size(); ++i) {
            EXPECT_NEAR(end[i].x, to.right(), 2) << m.to << ": arrives at its right side";
            EXPECT_GT(begin[i].x, to.right() + 4) << m.to;
        }
        EXPECT_TRUE(dots(p, 1).empty());
        // Nothing comes from a reader that the loss does not depend on, as the prediction.
        if (m.to == std::string("logits")) {
            EXPECT_EQ(begin.size(), 1U);
        }
        // Forward along the very same line, the other way.
        MapPicture ahead(trace, m.from, 2560, 1440);
        EXPECT_FALSE(dots(ahead, 0).empty()) << m.from;
    }
}

TEST(MapGradient, EveryStepBackMovesSomething) {
    const TracePtr trace = run_back();
    const Timeline timeline(*trace);
    for (std::int64_t i = 0; i < timeline.size(); ++i) {
        if (timeline[i].kind != Step::Kind::gradient) continue;
        const std::string& node = (*trace->graph)[timeline[i].node].name;
        if (node == "loss" || node.ends_with(".loss") || node.ends_with("_loss"))
            continue;  // here the way back begins
        MapPicture p(trace, timeline[i].name, 2560, 1440);
        EXPECT_FALSE(dots(p, 0.5).empty()) << timeline[i].name;
    }
}

TEST(MapGradient, TheWayForwardKnowsNothingOfIt) {
    const TracePtr with = run_back(), without = map_run();
    for (const char* step : {"ids", "layers.1.scores", "layers.2.hidden", "probs"}) {
        const RecordingCanvas canvas = MapPicture(with, step).draw();
        for (const Hit& h : canvas.hits())
            EXPECT_FALSE(h.target.node.starts_with(gradient_prefix)) << h.target.node;
        EXPECT_TRUE(canvas.has_text("Logit lens"));
        EXPECT_FALSE(canvas.has_text("∂L"));
    }
    MapPicture p(without, "probs");
    for (const Invariant& i : p.view().invariants(p.frame))
        EXPECT_EQ(i.name.find("gradient"), std::string::npos) << i.name;
}

TEST(MapGradient, SkipAndBranchAddUp) {
    const TracePtr trace = run_back("the cat", 2);
    const auto check = [](const TracePtr& t) {
        return MapPicture(t, "grad.embed").check("skip + branch");
    };
    EXPECT_TRUE(check(trace).holds) << check(trace).figure;
    EXPECT_NE(check(trace).figure.find("in 10 states"), std::string::npos) << check(trace).figure;
    // A fault in any of them is seen: the sum, the skip and the branch.
    for (const char* node : {"embed", "layers.0.attn_residual", "layers.0.hidden",
                             "layers.2.hidden", "layers.1.attn_in", "final_norm"}) {
        const TracePtr wrong = with_gradient(*trace, node, [](Tensor& t) {
            // The largest value, off by a hundredth.
            auto most = std::max_element(t.real.begin(), t.real.end(),
                                         [](Real a, Real b) { return std::abs(a) < std::abs(b); });
            *most *= 1.01F;
        });
        EXPECT_FALSE(check(wrong).holds) << node << ": " << check(wrong).figure;
    }
    // Another kind of attention, no experts, no shared expert.
    EXPECT_TRUE(check(run_back("ab", 1, [](ModelConfig& c) {
                    c.attention_kind = "gqa";
                    c.n_shared_experts = 0;
                })).holds);
    // What a file or the budget does not have is not judged.
    Trace light = *trace;
    light.weights = nullptr;
    EXPECT_EQ(check(std::make_shared<Trace>(light)).figure, "not in this trace");
}

TEST(MapGradient, WhatTheBudgetLeftOutIsSaid) {
    Trace part = *run_back();
    for (NodeId id = 0; id < part.graph->size(); ++id)
        if ((*part.graph)[id].name != "layers.1.q") part.keep_gradient(id, nullptr);
    MapPicture p(std::make_shared<Trace>(part), "grad.layers.1.q");
    const RecordingCanvas canvas = p.draw();
    EXPECT_TRUE(canvas.has_text("not kept"));
    EXPECT_TRUE(canvas.has_text("no gradient")) << "of the ids, which nothing passes";
    test::expect_clean(canvas, "part");
    EXPECT_NE(p.view().describe(p.frame).find("not kept"), std::string::npos);
}

TEST(MapGradient, ManyLayersKeepTheirStrip) {
    RunOptions options;
    options.gradients = true;
    const TracePtr trace = map_run("abc", 40, 0, {}, options);
    for (const double text : {1.0, 2.0}) {
        const MapPicture p(trace, "grad.layers.20.q", 1280, 720, text);
        const RecordingCanvas canvas = p.draw();
        test::expect_clean(canvas, "forty layers");
        int rows = 0;
        for (const Hit& h : canvas.hits())
            rows += h.rect.x > 700 && h.target.node.starts_with("grad.") &&
                    bar_in(canvas, p.theme, h.rect).has_value();
        EXPECT_GE(rows, 40) << text;
    }
}

TEST(MapGradient, CleanAtAnySize) {
    const TracePtr trace = run_back("the cat sat", 1, {}, 2);
    for (const auto& [w, h, percent] : {std::tuple{1280, 720, 100},
                                        {1280, 720, 200},
                                        {2560, 1440, 100},
                                        {2560, 1440, 200},
                                        {700, 420, 150}})
        for (const char* step :
             {"grad.mtp.1.loss", "grad.loss", "grad.final_norm", "grad.layers.2.hidden",
              "grad.layers.1.attn_residual", "grad.layers.1.kv_a", "grad.embed"}) {
            const MapPicture p(trace, step, w, h, percent / 100.0);
            test::expect_clean(p.draw(), std::string(step) + " " + std::to_string(w) + " " +
                                             std::to_string(percent));
        }
}

}  // namespace
}  // namespace sf
