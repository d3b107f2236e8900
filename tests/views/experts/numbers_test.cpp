// What the page "token" of the view "Experts" shows is what was computed.
#include "read_back.h"

#include "views/draw/number.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace sf {
namespace {

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
                EXPECT_EQ(fill->colour == p.theme.meaning(Meaning::routed_expert), chosen) << e;
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

}  // namespace
}  // namespace sf
