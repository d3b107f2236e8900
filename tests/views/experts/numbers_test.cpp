// What the pages "token" and "sequence" of the view "Experts" show is what was computed.
#include "experts_fixture.h"

#include "tests/support/plain_model.h"
#include "views/draw/number.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

namespace sf {
namespace {

constexpr std::int64_t experts = 16, nodes = 4, size = 4, top_k = 4;

const Hit* find_hit(const RecordingCanvas& canvas, const std::string& node, std::int64_t first) {
    for (const Hit& h : canvas.hits())
        if (h.target.node == node && h.target.first == first) return &h;
    return nullptr;
}

// The filled rectangle that a hit lies over.
const Primitive* filled(const RecordingCanvas& canvas, const Rect& r) {
    for (const Primitive& p : canvas.primitives())
        if (p.kind == Primitive::Kind::fill_rect && p.rect == r) return &p;
    return nullptr;
}

bool same(Colour a, Colour b) {
    return a == b;
}

// The part of the stacked bar: other hits of the same cell are rows of tables.
const Hit* find_part(const RecordingCanvas& canvas, const std::string& node, std::int64_t first) {
    for (const Hit& h : canvas.hits())
        if (h.target.node == node && h.target.first == first && filled(canvas, h.rect) != nullptr &&
            h.rect.y > canvas.frame().h * 0.8)
            return &h;
    return nullptr;
}

// The model's chosen experts, computed by the plain implementation in double.
struct Plain {
    std::vector<std::vector<std::int64_t>> chosen;
    std::vector<std::vector<double>> gates, scores;
};
Plain plain_router(const Trace& trace, std::int64_t batch, const std::string& prefix) {
    Model model;
    model.config = trace.graph->config;
    model.weights = trace.weights;
    test::PlainModel plain(model);
    plain.run(trace.sequence(batch));
    Plain p;
    for (const auto& row : plain.seen.at(prefix + "router_indices")) {
        p.chosen.emplace_back();
        for (const double e : row) p.chosen.back().push_back(static_cast<std::int64_t>(e));
    }
    p.gates = plain.seen.at(prefix + "router_weights");
    for (const auto& row : plain.seen.at(prefix + "router_logits")) {
        p.scores.emplace_back();
        for (const double z : row) p.scores.back().push_back(1 / (1 + std::exp(-z)));
    }
    return p;
}

TEST(ExpertsNumbers, BarsAreAsHighAsTheAffinities) {
    const TracePtr trace = experts_run("the cat sat", {}, {}, 2);
    for (const std::int64_t batch : {0, 1})
        for (const std::int64_t token : {0, 4, 10}) {
            ExpertsPicture p(trace);
            p.frame.cursor.batch = batch;
            p.frame.cursor.token = token;
            const RecordingCanvas canvas = p.draw();
            const Plain want = plain_router(*trace, batch, "layers.1.");
            const auto t = static_cast<std::size_t>(token);
            double per_pixel = 0;
            for (std::int64_t e = 0; e < experts; ++e) {
                const Hit* bar =
                    find_hit(canvas, "layers.1.router_scores", (batch * 11 + token) * experts + e);
                ASSERT_NE(bar, nullptr) << e;
                const double s = want.scores[t][static_cast<std::size_t>(e)];
                if (e == 0) per_pixel = s / bar->rect.h;
                EXPECT_NEAR(bar->rect.h * per_pixel, s, 2e-4) << e;
                const bool chosen = std::count(want.chosen[t].begin(), want.chosen[t].end(), e) > 0;
                const Primitive* fill = filled(canvas, bar->rect);
                ASSERT_NE(fill, nullptr);
                EXPECT_EQ(same(fill->colour, p.theme.meaning(Meaning::routed_expert)), chosen) << e;
                EXPECT_TRUE(canvas.has_text(format_fixed(s, 2)));
            }
        }
}

// Outlines stand higher or lower than the bars by b less its mean, at the bars' own scale.
TEST(ExpertsNumbers, OutlinesStandOffByTheBias) {
    const TracePtr trace = experts_run();
    const Tensor& b = trace->weights->at("model.layers.1.mlp.gate.e_score_correction_bias");
    double mean = 0;
    for (std::int64_t e = 0; e < experts; ++e) mean += b.at(e) / experts;
    for (const bool centred : {true, false}) {
        ExpertsPicture p(trace);
        p.frame.cursor.token = 5;
        if (!centred) p.set("centred=false");
        const RecordingCanvas canvas = p.draw();
        for (std::int64_t e = 0; e < experts; ++e) {
            const std::int64_t cell = 5 * experts + e;
            const Hit* bar = find_hit(canvas, "layers.1.router_scores", cell);
            ASSERT_NE(bar, nullptr);
            const double unit = bar->rect.h / trace->find("layers.1.router_scores")->at(cell);
            const double sum =
                trace->find("layers.1.router_biased")->at(cell) - (centred ? mean : 0);
            const bool found = std::any_of(
                canvas.primitives().begin(), canvas.primitives().end(), [&](const Primitive& q) {
                    return q.kind == Primitive::Kind::stroke_rect &&
                           std::abs(q.rect.centre().x - bar->rect.centre().x) < 0.01 &&
                           std::abs(q.rect.h - std::abs(sum) * unit) < 0.02 &&
                           std::abs((sum < 0 ? q.rect.y : q.rect.bottom()) - bar->rect.bottom()) <
                               0.02;
                });
            EXPECT_TRUE(found) << e << " at " << sum;
            const double shown = b.at(e) - (centred ? mean : 0);
            const std::string text = format_fixed(shown, 2);
            EXPECT_TRUE(canvas.has_text(shown > 0 && text != "0.00" ? "+" + text : text)) << e;
        }
    }
}

TEST(ExpertsNumbers, TheNodesScoresAndTheLimit) {
    const TracePtr trace = experts_run();
    ExpertsPicture p(trace);
    p.set("centred=false");
    for (const std::int64_t token : {0, 3, 9}) {
        p.frame.cursor.token = token;
        const RecordingCanvas canvas = p.draw();
        std::vector<double> all;
        for (std::int64_t g = 0; g < nodes; ++g) {
            std::vector<double> values;
            for (std::int64_t i = 0; i < size; ++i)
                values.push_back(
                    value_at(*trace, "layers.1.router_biased", {0, token, g * size + i}));
            std::sort(values.rbegin(), values.rend());
            all.push_back(values[0] + values[1]);
            EXPECT_TRUE(canvas.has_text(format_fixed(values[0], 2) + " + " +
                                        format_fixed(values[1], 2) + " = " +
                                        format_fixed(all.back(), 2)))
                << token << " node " << g;
            EXPECT_NE(find_hit(canvas, "layers.1.group_scores", token * nodes + g), nullptr);
        }
        std::vector<std::size_t> order{0, 1, 2, 3};
        std::sort(order.begin(), order.end(),
                  [&](std::size_t a, std::size_t b) { return all[a] > all[b]; });
        std::int64_t kept = 0;
        for (const std::string& text : canvas.texts()) kept += text == "kept" ? 1 : 0;
        EXPECT_EQ(kept, 2);
        std::set<std::size_t> best{order[0], order[1]};
        const std::string words =
            "nodes " + std::to_string(*best.begin()) + " and " + std::to_string(*best.rbegin());
        EXPECT_TRUE(canvas.has_text(words)) << words;
    }
}

TEST(ExpertsNumbers, TheStackedBarIsTheGates) {
    for (const double scale : {1.0, 2.5}) {
        const TracePtr trace =
            experts_run("the cat sat", [&](ModelConfig& c) { c.routed_scaling_factor = scale; });
        const Plain want = plain_router(*trace, 0, "layers.2.");
        ExpertsPicture p(trace, "layers.2.ffn_out");
        p.frame.cursor.token = 6;
        const RecordingCanvas canvas = p.draw();
        double total = 0, widths = 0;
        for (std::int64_t k = 0; k < top_k; ++k) {
            const Hit* part = find_part(canvas, "layers.2.router_weights", 6 * top_k + k);
            ASSERT_NE(part, nullptr);
            const double g = want.gates[6][static_cast<std::size_t>(k)];
            total += g;
            widths += part->rect.w + 1.5;
            EXPECT_TRUE(canvas.has_text(format_fixed(g, 2)));
        }
        EXPECT_NEAR(total, scale, 1e-5);
        for (std::int64_t k = 0; k < top_k; ++k) {
            const Hit* part = find_part(canvas, "layers.2.router_weights", 6 * top_k + k);
            EXPECT_NEAR((part->rect.w + 1.5) / widths,
                        want.gates[6][static_cast<std::size_t>(k)] / total, 1e-3);
        }
        EXPECT_TRUE(canvas.has_text("Σ g = " + format_number(scale, 4)) ||
                    canvas.has_text("Σ g = " + format_number(total, 4)));
    }
}

TEST(ExpertsNumbers, WhatEachAddsIsTheLengthOfItsOutput) {
    const TracePtr trace = experts_run();
    ExpertsPicture p(trace);
    p.frame.cursor.token = 7;
    const RecordingCanvas canvas = p.draw();
    const Tensor& slots = *trace->find("layers.1.expert_slots");
    const Tensor& out = *trace->find("layers.1.expert_out");
    const std::int64_t width = out.shape.cols();
    for (std::int64_t k = 0; k < top_k; ++k) {
        const auto row =
            std::find(slots.ints.begin(), slots.ints.end(), 7 * top_k + k) - slots.ints.begin();
        double squares = 0;
        for (std::int64_t i = 0; i < width; ++i) squares += std::pow(out.at(row * width + i), 2);
        const double g = value_at(*trace, "layers.1.router_weights", {0, 7, k});
        EXPECT_TRUE(canvas.has_text(format_number(g * std::sqrt(squares), 3))) << k;
    }
}

TEST(ExpertsNumbers, WhatTheLimitKeptOutIsNamed) {
    const TracePtr trace = experts_run("the cat sat on the mat");
    std::int64_t seen = 0;
    for (std::int64_t token = 0; token < trace->extent.tokens; ++token) {
        ExpertsPicture p(trace);
        p.frame.cursor.token = token;
        std::vector<std::pair<double, std::int64_t>> order;
        for (std::int64_t e = 0; e < experts; ++e)
            order.push_back({-value_at(*trace, "layers.1.router_biased", {0, token, e}), e});
        std::sort(order.begin(), order.end());
        std::string words;
        for (std::size_t k = 0; k < top_k; ++k) {
            bool chosen = false;
            for (std::int64_t j = 0; j < top_k; ++j)
                chosen |= value_at(*trace, "layers.1.router_indices", {0, token, j}) ==
                          static_cast<double>(order[k].second);
            if (!chosen) words += " " + std::to_string(order[k].second);
        }
        const std::string text = p.view().describe(p.frame);
        const std::size_t at = text.find("Without that limit it would also have gone to ");
        EXPECT_EQ(at == std::string::npos, words.empty()) << token << words;
        if (at == std::string::npos) continue;
        ++seen;
        std::string named = text.substr(at + 46);
        named = named.substr(0, named.find('.'));
        for (const std::string_view part : {",", " and"})
            for (std::size_t i; (i = named.find(part)) != std::string::npos;)
                named.erase(i, part.size());
        EXPECT_EQ(" " + named, words) << token;
    }
    EXPECT_GT(seen, 0);
}

// ---- by hand ------------------------------------------------------------------------------------

TEST(ExpertsByHand, AKickMovesTheChoiceButNotTheGatesOfWhoStays) {
    const TracePtr trace = experts_run("the cat sat", {}, {}, 2);
    ExpertsPicture p(trace);
    p.frame.cursor.batch = 1;
    p.frame.cursor.token = 3;
    p.set("layer=1");
    p.set("expert=9");
    p.set("kick=0.75");
    const auto edits = p.shown.edits(p.frame);
    ASSERT_EQ(edits.size(), 2U * 11U);
    for (std::size_t i = 0; i < edits.size(); ++i) {
        EXPECT_EQ(edits[i].node, "layers.1.router_biased");
        EXPECT_EQ(edits[i].index, static_cast<std::int64_t>(i) * experts + 9);
        EXPECT_DOUBLE_EQ(edits[i].value,
                         trace->find("layers.1.router_biased")->at(edits[i].index) + 0.75);
    }
    p.apply_edits();
    const Trace& after = *p.frame.trace;
    EXPECT_EQ(after.find("layers.1.router_scores"), trace->find("layers.1.router_scores"));
    std::int64_t came = 0, stayed = 0;
    for (std::int64_t row = 0; row < 22; ++row) {
        std::set<std::int64_t> was, now;
        for (std::int64_t k = 0; k < top_k; ++k) {
            const auto i = static_cast<std::size_t>(row * top_k + k);
            was.insert(trace->find("layers.1.router_indices")->ints[i]);
            now.insert(after.find("layers.1.router_indices")->ints[i]);
        }
        came += now.contains(9) && !was.contains(9) ? 1 : 0;
        if (was != now) continue;
        ++stayed;
        std::map<std::int64_t, double> gates;
        for (std::int64_t k = 0; k < top_k; ++k) {
            const std::int64_t i = row * top_k + k;
            gates[trace->find("layers.1.router_indices")->ints[static_cast<std::size_t>(i)]] =
                trace->find("layers.1.router_weights")->at(i);
        }
        for (std::int64_t k = 0; k < top_k; ++k) {
            const std::int64_t i = row * top_k + k;
            EXPECT_NEAR(
                after.find("layers.1.router_weights")->at(i),
                gates.at(after.find("layers.1.router_indices")->ints[static_cast<std::size_t>(i)]),
                1e-6);
        }
    }
    EXPECT_GT(came, 0);
    EXPECT_GT(stayed, 0);
    // Said of each token: who worked on it before, or that nothing moved.
    for (std::int64_t token = 0; token < 11; ++token) {
        p.frame.cursor.token = token;
        std::string was;
        std::set<std::int64_t> before, now;
        for (std::int64_t k = 0; k < top_k; ++k) {
            const auto i = static_cast<std::size_t>((11 + token) * top_k + k);
            const std::int64_t e = trace->find("layers.1.router_indices")->ints[i];
            was += (k == 0 ? "" : k + 1 == top_k ? " and " : ", ") + std::to_string(e);
            before.insert(e);
            now.insert(after.find("layers.1.router_indices")->ints[i]);
        }
        const std::string text = p.view().describe(p.frame);
        EXPECT_NE(text.find(before == now ? "The same experts, so the same gates."
                                          : "Instead of " + was + "."),
                  std::string::npos)
            << text;
    }
    const RecordingCanvas canvas = p.draw();
    EXPECT_TRUE(canvas.has_text("expert 9 kicked by +0.75"));
    EXPECT_TRUE(canvas.has_text("next token"));
    for (const Invariant& i : p.view().invariants(p.frame)) EXPECT_TRUE(i.holds) << i.name;
}

TEST(ExpertsByHand, WhoIsSwitchedOffIsSentNothing) {
    for (const char* method : {"noaux_tc", "group_limited_greedy", "greedy"}) {
        const TracePtr trace = experts_run("the cat sat", [&](ModelConfig& c) {
            c.topk_method = method;
            if (std::string(method) == "greedy") c.n_group = c.topk_group = 1;
        });
        ExpertsPicture p(trace);
        p.set("layer=2");
        p.set("off=" + std::to_string(trace->find("layers.2.router_indices")->ints[0]));
        const auto off = static_cast<std::size_t>(trace->find("layers.2.router_indices")->ints[0]);
        p.apply_edits();
        EXPECT_GT(trace->find("layers.2.expert_load")->ints[off], 0) << method;
        EXPECT_EQ(p.frame.trace->find("layers.2.expert_load")->ints[off], 0) << method;
        EXPECT_NE(p.frame.trace->find("logits")->real, trace->find("logits")->real);
        EXPECT_TRUE(p.draw().has_text("expert " + std::to_string(off) + " is switched off"));
        const auto texts = p.draw().texts();
        EXPECT_EQ(std::count(texts.begin(), texts.end(), "off"), 1) << method;
        for (const Invariant& i : p.view().invariants(p.frame))
            EXPECT_TRUE(i.holds) << method << ": " << i.name << ": " << i.figure;
    }
}

TEST(ExpertsByHand, TheNextTokenBeforeAndAfter) {
    ExpertsPicture p(experts_run());
    p.set("layer=2");
    p.set("expert=3");
    p.set("kick=1");
    p.apply_edits();
    const auto likeliest = [](const Trace& run) {
        const Tensor& probs = *run.find("probs");
        const std::int64_t vocab = probs.shape.cols(), first = 10 * vocab;
        const auto best = std::max_element(probs.real.begin() + first, probs.real.end()) -
                          probs.real.begin() - first;
        return format_percent(probs.at(first + best));
    };
    const std::string text = p.view().describe(p.frame);
    EXPECT_NE(text.find(likeliest(*p.trace)), std::string::npos) << text;
    EXPECT_NE(text.find(likeliest(*p.frame.trace)), std::string::npos) << text;
}

TEST(ExpertsByHand, AnotherRuleIsTheModelsOwnRunWithIt) {
    ExpertsPicture p(experts_run());
    p.set("top_k=2");
    p.set("groups=4");
    EXPECT_TRUE(p.draw().has_text("running it with another rule"));
    p.settle();
    ModelConfig config = p.trace->graph->config;
    config.num_experts_per_tok = 2;
    config.topk_group = 4;
    Model model;
    model.config = config;
    model.weights = p.trace->weights;
    const TracePtr want = run_trace(std::make_shared<Model>(model), {p.trace->ids});
    const RecordingCanvas canvas = p.draw();
    std::string chosen;
    for (std::int64_t k = 0; k < 2; ++k) {
        const std::int64_t e =
            want->find("layers.1.router_indices")->ints[20 + static_cast<std::size_t>(k)];
        chosen += (k == 0 ? "" : " and ") + std::to_string(e);
        EXPECT_TRUE(canvas.has_text(
            format_fixed(value_at(*want, "layers.1.router_weights", {0, 10, k}), 2)));
    }
    EXPECT_TRUE(canvas.has_text("goes to experts " + chosen)) << chosen;
    // Its cells are not those that the window would look up.
    for (const Hit& h : canvas.hits())
        EXPECT_TRUE(h.target.node.find("layers.") != 0) << h.target.node;
    for (const Invariant& i : p.view().invariants(p.frame)) EXPECT_TRUE(i.holds) << i.name;
}

// ---- the sequence -------------------------------------------------------------------------------

TEST(ExpertsSequence, LoadsAreCountedAndAsLongAsTheyAre) {
    const TracePtr trace = experts_run("the cat sat on the mat");
    const Plain want = plain_router(*trace, 0, "layers.1.");
    std::vector<std::int64_t> load(experts);
    for (const auto& row : want.chosen)
        for (const std::int64_t e : row) ++load[static_cast<std::size_t>(e)];
    ExpertsPicture p(trace);
    p.set("show=sequence");
    p.set("capacity=4");
    const RecordingCanvas canvas = p.draw();
    double unit = 0;
    for (std::int64_t e = 0; e < experts; ++e) {
        const Hit* row = find_hit(canvas, "layers.1.expert_load", e);
        ASSERT_NE(row, nullptr);
        double length = 0;
        for (const Primitive& q : canvas.primitives())
            if (q.kind == Primitive::Kind::fill_rect && q.rect.x == row->rect.x &&
                row->rect.contains(q.rect.centre()))
                length = std::max(length, q.rect.w);
        const auto n = static_cast<double>(load[static_cast<std::size_t>(e)]);
        if (unit == 0 && n > 0) unit = length / n;
        EXPECT_NEAR(length, n * unit, 1e-6) << e;
    }
    EXPECT_GT(unit, 0);
    EXPECT_TRUE(canvas.has_text("mean " + format_number(22.0 * top_k / experts, 3)));
}

// The lit token's bands: to its nodes as thick as the gates that go there together, on to its
// experts each as its own.
TEST(ExpertsSequence, RibbonsAreAsThickAsTheGates) {
    const TracePtr trace = experts_run("the cat sat");
    for (const std::int64_t token : {0, 4, 10}) {
        ExpertsPicture p(trace);
        p.set("show=sequence");
        p.frame.cursor.token = token;
        const RecordingCanvas canvas = p.draw();
        std::map<double, std::vector<double>> thick;  // by where they begin, from the top down
        for (const Primitive& q : canvas.primitives())
            if (q.kind == Primitive::Kind::polygon &&
                q.colour == p.theme.meaning(Meaning::routed_expert).alpha(0.85))
                thick[q.points.front().x].push_back(q.points.back().y - q.points.front().y);
        ASSERT_EQ(thick.size(), 2U);
        std::map<std::int64_t, double> by_node, by_expert;
        for (std::int64_t k = 0; k < top_k; ++k) {
            const auto e = static_cast<std::int64_t>(
                value_at(*trace, "layers.1.router_indices", {0, token, k}));
            const double g = value_at(*trace, "layers.1.router_weights", {0, token, k});
            by_node[e / size] += g;
            by_expert[e] += g;
        }
        const double unit = std::accumulate(thick.begin()->second.begin(),
                                            thick.begin()->second.end(), 0.0);  // Σ g is 1
        const auto expect = [&](const std::vector<double>& drawn,
                                const std::map<std::int64_t, double>& gates) {
            ASSERT_EQ(drawn.size(), gates.size());
            std::size_t i = 0;
            for (const auto& [where, g] : gates) EXPECT_NEAR(drawn[i++] / unit, g, 1e-3) << where;
        };
        expect(thick.begin()->second, by_node);
        expect(thick.rbegin()->second, by_expert);
    }
}

TEST(ExpertsSequence, LinksWithAndWithoutTheLimit) {
    const TracePtr trace = experts_run("the cat sat on the mat");
    std::int64_t links = 0, free = 0;
    for (std::int64_t t = 0; t < trace->extent.tokens; ++t) {
        std::set<std::int64_t> touched, plain;
        std::vector<std::pair<double, std::int64_t>> order;
        for (std::int64_t e = 0; e < experts; ++e)
            order.push_back({-value_at(*trace, "layers.1.router_biased", {0, t, e}), e});
        std::sort(order.begin(), order.end());
        for (std::int64_t k = 0; k < top_k; ++k) {
            touched.insert(
                static_cast<std::int64_t>(value_at(*trace, "layers.1.router_indices", {0, t, k})) /
                size);
            plain.insert(order[static_cast<std::size_t>(k)].second / size);
        }
        links += std::ssize(touched);
        free += std::ssize(plain);
    }
    EXPECT_LT(links, free);
    // The followed token's own, dashed where the limit keeps it from.
    std::int64_t kept_from = 0;
    for (std::int64_t t = 0; t < trace->extent.tokens; ++t) {
        std::set<std::int64_t> touched;
        std::string also;
        std::vector<std::pair<double, std::int64_t>> order;
        for (std::int64_t e = 0; e < experts; ++e)
            order.push_back({-value_at(*trace, "layers.1.router_biased", {0, t, e}), e});
        std::sort(order.begin(), order.end());
        for (std::int64_t k = 0; k < top_k; ++k)
            touched.insert(
                static_cast<std::int64_t>(value_at(*trace, "layers.1.router_indices", {0, t, k})) /
                size);
        std::set<std::int64_t> more;
        for (std::size_t k = 0; k < top_k; ++k)
            if (!touched.contains(order[k].second / size)) more.insert(order[k].second / size);
        for (const std::int64_t g : more) also += (also.empty() ? "" : " and ") + std::to_string(g);
        ExpertsPicture one(trace);
        one.set("show=sequence");
        one.frame.cursor.token = t;
        EXPECT_EQ(one.draw().has_text("without the limit also " + also), !more.empty()) << t;
        kept_from += more.empty() ? 0 : 1;
    }
    EXPECT_GT(kept_from, 0);
    ExpertsPicture p(trace);
    p.set("show=sequence");
    EXPECT_TRUE(
        p.draw().has_text(std::to_string(links) + " links instead of " + std::to_string(free)));
    const std::string text = p.view().describe(p.frame);
    EXPECT_NE(text.find(std::to_string(links) + " links to 4 nodes"), std::string::npos) << text;
}

TEST(ExpertsSequence, WhatACapacityWouldDropIsMarkedAndCounted) {
    const TracePtr trace = experts_run("the cat sat on the mat");
    for (const double factor : {0.5, 1.0, 1.25, 4.0}) {
        const auto room = static_cast<std::int64_t>(std::ceil(factor * 22.0 * top_k / experts));
        std::vector<std::int64_t> taken(experts);
        std::int64_t places = 0, tokens = 0;
        for (std::int64_t t = 0; t < 22; ++t) {
            bool lost = false;
            for (std::int64_t k = 0; k < top_k; ++k) {
                const auto e = static_cast<std::size_t>(
                    value_at(*trace, "layers.1.router_indices", {0, t, k}));
                if (++taken[e] <= room) continue;
                ++places;
                lost = true;
            }
            tokens += lost ? 1 : 0;
        }
        ExpertsPicture p(trace);
        p.set("show=sequence");
        p.set("capacity=" + std::to_string(factor));
        const RecordingCanvas canvas = p.draw();
        std::string all;
        for (const std::string& text : canvas.texts()) all += text + " ";
        if (places == 0)
            EXPECT_NE(all.find("would hold them all"), std::string::npos) << factor;
        else
            EXPECT_NE(all.find("would drop " + std::to_string(places) + " of 88"),
                      std::string::npos)
                << all;
        // Two strokes a token that loses an expert.
        std::int64_t strokes = 0;
        for (const Primitive& q : canvas.primitives())
            strokes += q.kind == Primitive::Kind::polyline && q.points.size() == 2 &&
                               q.colour == p.theme.bad &&
                               std::abs(q.points[0].x - q.points[1].x) > 1 &&
                               std::abs(std::abs(q.points[0].y - q.points[1].y) -
                                        std::abs(q.points[0].x - q.points[1].x)) < 1e-9 &&
                               q.points[0].x < 200
                           ? 1
                           : 0;
        EXPECT_EQ(strokes, 2 * tokens) << factor;
        // None is: the loads stay.
        EXPECT_TRUE(p.check("none dropped").holds);
    }
}

// The page's own term, the paper's by hand, and what a run of training recorded.
TEST(ExpertsSequence, TheSequenceWiseTerm) {
    RunOptions options;
    options.gradients = true;
    options.loss.alpha = 0.01;
    const TracePtr trace = experts_run("the cat sat on", {}, options, 2);
    for (const std::int64_t batch : {0, 1}) {
        ExpertsPicture p(trace);
        p.set("show=sequence");
        p.set("alpha=0.25");
        p.frame.cursor.batch = batch;
        double sum = 0;
        for (std::int64_t e = 0; e < experts; ++e) {
            double f = 0, share = 0;
            for (std::int64_t t = 0; t < 14; ++t) {
                double total = 0;
                std::int64_t better = 0;
                const double s = value_at(*trace, "layers.1.router_scores", {batch, t, e});
                for (std::int64_t j = 0; j < experts; ++j) {
                    const double other = value_at(*trace, "layers.1.router_scores", {batch, t, j});
                    total += other;
                    better += other > s ? 1 : 0;
                }
                f += better < top_k ? 1 : 0;
                share += s / total;
            }
            f *= static_cast<double>(experts) / (top_k * 14.0);
            share /= 14;
            EXPECT_NEAR(f, value_at(*trace, "layers.1.balance_f", {batch, e}), 1e-5);
            sum += f * share;
        }
        const std::string text = p.view().describe(p.frame);
        EXPECT_NE(text.find("Σ f P is " + format_number(sum, 4)), std::string::npos) << text;
        EXPECT_NE(text.find("that is " + format_number(0.25 * sum, 3)), std::string::npos) << text;
        EXPECT_TRUE(p.check("those of the run's loss").holds);
        const RecordingCanvas canvas = p.draw();
        EXPECT_NE(find_hit(canvas, "layers.1.balance_f", batch * experts + 3), nullptr);
    }
}

TEST(ExpertsSequence, AlphaIsTheTrainingsOwn) {
    const TracePtr trace = experts_run();
    History history(trace->graph->config);
    StepRecord record;
    record.step = 1;
    record.alpha = 0.375F;
    record.load.assign(history.layers().size() * static_cast<std::size_t>(experts), 0);
    record.bias.assign(record.load.size(), 0);
    record.mtp_loss.assign(static_cast<std::size_t>(history.mtp_depths()), 0);
    history.add(record);
    ExpertsPicture p(trace);
    p.set("show=sequence");
    EXPECT_NE(p.view().describe(p.frame).find("α = 0.00010"), std::string::npos)
        << p.view().describe(p.frame);
    p.frame.history = &history;
    EXPECT_NE(p.view().describe(p.frame).find("α = 0.38"), std::string::npos)
        << p.view().describe(p.frame);
}

TEST(ExpertsSequence, ThePointersTokenIsLit) {
    const TracePtr trace = experts_run();
    ExpertsPicture p(trace);
    p.set("show=sequence");
    const RecordingCanvas still = p.draw();
    for (const char* node : {"token", "layers.1.router_weights"}) {
        p.frame.hover_node = node;
        p.frame.hover_index = std::string(node) == "token" ? 2 : 2 * top_k + 1;
        EXPECT_FALSE(p.draw() == still) << node;
    }
}

}  // namespace
}  // namespace sf
