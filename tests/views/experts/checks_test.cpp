// The checks of the pages "token" and "sequence" hold, and notice what is wrong.
#include "experts_fixture.h"

#include "core/run/rerouted_run.h"

#include <gtest/gtest.h>

namespace sf {
namespace {

bool holds(const TracePtr& trace, const std::string& page, const std::string& check) {
    ExpertsPicture p(trace);
    p.set("show=" + page);
    return p.check(check).holds;
}

// Two experts of one token that may change places without leaving the limit.
TracePtr with_choice(const Trace& trace, std::int64_t row, std::int64_t k, std::int64_t expert) {
    return test::with_value(trace, "layers.1.router_indices", row * 4 + k,
                            static_cast<double>(expert));
}

std::int64_t chosen(const Trace& trace, std::int64_t row, std::int64_t k) {
    return trace.find("layers.1.router_indices")->ints[static_cast<std::size_t>(row * 4 + k)];
}

// An expert of a node that this token does not reach.
std::int64_t elsewhere(const Trace& trace, std::int64_t row) {
    for (std::int64_t e = 0; e < 16; ++e) {
        bool reached = false;
        for (std::int64_t k = 0; k < 4; ++k) reached |= chosen(trace, row, k) / 4 == e / 4;
        if (!reached) return e;
    }
    return -1;
}

TEST(ExpertsInvariants, HoldForEveryPresetAndRouter) {
    for (const std::string& preset : ModelConfig::preset_names()) {
        const ModelPtr model = preset_model(preset, 1);
        const TracePtr trace = run_trace(model, {model->encode("the cat sat on the mat")});
        for (const char* page : {"token", "sequence"})
            for (const char* change : {"layer=2", "expert=5", "top_k=1", "groups=1", "alpha=0"}) {
                ExpertsPicture p(trace);
                p.set(std::string("show=") + page);
                p.set(change);
                p.settle();
                const auto all = p.view().invariants(p.frame);
                EXPECT_GE(all.size(), 4U);
                for (const Invariant& i : all)
                    EXPECT_TRUE(i.holds)
                        << preset << " " << change << ": " << i.name << ": " << i.figure;
            }
    }
}

TEST(ExpertsInvariants, SeeAnotherChoice) {
    const TracePtr truth = experts_run();
    for (const char* page : {"token", "sequence"}) {
        EXPECT_TRUE(holds(truth, page, "made again"));
        // The order of the chosen is theirs too.
        const TracePtr swapped = with_choice(*with_choice(*truth, 6, 0, chosen(*truth, 6, 1)), 6, 1,
                                             chosen(*truth, 6, 0));
        EXPECT_FALSE(holds(swapped, page, "made again"));
        const TracePtr outside = with_choice(*truth, 6, 0, elsewhere(*truth, 6));
        EXPECT_FALSE(holds(outside, page, "made again"));
        EXPECT_FALSE(holds(test::with_value(*truth, "layers.1.router_groups", 6 * 2, 99), page,
                           "made again"));
    }
}

TEST(ExpertsInvariants, SeeADroppedToken) {
    const TracePtr truth = experts_run();
    EXPECT_TRUE(holds(truth, "token", "none dropped"));
    EXPECT_FALSE(
        holds(test::with_added(*truth, "layers.1.expert_load", 3, -1), "token", "none dropped"));
    // One expert twice is one expert less.
    EXPECT_FALSE(holds(with_choice(*truth, 2, 1, chosen(*truth, 2, 0)), "token", "none dropped"));
    EXPECT_FALSE(holds(with_choice(*truth, 2, 1, 16), "token", "none dropped"));
    EXPECT_TRUE(holds(truth, "sequence", "loads = those"));
    EXPECT_FALSE(
        holds(test::with_added(*truth, "layers.1.expert_load", 3, 1), "sequence", "loads = those"));
}

TEST(ExpertsInvariants, SeeAWrongGate) {
    const TracePtr truth = experts_run();
    const TracePtr more = test::with_added(*truth, "layers.1.router_weights", 9, 1e-4);
    // Shifted from one to the other: the sum stays.
    const TracePtr shifted = test::with_added(*more, "layers.1.router_weights", 10, -1e-4);
    EXPECT_TRUE(holds(truth, "token", "sum to the scale"));
    EXPECT_FALSE(holds(more, "token", "sum to the scale"));
    EXPECT_TRUE(holds(truth, "token", "from s alone"));
    EXPECT_FALSE(holds(more, "token", "from s alone"));
    EXPECT_FALSE(holds(shifted, "token", "from s alone"));
}

TEST(ExpertsInvariants, SeeATokenBeyondTheLimit) {
    const TracePtr truth = experts_run();
    // Of a token that reaches both of its nodes, an expert of a third.
    std::int64_t row = 0;
    const auto nodes = [&](std::int64_t r) {
        std::int64_t first = chosen(*truth, r, 0) / 4, n = 1;
        for (std::int64_t k = 1; k < 4; ++k) n = chosen(*truth, r, k) / 4 != first ? 2 : n;
        return n;
    };
    const auto lone = [&](std::int64_t r) {
        // The place whose leaving keeps both nodes touched.
        for (std::int64_t k = 0; k < 4; ++k) {
            std::int64_t same = 0;
            for (std::int64_t j = 0; j < 4; ++j)
                same += chosen(*truth, r, j) / 4 == chosen(*truth, r, k) / 4 ? 1 : 0;
            if (same > 1) return k;
        }
        return std::int64_t{-1};
    };
    while (row < 11 && nodes(row) < 2) ++row;
    ASSERT_LT(row, 11);
    const TracePtr beyond = with_choice(*truth, row, lone(row), elsewhere(*truth, row));
    EXPECT_TRUE(holds(truth, "token", "at most 2 nodes"));
    EXPECT_FALSE(holds(beyond, "token", "at most 2 nodes"));
    EXPECT_TRUE(holds(truth, "sequence", "links = nodes touched"));
    EXPECT_FALSE(holds(beyond, "sequence", "links = nodes touched"));
}

TEST(ExpertsInvariants, SeeAChoiceThatACommonBiasWouldChange) {
    const TracePtr truth = experts_run();
    EXPECT_TRUE(holds(truth, "token", "same b for all"));
    EXPECT_FALSE(holds(with_choice(*truth, 6, 0, elsewhere(*truth, 6)), "token", "same b for all"));
}

TEST(ExpertsInvariants, SeeALimitOfAllNodesThatIsNotPlain) {
    const TracePtr truth =
        experts_run("the cat sat", [](ModelConfig& c) { c.topk_group = c.n_group; });
    EXPECT_TRUE(holds(truth, "token", "plain top-k"));
    EXPECT_FALSE(holds(with_choice(*truth, 6, 0, elsewhere(*truth, 6)), "token", "plain top-k"));
    // The same of the run with another rule.
    ExpertsPicture p(experts_run());
    p.set("groups=4");
    p.settle();
    EXPECT_TRUE(p.check("plain top-k").holds);
    const Need need = p.view().needs(p.frame).front();
    auto other = std::make_shared<ReroutedRun>();
    const Trace& run = *p.derived.find<ReroutedRun>(need.key)->run;
    std::int64_t none = 0;
    const auto taken = [&](std::int64_t e) {
        for (std::int64_t k = 0; k < 4; ++k)
            if (chosen(run, 6, k) == e) return true;
        return false;
    };
    while (taken(none)) ++none;
    other->run = with_choice(run, 6, 0, none);
    p.derived.set(need.key, {other, "", 1});
    EXPECT_FALSE(p.check("plain top-k").holds);
}

TEST(ExpertsInvariants, SeeAnotherBalanceTerm) {
    RunOptions options;
    options.gradients = true;
    options.loss.alpha = 0.01;
    const TracePtr truth = experts_run("the cat sat on", {}, options);
    EXPECT_TRUE(holds(truth, "sequence", "those of the run's loss"));
    for (const char* node : {"layers.1.balance_f", "layers.1.balance_p"})
        EXPECT_FALSE(
            holds(test::with_added(*truth, node, 2, 1e-3), "sequence", "those of the run's loss"))
            << node;
    EXPECT_TRUE(holds(truth, "sequence", "term by term"));
    // Not a number is no term.
    EXPECT_FALSE(holds(test::with_value(*truth, "layers.1.router_scores", 5, NAN), "sequence",
                       "term by term"));
}

// A value set by hand need not follow from others.
TEST(ExpertsInvariants, LeaveWhatIsSetByHand) {
    const TracePtr trace = experts_run();
    ExpertsPicture p(
        edit_trace(*trace, {{"layers.1.router_weights", 5, 0.9}, {"layers.1.group_scores", 7, 3}}));
    for (const Invariant& i : p.view().invariants(p.frame)) EXPECT_TRUE(i.holds) << i.name;
}

}  // namespace
}  // namespace sf
