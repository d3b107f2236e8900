#pragma once

#include "core/engine/training.h"
#include "core/model/model.h"
#include "core/run/runner.h"
#include "core/run/timeline.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace sf {

// What the window asks of the engine. Executed in order on the worker thread.
struct RunPrompt {
    std::string text;
};
struct RunIds {
    std::vector<std::vector<std::int64_t>> ids;
};
struct UsePreset {
    std::string name;
    std::uint64_t seed = 0;
};
struct OpenModel {
    std::string folder;
};
struct OpenTrace {
    std::string file;
};
struct SetAttention {
    AttentionMode mode = AttentionMode::naive;
};
// Who computes attention and experts from here on; null: the CPU. Runs the text again.
struct SetBackend {
    BackendPtr backend;
};
// Runs the text again with or without gradients (the steps of the backward pass).
struct SetGradients {
    bool on = true;
};
struct Continue {
    SamplingOptions options;
};  // appends generated tokens to the sequence and runs it
struct Complete {
    std::string node;
};  // a tensor that the memory budget left out
using Command =
    std::variant<RunPrompt, RunIds, UsePreset, OpenModel, OpenTrace, SetAttention, SetBackend,
                 SetGradients, Continue, Complete, TrainStart, TrainPause, TrainResume, TrainStep,
                 TrainRestart, TrainSet, TrainKick, TrainStop, TrainSave, TrainFollow>;

// What the window sees: immutable, one for all views of a frame.
struct Snapshot {
    std::uint64_t version = 0;
    ModelPtr model;
    TracePtr trace;  // null before the first run
    std::shared_ptr<const Timeline> timeline;
    BackendPtr backend;      // that runs use; null: the CPU
    bool gradients = false;  // whether runs record them
    std::uint64_t run = 0;   // grows with every run that was asked for, not when training refreshes
    bool live = false;       // the model's weights are of the training run, not of a file or seed
    TrainingStatusPtr training;       // null: there is no training run
    std::string prompt;               // as text when there is one
    std::string error;                // of the last command, one sentence; empty when it worked
    std::uint64_t error_version = 0;  // grows with every error, so that the same one shows twice
    std::uint64_t done = 0;  // commands carried out so far; posted - done are still waiting

    // Of the run that trains, else the one that came with the model; null: none.
    std::shared_ptr<const History> history() const {
        if (training) return {training, &training->history};
        return model ? model->history : nullptr;
    }
};
using SnapshotPtr = std::shared_ptr<const Snapshot>;

// The border between threads: a worker owns the model, runs it and trains it; commands in,
// snapshots out. The caller never waits, except in `wait_*` and the destructor (a training step at
// most). While it trains, commands are carried out between two steps, at most 60 snapshots a second
// are published beside those that answer commands, and what is on screen is run again with the
// newest weights in a tenth of the time.
class Engine {
public:
    struct Options {
        int threads = 1;
        std::int64_t budget_bytes = std::int64_t{512} << 20;
        BackendPtr backend;  // of the first run; null: the CPU computes all
        // Seconds from any origin, asked on the worker's thread; empty: the steady clock.
        std::function<double()> clock = {};
    };
    // `on_change` is called on the worker's thread after each publication (to wake the window).
    Engine(ModelPtr model, const Options& options, std::function<void()> on_change = {});
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    std::uint64_t post(Command command);  // returns the number of commands posted so far
    SnapshotPtr snapshot() const;
    bool busy() const;
    void wait_idle() const;  // headless use and tests
    // Until a published snapshot is so.
    SnapshotPtr wait_for(const std::function<bool(const Snapshot&)>& so) const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sf
