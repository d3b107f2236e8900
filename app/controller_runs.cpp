#include "app/controller.h"
#include "app/named_run.h"
#include "app/shipped_model.h"
#include "core/error.h"
#include "core/io/model_folder.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

// Runs to compare with: kept in memory or loaded from folders, on the way there or at hand; and one
// of them beside the own run, drawn by the same view with the same settings at the same step.
namespace sf {

namespace {

std::string absolute(const std::string& folder) {
    std::error_code error;
    const auto path = std::filesystem::absolute(folder, error);
    return error ? folder : path.lexically_normal().string();
}

// Where a step of one run is in another, which may lack it (another shape): there, else where the
// last one before it is.
std::int64_t same_step(const Timeline& own, std::int64_t step, const Timeline& other) {
    for (std::int64_t i = std::min(step, own.size() - 1); i >= 0; --i)
        if (const std::int64_t found = other.find(own[i].name); found >= 0) return found;
    return 0;
}

}  // namespace

// ---- which there are -----------------------------------------------------------------------

void Controller::begin_runs(const std::vector<NamedRun>& given) {
    for (const NamedRun& run : given) {
        std::erase_if(state_.runs, [&](const RunFolder& kept) { return kept.name == run.name; });
        add_run(run);
    }
    for (const RunFolder& run : state_.runs)
        if (!is_known(run.name)) ask_for_run(run);
    const auto known = [&](const RunFolder& run) { return run.name == state_.compare; };
    if (!comparing() || (panes() == 2 && state_.views[0] == state_.views[1] &&
                         std::any_of(state_.runs.begin(), state_.runs.end(), known)))
        return;
    state_.compare.clear();
    if (panes() == 2 && state_.views[0] == state_.views[1]) state_.views.pop_back();
    state_.focus = std::min(state_.focus, panes() - 1);
}

const NamedRun* Controller::find_run(const std::string& name) const {
    for (const NamedRun& run : runs_)
        if (run.name == name) return &run;
    return nullptr;
}

bool Controller::is_known(const std::string& name) const {
    return find_run(name) != nullptr ||
           std::any_of(loading_.begin(), loading_.end(),
                       [&](const Loading& loading) { return loading.run.name == name; });
}

void Controller::add_run(NamedRun run) {
    const std::string folder = run.model->folder.string();
    const auto same = [&](const RunFolder& kept) { return kept.name == run.name; };
    if (!folder.empty() && std::none_of(state_.runs.begin(), state_.runs.end(), same))
        state_.runs.push_back({run.name, absolute(folder)});
    runs_.push_back(std::move(run));
    changed();
}

void Controller::ask_for_run(const RunFolder& run) {
    loading_.push_back({run, loaded_run(run.folder, run.name, ++attempts_), false});
    changed();
}

void Controller::keep_run(const std::string& name) {
    const Snapshot& s = *engines_;
    if (!s.model) throw UserError("run-keep", "", "there is no model here to keep");
    if (s.training && !s.live)
        throw UserError(
            "run-keep", "",
            "the weights that train are not the ones shown; train-follow on shows them");
    check_run_name("run-keep", name, is_known(name));
    auto model = std::make_shared<Model>(*s.model);
    if (s.training) {
        // The weights on screen may be some steps behind.
        History history = s.training->history;
        history.truncate(model->weights->trained_step);
        model->history = std::make_shared<const History>(std::move(history));
    }
    add_run({name, model, model->history});
    say("Kept this run as " + name + (model->folder.empty() ? "; run-save writes it" : ""));
}

void Controller::load_run(const std::string& folder, const std::string& name) {
    if (folder.empty()) throw UserError("run-load", "", "needs the folder of a run");
    const std::string called = name.empty() ? standard_run_name(folder) : name;
    check_run_name("run-load", called, is_known(called));
    ask_for_run({called, absolute(folder)});
}

void Controller::drop_run(const std::string& name) {
    const auto named = [&](const auto& run) { return run.name == name; };
    std::erase_if(state_.runs, named);
    const auto loading =
        std::erase_if(loading_, [&](const Loading& l) { return l.run.name == name; });
    if (std::erase_if(runs_, named) + loading == 0) throw unknown_run("run-drop", name);
    if (state_.compare == name) compare("");
    changed();
}

UserError Controller::unknown_run(const std::string& command, const std::string& name) const {
    std::string known;
    for (const NamedRun& run : runs_) known += (known.empty() ? "" : ", ") + run.name;
    return {command, "",
            name.empty() ? "needs the name of a run"
                         : "there is no run '" + name + "'" +
                               (known.empty() ? "; run-load FOLDER and run-keep NAME add one"
                                              : "; runs are " + known)};
}

void Controller::save_run(const std::string& name, const std::string& folder) {
    if (folder.empty()) throw UserError("run-save", "", "needs the name of a run and a folder");
    const NamedRun* const run = find_run(name);
    if (run == nullptr) throw unknown_run("run-save", name);
    check_new_folder(folder);
    const std::string to = absolute(folder);
    loading_.push_back({{name, to}, saved_run(*run, to, ++attempts_), true});
    changed();
}

// It has a folder now, where the next session finds it.
void Controller::take_saved(const RunFolder& asked, const Derived::Entry& entry) {
    const auto* const saved = dynamic_cast<const LoadedRun*>(entry.value.get());
    if (saved == nullptr) return show_error("run-save: " + entry.error);
    for (NamedRun& run : runs_)
        if (run.name == asked.name) run = saved->run;
    std::erase_if(state_.runs, [&](const RunFolder& kept) { return kept.name == asked.name; });
    state_.runs.push_back(asked);
    say("Saved run " + asked.name + " to " + asked.folder);
}

// What came from elsewhere since the last tick.
void Controller::take_runs() {
    for (std::size_t i = 0; i < loading_.size();) {
        const Derived::Entry* const entry = derived_->entry(loading_[i].need.key);
        if (entry == nullptr || !entry->settled()) {
            ++i;
            continue;
        }
        const RunFolder asked = loading_[i].run;
        const bool saving = loading_[i].saving;
        loading_.erase(loading_.begin() + static_cast<std::ptrdiff_t>(i));
        if (saving) {
            take_saved(asked, *entry);
            continue;
        }
        if (const auto* loaded = dynamic_cast<const LoadedRun*>(entry->value.get())) {
            add_run(loaded->run);
            if (!loaded->run.model->no_history.empty()) show_error(loaded->run.model->no_history);
            continue;
        }
        std::erase_if(state_.runs, [&](const RunFolder& r) { return r.name == asked.name; });
        if (state_.compare == asked.name) compare("");
        show_error("run-load: " + entry->error);
    }
    take_beside();
}

// ---- one of them beside the own ------------------------------------------------------------

void Controller::compare(const std::string& name) {
    if (name.empty()) {
        if (!comparing()) return;
        state_.compare.clear();
        state_.views.resize(1);
        state_.focus = 0;
        return changed();
    }
    if (find_run(name) == nullptr) throw unknown_run("compare", name);
    const std::string id = view(state_.focus).id();
    state_.compare = name;
    state_.views = {id, id};
    state_.focus = 0;
    changed();
}

void Controller::toggle_compare() {
    compare(comparing() ? "" : first_run("compare").name);
}

const NamedRun& Controller::first_run(const std::string& command) const {
    if (runs_.empty())
        throw UserError(command, "",
                        "there is no other run; run-load FOLDER and run-keep NAME add one");
    return runs_.front();
}

void Controller::show_difference() {
    const std::string name = comparing() ? state_.compare : first_run("difference").name;
    if (!snapshot_->trace) throw UserError("difference", "", "nothing has run yet");
    remember();
    compare("");
    put_view(state_.focus, "inspector");
    set_value(state_.focus, "compare", "run:" + name);
}

const NamedRun* Controller::other_run() const {
    return find_run(state_.compare);
}

std::string Controller::run_name(int pane) const {
    if (shows_other(pane)) return state_.compare;
    return snapshot_->trace ? snapshot_->trace->model_name : "";
}

TracePtr Controller::trace(int pane) const {
    if (!shows_other(pane)) return snapshot_->trace;
    return beside_ ? beside_->trace : nullptr;
}

std::optional<Controller::Waiting> Controller::waits(int pane) const {
    if (!shows_other(pane) || !snapshot_->trace || beside_) return std::nullopt;
    const Derived::Entry* const entry =
        beside_need_.empty() ? nullptr : derived_->entry(beside_need_.front().key);
    return entry == nullptr ? Waiting{} : Waiting{entry->progress, entry->error};
}

// The other run of what is on screen, and what it is compared with in turn.
void Controller::take_beside() {
    const NamedRun* const run = other_run();
    beside_need_.clear();
    runs_of_other_.clear();
    if (run == nullptr || !plain_->trace) return beside_.reset();
    beside_need_ = {run_beside(*plain_->trace, run->model, run->history, shown_probe_)};
    const Derived::Entry* const entry = derived_->entry(beside_need_.front().key);
    const auto now =
        std::dynamic_pointer_cast<const RunBeside>(entry != nullptr ? entry->value : nullptr);
    if (now != beside_) changed();
    beside_ = now;
    for (const NamedRun& r : runs_)
        if (r.name != run->name) runs_of_other_.push_back(r);
    if (engines_->model)
        runs_of_other_.push_back({run_name(0), engines_->model, engines_->history()});
}

Frame Controller::other_frame() const {
    Frame f = own_frame(1);
    f.base = nullptr;
    f.trace = beside_ ? beside_->trace.get() : nullptr;
    f.timeline = beside_ ? beside_->timeline.get() : nullptr;
    f.history = nullptr;
    f.train_step = -1;
    if (const NamedRun* const run = other_run()) f.history = run->history.get();
    f.runs = runs_of_other_.empty() ? nullptr : &runs_of_other_;
    f.twin = f.trace != nullptr ? shipped_twin(f.trace->graph->config) : nullptr;
    if (f.trace == nullptr) return f;
    if (shown_probe_ >= 0) f.train_step = f.trace->trained_step;
    f.cursor.step = same_step(*timeline_, f.cursor.step, *f.timeline);
    f.cursor.token = std::min(f.cursor.token, f.trace->extent.tokens - 1);
    return f;
}

}  // namespace sf
