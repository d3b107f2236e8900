#pragma once

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
struct SetEdits {
    std::vector<Edit> edits;
};
struct SetAttention {
    AttentionMode mode = AttentionMode::naive;
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
using Command = std::variant<RunPrompt, RunIds, UsePreset, OpenModel, OpenTrace, SetEdits,
                             SetAttention, SetGradients, Continue, Complete>;

// What the window sees: immutable, one for all views of a frame.
struct Snapshot {
    std::uint64_t version = 0;
    ModelPtr model;
    TracePtr trace;  // null before the first run
    std::shared_ptr<const Timeline> timeline;
    bool gradients = false;           // whether runs record them
    std::string prompt;               // as text when there is one
    std::string error;                // of the last command, one sentence; empty when it worked
    std::uint64_t error_version = 0;  // grows with every error, so that the same one shows twice
    std::uint64_t done = 0;  // commands carried out so far; posted - done are still waiting
};
using SnapshotPtr = std::shared_ptr<const Snapshot>;

// The border between threads: a worker owns the model and runs it; commands in, snapshots out. The
// caller never waits, except in `wait_idle` and the destructor.
class Engine {
public:
    struct Options {
        int threads = 1;
        std::int64_t budget_bytes = std::int64_t{512} << 20;
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

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sf
