#include "core/engine/engine.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>

namespace sf {
namespace {

TEST(Engine, runs_what_is_posted_and_publishes_immutable_snapshots) {
    std::atomic<int> changes{0};
    auto owner =
        std::make_unique<Engine>(preset_model("nano", 0), Engine::Options{}, [&] { ++changes; });
    Engine& engine = *owner;
    const auto empty = engine.snapshot();
    EXPECT_EQ(empty->trace, nullptr);
    EXPECT_FALSE(engine.busy());
    engine.post(RunPrompt{"the cat sat"});
    engine.wait_idle();
    const auto first = engine.snapshot();
    ASSERT_NE(first->trace, nullptr);
    EXPECT_EQ(first->prompt, "the cat sat");
    EXPECT_EQ(first->trace->extent.tokens, 11);
    EXPECT_EQ(first->timeline->size(), Timeline(*first->trace).size());
    EXPECT_EQ(empty->trace, nullptr);
    owner.reset();
    EXPECT_EQ(changes, 1);
}

TEST(Engine, an_error_is_a_sentence_and_nothing_is_lost) {
    Engine engine(preset_model("nano", 0), {});
    engine.post(RunPrompt{"abc"});
    engine.wait_idle();
    const auto before = engine.snapshot();
    const Command bad[] = {
        RunPrompt{""},         RunPrompt{"\xff"},         RunIds{{{99999}}},
        UsePreset{"giant", 0}, OpenModel{"/nonexistent"}, OpenTrace{"/nonexistent"}};
    std::uint64_t errors = 0;
    for (const Command& command : bad) {
        engine.post(command);
        engine.wait_idle();
        const auto now = engine.snapshot();
        EXPECT_NE(now->error, "");
        EXPECT_EQ(now->error_version, ++errors);
        EXPECT_EQ(now->trace, before->trace);
        EXPECT_EQ(now->model, before->model);
        EXPECT_EQ(now->prompt, "abc");
    }
    engine.post(RunPrompt{"abcd"});
    engine.wait_idle();
    EXPECT_EQ(engine.snapshot()->error, "");
}

TEST(Engine, another_model_runs_the_same_prompt) {
    Engine engine(preset_model("nano", 0), {});
    engine.post(RunPrompt{"abc"});
    engine.post(UsePreset{"nano", 1});
    engine.post(SetAttention{AttentionMode::absorbed});
    engine.post(Continue{});
    engine.wait_idle();
    const auto s = engine.snapshot();
    EXPECT_EQ(s->error, "");
    EXPECT_EQ(s->trace->extent.tokens, 3 + 32);
    EXPECT_EQ(s->trace->graph->attention, AttentionMode::absorbed);
    EXPECT_TRUE(s->trace->has("layers.0.q_absorbed"));
}

TEST(Engine, gradients_are_run_when_asked_for) {
    Engine engine(preset_model("nano", 0), {});
    engine.post(RunPrompt{"the cat"});
    engine.wait_idle();
    const auto plain = engine.snapshot();
    EXPECT_FALSE(plain->gradients);
    EXPECT_FALSE(plain->trace->has("grad.logits"));
    engine.post(SetGradients{true});
    engine.wait_idle();
    const auto with = engine.snapshot();
    EXPECT_EQ(with->error, "");
    EXPECT_TRUE(with->gradients);
    EXPECT_TRUE(with->trace->has("grad.logits"));
    EXPECT_EQ(with->prompt, "the cat");
    EXPECT_GT(with->timeline->size(), plain->timeline->size());
    engine.post(RunPrompt{"a"});  // too short: nothing is lost
    engine.wait_idle();
    EXPECT_NE(engine.snapshot()->error.find("at least 2 tokens"), std::string::npos);
    EXPECT_EQ(engine.snapshot()->trace, with->trace);
    engine.post(SetGradients{false});
    engine.post(RunPrompt{"a"});
    engine.wait_idle();
    EXPECT_EQ(engine.snapshot()->error, "");
    engine.post(SetGradients{true});
    engine.wait_idle();
    EXPECT_NE(engine.snapshot()->error, "");
    EXPECT_FALSE(engine.snapshot()->gradients) << "refused: as it was";
}

TEST(Engine, may_be_destroyed_while_it_works) {
    for (int i = 0; i < 5; ++i) {
        Engine engine(preset_model("nano", 0), {});
        for (int k = 0; k < 20; ++k) engine.post(RunPrompt{"some text to run"});
    }
}

}  // namespace
}  // namespace sf
