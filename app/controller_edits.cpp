#include "app/controller.h"
#include "core/error.h"
#include "views/draw/number.h"

#include <algorithm>
#include <utility>

// Values of the run that a person set: by a command, or through the handles of any view, also of
// one that is not on screen, so that what follows from them can be looked at everywhere.
namespace sf {

// Without what was set, for the views to say what they set.
Frame Controller::plain_frame() const {
    Frame f = own_frame(state_.focus);
    f.trace = plain_->trace.get();
    f.base = nullptr;
    return f;
}

std::vector<Edit> Controller::edits() const {
    std::vector<Edit> all;
    if (!plain_->trace || !plain_->trace->weights || shown_probe_ >= 0) return all;
    all = by_hand_;
    Frame f = plain_frame();
    for (const auto& [id, settings] : state_.settings) {
        f.settings = &settings;
        for (Edit& e : find_view(id)->edits(f)) all.push_back(std::move(e));
    }
    return all;
}

// The run with what was set, as soon as it is there; until then with what was set before.
SnapshotPtr Controller::with_edits(const SnapshotPtr& plain) {
    const SnapshotPtr before = std::exchange(plain_, plain);
    const EditsOf asked{plain->trace, state_.settings, by_hand_, state_.step, state_.token};
    if (!(asked == edits_of_)) {
        edits_of_ = asked;
        const std::vector<Edit> wanted = edits();
        edit_need_.clear();
        if (!wanted.empty()) edit_need_ = {edited_run(plain->trace, wanted)};
        edits_wanted_ = wanted.size();
    }
    if (edit_need_.empty()) {
        edited_.reset();
        return plain;
    }
    if (edited_ && edited_->base != plain->trace) edited_.reset();
    if (const Derived::Entry* entry = derived_->entry(edit_need_.front().key)) {
        if (entry->value) edited_ = std::dynamic_pointer_cast<const EditedRun>(entry->value);
        if (!entry->error.empty() && entry->error != error_) show_error(entry->error);
    }
    if (!edited_) return plain;
    // Nothing new since the last tick.
    if (plain == before && snapshot_->trace == edited_->run) return snapshot_;
    auto shown = std::make_shared<Snapshot>(*plain);
    shown->trace = edited_->run;
    shown->timeline = edited_->timeline;
    return shown;
}

void Controller::edit(std::string_view assignment) {
    if (!plain_->trace) throw UserError("edit", "", "nothing has run yet");
    if (!plain_->trace->weights) throw UserError("edit", "", "a saved trace holds no weights");
    const Edit e = read_edit(*plain_->trace, assignment);
    std::erase_if(by_hand_,
                  [&](const Edit& old) { return old.node == e.node && old.index == e.index; });
    by_hand_.push_back(e);
    say(e.node + " at " + format_count(e.index) + " is set to " + format_number(e.value, 4) +
        "; U takes it back");
}

void Controller::restore() {
    if (edits_wanted_ == 0) throw UserError("restore", "", "nothing was set by hand");
    by_hand_.clear();
    Frame f = plain_frame();
    for (auto& [id, settings] : state_.settings) {
        const View& v = *find_view(id);
        f.settings = &settings;
        if (v.edits(f).empty()) continue;
        for (const Parameter& p : v.parameters(f))
            if (p.handle) settings.erase(p.name);
        free_place(id);
    }
    changed();
}

// When a handle lets go of its view's place.
void Controller::free_place(const std::string& id) {
    if (!held_.contains(id)) return;
    Settings& settings = state_.settings[id];
    for (const auto& [name, value] : held_[id])
        if (value)
            settings[name] = *value;
        else
            settings.erase(name);
    held_.erase(id);
}

// Before a handle that sets values of the run fixes the place where its view looks.
void Controller::remember_place(int pane, const std::vector<std::string>& names) {
    const std::string id = view(pane).id();
    if (held_.contains(id)) return;
    const Settings& now = state_.settings[id];
    for (const std::string& assignment : names) {
        const std::size_t equals = assignment.find('=');
        if (equals == std::string::npos) continue;
        const std::string name = assignment.substr(0, equals);
        const auto set = now.find(name);
        held_[id][name] = set == now.end() ? std::nullopt : std::optional(set->second);
    }
}

}  // namespace sf
