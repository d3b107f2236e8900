#include "core/run/draft_run.h"

#include "core/error.h"
#include "core/run/mtp_sight.h"
#include "tests/support/runs.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sf {
namespace {

TracePtr drafting_run(const std::string& prompt = "the cat sat", std::int64_t modules = 2,
                      const char* kind = "chain") {
    return test::changed_run(prompt, [&](ModelConfig& c) {
        c.num_nextn_predict_layers = modules;
        c.mtp_kind = kind;
        c.initializer_range = 0.25;
    });
}

template <class T>
std::shared_ptr<const T> result(const Need& need) {
    return std::dynamic_pointer_cast<const T>(need.compute([](double) { return true; }));
}

TEST(DraftRun, KnowsWhatStoodBeforeEachRound) {
    const TracePtr trace = drafting_run();
    DraftOptions o;
    o.temperature = 1;
    const auto run = result<DraftRun>(draft_run(*trace, 0, o));
    ASSERT_EQ(run->new_tokens(), 24);
    ASSERT_EQ(std::ssize(run->plain), 24);
    std::vector<std::int64_t> ids = trace->sequence(0);
    ids.push_back(run->drafted.text.drawn.front().id);
    for (std::size_t r = 0; r < run->drafted.rounds.size(); ++r) {
        EXPECT_EQ(run->known(r), ids);
        const Round& round = run->drafted.rounds[r];
        for (std::int64_t j = 0; j < round.accepted(); ++j)
            ids.push_back(round.drafts[static_cast<std::size_t>(j)].id);
        ids.push_back(round.next.id);
    }
    EXPECT_EQ(std::ssize(ids), 11 + 24);
    const auto first = static_cast<std::size_t>(run->pick(-1));
    for (std::size_t r = 0; r < first; ++r)
        EXPECT_EQ(run->drafted.rounds[r].accepted(), std::ssize(run->drafted.rounds[r].drafts));
    EXPECT_EQ(run->pick(1000), std::ssize(run->drafted.rounds) - 1);
    EXPECT_GT(run->bytes(), 0);
    const auto costs = round_costs(trace->graph->config, o.drafts);
    double work = 1;
    for (const Round& round : run->drafted.rounds) work += costs[round.drafts.size()];
    EXPECT_DOUBLE_EQ(run->tokens_per_work(), 24 / work);
}

TEST(DraftRun, SaysWhyItCannot) {
    EXPECT_THROW(result<DraftRun>(draft_run(*drafting_run("ab", 0), 0, {})), UserError);
    Trace saved = *drafting_run("ab");
    saved.weights = nullptr;
    EXPECT_THROW(result<DraftRun>(draft_run(saved, 0, {})), UserError);
    EXPECT_THROW(result<RoundSample>(round_sample(*drafting_run("ab"), 0, {}, 0)), UserError)
        << "greedy rounds are all alike";
}

TEST(RoundSample, StaysInsideTheBandAndKnowsItsAcceptance) {
    for (const char* kind : {"chain", "parallel"})
        for (const double damage : {0.0, 0.5}) {
            DraftOptions o;
            o.temperature = 0.7;
            o.damage = damage;
            const TracePtr trace = drafting_run("the cat sat", 2, kind);
            const auto sample = result<RoundSample>(round_sample(*trace, 0, o, 1));
            EXPECT_EQ(sample->prefix, result<DraftRun>(draft_run(*trace, 0, o))->known(1));
            std::int64_t all = 0;
            for (const std::int64_t n : sample->counts) all += n;
            EXPECT_EQ(all, sample->rounds);
            EXPECT_LE(sample->deviation(), sample->band());
            // Of n trials with that chance, five standard deviations.
            const auto n = static_cast<double>(sample->rounds);
            EXPECT_NEAR(static_cast<double>(sample->accepted) / n, sample->overlap,
                        5 * std::sqrt(0.25 / n));
        }
    // By hand: ln(2e6) / 8000.
    EXPECT_NEAR(dkw_band(4000, 1e-6), std::sqrt(std::log(2e6) / 8000), 1e-12);
}

TEST(RoundSample, StopsWhenNobodyWaits) {
    DraftOptions o;
    o.temperature = 1;
    EXPECT_EQ(round_sample(*drafting_run(), 0, o, 0).compute([](double) { return false; }),
              nullptr);
}

TEST(MtpSight, SeesAsFarAsItsDepth) {
    for (const bool chain : {true, false}) {
        const TracePtr trace = drafting_run("the cat sat", 3, chain ? "chain" : "parallel");
        const auto sight = result<MtpSight>(mtp_sight(*trace, 0, 4));
        ASSERT_EQ(sight->depths.size(), 4U);
        for (const MtpSight::Depth& d : sight->depths) {
            EXPECT_EQ(d.reach, chain ? d.k : 0);
            EXPECT_EQ(d.changed, 11 - 1 - 4 - d.reach);
            const Tensor& logits =
                *trace->find(d.k == 0 ? "logits" : "mtp." + std::to_string(d.k) + ".logits");
            for (std::int64_t v = 0; v < logits.shape[2]; ++v)
                EXPECT_EQ(static_cast<double>(d.logits[static_cast<std::size_t>(v)]),
                          logits.at(4 * logits.shape[2] + v))
                    << d.k;
            EXPECT_GT(d.by_last, 1e-3) << d.k;
        }
    }
    // Near the end the deeper modules have nothing to say.
    EXPECT_EQ(result<MtpSight>(mtp_sight(*drafting_run("the cat sat", 3), 0, 9))->depths.size(),
              2U);
}

}  // namespace
}  // namespace sf
