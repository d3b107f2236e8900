// What the page of speculation shows is what was decoded.
#include "mtp_fixture.h"

#include "core/model/sampler.h"
#include "core/run/draft_run.h"
#include "core/run/runner.h"
#include "views/draw/number.h"
#include "views/draw/shapes.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sf {
namespace {

using Ids = std::vector<std::int64_t>;

// The model's distribution behind a text, by a whole run.
std::vector<double> behind(const Trace& trace, const Ids& ids, double temperature) {
    const TracePtr run = run_trace(model_of(trace), {ids});
    const Tensor& logits = *run->find("logits");
    const std::int64_t vocab = logits.shape[2], first = (std::ssize(ids) - 1) * vocab;
    std::vector<double> p;
    double most = -INFINITY, sum = 0;
    for (std::int64_t v = 0; v < vocab; ++v) most = std::max(most, logits.at(first + v));
    for (std::int64_t v = 0; v < vocab; ++v) {
        p.push_back(std::exp((logits.at(first + v) - most) / temperature));
        sum += p.back();
    }
    for (double& x : p) x /= sum;
    return p;
}

struct DraftPicture : MtpPicture {
    explicit DraftPicture(const TracePtr& t, double w = 1600, double h = 900)
        : MtpPicture(t, "probs", w, h) {
        set("show=speculation");
    }
    const DraftRun& run() const { return *derived.find<DraftRun>(shown.needs(frame).front().key); }
};

TEST(MtpDrafts, GreedyTextIsThatOfWholeRuns) {
    const TracePtr trace = mtp_run("the cat sat");
    DraftPicture p(trace);
    p.set("temperature=0");
    p.set("new_tokens=7");
    p.settle();
    Ids ids = trace->sequence(0);
    const RecordingCanvas canvas = p.draw();
    const auto texts = canvas.texts();
    for (int n = 0; n < 7; ++n) {
        const auto next = behind(*trace, ids, 1);
        ids.push_back(std::max_element(next.begin(), next.end()) - next.begin());
        // Once with drafts, once without.
        const std::string label = token_label(trace->label(ids.back()));
        EXPECT_GE(std::count(texts.begin(), texts.end(), label), 2) << n;
    }
    EXPECT_EQ(p.run().plain, Ids(ids.begin() + 11, ids.end()));
    EXPECT_TRUE(canvas.has_text("7 tokens in " + std::to_string(p.run().drafted.passes)));
    EXPECT_TRUE(canvas.has_text("the same text as without drafts"));
}

TEST(MtpDrafts, CardsShowPQAndU) {
    const TracePtr trace = mtp_run("the cat sat");
    DraftPicture p(trace, 1900, 1000);
    p.set("temperature=0.8");
    p.set("seed=3");
    p.settle();
    const DraftRun& run = p.run();
    for (std::size_t r = 0; r < run.drafted.rounds.size(); ++r) {
        const Round& round = run.drafted.rounds[r];
        p.set("round=" + std::to_string(r));
        const RecordingCanvas canvas = p.draw();
        Ids ids = run.known(r);
        EXPECT_TRUE(canvas.has_text("Round " + std::to_string(r)));
        for (const Draft& d : round.drafts) {
            if (d.p.empty()) break;
            const auto target = behind(*trace, ids, 0.8);
            const auto id = static_cast<std::size_t>(d.id);
            EXPECT_NEAR(d.p[id], target[id], 1e-4);
            EXPECT_TRUE(canvas.has_text(format_percent(static_cast<double>(d.p[id]))));
            EXPECT_TRUE(canvas.has_text(format_percent(static_cast<double>(d.q[id]))));
            const double chance =
                std::min(1.0, static_cast<double>(d.p[id]) / static_cast<double>(d.q[id]));
            EXPECT_EQ(d.accepted, d.u < chance);
            EXPECT_TRUE(canvas.has_text("u = " + format_fixed(d.u, 2) +
                                        (d.accepted ? " < " : " ≥ ") +
                                        "min(1, p/q) = " + format_fixed(chance, 2)));
            ids.push_back(d.id);
        }
        EXPECT_EQ(canvas.has_text("instead, from max(0, p − q)"),
                  round.accepted() < std::ssize(round.drafts));
        EXPECT_TRUE(canvas.has_text("u = " + format_fixed(round.next.u, 2) + " falls on “" +
                                    token_label(trace->label(round.next.id)) + "”"));
    }
}

TEST(MtpDrafts, RoundsStandOverTheirTokens) {
    DraftPicture p(mtp_run("the cat sat"));
    p.settle();
    const RecordingCanvas canvas = p.draw();
    const DraftRun& run = p.run();
    const Hit* before = nullptr;
    for (std::size_t r = 0; r < run.drafted.rounds.size(); ++r) {
        const Hit* hit = find_hit(canvas, "setting:round=" + std::to_string(r));
        ASSERT_NE(hit, nullptr) << r;
        const auto texts = texts_in(canvas, hit->rect);
        EXPECT_TRUE(holds(texts, token_label(p.trace->label(run.drafted.rounds[r].next.id)))) << r;
        // As wide as the tokens that the pass gave.
        if (before != nullptr) {
            EXPECT_GT(hit->rect.x, before->rect.x);
        }
        const double each = hit->rect.w / static_cast<double>(run.drafted.rounds[r].accepted() + 1);
        EXPECT_NEAR(each,
                    find_hit(canvas, "setting:round=0")->rect.w /
                        static_cast<double>(run.drafted.rounds[0].accepted() + 1),
                    6);
        before = hit;
    }
}

TEST(MtpDrafts, WhatItBringsIsCounted) {
    const TracePtr trace = mtp_run("the cat sat", 3);
    for (const char* damage : {"damage=0", "damage=0.9"}) {
        DraftPicture p(trace);
        p.set("drafts=3");
        p.set(damage);
        p.set("new_tokens=40");
        p.settle();
        SamplingOptions o;
        o.temperature = 1;
        o.max_new = 40;
        const Speculated again = speculate(model_of(*trace), trace->sequence(0), o,
                                           {3, false, damage == std::string("damage=0") ? 0 : 0.9});
        std::int64_t judged = 0, held = 0;
        for (const Round& r : again.rounds)
            if (!r.drafts.empty()) ++judged, held += r.drafts.front().accepted;
        const RecordingCanvas canvas = p.draw();
        EXPECT_TRUE(canvas.has_text(std::to_string(held) + " of " + std::to_string(judged)));
        EXPECT_TRUE(canvas.has_text("40 tokens in " + std::to_string(again.passes)));
        EXPECT_TRUE(canvas.has_text(format_fixed(40.0 / static_cast<double>(again.passes), 2)));
    }
}

TEST(MtpDrafts, NoDraftsArePlainDecoding) {
    DraftPicture p(mtp_run("the cat sat"));
    p.set("drafts=0");
    p.set("temperature=0");
    p.settle();
    EXPECT_EQ(p.run().drafted.passes, 24);
    EXPECT_TRUE(p.draw().has_text("24 tokens in 24 passes"));
    EXPECT_TRUE(p.check("greedy with drafts").holds);
}

}  // namespace
}  // namespace sf
