// The checks of the page "training" of the view "Experts" hold, and notice what is wrong.
#include "history_fixture.h"
#include "tests/support/page.h"
#include "tests/views/random/random_config.h"
#include "views/experts_training.h"

#include <gtest/gtest.h>

namespace sf {
namespace {

using test::ExpertsPicture;

TracePtr run() {
    return test::changed_run("the cat sat");
}

Invariant check(const std::shared_ptr<const History>& h, const std::string& name) {
    return ExpertsPicture(run(), h, "training").check(name);
}

TEST(ExpertsTrainingChecks, EveryCheckHoldsInEveryMode) {
    for (const BalanceMode mode :
         {BalanceMode::none, BalanceMode::aux, BalanceMode::bias, BalanceMode::bias_seq}) {
        const ExpertsPicture p(run(), test::trained(mode), "training");
        const auto all = p.shown.invariants(p.frame);
        EXPECT_EQ(all.size(), 3U);
        for (const Invariant& i : all) EXPECT_TRUE(i.holds) << i.name << ": " << i.figure;
    }
}

TEST(ExpertsTrainingChecks, ChecksHoldWhileSettingsChange) {
    const ModelConfig config = ModelConfig::preset("nano");
    TrainSettings settings;
    settings.steps = 60;
    settings.batch = 2;
    settings.seq = 24;
    Trainer trainer(config, settings,
                    generated_text(config, settings, preset_model("nano", 0)->tokenizer), 1);
    test::Dice dice(3);
    while (!trainer.finished()) {
        trainer.step();
        settings.balance = dice.any<BalanceMode>(
            {BalanceMode::none, BalanceMode::aux, BalanceMode::bias, BalanceMode::bias_seq});
        settings.gamma = dice.uniform() * 0.1;
        settings.batch = dice.whole(1, 3);
        settings.seq = dice.whole(8, 30);
        trainer.change(settings);
    }
    for (const std::size_t budget : {History::default_budget, std::size_t{16}}) {
        const ExpertsPicture p(
            run(), std::make_shared<const History>(trainer.history().thinned(budget)), "training");
        for (const Invariant& i : p.shown.invariants(p.frame))
            EXPECT_TRUE(i.holds) << i.name << ": " << i.figure;
        test::expect_clean(p.draw(), "changing");
    }
}

TEST(ExpertsTrainingChecks, ALostTokenIsSeen) {
    const auto h = test::trained(BalanceMode::bias);
    EXPECT_TRUE(check(h, "Σ load").holds);
    EXPECT_FALSE(check(test::changed(*h, 7, [](StepRecord& r) { --r.load[2]; }), "Σ load").holds);
    ASSERT_EQ(h->layers().back(), "mtp.1");
    EXPECT_FALSE(
        check(test::changed(*h, 7, [](StepRecord& r) { ++r.load.back(); }), "Σ load").holds);
}

TEST(ExpertsTrainingChecks, AWrongBiasIsSeen) {
    const auto h = test::trained(BalanceMode::bias);
    EXPECT_TRUE(check(h, "bias moves by γ").holds);
    // More biases that went elsewhere than a person kicks in a step.
    const auto wrong = test::changed(*h, 7, [](StepRecord& r) {
        for (std::size_t e = 0; e < 4; ++e) r.bias[e] += 0.02F;
    });
    EXPECT_FALSE(check(wrong, "bias moves by γ").holds);
    const auto kicked = test::changed(*h, h->size() - 1, [](StepRecord& r) { r.bias[1] += 0.5F; });
    EXPECT_TRUE(check(kicked, "bias moves by γ").holds);
    EXPECT_NE(check(kicked, "bias moves by γ").figure.find("1 kicked by hand"), std::string::npos);
}

TEST(ExpertsTrainingChecks, AViolationThatIsNotOfTheLoadsIsSeen) {
    const ExpertsPicture p(run(), test::trained(BalanceMode::bias), "training");
    auto scene = experts::make_training_scene(p.frame, p.shown);
    EXPECT_TRUE(experts::training_checks(scene)[1].holds);
    scene.own.violation[3] += 1e-3;
    EXPECT_FALSE(experts::training_checks(scene)[1].holds);
}

}  // namespace
}  // namespace sf
