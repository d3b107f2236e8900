#include "app/shell.h"

#include "app/chrome_tooltip.h"
#include "core/error.h"
#include "views/draw/page.h"

#include <cmath>
#include <utility>

namespace sf {

void Shell::layout(double width, double height) {
    if (!stale_ && drawn_version_ == controller_.version() && width == width_ && height == height_)
        return;
    width_ = width;
    height_ = height;
    const Rect all{0, 0, width, height};
    if (controller_.token() != strip_token_) {
        strip_token_ = controller_.token();
        strip_scroll_ = 0;
    }
    base_.emplace(all);
    controller_.set_roomy(is_roomy(controller_, width));
    layout_ = make_layout(controller_, *base_, width, height);
    for (int pane = 0; pane < controller_.panes(); ++pane)
        controller_.set_area(pane, layout_.area[pane]);
    draw_frame_lines(*base_, controller_, layout_);
    draw_top(*base_, controller_, layout_);
    draw_strip(*base_, controller_, layout_, strip_scroll_);
    draw_list(*base_, controller_, layout_);
    draw_clock(*base_, controller_, layout_);
    draw_bottom(*base_, controller_, layout_);
    draw_error(*base_, controller_, layout_);
    for (int pane = 0; pane < 2; ++pane) {
        auto& picture = panes_[static_cast<std::size_t>(pane)];
        picture.reset();
        if (pane >= controller_.panes()) continue;
        draw_pane_heading(*base_, controller_, layout_, pane);
        picture.emplace(layout_.area[pane]);
        if (layout_.area[pane].w < 1 || layout_.area[pane].h < 1) continue;
        const ClipScope clip(*picture, layout_.area[pane]);
        if (const auto waiting = controller_.waits(pane))
            draw_pending(*picture, controller_.theme(), layout_.area[pane].inset(24),
                         "the same text through " + controller_.run_name(pane), waiting->progress,
                         waiting->error);
        else
            controller_.view(pane).draw(*picture, controller_.frame(pane));
    }
    over_.emplace(all);
    draw_toast(*over_, controller_, layout_);
    if (controller_.overlay() == Overlay::checks) draw_checks(*over_, controller_, layout_);
    if (controller_.overlay() == Overlay::help) draw_help(*over_, controller_, width, height);
    if (hover_ && (drag_ == Drag::none || drag_ == Drag::waiting) &&
        controller_.overlay() == Overlay::none)
        draw_tooltip(*over_, controller_, *hover_, pane_at(at_), explanation(*hover_), at_, width,
                     height);
    drawn_version_ = controller_.version();
    stale_ = false;
}

std::vector<const RecordingCanvas*> Shell::under() const {
    std::vector<const RecordingCanvas*> all;
    if (base_) all.push_back(&*base_);
    for (const auto& pane : panes_)
        if (pane) all.push_back(&*pane);
    return all;
}

const Explanation& Shell::explanation(const Pick& pick) {
    const TracePtr trace = controller_.trace(pane_at(at_));
    if (trace == explained_trace_ && pick == explained_) return explanation_;
    explained_trace_ = trace;
    explained_ = pick;
    explanation_ = {};
    const auto [node, gradient] = trace ? named_tensor(*trace->graph, pick.node) : TensorName{};
    if (node == no_node) return explanation_;
    try {
        explanation_ = gradient ? explain_gradient(*trace, node, pick.index)
                                : explain(*trace, node, pick.index);
    } catch (const std::exception&) {
        // A cell that cannot be explained still shows its value.
        explanation_ = {};
    }
    return explanation_;
}

// ---- the pointer ---------------------------------------------------------------------------

std::optional<Pick> Shell::find(Vec2 at) const {
    if (over_)
        if (auto hit = over_->find(at)) return hit;
    if (controller_.overlay() == Overlay::palette) return std::nullopt;
    for (const auto& pane : panes_)
        if (pane)
            if (auto hit = pane->find(at)) return hit;
    return base_ ? base_->find(at) : std::nullopt;
}

std::optional<Hit> Shell::find_setting(Vec2 at) const {
    for (const auto& pane : panes_) {
        if (!pane) continue;
        const auto& hits = pane->hits();
        for (auto hit = hits.rbegin(); hit != hits.rend(); ++hit)
            if (is_setting(hit->target) && hit->clip.contains(at) && pick(*hit, at)) return *hit;
    }
    return std::nullopt;
}

bool Shell::is_cell(const Pick& pick) const {
    const TracePtr trace = controller_.trace(pane_at(at_));
    return trace && named_tensor(*trace->graph, pick.node).node != no_node;
}

int Shell::pane_at(Vec2 at) const {
    for (int pane = 0; pane < controller_.panes(); ++pane)
        if (layout_.pane[pane].contains(at)) return pane;
    return -1;
}

void Shell::pointer(Vec2 at, bool on_widget) {
    on_widget_ = on_widget;
    const bool moved = !(at == at_);
    at_ = at;
    if (resting_ && !moved) return;
    resting_ = false;
    if (drag_ == Drag::waiting && std::hypot(at.x - drag_from_.x, at.y - drag_from_.y) > 4)
        drag_ = drag_pane_ >= 0 ? Drag::pan : Drag::none;
    if (drag_ == Drag::pan) {
        controller_.pan(drag_pane_, at - drag_last_);
        drag_last_ = at;
        return;
    }
    if (drag_ == Drag::scrub) {
        controller_.scrub(step_at(controller_, layout_, at.x));
        return;
    }
    if (drag_ == Drag::train) {
        look_at_training(at);
        return;
    }
    if (drag_ == Drag::setting) {
        controller_.drag_to(drag_pane_, *dragged_, at);
        return;
    }
    std::optional<Pick> now = on_widget ? std::nullopt : find(at);
    if (now == hover_) {
        // The tip follows the pointer.
        if (hover_ && moved) stale_ = true;
        return;
    }
    hover_ = std::move(now);
    stale_ = true;
    if (hover_ && is_cell(*hover_))
        controller_.set_hover(hover_->node, hover_->index);
    else
        controller_.set_hover("", -1);
}

void Shell::leave() {
    if (hover_) stale_ = true;
    hover_.reset();
    at_ = {-1, -1};
    controller_.set_hover("", -1);
}

void Shell::rest() {
    resting_ = true;
    if (hover_) stale_ = true;
    hover_.reset();
    controller_.set_hover("", -1);
}

void Shell::press(bool twice) {
    if (on_widget_) return;
    pressed_ = find(at_);
    cell_.reset();
    if (pressed_ && is_cell(*pressed_)) cell_ = pressed_;
    if (const int pane = pane_at(at_); pane >= 0 && controller_.overlay() == Overlay::none)
        controller_.focus_pane(pane);
    if (twice && pressed_) {
        click(*pressed_, true);
        pressed_.reset();
        return;
    }
    drag_from_ = drag_last_ = at_;
    drag_ = Drag::waiting;
    drag_pane_ = -1;
    if (controller_.overlay() != Overlay::none) return;
    if (pressed_ && pressed_->node == "step" && layout_.bottom.contains(at_)) {
        drag_ = Drag::scrub;
        controller_.scrub(pressed_->index);
    } else if (pressed_ && pressed_->node == "train-at") {
        drag_ = Drag::train;
        look_at_training(at_);
    } else if (const auto hit = find_setting(at_);
               hit && pressed_ && (pressed_->node.starts_with("setting:") || is_cell(*pressed_))) {
        drag_ = Drag::setting;
        drag_pane_ = pane_at(at_);
        dragged_ = controller_.begin_drag(drag_pane_, *hit, at_);
    } else if (const int pane = pane_at(at_); pane >= 0 && layout_.area[pane].contains(at_) &&
                                              controller_.has_parameter(pane, "pan_x")) {
        drag_pane_ = pane;
    }
}

// The kept step under the pointer: on the clock, which reaches beyond its height while it is
// dragged, or on curves in a picture.
void Shell::look_at_training(Vec2 at) {
    const auto under = find(at);
    if (pressed_ && pane_at(drag_from_) >= 0) {
        if (under && under->node == "train-at") controller_.look_at_training(under->index);
        return;
    }
    controller_.look_at_training(train_step_at(controller_, layout_, at.x));
}

void Shell::release() {
    const Drag was = std::exchange(drag_, Drag::none);
    stale_ = true;
    if (was == Drag::waiting && pressed_ && find(at_) == pressed_) click(*pressed_, false);
    if (was == Drag::waiting && !pressed_ && controller_.overlay() == Overlay::checks)
        controller_.toggle(Overlay::checks);
    pressed_.reset();
}

void Shell::release_quietly() {
    drag_ = Drag::none;
    pressed_.reset();
}

void Shell::click(const Pick& pick, bool twice) {
    constexpr std::string_view command = "command:";
    if (pick.node.starts_with(command)) {
        // Every press of a button counts, the second of a double click too.
        const std::string line = pick.node.substr(command.size());
        if (!line.empty()) controller_.attempt(line);
    } else if (pick.node == "token") {
        controller_.attempt("token " + std::to_string(pick.index));
    } else if (pick.node == "view") {
        controller_.attempt("view " + std::to_string(pick.index + 1));
    } else if (pick.node == "step") {
        controller_.go_to(pick.index);
    } else if (pick.node == "train-at") {
        // The second press of a double click.
        look_at_training(at_);
    } else if (const Target target{pick.node, 0}; is_setting(target)) {
        if (const int pane = pane_at(at_); pane >= 0 && twice)
            controller_.reset_settings(pane, target);
    } else if (is_cell(pick)) {
        click_cell(pick, twice);
    }
}

// The map goes to the box's step; the inspector chooses the cell or goes on to a neighbour; a
// second click goes in.
void Shell::click_cell(const Pick& pick, bool twice) {
    const int pane = pane_at(at_);
    if (pane < 0) return;
    if (controller_.has_parameter(pane, "cell")) {
        if (controller_.inspected(pane) == pick.node)
            controller_.set_value(pane, "cell", pick.node + ":" + std::to_string(pick.index));
        else
            controller_.attempt("inspect " + pick.node);
    } else if (twice) {
        controller_.attempt("inspect " + pick.node);
    } else {
        controller_.go_to_node(pick.node);
    }
}

void Shell::wheel(double up) {
    if (on_widget_ || controller_.overlay() != Overlay::none) return;
    if (layout_.strip.contains(at_)) {
        strip_scroll_ -= up * 48;
        stale_ = true;
        return;
    }
    if (layout_.bottom.contains(at_)) {
        controller_.scrub(controller_.step() + (up < 0 ? 1 : -1));
        return;
    }
    if (layout_.clock.contains(at_) && controller_.has_clock()) {
        controller_.attempt(up < 0 ? "train-forward" : "train-back");
        return;
    }
    const int pane = pane_at(at_);
    if (pane < 0) return;
    controller_.zoom_at(pane, std::pow(1.15, up), at_);
}

}  // namespace sf
