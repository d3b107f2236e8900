#include "app/cli.h"

#include "app/cli_arguments.h"
#include "app/cli_interrupt.h"
#include "app/cli_run.h"
#include "app/version.h"
#include "core/error.h"
#include "core/train/settings.h"

#include <CLI/CLI.hpp>
#include <functional>
#include <iostream>
#include <new>

namespace sf {

namespace {

using cli::Text;

CLI::Option* text_option(CLI::App& app, const std::string& names, Text& text,
                         const std::string& type, const std::string& help) {
    return app
        .add_option_function<std::string>(
            names,
            [&text](const std::string& value) {
                text.given = true;
                text.value = value;
            },
            help)
        ->type_name(type);
}

void add_train_step(CLI::App& app, cli::RunArguments& a) {
    text_option(app, "--train-step", a.train_step, "N",
                "instead of a text: what the model read while it was trained, at the latest kept "
                "step up to N");
}

// Part of the contract with scripts, and refused in a sentence as long as this build has nothing
// behind it: not shown in the help.
void hide(CLI::Option* option) {
    option->group("");
}

void add_model_options(CLI::App& app, cli::RunArguments& a) {
    text_option(app, "--model", a.model, "DIR", "config.json and model.safetensors (or its index)");
    text_option(app, "--preset", a.preset, "NAME", "an untrained model: nano, micro, bench");
    text_option(app, "--seed", a.seed, "S", "of the untrained preset's weights, and of drawing");
    text_option(app, "--backend", a.backend, "cpu|gl|auto",
                "who computes attention and experts: an OpenGL device, or the CPU all");
    text_option(app, "--threads", a.threads, "T", "threads that compute");
    text_option(app, "--attention", a.attention, "naive|absorbed",
                "keys and values expanded, or queries taken into latent space");
}

void add_run_options(CLI::App& app, cli::RunArguments& a, bool with_trace) {
    text_option(app, "--prompt", a.prompt, "TEXT", "the text to run");
    text_option(app, "--ids", a.ids, "FILE",
                "JSON: a list of ids, or a list of such lists; or that list itself");
    if (with_trace) text_option(app, "--trace", a.trace, "FILE", "a saved trace instead of a run");
    add_train_step(app, a);
    add_model_options(app, a);
}

void add_compare(CLI::App& app, cli::RunArguments& a) {
    app.add_option("--compare", a.compare,
                   "another training run to compare with, by its folder, again for more")
        ->type_name("DIR[=NAME]")
        ->expected(1)
        ->take_all();
}

void add_grad(CLI::App& app, cli::RunArguments& a, const std::string& help) {
    app.add_flag("--grad", a.grad, help);
}

void add_picture_options(CLI::App& app, cli::FigureArguments& a) {
    text_option(app, "--at", a.at, "STEP", "a step's number from 0 or its name; the prediction");
    text_option(app, "--phase", a.phase, "0..1", "how far the move into the step has come; 1");
    text_option(app, "--token", a.token, "POSITION", "the token followed; the last one");
    text_option(app, "--sequence", a.sequence, "N", "the sequence of a batch; 0");
    app.add_option("--set", a.set, "a setting of the view, again for more (VIEW --list)")
        ->type_name("name=value")
        ->expected(1)
        ->take_all();
    app.add_option("--edit", a.edits, "a value of the run that is set by hand, again for more")
        ->type_name("node[index]=value")
        ->expected(1)
        ->take_all();
}

void add_look_options(CLI::App& app, cli::FigureArguments& a) {
    text_option(app, "--size", a.size, "WxH", "logical pixels; 1280x720");
    text_option(app, "--scale", a.scale, "FACTOR", "pixels of a PNG per logical pixel; 1");
    text_option(app, "--theme", a.theme, "light|dark", "");
    text_option(app, "--text", a.text, "PERCENT", "size of text, 75 to 300");
}

constexpr const char* gradient_steps =
    "run the backward pass too: steps grad.NAME follow; settings and steps of gradients imply it";

// Everything that can be typed, with the place where it is kept.
class Commands {
public:
    Commands() {
        app_.name("stepformer");
        app_.set_version_flag("--version", version_text(), "Commit and libraries");
        app_.allow_extras();
        app_.footer(
            "Exit status: 0; 2 for a mistake in what was asked; 1 for ours; 130 after "
            "Ctrl+C.");
        window_.command = "the window";
        add_run_options(app_, window_, true);
        add_compare(app_, window_);
        add_figure();
        add_shot();
        add_describe();
        add_trace();
        add_generate();
        add_train();
        add_eval();
        add_bench();
    }

    int run(int argc, const char* const* argv) {
        try {
            app_.parse(argc, argv);
        } catch (const CLI::Success& asked) {  // --help, --version
            return app_.exit(asked);
        } catch (const CLI::ParseError& error) {
            throw UserError(one_line(error.what()));
        }
        for (CLI::App* command : app_.get_subcommands()) {
            refuse_options_before(*command);
            refuse_extras(*command, command->get_name() + " --help");
            return actions_.at(command->get_name())();
        }
        refuse_extras(app_, "--help");
        return cli::window(window_);
    }

private:
    CLI::App& command(const std::string& name, const std::string& help,
                      std::function<int()> action) {
        CLI::App* const app = app_.add_subcommand(name, help);
        app->allow_extras();
        actions_[name] = std::move(action);
        return *app;
    }

    void add_figure() {
        figure_.command = "figure";
        CLI::App& app = command("figure", "Draw a view into a PNG, SVG or PDF",
                                [this] { return cli::figure(figure_); });
        text_option(app, "VIEW", figure_.view, "", "the view's id (figure --list)");
        text_option(app, "-o,--output", figure_.output, "FILE", "ends in .png, .svg or .pdf");
        app.add_flag("--list", figure_.list,
                     "List the views; with VIEW its parameters, with a run also the steps");
        add_run_options(app, figure_, true);
        add_compare(app, figure_);
        add_grad(app, figure_, gradient_steps);
        add_picture_options(app, figure_);
        add_look_options(app, figure_);
    }

    void add_shot() {
        shot_.command = "shot";
        CLI::App& app = command("shot", "Draw the whole window into a PNG, without a display",
                                [this] { return cli::shot(shot_); });
        text_option(app, "-o,--output", shot_.output, "FILE", "ends in .png");
        app.add_option("--do", shot_.commands, "a command of the window, again for more")
            ->type_name("COMMAND")
            ->expected(1)
            ->take_all();
        add_run_options(app, shot_, true);
        add_compare(app, shot_);
        add_look_options(app, shot_);
    }

    void add_describe() {
        describe_.command = "describe";
        CLI::App& app = command("describe", "Say in a paragraph what a view shows",
                                [this] { return cli::describe(describe_); });
        text_option(app, "VIEW", describe_.view, "", "the view's id (figure --list)");
        add_run_options(app, describe_, true);
        add_compare(app, describe_);
        add_grad(app, describe_, gradient_steps);
        add_picture_options(app, describe_);
    }

    void add_trace() {
        trace_.command = "trace";
        CLI::App& app =
            command("trace", "Write every named tensor of a run into a safetensors file",
                    [this] { return cli::trace(trace_); });
        text_option(app, "-o,--output", trace_.output, "FILE", "the file to write");
        add_run_options(app, trace_, false);
        text_option(app, "--decode", trace_.decode, "N",
                    "add decode_logits: N tokens at once, then one at a time through the cache");
        add_grad(
            app, trace_,
            "add the losses of training and the gradient of every tensor and weight, grad.NAME");
    }

    void add_generate() {
        generate_.command = "generate";
        CLI::App& app = command("generate", "Continue a text or ids through the latent cache",
                                [this] { return cli::generate(generate_); });
        add_run_options(app, generate_, false);
        hide(app.get_option("--train-step"));
        text_option(app, "--max-new", generate_.max_new, "N", "tokens to add to each sequence");
        app.add_flag("--greedy", generate_.greedy, "always the most probable token");
        text_option(app, "--temperature", generate_.temperature, "T", "1; 0 is greedy");
        text_option(app, "--top-k", generate_.top_k, "K", "draw from the K most probable tokens");
        text_option(app, "--top-p", generate_.top_p, "P",
                    "draw from the most probable tokens that share P");
        app.add_flag("--stop-at-eos", generate_.stop_at_eos, "stop behind the end token");
        text_option(app, "--speculate", generate_.speculate, "N|auto",
                    "draft so many tokens a round with the MTP modules, or auto: as many "
                    "as their acceptance so far suggests; "
                    "the distribution of the text stays the same");
        app.add_flag("--json", generate_.json, "ids, text and tokens per second as JSON");
    }

    void add_train() {
        CLI::App& app = command("train", "Train a model on the generated corpus or a text file",
                                [this] { return cli::train(train_); });
        text_option(app, "--preset", train_.preset, "NAME", "the shape: nano, micro, bench");
        text_option(app, "--config", train_.config, "FILE", "a config.json with the shape");
        text_option(app, "--corpus", train_.corpus, "FILE",
                    "UTF-8 text, its last tenth held out; without it the generated corpus");
        text_option(app, "--steps", train_.steps, "N", "steps of the whole run");
        text_option(
            app, "--until", train_.until, "N",
            "stop behind step N as Ctrl+C does, with status 0; the learning rate goes by --steps");
        text_option(app, "--seed", train_.seed, "S", "of weights and data; 0");
        text_option(app, "--threads", train_.threads, "T", "threads that compute");
        text_option(app, "--out", train_.out, "DIR", "where the run is kept; empty or new");
        app.add_flag("--resume", train_.resume, "go on with the run in DIR");
        text_option(app, "--checkpoint-every", train_.checkpoint_every, "K",
                    "steps between two savings; 500");
        app.add_option("--set", train_.set, "a setting or a field of the model, again for more")
            ->type_name("name=value")
            ->expected(1)
            ->take_all();
        app.add_flag("--json", train_.json, "a line of JSON a report");
        std::string settings = "Settings of --set:\n";
        for (const TrainSettingInfo& s : train_settings())
            settings += "  " + s.name + "  " + s.help + "; " + s.range +
                        (s.default_value.empty() ? "" : " (" + s.default_value + ")") + "\n";
        app.footer(settings + "and every field of config.json, as hidden_size=64.");
    }

    void add_eval() {
        eval_.command = "eval";
        CLI::App& app = command("eval", "Measure a model on text that it was not trained on",
                                [this] { return cli::eval(eval_); });
        text_option(app, "--model", eval_.model, "DIR", "config.json and model.safetensors");
        text_option(app, "--preset", eval_.preset, "NAME",
                    "an untrained model: nano, micro, bench");
        text_option(app, "--seed", eval_.seed, "S", "of the untrained preset's weights");
        text_option(app, "--corpus", eval_.corpus, "FILE",
                    "UTF-8 text, its last tenth is read; without it the generated corpus");
        app.add_option("--set", eval_.set, "how often a kind is drawn, again for more; 1 each")
            ->type_name("corpus.KIND=WEIGHT")
            ->expected(1)
            ->take_all();
        text_option(app, "--backend", eval_.backend, "cpu|auto", "what computes");
        text_option(app, "--threads", eval_.threads, "T", "threads that compute");
        app.add_flag("--json", eval_.json, "everything as JSON");
        app.add_flag("--markdown", eval_.markdown, "the table of kinds in Markdown");
    }

    void add_bench() {
        CLI::App& app = command("bench", "Measure this machine, each figure beside its floor",
                                [this] { return cli::bench(bench_); });
        app.add_flag("--json", bench_.json, "the same as JSON");
        app.add_flag("--quick", bench_.quick, "a few runs of each: rough, in seconds");
        app.footer(
            "JSON: machine has the ceilings (GFLOP/s of multiply-adds, GB/s of reading) and the "
            "load average; each of figures has name, threads, tokens, ms (median), best_ms, cpu_ms "
            "(computing, all threads), tokens_per_second, mflop_per_token and gflops (useful ones: "
            "causal half, backward twice forward), share_of_peak; then for eigen_products, "
            "own_products (operands streamed), eigen_products_cached and own_products_cached their "
            "_ms and _best_ms, and ratio_to_ and best_ratio_to_ each. Decoding adds "
            "bytes_per_token and gbs, two threads add speed_up and best_speed_up. Each of "
            "speculation (greedy decoding by the model in the box, plain first) has name, tokens, "
            "ms, best_ms, cpu_ms, tokens_per_second, acceptance, tokens_per_pass, ratio_to_plain "
            "and best_ratio_to_plain. Each of "
            "pictures has view, page, strokes, ms (median) and p95_ms of drawing it anew, their "
            "limit_ms, and replay_ms with ratio_to_replay: the drawing calls alone. device has "
            "name, "
            "software, cpu_threads, copy_gbs and fma_gflops as measured (or absent: why there is "
            "none), and each of its kernels name, ms, best_ms, gflops, share_of_roof (of the "
            "arithmetic or the copying, the larger), cpu_ms and, of products and attention, "
            "eigen_ms on cpu_threads, with ratio_to_ and best_ratio_to_ each. "
            "tests/bench/race.py runs it against PyTorch and llama2.c.");
    }

    static std::string one_line(std::string text) {
        for (char& c : text)
            if (c == '\n') c = ' ';
        return text;
    }

    void refuse_options_before(const CLI::App& command) const {
        for (const CLI::Option* option : app_.get_options())
            if (option->count() > 0)
                throw UserError(option->get_name() + ": stands before the command, put it behind " +
                                command.get_name());
    }

    static void refuse_extras(const CLI::App& app, const std::string& help) {
        const auto extras = app.remaining();
        if (extras.empty()) return;
        const std::string& word = extras.front();
        const bool option = word.size() > 1 && word.front() == '-';
        const bool top = app.get_parent() == nullptr;
        throw UserError((top ? "" : app.get_name() + ": ") + "'" + word + "' is no " +
                        (option ? "option"
                         : top  ? "command"
                                : "argument") +
                        " here, see stepformer " + help);
    }

    CLI::App app_{
        "See a DeepSeek-V3-shaped transformer compute, step by step. Without a command, "
        "the window opens."};
    std::map<std::string, std::function<int()>> actions_;
    cli::RunArguments window_;
    cli::FigureArguments figure_, shot_, describe_;
    cli::TraceArguments trace_;
    cli::GenerateArguments generate_;
    cli::TrainArguments train_;
    cli::EvalArguments eval_;
    cli::BenchArguments bench_;
};

}  // namespace

int run_cli(int argc, const char* const* argv) {
    cli::catch_interrupts();
    try {
        const int status = Commands().run(argc, argv);
        std::cout.flush();
        if (!std::cout) throw std::runtime_error("standard output could not be written");
        return status;
    } catch (const UserError& error) {
        cli::say(error.what());
        return 2;
    } catch (const std::bad_alloc&) {
        cli::say("there is not enough memory for this");
    } catch (const std::exception& error) {
        cli::say(error.what());
    }
    return 1;
}

}  // namespace sf
