// The checks of the view "Latent KV" hold, and notice what is wrong.
#include "core/attention_cost.h"
#include "core/known_shapes.h"
#include "core/run/cache_count.h"
#include "core/run/edited_run.h"
#include "core/run/latent_rank.h"
#include "latent_fixture.h"
#include "views/draw/colour_map.h"
#include "views/draw/number.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace sf {
namespace {

// Puts changed counts in the place of the true ones.
void recount(LatentPicture& p, const std::function<void(CacheCounts&)>& change) {
    const Need need = cache_counts(*p.trace);
    auto counts = std::make_shared<CacheCounts>();
    counts->kinds =
        count_caches(p.trace->graph->config,
                     {p.trace->ids.begin(), p.trace->ids.begin() + p.trace->extent.tokens});
    change(*counts);
    p.derived.set(need.key, {counts, "", 1});
}

TEST(LatentInvariants, HoldForEveryPresetAndKind) {
    for (const std::string& preset : ModelConfig::preset_names()) {
        const ModelPtr model = preset_model(preset, 1);
        LatentPicture p(run_trace(model, {model->encode("the cat sat on the mat")}));
        p.settle();
        EXPECT_EQ(p.view().invariants(p.frame).size(), 3U);
        for (const Invariant& i : p.view().invariants(p.frame))
            EXPECT_TRUE(i.holds) << preset << ": " << i.name << ": " << i.figure;
    }
    for (const std::int64_t groups : {1, 2, 4}) {
        LatentPicture p(grouped_run(groups), "layers.1.q");
        p.settle();
        EXPECT_EQ(p.view().invariants(p.frame).size(), 2U) << groups;
        for (const Invariant& i : p.view().invariants(p.frame))
            EXPECT_TRUE(i.holds) << groups << ": " << i.name << ": " << i.figure;
    }
}

TEST(LatentInvariants, BothWaysSeeADeliberateFault) {
    for (const bool absorbed : {false, true}) {
        const TracePtr truth = absorbed ? absorbed_run() : latent_run();
        const auto holds = [](const TracePtr& trace) {
            LatentPicture p(trace);
            return p.check("expanded = absorbed").holds;
        };
        EXPECT_TRUE(holds(truth));
        for (const char* node : {"q", "q_pe", "cache_latent", "cache_k_pe", "scores", "heads"})
            EXPECT_FALSE(holds(test::with_added(*truth, std::string("layers.1.") + node, 0, 0.01)))
                << node;
        // Another weight than the run's.
        auto weights = std::make_shared<Weights>(*truth->weights);
        TensorPtr& up = weights->tensors.at("model.layers.1.self_attn.kv_b_proj.weight");
        auto other = std::make_shared<Tensor>(*up);
        other->real[30] += Real(0.01);
        up = other;
        auto trace = std::make_shared<Trace>(*truth);
        trace->weights = weights;
        EXPECT_FALSE(holds(trace));
    }
}

// A score that another view's handle pulled is no fault of either way; a latent moves both.
TEST(LatentInvariants, WhatAPersonSetIsNoFault) {
    const TracePtr base = latent_run();
    const auto check = [&](const std::string& edit) {
        const Need need = edited_run(base, {read_edit(*base, edit)});
        Derived derived;
        derived.settle({need});
        LatentPicture p(derived.find<EditedRun>(need.key)->run);
        p.frame.base = base.get();
        return p.check("expanded = absorbed");
    };
    for (const char* node : {"scores", "attn_probs", "heads", "kv"}) {
        const Invariant i = check("layers.1." + std::string(node) + "[0]=9");
        EXPECT_TRUE(i.holds) << node << ": " << i.figure;
        EXPECT_NE(i.figure.find("set by hand"), std::string::npos) << node;
    }
    for (const char* node : {"layers.1.kv_latent", "layers.1.q", "layers.0.scores"}) {
        const Invariant i = check(std::string(node) + "[0]=9");
        EXPECT_TRUE(i.holds) << node << ": " << i.figure;
        EXPECT_EQ(i.figure.find("set by hand"), std::string::npos) << node;
    }
}

TEST(LatentInvariants, CountsThatAreWrongAreSeen) {
    const TracePtr trace = latent_run();
    const auto kept = [&](const std::function<void(CacheCounts&)>& change) {
        LatentPicture p(trace);
        recount(p, change);
        return std::pair(p.check("counted bytes").holds, p.check("compression").holds);
    };
    EXPECT_EQ(kept([](CacheCounts&) {}), std::pair(true, true));
    // A cache that forgets its rope key.
    const auto forget = [](CacheCounts& c) {
        for (std::size_t t = 0; t < c.kinds.back().bytes.size(); ++t)
            c.kinds.back().bytes[t] = static_cast<std::int64_t>(t + 1) * 3 * 24 * 4;
    };
    EXPECT_EQ(kept(forget), std::pair(false, false));
    EXPECT_FALSE(kept([](CacheCounts& c) { c.kinds.back().bytes[2] += 4; }).first);
    EXPECT_FALSE(kept([](CacheCounts& c) { c.kinds.back().bytes.pop_back(); }).first);
    EXPECT_FALSE(kept([](CacheCounts& c) { c.kinds[1].bytes.back() -= 4; }).first);
}

TEST(LatentInvariants, AFullRankThatIsNotTheModelIsSeen) {
    LatentPicture p(latent_run("the cat"));
    p.set("show=rank");
    p.settle();
    EXPECT_TRUE(p.check("all directions").holds);
    auto curve = std::make_shared<RankCurve>(*p.derived.find<RankCurve>(rank_curve(*p.trace).key));
    curve->full_error = 0.01 * curve->largest_logit;
    p.derived.set(rank_curve(*p.trace).key, {curve, "", 1});
    EXPECT_FALSE(p.check("all directions").holds);
}

}  // namespace
}  // namespace sf
