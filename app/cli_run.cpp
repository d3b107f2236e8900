#include "app/cli_run.h"

#include "app/cli_parse.h"
#include "app/shipped_model.h"
#include "core/error.h"
#include "core/io/checkpoint.h"
#include "core/io/trace_io.h"
#include "core/run/probe.h"
#include "core/run/runner.h"
#include "core/text/one_line.h"

#include <algorithm>
#include <iostream>
#include <thread>

namespace sf::cli {

namespace {

constexpr int most_threads = 256;
constexpr std::size_t most_sequences = 256;
constexpr const char* standard_preset = "nano";

std::string join(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
    return text;
}

void exclude(const Text& a, const char* a_name, const Text& b, const char* b_name,
             const char* reason) {
    if (a.given && b.given)
        throw UserError(std::string(a_name) + " and " + b_name + " exclude each other: " + reason);
}

}  // namespace

void say(const std::string& sentence) {
    std::cerr << "stepformer: " << sentence << std::endl;
}

int thread_count(const Text& threads) {
    const int all = std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, 64);
    return static_cast<int>(integer_or(threads, "--threads", 1, most_threads, all));
}

int threads(const RunArguments& arguments) {
    return thread_count(arguments.threads);
}

AttentionMode attention(const RunArguments& arguments, AttentionMode standard) {
    const char* const word = standard == AttentionMode::naive ? "naive" : "absorbed";
    return choice_or(arguments.attention, "--attention", {"naive", "absorbed"}, word) == "naive"
               ? AttentionMode::naive
               : AttentionMode::absorbed;
}

void check_options(const RunArguments& arguments) {
    choice_or(arguments.backend, "--backend", {"auto", "cpu", "gl"}, "auto");
    threads(arguments);
}

ChosenBackend choose_backend(const RunArguments& arguments) {
    ChosenBackend chosen = open_backend(
        backend_wish(choice_or(arguments.backend, "--backend", {"auto", "cpu", "gl"}, "auto")),
        false);
    if (chosen.refused) say(chosen.note);
    return chosen;
}

void say_backend(const ChosenBackend& chosen) {
    if (!chosen.backend) return;
    if (const std::string why = chosen.backend->given_up(); !why.empty())
        say(why);
    else if (const std::string left = chosen.backend->note(); !left.empty())
        say(left);
}

void check_source(const RunArguments& arguments, bool trace_allowed) {
    const std::string names = trace_allowed ? "--prompt, --ids and --trace" : "--prompt and --ids";
    std::string given;
    int count = 0;
    const auto add = [&](const Text& text, const char* name) {
        if (!text.given) return;
        given += (count++ == 0 ? "" : " and ") + std::string(name);
    };
    add(arguments.prompt, "--prompt");
    add(arguments.ids, "--ids");
    add(arguments.trace, "--trace");
    if (count != 1 && !(count == 0 && arguments.train_step.given))
        throw UserError(arguments.command + " needs exactly one of " + names + ", " +
                        (count == 0 ? "none was given" : given + " were given"));
    exclude(arguments.model, "--model", arguments.preset, "--preset", "a run has one model");
    const char* const reason = "a trace holds its own model and run";
    exclude(arguments.trace, "--trace", arguments.train_step, "--train-step", reason);
    exclude(arguments.trace, "--trace", arguments.model, "--model", reason);
    exclude(arguments.trace, "--trace", arguments.preset, "--preset", reason);
    exclude(arguments.trace, "--trace", arguments.seed, "--seed", reason);
    exclude(arguments.trace, "--trace", arguments.attention, "--attention", reason);
    if (arguments.trace.given && arguments.grad)
        throw UserError(std::string("--trace and --grad exclude each other: ") + reason);
    exclude(arguments.train_step, "--train-step", arguments.attention, "--attention",
            "a probe was kept as it ran");
}

ChosenModel choose_model(const RunArguments& arguments) {
    const std::uint64_t seed =
        arguments.seed.given ? parse_seed("--seed", arguments.seed.value) : 0;
    ChosenModel chosen;
    if (arguments.model.given) {
        if (arguments.model.value.empty()) throw UserError("--model: the folder's name is empty");
        chosen.model = load_model(arguments.model.value);
        chosen.arguments = {"--model", arguments.model.value};
        chosen.note = chosen.model->no_history;
        return chosen;
    }
    if (!arguments.preset.given)
        if (ModelPtr shipped = shipped_model()) {
            if (arguments.seed.given && arguments.command != "generate")
                throw UserError(
                    "--seed: is that of an untrained model and needs --preset, the model that "
                    "comes with the program is trained");
            chosen.note = shipped->no_history;
            chosen.model = std::move(shipped);
            return chosen;
        }
    const std::string preset =
        arguments.preset.given ? arguments.preset.value : std::string(standard_preset);
    const auto known = ModelConfig::preset_names();
    if (std::find(known.begin(), known.end(), preset) == known.end())
        throw UserError("--preset: '" + preset + "' is not one of " + join(known));
    chosen.model = preset_model(preset, seed);
    chosen.arguments = {"--preset", preset, "--seed", std::to_string(seed)};
    if (!arguments.preset.given)
        chosen.note = "no model was named, so this is the untrained preset " + preset +
                      " with seed " + std::to_string(seed) +
                      " (--model, --preset and --seed choose)";
    return chosen;
}

std::vector<std::vector<std::int64_t>> choose_ids(const RunArguments& arguments, const Model& model,
                                                  bool ragged) {
    if (arguments.prompt.given) {
        try {
            return {model.encode(arguments.prompt.value)};
        } catch (const UserError& error) {
            // The model speaks of "prompt: ..."; here it is an option.
            throw UserError(std::string("--") + error.what());
        }
    }
    // A list given in place of a file: what the window writes for a sequence that no text gives.
    const bool inlined = arguments.ids.value.starts_with('[');
    const std::string file = inlined ? "--ids" : arguments.ids.value;
    auto rows = inlined ? parse_ids(arguments.ids.value, file) : read_ids(file);
    if (rows.empty()) throw UserError(file, "", "holds no sequence");
    if (rows.size() > most_sequences)
        throw UserError(file, "",
                        "holds " + std::to_string(rows.size()) + " sequences, at most " +
                            std::to_string(most_sequences) + " are run at once");
    for (std::size_t i = 0; i < rows.size(); ++i) {
        model.check_ids(rows[i], file);
        if (!ragged && rows[i].size() != rows[0].size())
            throw UserError(file, "",
                            "sequence " + std::to_string(i) + " has " +
                                std::to_string(rows[i].size()) + " ids and sequence 0 has " +
                                std::to_string(rows[0].size()) + ", " + arguments.command +
                                " needs sequences of one length");
    }
    return rows;
}

ChosenRun choose_probe(const RunArguments& arguments) {
    const std::int64_t step =
        parse_integer("--train-step", arguments.train_step.value, 0, History::max_step);
    ChosenModel chosen = choose_model(arguments);
    const auto& history = chosen.model->history;
    if (!history) {
        const std::string& why = chosen.model->no_history;
        throw UserError("--train-step: model " + chosen.model->name +
                        " has no recorded training history to look at" +
                        (why.empty() ? "" : " (" + why + ")"));
    }
    ChosenRun run;
    run.trace = history->probe(step);
    if (!run.trace) {
        const auto steps = history->probe_steps();
        throw UserError(
            "--train-step: no probe was kept at or before step " + std::to_string(step) +
            (steps.empty() ? "" : ", the first is that of " + std::to_string(steps.front())));
    }
    for (const auto& [given, name] :
         {std::pair{arguments.prompt.given, "--prompt"}, {arguments.ids.given, "--ids"}})
        if (given)
            throw UserError(std::string(name) + ": leave it out, what was kept at --train-step " +
                            std::to_string(run.trace->trained_step) + " read its own text: \"" +
                            one_line(history->about.probe_text) + "\"");
    run.trace = named_probe(run.trace, chosen.model->name);
    run.history = history;
    run.model_arguments = chosen.arguments;
    run.run_arguments = {"--train-step", std::to_string(run.trace->trained_step)};
    run.note = chosen.note;
    return run;
}

std::vector<std::string> source_arguments(const RunArguments& arguments) {
    if (arguments.trace.given) return {"--trace", arguments.trace.value};
    if (arguments.ids.given) return {"--ids", arguments.ids.value};
    return {"--prompt", arguments.prompt.value};
}

ChosenRun choose_run(const RunArguments& arguments) {
    check_options(arguments);
    check_source(arguments, true);
    ChosenRun run;
    if (arguments.train_step.given) {
        run = choose_probe(arguments);
        run.backend = choose_backend(arguments);
        return run;
    }
    run.run_arguments = source_arguments(arguments);
    if (arguments.trace.given) {
        run.trace = read_trace(arguments.trace.value);
        run.backend = choose_backend(arguments);
        return run;
    }
    RunOptions options;
    options.attention = attention(arguments, AttentionMode::naive);
    options.threads = threads(arguments);
    options.gradients = arguments.grad;
    ChosenModel chosen = choose_model(arguments);
    const auto ids = choose_ids(arguments, *chosen.model, false);
    run.backend = choose_backend(arguments);
    options.backend = run.backend.backend;
    run.trace = run_trace(chosen.model, ids, options);
    run.history = chosen.model->history;
    run.model_arguments = chosen.arguments;
    run.note = chosen.note;
    if (run.note.empty()) run.note = left_out_note(*run.trace);
    return run;
}

}  // namespace sf::cli
