// The same weights under another top-k and another limit.
#include "core/run/rerouted_run.h"

#include "core/run/runner.h"
#include "tests/support/runs.h"

#include <gtest/gtest.h>

#include <numeric>
#include <set>

namespace sf {
namespace {

TracePtr rerun(const Trace& trace, std::int64_t top_k, std::int64_t groups) {
    Derived derived;
    const Need need = rerouted_run(trace, top_k, groups);
    derived.settle({need});
    EXPECT_EQ(derived.entry(need.key)->error, "");
    const auto* result = derived.find<ReroutedRun>(need.key);
    return result != nullptr ? result->run : nullptr;
}

TEST(ReroutedRun, TheModelsOwnRuleIsTheRunBitForBit) {
    for (const AttentionMode mode : {AttentionMode::naive, AttentionMode::absorbed}) {
        RunOptions options;
        options.attention = mode;
        const TracePtr trace = test::changed_run("the cat sat", {}, options, 2);
        const TracePtr again = rerun(*trace, 2, 2);
        ASSERT_NE(again, nullptr);
        EXPECT_EQ(again->find("logits")->real, trace->find("logits")->real);
        EXPECT_EQ(again->tokens, trace->tokens);
    }
}

TEST(ReroutedRun, EachTokenGetsSoManyExpertsInSoManyNodes) {
    const TracePtr trace =
        test::changed_run("the cat sat on", [](ModelConfig& c) { c.initializer_range = 0.3; });
    const TracePtr other = rerun(*trace, 5, 3);
    ASSERT_NE(other, nullptr);
    const Tensor& chosen = *other->find("layers.1.router_indices");
    ASSERT_EQ(chosen.shape.cols(), 5);
    for (std::int64_t row = 0; row < chosen.shape.rows(); ++row) {
        std::set<std::int64_t> experts, nodes;
        for (std::int64_t k = 0; k < 5; ++k) {
            experts.insert(chosen.ints[static_cast<std::size_t>(row * 5 + k)]);
            nodes.insert(chosen.ints[static_cast<std::size_t>(row * 5 + k)] / 2);
        }
        EXPECT_EQ(experts.size(), 5U);
        EXPECT_LE(nodes.size(), 3U);
    }
    const auto& load = other->find("layers.1.expert_load")->ints;
    EXPECT_EQ(std::accumulate(load.begin(), load.end(), std::int64_t{0}), 14 * 5);
    EXPECT_NE(other->find("logits")->real, trace->find("logits")->real);
}

TEST(ReroutedRun, WhatCannotBeIsASentence) {
    const TracePtr trace = test::changed_run("the cat");
    Derived derived;
    const Need too_many = rerouted_run(*trace, 5, 2);
    derived.settle({too_many});
    EXPECT_NE(derived.entry(too_many.key)->error.find("num_experts_per_tok"), std::string::npos);
    auto saved = std::make_shared<Trace>(*trace);
    saved->weights = nullptr;
    const Need no_weights = rerouted_run(*saved, 1, 2);
    derived.settle({no_weights});
    EXPECT_NE(derived.entry(no_weights.key)->error.find("no weights"), std::string::npos);
}

}  // namespace
}  // namespace sf
