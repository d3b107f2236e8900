#pragma once

#include "core/train/trainer.h"
#include "tests/support/picture.h"
#include "tests/support/runs.h"
#include "views/paged_view.h"
#include "views/training_pages.h"

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

// The page "runs" alone, and small true training runs for it.

namespace sf::test {

class RunsOnly final : public PagedView {
public:
    RunsOnly() : PagedView(pages()) {}
    std::string id() const override { return "training"; }
    std::string title() const override { return "Training"; }
    std::string group() const override { return "Training"; }
    std::string lesson() const override { return ""; }

private:
    static Pages pages() {
        Pages all;
        all.push_back(make_training_runs_page());
        return all;
    }
};
inline const View& runs_view() {
    static const RunsOnly view;
    return view;
}

using TrainChange = std::function<void(ModelConfig&, TrainSettings&)>;

inline NamedRun trained_run(const std::string& name, std::int64_t steps,
                            const TrainChange& change = {}) {
    ModelConfig config = ModelConfig::preset("nano");
    TrainSettings settings;
    settings.steps = steps;
    settings.batch = 2;
    settings.seq = 24;
    settings.warmup = 2;
    settings.seed = 5;
    settings.balance = BalanceMode::none;
    settings.gamma = 0.05;
    if (change) change(config, settings);
    Trainer trainer(config, settings, generated_text(config, settings), 1);
    while (!trainer.finished()) trainer.step(trainer.steps_done() % 10 == 9);
    auto model = std::make_shared<Model>(*trainer.model(name));
    model->history = std::make_shared<const History>(trainer.history());
    return {name, model, model->history};
}

inline TrainChange in_mode(BalanceMode m) {
    return [m](ModelConfig&, TrainSettings& s) { s.balance = m; };
}

// One seed in four ways, and another shape.
inline const std::vector<NamedRun>& some_runs() {
    static const std::vector<NamedRun> runs{
        trained_run("none", 40), trained_run("bias", 40, in_mode(BalanceMode::bias)),
        trained_run("aux", 30, in_mode(BalanceMode::aux)),
        trained_run("bias+seq", 40, in_mode(BalanceMode::bias_seq)),
        trained_run("wide", 20, [](ModelConfig& c, TrainSettings&) { c.hidden_size = 64; })};
    return runs;
}

// The first run is looked at, the others are those to compare with.
struct RunsPicture : Picture {
    std::vector<NamedRun> others;
    NamedRun own;

    RunsPicture(std::vector<NamedRun> runs, double w, double h, double text, bool dark)
        : Picture(runs_view(), runs.empty() ? nullptr : run_of(runs.front()), "probs", w, h, text,
                  dark) {
        if (!runs.empty()) {
            own = runs.front();
            others.assign(runs.begin() + 1, runs.end());
        }
        frame.history = own.history.get();
        frame.runs = others.empty() ? nullptr : &others;
    }

private:
    static TracePtr run_of(const NamedRun& run) {
        return run_trace(run.model, {run.model->encode("Tom has")});
    }
};

}  // namespace sf::test
