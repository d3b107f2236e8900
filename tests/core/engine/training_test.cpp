#include "core/engine/engine.h"
#include "core/io/files.h"
#include "core/io/train_state.h"
#include "core/train/trainer.h"

#include <gtest/gtest.h>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <thread>

namespace sf {
namespace {

using State = TrainingStatus::State;

TrainSettings quick(std::int64_t steps = 1'000'000) {
    TrainSettings s;
    s.steps = steps;
    s.seed = 3;
    s.batch = 2;
    s.seq = 16;
    s.warmup = 2;
    return s;
}

TrainStart start(std::int64_t steps = 1'000'000, bool paused = false) {
    TrainStart c;
    c.settings = quick(steps);
    c.paused = paused;
    return c;
}

SnapshotPtr wait_for_step(const Engine& engine, std::int64_t step) {
    return engine.wait_for(
        [&](const Snapshot& s) { return s.training && s.training->step >= step; });
}
SnapshotPtr wait_for_state(const Engine& engine, State state) {
    return engine.wait_for([&](const Snapshot& s) {
        return s.training && s.training->state == state && !s.training->stepping;
    });
}

std::unique_ptr<Trainer> by_hand(const ModelPtr& model, const TrainSettings& settings) {
    return std::make_unique<Trainer>(model->config, settings,
                                     generated_text(model->config, settings, model->tokenizer), 1);
}

void expect_same_weights(const Weights& a, const Weights& b) {
    ASSERT_EQ(a.tensors.size(), b.tensors.size());
    for (const auto& [name, tensor] : a.tensors)
        ASSERT_TRUE(tensor->real == b.at(name).real) << name;
}

TEST(LiveTraining, starts_pauses_within_a_step_and_goes_on) {
    const ModelPtr model = preset_model("nano", 0);
    Engine engine(model, {});
    EXPECT_EQ(engine.snapshot()->training, nullptr);
    EXPECT_EQ(engine.snapshot()->history(), nullptr);
    engine.post(RunPrompt{"the cat"});
    engine.post(start());
    wait_for_step(engine, 3);
    engine.post(TrainPause{});
    engine.wait_idle();
    const auto paused = engine.snapshot();
    ASSERT_NE(paused->training, nullptr);
    EXPECT_EQ(paused->training->state, State::paused);
    const std::int64_t step = paused->training->step;
    EXPECT_EQ(paused->history()->back().step, step);
    EXPECT_EQ(paused->trace->trained_step, step) << "a pause shows where it stands";
    EXPECT_TRUE(paused->live);
    EXPECT_EQ(paused->run, 1U) << "training on is no new run";
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    EXPECT_EQ(engine.snapshot(), paused) << "a paused worker sleeps";
    engine.post(TrainResume{});
    EXPECT_GT(wait_for_step(engine, step + 2)->training->step, step);
}

TEST(LiveTraining, has_the_bits_of_a_trainer_stepped_by_hand) {
    const ModelPtr model = preset_model("nano", 0);
    Engine engine(model, {});
    engine.post(RunPrompt{"the cat"});
    engine.post(start(7));
    engine.post(RunPrompt{"another text, while it trains"});
    const auto end = wait_for_state(engine, State::finished);
    const auto trainer = by_hand(model, quick(7));
    while (!trainer->finished()) trainer->step();
    EXPECT_EQ(end->training->step, 7);
    ASSERT_EQ(end->history()->size(), trainer->history().size());
    for (std::size_t i = 0; i < trainer->history().size(); ++i) {
        EXPECT_EQ((*end->history())[i].loss, trainer->history()[i].loss);
        EXPECT_EQ((*end->history())[i].load, trainer->history()[i].load);
    }
    expect_same_weights(*engine.snapshot()->model->weights, *trainer->weights());
    // The trace on screen is that of these weights.
    engine.wait_idle();
    const auto last = engine.snapshot();
    const TracePtr again =
        run_trace(trainer->model("x"), {model->encode("another text, while it trains")});
    EXPECT_EQ(last->trace->trained_step, 7);
    EXPECT_TRUE(last->trace->find("logits")->real == again->find("logits")->real);
}

TEST(LiveTraining, steps_one_at_a_time_and_restarts_with_a_seed) {
    const ModelPtr model = preset_model("nano", 0);
    Engine engine(model, {});
    engine.post(start(100, true));
    engine.wait_idle();
    EXPECT_EQ(engine.snapshot()->training->step, 0);
    engine.post(TrainStep{});
    EXPECT_EQ(wait_for_step(engine, 1)->training->step, 1);
    engine.post(TrainStep{4});
    const auto five = wait_for_state(engine, State::paused);
    EXPECT_GE(five->training->step, 1);
    EXPECT_EQ(wait_for_step(engine, 5)->training->state, State::paused);
    const float first = (*engine.snapshot()->history())[0].loss;
    engine.post(TrainRestart{9});
    engine.post(TrainPause{});
    engine.wait_idle();
    EXPECT_EQ(engine.snapshot()->training->settings.seed, 9U);
    EXPECT_LT(engine.snapshot()->training->step, 5);
    engine.post(TrainStep{});
    const auto other = wait_for_step(engine, 1);
    EXPECT_NE((*other->history())[0].loss, first);
}

TEST(LiveTraining, takes_settings_while_it_runs) {
    Engine engine(preset_model("nano", 0), {});
    engine.post(start());
    wait_for_step(engine, 1);
    engine.post(TrainSet{"gamma", "0.01"});
    engine.post(TrainSet{"lambda", "0.7"});
    engine.post(TrainSet{"balance", "bias"});
    engine.wait_idle();
    const auto set = engine.snapshot();
    EXPECT_EQ(set->error, "");
    EXPECT_EQ(set->training->settings.gamma, 0.01);
    EXPECT_EQ(set->training->settings.balance, BalanceMode::bias);
    const auto later = wait_for_step(engine, set->training->step + 1);
    EXPECT_EQ(later->history()->back().gamma, 0.01F);
    EXPECT_EQ(later->history()->back().lambda, 0.7F);
    for (const auto& [name, value] : {std::pair{"lr", "fast"},
                                      {"lr", "11"},
                                      {"speed", "1"},
                                      {"seq", "1000000"},
                                      {"corpus.story", "2"},
                                      {"whole", "1"}}) {
        engine.post(TrainSet{name, value});
        engine.wait_idle();
        EXPECT_NE(engine.snapshot()->error.find(name), std::string::npos)
            << engine.snapshot()->error;
        EXPECT_EQ(engine.snapshot()->training->settings.lr, quick().lr);
    }
    EXPECT_GT(wait_for_step(engine, later->training->step + 1)->training->step, 0)
        << "a refused setting stops nothing";
}

TEST(LiveTraining, a_kick_shows_at_once_and_belongs_to_no_folder) {
    const auto folder = std::filesystem::temp_directory_path() / "sf_live_kick";
    std::filesystem::remove_all(folder);
    const ModelPtr model = preset_model("nano", 0);
    const std::string bias = "model.layers.1.mlp.gate.e_score_correction_bias";
    Engine engine(model, {});
    engine.post(RunPrompt{"abc"});
    engine.post(start(10, true));
    engine.post(TrainStep{2});
    wait_for_state(engine, State::paused);
    wait_for_step(engine, 2);
    engine.post(TrainSave{folder.string()});
    engine.wait_idle();
    const auto before = engine.snapshot();
    EXPECT_EQ(before->training->saved_step, 2);
    engine.post(TrainKick{"layers.1", 2, 0.5});
    engine.wait_idle();
    const auto kicked = engine.snapshot();
    EXPECT_EQ(kicked->error, "");
    EXPECT_EQ(kicked->trace->trained_step, 2);
    EXPECT_NE(kicked->trace, before->trace);
    EXPECT_EQ(kicked->trace->weights->at(bias).real[2],
              before->trace->weights->at(bias).real[2] + 0.5F);
    EXPECT_LT(kicked->training->saved_step, 2) << "the folder holds other weights";
    // Also one that the screen did not follow, once it does.
    engine.post(TrainFollow{false});
    engine.post(TrainKick{"layers.1", 2, -0.5});
    engine.wait_idle();
    EXPECT_EQ(engine.snapshot()->trace, kicked->trace);
    engine.post(TrainFollow{true});
    engine.wait_idle();
    EXPECT_EQ(engine.snapshot()->trace->weights->at(bias).real[2],
              kicked->trace->weights->at(bias).real[2] - 0.5F);
    engine.post(TrainKick{"layers.7", 2, 0.5});
    engine.wait_idle();
    EXPECT_NE(engine.snapshot()->error.find("layers.7"), std::string::npos);
    std::filesystem::remove_all(folder);
}

TEST(LiveTraining, a_loss_that_is_not_finite_stops_at_the_last_good_state) {
    Engine engine(preset_model("nano", 0), {});
    engine.post(RunPrompt{"abc"});
    TrainStart wild = start();
    wild.settings->clip = 0;
    wild.set = {{"lr", "10"}, {"warmup", "0"}, {"weight_decay", "10"}};
    engine.post(wild);
    const auto failed = wait_for_state(engine, State::failed);
    EXPECT_NE(failed->error.find("finite"), std::string::npos) << failed->error;
    EXPECT_EQ(failed->error, failed->training->message);
    EXPECT_EQ(failed->error_version, 1U);
    EXPECT_EQ(failed->trace->trained_step, failed->training->step);
    for (const auto& [name, tensor] : failed->model->weights->tensors)
        for (const Real v : tensor->real) ASSERT_TRUE(std::isfinite(v)) << name;
    // With other settings it goes on.
    engine.post(TrainSet{"lr", "0.001"});
    engine.post(TrainSet{"weight_decay", "0.1"});
    engine.post(TrainStep{2});
    const auto again = wait_for_state(engine, State::paused);
    EXPECT_EQ(again->training->step, failed->training->step + 2);
    EXPECT_EQ(again->error, "");
}

TEST(LiveTraining, refuses_what_would_lose_a_run) {
    Engine engine(preset_model("nano", 0), {});
    const Command without[] = {TrainPause{},   TrainResume{},       TrainStep{},
                               TrainRestart{}, TrainSet{"lr", "1"}, TrainKick{"layers.1", 0, 1},
                               TrainStop{},    TrainSave{"/tmp/x"}};
    for (const Command& command : without) {
        engine.post(command);
        engine.wait_idle();
        EXPECT_NE(engine.snapshot()->error.find("training"), std::string::npos);
        EXPECT_EQ(engine.snapshot()->training, nullptr);
    }
    engine.post(start(5, true));
    engine.wait_idle();
    EXPECT_EQ(engine.snapshot()->error, "");
    const Command refused[] = {UsePreset{"nano", 1}, OpenModel{"/nonexistent"},
                               OpenTrace{"/nonexistent"}, start()};
    for (const Command& command : refused) {
        engine.post(command);
        engine.wait_idle();
        EXPECT_NE(engine.snapshot()->error.find("training"), std::string::npos);
    }
    engine.post(TrainStep{2});
    wait_for_step(engine, 2);
    engine.post(TrainStop{});
    engine.wait_idle();
    const auto stopped = engine.snapshot();
    EXPECT_EQ(stopped->training, nullptr);
    ASSERT_NE(stopped->history(), nullptr) << "the model keeps its history";
    EXPECT_EQ(stopped->history()->back().step, 2);
    EXPECT_EQ(stopped->model->weights->trained_step, 2);
    engine.post(UsePreset{"nano", 1});
    engine.wait_idle();
    EXPECT_EQ(engine.snapshot()->error, "");
}

TEST(LiveTraining, leaves_the_screen_alone_when_it_does_not_follow) {
    const ModelPtr model = preset_model("nano", 0);
    Engine engine(model, {});
    engine.post(RunPrompt{"abc"});
    engine.post(TrainFollow{false});
    engine.post(start());
    wait_for_step(engine, 3);
    engine.post(RunPrompt{"abcd"});
    engine.post(TrainPause{});
    engine.wait_idle();
    EXPECT_EQ(engine.snapshot()->model, model);
    EXPECT_EQ(engine.snapshot()->trace->trained_step, 0);
    EXPECT_FALSE(engine.snapshot()->training->follows);
    engine.post(TrainFollow{true});
    engine.wait_idle();
    EXPECT_EQ(engine.snapshot()->trace->trained_step, engine.snapshot()->training->step);
}

// The clock is the test's: a millisecond passes each time that the worker asks for the time.
TEST(LiveTraining, publishes_at_most_sixty_times_a_second) {
    std::atomic<int> publications{0};
    std::atomic<std::int64_t> asked{0};
    Engine::Options options;
    options.clock = [&] { return static_cast<double>(++asked) * 1e-3; };
    {
        Engine engine(preset_model("nano", 0), options, [&] { ++publications; });
        engine.post(start(400));
        wait_for_state(engine, State::finished);
    }
    const double seconds = static_cast<double>(asked) * 1e-3;
    // One answers the command, one tells of the end.
    EXPECT_LE(publications, 2 + static_cast<int>(seconds * 60) + 1);
    EXPECT_GE(publications, static_cast<int>(seconds * 30)) << "and not seldom";
    EXPECT_LT(publications, 200) << "fewer than steps";
}

TEST(LiveTraining, is_saved_and_goes_on_from_the_folder) {
    const auto folder = std::filesystem::temp_directory_path() / "sf_live_training";
    std::filesystem::remove_all(folder);
    const ModelPtr model = preset_model("nano", 0);
    {
        Engine engine(model, {});
        engine.post(start(10, true));
        engine.post(TrainStep{3});
        wait_for_step(engine, 3);
        engine.post(TrainSave{folder.string()});
        engine.wait_idle();
        EXPECT_EQ(engine.snapshot()->error, "");
        EXPECT_EQ(engine.snapshot()->training->saved_step, 3);
        engine.post(TrainSave{folder.string()});
        engine.wait_idle();
        EXPECT_EQ(engine.snapshot()->error, "") << "its own folder";
    }
    const ModelPtr saved = load_model(folder);
    ASSERT_NE(saved->history, nullptr) << saved->no_history;
    EXPECT_EQ(saved->history->back().step, 3);
    // The program's own model is read from memory.
    const std::string config = read_file(folder / "config.json"),
                      weights = read_file(folder / "model.safetensors"),
                      text = read_file(folder / "tokenizer.json"),
                      history = read_file(folder / "history.safetensors");
    const ModelPtr memory = load_model("memory", {config, weights, text, history});
    EXPECT_EQ(memory->config, saved->config);
    EXPECT_EQ(memory->weights->trained_step, 3);
    expect_same_weights(*memory->weights, *saved->weights);
    ASSERT_NE(memory->history, nullptr) << memory->no_history;
    EXPECT_EQ(memory->history->probe_steps(), (std::vector<std::int64_t>{0, 1, 2}));
    EXPECT_EQ(memory->encode("the cat"), saved->encode("the cat"));

    Engine engine(saved, {});
    EXPECT_EQ(engine.snapshot()->history()->back().step, 3) << "before anything trains";
    engine.post(TrainStart{});
    const auto end = wait_for_state(engine, State::finished);
    EXPECT_EQ(end->training->step, 10);
    const auto trainer = by_hand(model, quick(10));
    while (!trainer->finished()) trainer->step();
    expect_same_weights(*end->model->weights, *trainer->weights());
    // Another run may not be written over it.
    Engine other(model, {});
    other.post(start(1, true));
    other.post(TrainSave{folder.string()});
    other.wait_idle();
    EXPECT_NE(other.snapshot()->error.find("empty"), std::string::npos);
    std::filesystem::remove_all(folder);
}

TEST(LiveTraining, may_be_destroyed_while_it_trains) {
    for (int i = 0; i < 5; ++i) {
        Engine engine(preset_model("nano", 0), {});
        engine.post(RunPrompt{"abc"});
        engine.post(start());
        if (i % 2) wait_for_step(engine, i);
    }
}

TEST(LiveTraining, a_damaged_history_leaves_the_model_usable) {
    const auto folder = std::filesystem::temp_directory_path() / "sf_live_damaged";
    std::filesystem::remove_all(folder);
    {
        Engine engine(preset_model("nano", 0), {});
        engine.post(start(1));
        wait_for_state(engine, State::finished);
        engine.post(TrainSave{folder.string()});
        engine.wait_idle();
    }
    std::filesystem::resize_file(folder / "history.safetensors", 100);
    const ModelPtr model = load_model(folder);
    EXPECT_EQ(model->history, nullptr);
    EXPECT_NE(model->no_history.find("history.safetensors"), std::string::npos);
    Engine engine(model, {});
    engine.post(RunPrompt{"abc"});
    engine.wait_idle();
    EXPECT_NE(engine.snapshot()->trace, nullptr);
    std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace sf
