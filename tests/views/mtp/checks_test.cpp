// What must hold of multi-token prediction is green, and red for a fault.
#include "mtp_fixture.h"

#include "core/run/draft_run.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sf {
namespace {

void expect_green(const MtpPicture& p, std::size_t least) {
    Derived all;
    all.settle(p.shown.needs(p.frame));
    Frame settled = p.frame;
    settled.derived = &all;
    const auto list = p.shown.invariants(settled);
    EXPECT_GE(list.size(), least);
    for (const Invariant& i : list) {
        EXPECT_TRUE(i.holds) << i.name << ": " << i.figure;
        EXPECT_FALSE(i.figure.empty()) << i.name;
    }
}

TEST(MtpChecks, GreenOnBothPages) {
    for (const auto& kind : {std::function<void(ModelConfig&)>{}, {parallel}})
        for (const char* show : {"show=staircase", "show=speculation"}) {
            MtpPicture p(mtp_run("the cat sat", 2, kind, {}, 2));
            p.frame.cursor.batch = 1;
            p.set(show);
            expect_green(p, 3);
        }
}

struct Fault {
    const char* node;
    std::int64_t width;  // of its rows, in hidden sizes; 0: the vocabulary
    const char* check;
};

TEST(MtpChecks, AFaultInTheRunIsRed) {
    const TracePtr trace = mtp_run("the cat sat");
    const ModelConfig& c = trace->graph->config;
    for (const Fault& f :
         {Fault{"mtp.1.logits", 0, "reads no token beyond"},
          Fault{"mtp.2.logits", 0, "reads no token beyond"},
          Fault{"logits", 0, "reads no token beyond"}, Fault{"mtp.1.embed", 1, "embedding ="},
          Fault{"mtp.2.logits", 0, "head ="}, Fault{"mtp.1.concat", 2, "[e; h]"},
          Fault{"mtp.2.probs", 0, "softmax of the logits"}}) {
        const std::int64_t row = f.width == 0 ? c.vocab_size : f.width * c.hidden_size;
        const TracePtr wrong = test::with_added(*trace, f.node, 4 * row + 3, 0.01);
        MtpPicture p(wrong), right(trace);
        p.set("position=4");
        right.set("position=4");
        EXPECT_TRUE(right.check(f.check).holds) << f.node << ": " << right.check(f.check).figure;
        EXPECT_FALSE(p.check(f.check).holds) << f.node << ": " << p.check(f.check).figure;
    }
}

// A module that looks further: a run on other tokens behind its reach, passed off as this one.
TEST(MtpChecks, AModuleThatLooksAheadIsRed) {
    const TracePtr trace = mtp_run("the cat sat"), other = mtp_run("the cot sat");
    auto mixed = std::make_shared<Trace>(*trace);
    const NodeId node = trace->graph->find("mtp.1.logits");
    mixed->keep(node, other->share(node), 0);
    MtpPicture p(mixed);
    p.set("position=4");  // reads up to the changed letter
    EXPECT_FALSE(p.check("reads no token beyond").holds);
    p.set("position=3");
    EXPECT_TRUE(p.check("reads no token beyond").holds);
}

// The same results but for what a test changes.
template <class T>
Invariant with_change(MtpPicture& p, std::size_t need, const std::string& check,
                      const std::function<void(T&)>& change) {
    p.settle();
    const Need wanted = p.shown.needs(p.frame)[need];
    auto copy = std::make_shared<T>(*p.derived.find<T>(wanted.key));
    change(*copy);
    Derived::Entry entry;
    entry.value = copy;
    entry.progress = 1;
    Derived changed = p.derived;
    changed.set(wanted.key, entry);
    Frame frame = p.frame;
    frame.derived = &changed;
    for (const Invariant& i : p.shown.invariants(frame))
        if (i.name.find(check) != std::string::npos) return i;
    return {"there is no check " + check, true, ""};
}

TEST(MtpChecks, AFaultInTheDecodingIsRed) {
    MtpPicture p(mtp_run("the cat sat"));
    p.set("show=speculation");
    p.settle();
    const auto* run = p.derived.find<DraftRun>(p.shown.needs(p.frame)[0].key);
    ASSERT_NE(run, nullptr);
    const auto rejecting = static_cast<std::size_t>(run->pick(-1));
    ASSERT_LT(run->drafted.rounds[rejecting].accepted(), 2);
    EXPECT_FALSE(with_change<DraftRun>(p, 1, "greedy with drafts", [](DraftRun& r) {
                     r.plain.back() = (r.plain.back() + 1) % 256;
                 }).holds);
    EXPECT_FALSE(with_change<DraftRun>(p, 0, "u < min", [&](DraftRun& r) {
                     auto& draft = r.drafted.rounds[rejecting].drafts.front();
                     draft.accepted = !draft.accepted;
                 }).holds);
    // Drawn from p where the residual was due.
    EXPECT_FALSE(with_change<DraftRun>(p, 0, "max(0, p − q)", [&](DraftRun& r) {
                     Round& round = r.drafted.rounds[rejecting];
                     round.next.probabilities =
                         round.drafts[static_cast<std::size_t>(round.accepted())].p;
                 }).holds);
    EXPECT_FALSE(
        with_change<DraftRun>(p, 0, "new tokens =", [](DraftRun& r) { ++r.drafted.passes; }).holds);
    EXPECT_FALSE(with_change<DraftRun>(p, 0, "plain pass", [&](DraftRun& r) {
                     r.drafted.rounds[rejecting].drafts.front().p[7] += 0.01F;
                 }).holds);
    EXPECT_FALSE(with_change<RoundSample>(p, 2, "DKW", [](RoundSample& s) {
                     // A twelfth of the rounds gave the last token instead.
                     for (auto& n : s.counts) {
                         s.counts[static_cast<std::size_t>(s.order.back())] += n / 12;
                         n -= n / 12;
                     }
                 }).holds);
}

// As if rejections drew from p: the check sees it.
TEST(MtpChecks, AMissingResidualLeavesTheBand) {
    MtpPicture p(mtp_run("the cat sat"));
    p.set("show=speculation");
    p.set("drafts=1");
    p.set("round=0");
    p.settle();
    const auto needs = p.shown.needs(p.frame);
    const auto* run = p.derived.find<DraftRun>(needs[0].key);
    const Draft& draft = run->drafted.rounds.front().drafts.front();
    const Invariant careless = with_change<RoundSample>(p, 2, "DKW", [&](RoundSample& s) {
        // Expected counts without the residual: min(p, q) + p Σ max(0, p − q).
        double kept = 0;
        for (std::size_t i = 0; i < draft.p.size(); ++i)
            kept += static_cast<double>(std::min(draft.p[i], draft.q[i]));
        for (std::size_t i = 0; i < draft.p.size(); ++i)
            s.counts[i] = std::llround(static_cast<double>(s.rounds) *
                                       (static_cast<double>(std::min(draft.p[i], draft.q[i])) +
                                        static_cast<double>(draft.p[i]) * (1 - kept)));
    });
    EXPECT_FALSE(careless.holds) << careless.figure;
    EXPECT_TRUE(p.check("DKW").holds) << p.check("DKW").figure;
}

}  // namespace
}  // namespace sf
