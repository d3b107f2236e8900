#include "core/run/divergence.h"

#include "core/io/history_io.h"
#include "core/run/probe.h"
#include "core/train/trainer.h"
#include "tests/core/io/scratch.h"
#include "tests/support/runs.h"

#include <gtest/gtest.h>

#include <functional>

namespace sf {
namespace {

using Change = std::function<void(ModelConfig&, TrainSettings&)>;
using Kind = Divergence::Kind;

History trained(std::int64_t steps, const Change& change = {}) {
    ModelConfig config = ModelConfig::preset("nano");
    TrainSettings settings;
    settings.steps = 20;
    settings.batch = 2;
    settings.seq = 16;
    settings.warmup = 2;
    settings.seed = 5;
    settings.balance = BalanceMode::none;
    if (change) change(config, settings);
    Trainer trainer(config, settings, generated_text(config, settings), 1);
    while (trainer.steps_done() < steps) trainer.step();
    return trainer.history();
}

Change mode(BalanceMode m) {
    return [m](ModelConfig&, TrainSettings& s) { s.balance = m; };
}

const History& plain() {
    static const History h = trained(6);
    return h;
}

TEST(Divergence, TheSameSeedGivesTheSameBits) {
    const Divergence d = first_divergence(plain(), trained(6));
    EXPECT_EQ(d.kind, Kind::none);
    EXPECT_EQ(d.step, 6);
    EXPECT_EQ(d.compared, 7) << "the probe of step 0, then six records";
    EXPECT_EQ(divergence_text(d, "a", "b"),
              "a and b are alike bit for bit at all 7 steps that both kept, the last is 6.");
    // The part that both have.
    const Divergence shorter = first_divergence(plain(), trained(3));
    EXPECT_EQ(shorter.kind, Kind::none);
    EXPECT_EQ(shorter.step, 3);
}

TEST(Divergence, TheBiasIsTheFirstThatTheModeMoves) {
    const History biased = trained(6, mode(BalanceMode::bias));
    const Divergence d = first_divergence(plain(), biased);
    EXPECT_EQ(d.kind, Kind::record);
    EXPECT_EQ(d.step, 1) << "the biases move after the first step";
    EXPECT_EQ(d.alike, 0);
    EXPECT_EQ(d.what, "bias of layers.1");
    // By hand: the first expert whose load is not the mean.
    const auto experts = static_cast<std::size_t>(biased.experts());
    const StepRecord &x = plain()[0], &y = biased[0];
    EXPECT_EQ(x.load, y.load);
    EXPECT_EQ(x.loss, y.loss);
    std::size_t first = 0;
    std::int64_t differing = 0;
    for (std::size_t e = experts; e-- > 0;)
        if (x.bias[e] != y.bias[e]) {
            first = e;
            ++differing;
        }
    EXPECT_EQ(d.index, static_cast<std::int64_t>(first));
    EXPECT_EQ(d.differing, differing);
    EXPECT_EQ(d.count, biased.experts());
    EXPECT_EQ(d.a, 0);
    EXPECT_EQ(d.b, static_cast<double>(y.bias[first]));
    EXPECT_NEAR(d.largest, 1e-3, 1e-9) << "one step of gamma";
    const std::string text = divergence_text(d, "none", "bias");
    EXPECT_EQ(text.rfind("none and bias part at step 1: the bias of layers.1, expert " +
                             std::to_string(first) + ", is 0 and ",
                         0),
              0U)
        << text;
    EXPECT_TRUE(d.settings.empty()) << "both were told the same gamma";
}

TEST(Divergence, NamesWhatAStepComputesFirst) {
    const auto seed = [](ModelConfig&, TrainSettings& s) { s.seed = 6; };
    EXPECT_EQ(first_divergence(plain(), trained(2, seed)).step, 0) << "other first weights";
    EXPECT_EQ(first_divergence(plain(), trained(2, seed)).what, "embed");
    const Divergence aux = first_divergence(plain(), trained(6, mode(BalanceMode::aux)));
    EXPECT_EQ(aux.what, "balance_loss");
    EXPECT_EQ(aux.step, 1);
    EXPECT_EQ(aux.a, 0);
    EXPECT_GT(aux.b, 0);
    const auto batch = [](ModelConfig&, TrainSettings& s) { s.batch = 3; };
    EXPECT_EQ(first_divergence(plain(), trained(2, batch)).what, "tokens");
    // Another learning rate: step 1 reads the same weights, what it leaves differs.
    const auto lr = [](ModelConfig&, TrainSettings& s) { s.lr = 1e-3; };
    const Divergence slower = first_divergence(plain(), trained(6, lr));
    EXPECT_EQ(slower.kind, Kind::probe);
    EXPECT_EQ(slower.step, 1);
    EXPECT_EQ(slower.what, "embed");
    ASSERT_EQ(slower.settings.size(), 1U);
    EXPECT_EQ(slower.settings[0].name, "lr");
    EXPECT_EQ(slower.settings_step, 1);
    EXPECT_NE(divergence_text(slower, "a", "b").find("lr"), std::string::npos);
}

TEST(Divergence, ShapesAreComparedByTheirFields) {
    const auto wider = [](ModelConfig& c, TrainSettings&) {
        c.hidden_size = 32;
        c.rope_scaling.factor = 2;
    };
    const Divergence d = first_divergence(plain(), trained(1, wider));
    EXPECT_EQ(d.kind, Kind::shape);
    EXPECT_EQ(d.fields, (std::vector<NamedDifference>{{"hidden_size", "48", "32"},
                                                      {"rope_scaling.factor", "1.0", "2.0"}}));
    EXPECT_EQ(divergence_text(d, "a", "b"),
              "a and b differ in shape: hidden_size is 48 and 32, and 1 more field differs.");
    EXPECT_TRUE(config_differences(plain().config(), plain().config()).empty());
}

// A fault in one number of one tensor of one probe is found, and what stands before it is not.
TEST(Divergence, OneChangedNumberIsFound) {
    for (const char* node : {"layers.1.kv_latent", "layers.2.router_indices", "logits"}) {
        History changed = plain();
        const TracePtr probe = plain().probe(2);
        const std::int64_t at = probe->find(node)->size() - 1;
        changed.add_probe(2, test::with_added(*probe, node, at, 1));
        const Divergence d = first_divergence(plain(), changed);
        EXPECT_EQ(d.kind, Kind::probe);
        EXPECT_EQ(d.step, 2);
        EXPECT_EQ(d.what, node);
        EXPECT_EQ(d.index, at);
        EXPECT_EQ(d.differing, 1);
        EXPECT_EQ(d.a, probe->find(node)->at(at));
        EXPECT_EQ(d.b, changed.probe(2)->find(node)->at(at));
        EXPECT_EQ(d.alike, 1);
    }
}

// A record in which one number was changed; later ones are those of the run.
History with_record(const History& h, std::size_t at, const std::function<void(StepRecord&)>& f,
                    std::size_t budget = History::default_budget) {
    History out(h.config(), budget);
    for (std::size_t i = 0; i < h.size(); ++i) {
        StepRecord r = h[i];
        if (i == at) f(r);
        out.add(r);
    }
    return out;
}

TEST(Divergence, LoadsAreComparedAcrossThinning) {
    const auto untouched = [](StepRecord&) {};
    const History thin = with_record(plain(), 0, untouched, 4);
    ASSERT_EQ(thin.stride(), 2);
    const Divergence none = first_divergence(plain(), thin);
    EXPECT_EQ(none.kind, Kind::none);
    EXPECT_EQ(none.step, 6);
    EXPECT_EQ(none.compared, 3);
    // Step 3 was dropped, its loads are in step 4.
    const auto moved = [](StepRecord& r) {
        const auto from = static_cast<std::size_t>(
            std::max_element(r.load.begin(), r.load.begin() + 8) - r.load.begin());
        --r.load[from];
        ++r.load[from == 0 ? 1 : 0];
    };
    const Divergence d = first_divergence(plain(), with_record(plain(), 2, moved, 4));
    EXPECT_EQ(d.what, "load of layers.1");
    EXPECT_EQ(d.step, 4);
    EXPECT_EQ(d.alike, 2);
    EXPECT_EQ(d.differing, 2);
    EXPECT_EQ(d.largest, 1);
    const auto mtp = [](StepRecord& r) { r.mtp_loss[0] += 1; };
    EXPECT_EQ(first_divergence(plain(), with_record(plain(), 3, mtp)).what, "mtp_loss.1");
}

// A file that is shipped holds its probes as BF16.
TEST(Divergence, WhatWasRoundedIsComparedAsRounded) {
    const test::Scratch scratch;
    write_history(scratch / "h.safetensors", plain());
    const History read = read_history(scratch / "h.safetensors", plain().config());
    EXPECT_EQ(first_divergence(plain(), read).kind, Kind::none);
    EXPECT_EQ(first_divergence(read, plain()).kind, Kind::none);
    History changed = plain();
    const TracePtr probe = plain().probe(5);
    changed.add_probe(5, test::with_added(*probe, "layers.0.hidden", 3, 1));
    const Divergence d = first_divergence(read, changed);
    EXPECT_EQ(d.what, "layers.0.hidden");
    EXPECT_EQ(d.index, 3);
    EXPECT_TRUE(d.rounded);
}

TEST(Divergence, NothingInCommonIsSaid) {
    const History empty(plain().config());
    const Divergence d = first_divergence(plain(), empty);
    EXPECT_EQ(d.kind, Kind::none);
    EXPECT_EQ(d.step, -1);
    EXPECT_EQ(divergence_text(d, "a", "b"), "a and b kept no step in common.");
}

TEST(BalanceSeen, IsReadFromTheRecords) {
    EXPECT_EQ(balance_seen(plain(), 5), "none");
    EXPECT_EQ(balance_seen(trained(3, mode(BalanceMode::aux)), 2), "aux");
    EXPECT_EQ(balance_seen(trained(3, mode(BalanceMode::bias)), 2), "bias");
    EXPECT_EQ(balance_seen(trained(3, mode(BalanceMode::bias)), 0), "bias");
    EXPECT_EQ(balance_seen(trained(3, mode(BalanceMode::bias_seq)), 2), "bias+seq");
    EXPECT_EQ(balance_seen(plain(), 6), "") << "there is no such record";
    const auto dense = [](ModelConfig& c, TrainSettings&) { c.n_routed_experts = 0; };
    EXPECT_EQ(balance_seen(trained(1, dense), 0), "");
}

}  // namespace
}  // namespace sf
