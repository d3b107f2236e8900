#include "app/cli_arguments.h"
#include "app/cli_interrupt.h"
#include "app/cli_parse.h"
#include "app/cli_run.h"
#include "core/error.h"
#include "core/io/config_json.h"
#include "core/io/train_state.h"
#include "core/train/schedule.h"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>
#ifdef _WIN32
#include <io.h>
#else
#include <unistd.h>
#endif

namespace sf::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t most_steps = 1'000'000'000;
constexpr std::int64_t violation_window = 8192;  // tokens

bool terminal() {
#ifdef _WIN32
    return _isatty(_fileno(stdout)) != 0;
#else
    return ::isatty(STDOUT_FILENO) != 0;
#endif
}

// Leftovers of a run that was killed while it wrote.
void remove_temporaries(const fs::path& folder) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with(".sf-") && name.ends_with(".tmp")) fs::remove(entry.path(), error);
    }
}

// What the command line says of the run: its shape and settings, defaults where it says nothing.
struct Asked {
    ModelConfig config;
    TrainSettings settings;
};
void apply_sets(const TrainArguments& a, Asked& asked) {
    const auto kinds = corpus_kind_names();
    for (const std::string& word : a.set) {
        const auto equals = word.find('=');
        if (equals == std::string::npos || equals == 0)
            throw UserError("--set: '" + word + "' is not name=value");
        const std::string name = word.substr(0, equals), value = word.substr(equals + 1);
        if (!set_model_field(asked.config, name, value))
            set_train_setting(asked.settings, name, value, kinds);
    }
    if (const auto problems = asked.config.problems(); !problems.empty())
        throw UserError("--set: " + problems.front());
}
void apply_options(const TrainArguments& a, Asked& asked) {
    if (a.steps.given)
        asked.settings.steps = parse_integer("--steps", a.steps.value, 1, most_steps);
    if (a.checkpoint_every.given)
        asked.settings.checkpoint_every =
            parse_integer("--checkpoint-every", a.checkpoint_every.value, 1, most_steps);
    if (a.seed.given) asked.settings.seed = parse_seed("--seed", a.seed.value);
}

ModelConfig asked_config(const TrainArguments& a) {
    if (a.config.given) return read_config(a.config.value);
    return ModelConfig::preset(a.preset.value);
}

TrainingTextPtr open_text(const Asked& asked, const std::string& file,
                          const std::shared_ptr<const Tokenizer>& tokenizer) {
    if (file.empty()) return generated_text(asked.config, asked.settings, tokenizer);
    return file_text(asked.config, asked.settings, file, tokenizer);
}

std::unique_ptr<Trainer> start(const TrainArguments& a) {
    if (!a.steps.given) throw UserError("--steps: train needs the number of steps");
    Asked asked{asked_config(a), {}};
    apply_sets(a, asked);
    apply_options(a, asked);
    auto text = open_text(asked, a.corpus.given ? a.corpus.value : "", nullptr);
    return std::make_unique<Trainer>(asked.config, asked.settings, std::move(text),
                                     thread_count(a.threads));
}

std::unique_ptr<Trainer> resume(const TrainArguments& a, const fs::path& folder) {
    SavedRun saved = read_run(folder);
    Asked asked{saved.config, saved.settings};
    apply_sets(a, asked);
    apply_options(a, asked);
    const std::string state = (folder / train_state_name).string();
    if (asked.settings.seed != saved.settings.seed)
        throw UserError("--seed: the run in " + folder.string() + " has seed " +
                        std::to_string(saved.settings.seed) + ", a resumed run keeps it");
    // Fields given again must be those of the run.
    Asked again{saved.config, saved.settings};
    if (a.preset.given || a.config.given) {
        again.config = asked_config(a);
        apply_sets(a, again);
    } else {
        again.config = asked.config;
    }
    if (!(again.config == saved.config))
        throw UserError(state, "config",
                        "is of another shape than the one asked for, a resumed run keeps its own");
    const std::string file = a.corpus.given ? a.corpus.value : saved.source.file;
    auto text = open_text(asked, file, saved.tokenizer);
    if (text->source().fingerprint != saved.source.fingerprint)
        throw UserError(file.empty() ? "--corpus" : file, "",
                        "is not the text that the run in " + folder.string() + " was trained on" +
                            (saved.source.file.empty() ? " (the generated corpus)"
                                                       : " (" + saved.source.file + ")"));
    auto trainer = std::make_unique<Trainer>(asked.config, asked.settings, std::move(text),
                                             thread_count(a.threads));
    trainer->restore(saved.state, std::move(saved.history));
    return trainer;
}

// One line a report: JSON, or words that fit a terminal's line.
class Reports {
public:
    explicit Reports(bool json) : json_(json), terminal_(terminal()) {}

    void about(const Trainer& t) const {
        if (json_) return;
        const ModelCost c = cost(t.config());
        std::printf(
            "%lld parameters, %lld active; %lld steps of %lld x %lld tokens; ",
            static_cast<long long>(c.parameters), static_cast<long long>(c.active_parameters),
            static_cast<long long>(t.settings().steps), static_cast<long long>(t.settings().batch),
            static_cast<long long>(t.settings().seq));
        if (std::isfinite(t.text().floor()))
            std::printf("no model is below %.3f nats a token, ", t.text().floor());
        std::printf("bigrams reach %.3f\n", t.bigram_loss());
        std::fflush(stdout);
    }

    void write(const Trainer& t, double seconds_left) {
        const History& h = t.history();
        const StepRecord& r = h.back();
        std::vector<double> violations;
        for (std::size_t l = 0; l < h.layers().size(); ++l)
            violations.push_back(h.violation(l, h.size() - 1, violation_window));
        if (json_) {
            nlohmann::ordered_json line = {{"step", r.step},
                                           {"loss", r.loss},
                                           {"mtp_loss", r.mtp_loss},
                                           {"heldout_loss", number(r.heldout_loss)},
                                           {"bigram_loss", number(t.bigram_loss())},
                                           {"violation", violations},
                                           {"grad_norm", r.grad_norm},
                                           {"tokens_per_second", r.tokens_per_second},
                                           {"balance_loss", r.balance_loss},
                                           {"lr", r.lr}};
            if (std::isfinite(t.text().floor())) line["floor"] = t.text().floor();
            std::cout << line.dump() << std::endl;
            return;
        }
        double worst = 0;
        for (const double v : violations) worst = std::max(worst, v);
        char text[200];
        int n = std::snprintf(text, sizeof text, "step %*lld/%lld  loss %.3f  held out %.3f",
                              digits(t.settings().steps), static_cast<long long>(r.step),
                              static_cast<long long>(t.settings().steps),
                              static_cast<double>(r.loss), static_cast<double>(r.heldout_loss));
        if (!violations.empty())
            n += std::snprintf(text + n, sizeof text - static_cast<std::size_t>(n),
                               "  violation %.2f", worst);
        std::snprintf(text + n, sizeof text - static_cast<std::size_t>(n),
                      "  %.0f tokens/s  %s left", static_cast<double>(r.tokens_per_second),
                      duration(seconds_left).c_str());
        if (terminal_) {
            std::printf("\r\033[K%s", text);
            open_ = true;
        } else {
            std::printf("%s\n", text);
        }
        std::fflush(stdout);
    }
    ~Reports() {
        if (open_) std::printf("\n");
    }

private:
    static nlohmann::ordered_json number(double x) {
        return std::isfinite(x) ? nlohmann::ordered_json(x) : nlohmann::ordered_json();
    }
    static int digits(std::int64_t n) { return static_cast<int>(std::to_string(n).size()); }
    static std::string duration(double seconds) {
        const auto s = static_cast<long long>(std::llround(seconds));
        char text[48];
        if (s < 60)
            std::snprintf(text, sizeof text, "%lld s", s);
        else if (s < 3600)
            std::snprintf(text, sizeof text, "%lld min %02lld s", s / 60, s % 60);
        else
            std::snprintf(text, sizeof text, "%lld h %02lld min", s / 3600, s % 3600 / 60);
        return text;
    }
    bool json_, terminal_, open_ = false;
};

void save(const fs::path& folder, const Trainer& trainer) {
    const Uninterrupted whole;
    save_run(folder, trainer);
}

}  // namespace

int train(const TrainArguments& a) {
    if (!a.out.given || a.out.value.empty())
        throw UserError("--out: train needs a folder for what it makes");
    if (a.preset.given && a.config.given)
        throw UserError("--preset and --config exclude each other: a model has one shape");
    const fs::path folder = a.out.value;
    std::error_code error;
    const bool there = fs::exists(folder, error);
    if (there && !fs::is_directory(folder, error))
        throw UserError("--out", folder.string(), "is no folder");
    if (a.resume) remove_temporaries(folder);
    const bool resumable = a.resume && fs::exists(folder / train_state_name, error);
    if (there && !resumable && !fs::is_empty(folder, error))
        throw UserError("--out", folder.string(),
                        a.resume ? std::string("holds no ") + train_state_name + " to resume"
                                 : "is not empty (--resume goes on with the run in it)");
    if (!resumable && !a.preset.given && !a.config.given)
        throw UserError(a.resume ? "--resume: there is no run in " + folder.string() +
                                       " yet, and neither --preset nor --config says what to train"
                                 : "train needs a shape: --preset NAME or --config FILE");
    auto trainer = resumable ? resume(a, folder) : start(a);
    const std::int64_t steps = trainer->settings().steps;
    const std::int64_t until =
        a.until.given ? std::min(steps, parse_integer("--until", a.until.value, 1, most_steps))
                      : steps;
    if (!there) {
        fs::create_directories(folder, error);
        if (error) throw UserError("--out", folder.string(), "cannot be made: " + error.message());
    }
    if (resumable && trainer->steps_done() >= until) {
        write_model(folder, *trainer);
        say("the run in " + folder.string() + " has its " + std::to_string(trainer->steps_done()) +
            " steps already (" + (until < steps ? "--until" : "--steps") + " asks for more)");
        return 0;
    }
    StopRequest stop;
    if (!resumable) save(folder, *trainer);

    Reports reports(a.json);
    reports.about(*trainer);
    const auto every = trainer->settings().checkpoint_every;
    const auto report_every = trainer->settings().report_every;
    const auto begin = std::chrono::steady_clock::now();
    const auto first = trainer->steps_done();
    while (trainer->steps_done() < until && !stop.asked()) {
        const auto next = trainer->steps_done() + 1;
        const bool report = next % report_every == 0 || next == steps || next == 1;
        try {
            trainer->step(report);
        } catch (const UserError&) {
            save(folder, *trainer);  // the last good state
            throw;
        }
        if (report) {
            const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin;
            const auto done = static_cast<double>(next - first);
            reports.write(*trainer, spent.count() / done * static_cast<double>(until - next));
        }
        if (every > 0 && next % every == 0 && next < until && !stop.asked()) save(folder, *trainer);
    }
    save(folder, *trainer);
    if (stop.asked() || !trainer->finished()) {
        say("stopped after step " + std::to_string(trainer->steps_done()) + " of " +
            std::to_string(steps) + ", --resume goes on");
    }
    return stop.asked() ? stop.status() : 0;
}

}  // namespace sf::cli
