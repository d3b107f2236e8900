#include "app/cli_arguments.h"
#include "app/cli_interrupt.h"
#include "app/cli_parse.h"
#include "app/cli_run.h"
#include "core/error.h"
#include "core/io/trace_io.h"
#include "core/run/runner.h"

#include <filesystem>
#include <map>
#include <memory>

namespace sf::cli {

namespace {

// A saved trace holds every tensor; the window's budget would leave the largest out.
constexpr std::int64_t trace_budget = std::int64_t{8} << 30;

}  // namespace

int trace(const TraceArguments& arguments) {
    check_options(arguments);
    if (!arguments.output.given || arguments.output.value.empty())
        throw UserError("-o: trace needs the name of the file to write");
    check_source(arguments, false);
    RunOptions options;
    options.attention = attention(arguments, AttentionMode::naive);
    options.threads = threads(arguments);
    options.budget_bytes = trace_budget;
    options.gradients = arguments.grad;

    if (arguments.train_step.given) {
        if (arguments.decode.given)
            throw UserError(
                "--decode and --train-step exclude each other: a probe has no weights to decode "
                "with");
        const ChosenRun probe = choose_probe(arguments);
        {
            const Uninterrupted writing;
            write_trace(arguments.output.value, *probe.trace, {});
        }
        if (!probe.note.empty()) say(probe.note);
        return 0;
    }
    const ChosenModel chosen = choose_model(arguments);
    const auto ids = choose_ids(arguments, *chosen.model, false);
    const auto tokens = static_cast<std::int64_t>(ids[0].size());
    const std::int64_t prefill = integer_or(arguments.decode, "--decode", 1, tokens, 0);
    const ChosenBackend backend = choose_backend(arguments);
    options.backend = backend.backend;
    const TracePtr trace = run_trace(chosen.model, ids, options);
    std::map<std::string, TensorPtr> extra;
    if (prefill > 0)
        extra["decode_logits"] = std::make_shared<Tensor>(decode_logits(
            chosen.model, ids, prefill, options.attention, options.threads, backend.backend));
    {
        const Uninterrupted writing;
        write_trace(arguments.output.value, *trace, extra);
    }
    say_backend(backend);
    if (!chosen.note.empty()) say(chosen.note);
    if (const std::string note = left_out_note(*trace); !note.empty()) say(note);
    return 0;
}

}  // namespace sf::cli
