// What the page "sequence" of the view "Experts" shows is what was computed.
#include "read_back.h"

#include "views/draw/number.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

namespace sf {
namespace {

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
