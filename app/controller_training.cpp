#include "app/controller.h"

#include "core/error.h"
#include "core/run/probe.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <sstream>

namespace sf {

namespace {

template <class Number>
Number parsed(const char* command, std::string_view text, const char* kind) {
    Number value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size())
        throw UserError(command, "", "'" + std::string(text) + "' is not " + kind);
    return value;
}

template <class Number>
Number whole(const char* command, std::string_view text) {
    return parsed<Number>(command, text, "a whole number");
}

}  // namespace

// ---- the clock -----------------------------------------------------------------------------

// The engine's snapshot, or a copy of it that shows the probe which the clock stands on.
SnapshotPtr Controller::with_probe(const SnapshotPtr& engines) {
    const auto history = engines->history();
    const TracePtr probe =
        history && state_.train_step >= 0 ? history->probe(state_.train_step) : nullptr;
    shown_probe_ = probe ? probe->trained_step : -1;
    if (!probe) return engines;
    if (probe_ != probe) {
        probe_ = probe;
        named_probe_ = engines->model ? named_probe(probe, engines->model->name) : probe;
        probe_timeline_ = std::make_shared<const Timeline>(*probe);
    }
    auto shown = std::make_shared<Snapshot>(*engines);
    shown->trace = named_probe_;
    shown->timeline = probe_timeline_;
    return shown;
}

bool Controller::has_clock() const {
    const auto history = training_history();
    return history && (!history->empty() || !history->probe_steps().empty());
}

void Controller::look_at_training(std::int64_t step) {
    const auto history = training_history();
    const auto steps = history ? history->probe_steps() : std::vector<std::int64_t>{};
    std::int64_t to = -1;
    if (step >= 0)
        for (const std::int64_t s : steps)
            if (to < 0 || std::abs(s - step) < std::abs(to - step)) to = s;
    if (to == state_.train_step && to == shown_probe_) return;
    state_.train_step = to;
    take_snapshot();
    changed();
}

void Controller::look_at_training(std::string_view text) {
    if (text == "live") return look_at_training(std::int64_t{-1});
    const auto step = whole<std::int64_t>("train-at", text);
    const auto history = training_history();
    const TracePtr probe = history ? history->probe(step) : nullptr;
    if (!probe)
        throw UserError("train-at", "",
                        history ? "nothing was kept at or before step " + std::string(text)
                                : "this model came without a history of its training");
    look_at_training(probe->trained_step);
}

void Controller::move_in_training(int by) {
    const auto history = training_history();
    const auto steps = history ? history->probe_steps() : std::vector<std::int64_t>{};
    if (steps.empty()) throw UserError("train-at", "", "no step of a training was kept to look at");
    const auto last = static_cast<std::int64_t>(steps.size());  // live
    const auto found = std::find(steps.begin(), steps.end(), shown_probe_);
    const std::int64_t at = std::clamp<std::int64_t>(found - steps.begin() + by, 0, last);
    look_at_training(at == last ? -1 : steps[static_cast<std::size_t>(at)]);
}

// ---- the run -------------------------------------------------------------------------------

// Keys pressed for the walk are kept, the picture stays.
void Controller::post_training(Command command) {
    posted_ = engine_->post(std::move(command));
    changed();
}

void Controller::start_training(const std::string& file) {
    TrainStart start;
    for (const auto& [name, value] : state_.training) start.set.emplace_back(name, value);
    start.corpus = file;
    state_.train_step = -1;
    post_training(std::move(start));
}

void Controller::toggle_training(std::string_view text) {
    if (!text.empty() && text != "on" && text != "off")
        throw UserError("train", "", "takes 'on' or 'off', not '" + std::string(text) + "'");
    const TrainingStatus* now = training();
    const bool runs = now && now->state == TrainingStatus::State::running;
    const bool on = text.empty() ? !runs : text == "on";
    if (!on) {
        if (now) post_training(TrainPause{});
    } else if (!now) {
        start_training("");
    } else {
        post_training(TrainResume{});
    }
}

void Controller::step_training(std::int64_t count) {
    if (!training()) {
        TrainStart start;
        for (const auto& [name, value] : state_.training) start.set.emplace_back(name, value);
        start.paused = true;
        state_.train_step = -1;
        post_training(std::move(start));
    }
    post_training(TrainStep{count});
}

void Controller::restart_training(std::string_view seed) {
    if (!training()) throw UserError("train-restart", "", "there is no run; train starts one");
    const std::uint64_t number =
        seed.empty() ? training()->settings.seed : whole<std::uint64_t>("train-restart", seed);
    state_.train_step = -1;
    post_training(TrainRestart{number});
}

void Controller::stop_training() {
    post_training(TrainStop{});
}

void Controller::save_training(const std::string& folder) {
    if (folder.empty()) throw UserError("train-save", "", "needs a folder");
    post_training(TrainSave{folder});
}

void Controller::follow_training(bool on) {
    state_.follow = on;
    post_training(TrainFollow{on});
}

void Controller::set_training(std::string_view assignment) {
    const auto equals = assignment.find('=');
    if (equals == std::string_view::npos || equals == 0)
        throw UserError("train-set", "", "takes name=value");
    const std::string name(assignment.substr(0, equals)), value(assignment.substr(equals + 1));
    TrainSettings settings;
    set_train_setting(settings, name, value, corpus_kind_names(), "train-set");
    state_.training[name] = value;
    if (training())
        post_training(TrainSet{name, value});
    else
        changed();
}

std::string Controller::training_setting(const std::string& name) const {
    // What was chosen goes before the answer of the run, which comes a step later.
    const auto chosen = state_.training.find(name);
    const bool answered = training() && snapshot_->done >= posted_;
    if (chosen != state_.training.end() && !answered) return chosen->second;
    if (training()) return train_setting(training()->settings, name);
    return train_setting(
        snapshot_->model ? live_settings(snapshot_->model->config) : TrainSettings{}, name);
}

void Controller::kick_expert(std::string_view text) {
    std::istringstream words{std::string(text)};
    std::string layer, expert, by, more;
    if (!(words >> layer >> expert >> by) || words >> more)
        throw UserError("train-kick", "", "takes layer, expert and by how much: layers.1 3 0.2");
    if (!training()) throw UserError("train-kick", "", "there is no run; train starts one");
    post_training(TrainKick{layer, whole<std::int64_t>("train-kick", expert),
                            parsed<double>("train-kick", by, "a number")});
}

bool Controller::training_panel_open() const {
    return state_.training_panel == "on" || (state_.training_panel == "auto" && training());
}

void Controller::set_training_panel(bool on) {
    state_.training_panel = on ? "on" : "off";
    changed();
}

// How the command line finds the weights that are shown; false: it cannot.
bool Controller::name_weights(FigureRequest& request) const {
    const Snapshot& s = *engines_;
    const auto saved = [&](const std::string& folder) {
        request.model_arguments = {"--model", folder};
        return true;
    };
    if (s.training) {
        const TrainingStatus& t = *s.training;
        if (shown_probe_ >= 0)
            return !t.saved_to.empty() && t.saved_step >= shown_probe_ && saved(t.saved_to);
        if (!s.live || !s.trace) return true;
        return t.saved_step == s.trace->trained_step && saved(t.saved_to);
    }
    if (!s.live) return true;
    return !s.model->folder.empty() && saved(s.model->folder.string());
}

}  // namespace sf
