#pragma once

#include "app/backend_choice.h"
#include "app/cli_arguments.h"
#include "core/model/model.h"
#include "core/run/history.h"
#include "core/run/trace.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sf::cli {

// The model that was asked for, loaded, and how the command line names it.
struct ChosenModel {
    ModelPtr model;
    std::vector<std::string> arguments;  // {"--preset", "nano", "--seed", "7"}
    std::string note;                    // for stderr once all is well; empty: nothing to say
};

// --threads, else as many as there are.
int thread_count(const Text& threads);
int threads(const RunArguments& arguments);
AttentionMode attention(const RunArguments& arguments, AttentionMode standard);

// Options that are wrong whatever else is asked.
void check_options(const RunArguments& arguments);
// Opens what --backend names. What is wrong with it is said at once, and by `say_backend` behind
// the run: why the device was given up, or what it left to the CPU.
ChosenBackend choose_backend(const RunArguments& arguments);
void say_backend(const ChosenBackend& chosen);
// Exactly one of --prompt, --ids and --trace; with `trace_allowed` false one of the first two. With
// --train-step none is needed, and choose_probe says why none fits.
void check_source(const RunArguments& arguments, bool trace_allowed);
ChosenModel choose_model(const RunArguments& arguments);

// The ids of --prompt or --ids, checked against the model; rows may differ in length when `ragged`.
std::vector<std::vector<std::int64_t>> choose_ids(const RunArguments& arguments, const Model& model,
                                                  bool ragged);
// {"--prompt", "the cat"}, {"--ids", FILE} or {"--trace", FILE}.
std::vector<std::string> source_arguments(const RunArguments& arguments);

// The trace to draw, from a file or a run of the chosen model.
struct ChosenRun {
    TracePtr trace;
    std::shared_ptr<const History> history;  // of the model's training; may be null
    std::vector<std::string> model_arguments, run_arguments;
    std::string note;
    ChosenBackend backend;
};
// The probe that --train-step asks for. Throws UserError when the model has none or a text was
// given, which a probe does not read.
ChosenRun choose_probe(const RunArguments& arguments);
ChosenRun choose_run(const RunArguments& arguments);

// "stepformer: SENTENCE" on stderr.
void say(const std::string& sentence);

}  // namespace sf::cli
