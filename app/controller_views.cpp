#include "app/controller.h"
#include "app/shipped_model.h"

#include "core/error.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace sf {

namespace {

const Settings no_settings;

bool is_integer(std::string_view text, std::int64_t& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size();
}

// Of the tensor that a step is about.
std::string name_of(const Trace& trace, const Step& step) {
    const std::string& name = (*trace.graph)[step.node].name;
    return step.kind == Step::Kind::gradient ? gradient_name(name) : name;
}

}  // namespace

const View& Controller::require_view(std::string_view name) const {
    std::int64_t n = 0;
    if (is_integer(name, n)) {
        const auto count = static_cast<std::int64_t>(views().size());
        if (n < 1 || n > count)
            throw UserError("view", "",
                            "there is no view " + std::string(name) + "; views are 1 to " +
                                std::to_string(count));
        return *views()[static_cast<std::size_t>(n - 1)];
    }
    if (const View* view = find_view(name)) return *view;
    std::string known;
    for (const auto& view : views()) known += (known.empty() ? "" : ", ") + view->id();
    throw UserError("view", "", "there is no view '" + std::string(name) + "'; views are " + known);
}

const View& Controller::view(int pane) const {
    return *find_view(state_.views[static_cast<std::size_t>(pane)]);
}

Theme Controller::theme() const {
    const double scale = state_.text_percent / 100.0;
    return state_.dark ? Theme::dark_theme(scale) : Theme::light(scale);
}

Frame Controller::frame(int pane) const {
    return shows_other(pane) ? other_frame() : own_frame(pane);
}

Frame Controller::own_frame(int pane) const {
    Frame f;
    f.trace = snapshot_->trace.get();
    f.base = edited_ ? edited_->base.get() : nullptr;
    f.timeline = f.trace ? timeline_.get() : nullptr;
    f.history = snapshot_->history().get();
    f.gpu = device();
    f.gpu_note = chosen_.note;
    f.train_step = shown_probe_;
    f.cursor = {state_.step, phase_, 0, state_.token};
    const auto it = state_.settings.find(state_.views[static_cast<std::size_t>(pane)]);
    f.settings = it == state_.settings.end() ? &no_settings : &it->second;
    f.derived = derived_.get();
    if (!runs_.empty()) f.runs = &runs_;
    f.theme = &theme_;
    if (f.trace != nullptr) f.twin = shipped_twin(f.trace->graph->config);
    f.area = areas_[static_cast<std::size_t>(pane)];
    f.hover_node = hover_node_;
    f.hover_index = hover_index_;
    return f;
}

// Without the move and the pointer: what needs and invariants depend on.
Frame Controller::still_frame(int pane) const {
    Frame f = frame(pane);
    f.cursor.within = 1;
    f.hover_node.clear();
    f.hover_index = -1;
    return f;
}

Controller::Subject Controller::subject(int pane) const {
    const Frame f = still_frame(pane);
    return {&view(pane), trace(pane), f.cursor, *f.settings, runs_, device()};
}

// Measured anew when what is on screen changes; not for every picture of a move.
const std::vector<Invariant>& Controller::invariants(int pane) const {
    Checked& c = checked_[static_cast<std::size_t>(pane)];
    const Subject now = subject(pane);
    if (!(c.subject == now) || c.derived != derived_)
        c = {now, derived_, view(pane).invariants(still_frame(pane))};
    return c.list;
}

bool Controller::all_hold() const {
    for (int pane = 0; pane < panes(); ++pane)
        for (const Invariant& i : invariants(pane))
            if (!i.holds) return false;
    return true;
}

std::string Controller::description(int pane) const {
    return view(pane).describe(frame(pane));
}

void Controller::set_hover(const std::string& node, std::int64_t index) {
    if (node == hover_node_ && index == hover_index_) return;
    hover_node_ = node;
    hover_index_ = index;
    changed();
}

// ---- which views ---------------------------------------------------------------------------

void Controller::remember() {
    constexpr std::size_t longest = 32;
    history_.push_back({state_.views, state_.focus, state_.settings, state_.compare});
    if (history_.size() > longest) history_.erase(history_.begin());
}

void Controller::show_view(std::string_view name) {
    const std::string id = require_view(name).id();
    for (int pane = 0; pane < panes(); ++pane)
        if (state_.views[static_cast<std::size_t>(pane)] == id) return focus_pane(pane);
    history_.clear();
    put_view(state_.focus, id);
    changed();
}

// Both panes of a comparison show one view.
void Controller::put_view(int pane, const std::string& id) {
    state_.views[static_cast<std::size_t>(pane)] = id;
    if (comparing()) state_.views = {id, id};
}

void Controller::show_beside(std::string_view name) {
    if (comparing()) {
        compare("");
        if (name.empty()) return;
    }
    if (name.empty() && panes() == 2) {
        state_.views = {state_.views[static_cast<std::size_t>(state_.focus)]};
        state_.focus = 0;
        return changed();
    }
    std::string id = name.empty() ? "" : require_view(name).id();
    if (name.empty())
        for (const auto& v : views())
            if (v->id() != state_.views[0] && (id.empty() || v->id() == "inspector")) id = v->id();
    if (id.empty() || id == state_.views[0]) return;
    state_.views = {state_.views[0], id};
    state_.focus = 0;
    changed();
}

void Controller::focus_other() {
    focus_pane(panes() - 1 - state_.focus);
}

void Controller::focus_pane(int pane) {
    state_.focus = std::clamp(pane, 0, panes() - 1);
    changed();
}

void Controller::enter() {
    const Step* step = current_step();
    if (!step || step->node == no_node || view(state_.focus).id() == "inspector") return;
    inspect(name_of(*snapshot_->trace, *step));
}

void Controller::inspect(const std::string& node) {
    if (!snapshot_->trace) throw UserError("inspect", "", "nothing has run yet");
    const auto [id, gradient] = named_tensor(*snapshot_->trace->graph, node);
    if (id == no_node) throw UserError("inspect", "", "there is no tensor '" + node + "'");
    const auto shown = std::find(state_.views.begin(), state_.views.end(), "inspector");
    remember();
    if (shown == state_.views.end())
        put_view(state_.focus, "inspector");
    else if (!comparing())
        state_.focus = static_cast<int>(shown - state_.views.begin());
    // What is a step of its own is looked at by going there, so that the timeline tells the same
    // and the next key walks on; a weight or the lens is pinned.
    const std::int64_t step = gradient ? timeline_->gradient_of(id) : timeline_->of(id);
    const Step* now = current_step();
    if (step >= 0 && (now->node != id || (now->kind == Step::Kind::gradient) != gradient))
        go_to(step);
    set_value(state_.focus, "node", step >= 0 ? std::string() : node);
}

std::string Controller::inspected(int pane) const {
    std::string name = setting_text(frame(pane), view(pane), "node");
    const Step* step = current_step();
    if (name.empty() && step && step->node != no_node) name = name_of(*snapshot_->trace, *step);
    const bool gradient =
        has_parameter(pane, "gradient") && setting_bool(frame(pane), view(pane), "gradient");
    return gradient && !name.empty() && !name.starts_with(gradient_prefix) ? gradient_name(name)
                                                                           : name;
}

void Controller::back() {
    if (overlay_ != Overlay::none) {
        overlay_ = Overlay::none;
    } else if (state_.playing) {
        state_.playing = false;
    } else if (!history_.empty()) {
        Place place = std::move(history_.back());
        history_.pop_back();
        state_.views = std::move(place.views);
        state_.focus = place.focus;
        state_.settings = std::move(place.settings);
        state_.compare = std::move(place.compare);
    } else if (!error_.empty()) {
        error_.clear();
    }
    changed();
}

void Controller::toggle(Overlay overlay) {
    overlay_ = overlay_ == overlay ? Overlay::none : overlay;
    changed();
}

// ---- settings ------------------------------------------------------------------------------

void Controller::set_parameter(std::string_view assignment) {
    int pane = state_.focus;
    std::string id = view(pane).id();
    const auto equals = assignment.find('=');
    const auto dot = assignment.substr(0, equals).find('.');
    if (dot != std::string_view::npos && find_view(assignment.substr(0, dot))) {
        id = std::string(assignment.substr(0, dot));
        assignment.remove_prefix(dot + 1);
    }
    set_setting(state_.settings[id], require_view(id), frame(pane), assignment);
    changed();
}

void Controller::set_value(int pane, const std::string& name, const SettingValue& value) {
    const View& v = view(pane);
    Settings& settings = state_.settings[v.id()];
    for (const Parameter& p : v.parameters(frame(pane))) {
        if (p.name != name) continue;
        if (p.standard == value)
            settings.erase(name);
        else
            settings[name] = value;
    }
    changed();
}

void Controller::reset_parameters() {
    state_.settings.erase(view(state_.focus).id());
    held_.erase(view(state_.focus).id());
    changed();
}

bool Controller::has_plain(int pane) const {
    for (const Parameter& p : view(pane).parameters(frame(pane)))
        if (p.plain) return true;
    return false;
}

bool Controller::is_plain(int pane) const {
    const Frame f = frame(pane);
    bool any = false;
    for (const Parameter& p : view(pane).parameters(f)) {
        if (!p.plain) continue;
        any = true;
        const auto set = f.settings->find(p.name);
        if ((set == f.settings->end() ? p.standard : set->second) != *p.plain) return false;
    }
    return any;
}

void Controller::set_plain(int pane, bool on) {
    for (const Parameter& p : view(pane).parameters(frame(pane)))
        if (p.plain) set_value(pane, p.name, on ? *p.plain : p.standard);
}

bool Controller::has_parameter(int pane, std::string_view name) const {
    for (const Parameter& p : view(pane).parameters(frame(pane)))
        if (p.name == name) return true;
    return false;
}

double Controller::number(int pane, std::string_view name) const {
    return setting_number(frame(pane), view(pane), name);
}

void Controller::set_dark(bool dark) {
    state_.dark = dark;
    theme_ = theme();
    changed();
}

void Controller::set_text_percent(int percent) {
    state_.text_percent = std::clamp(percent, min_text_percent, max_text_percent);
    theme_ = theme();
    changed();
}

void Controller::set_panel(bool on) {
    state_.panel = on ? "on" : "off";
    changed();
}

void Controller::set_reduce_motion(bool on) {
    state_.reduce_motion = on;
    phase_ = 1;
    changed();
}

}  // namespace sf
