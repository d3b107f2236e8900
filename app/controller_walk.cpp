#include "app/controller.h"
#include "core/error.h"

#include <algorithm>

namespace sf {

// Where the learner looks: the step on the timeline and the token that is followed.

void Controller::move(Move m) {
    if (running()) {
        waiting_.push_back(m);
        return;
    }
    const Timeline& t = *timeline_;
    const std::int64_t at = state_.step;
    switch (m) {
        case Move::next:
            return go_to(t.next(at));
        case Move::previous:
            return go_to(t.previous(at));
        case Move::next_operation:
            return go_to(t.next_operation(at));
        case Move::previous_operation:
            return go_to(t.previous_operation(at));
        case Move::next_layer:
            return go_to(t.next_layer(at));
        case Move::previous_layer:
            return go_to(t.previous_layer(at));
        case Move::first:
            return go_to(0);
        case Move::last:
            return go_to(t.size() - 1);
    }
}

void Controller::go_to(std::int64_t step) {
    if (timeline_->size() == 0) return;
    step = std::clamp<std::int64_t>(step, 0, timeline_->size() - 1);
    const std::int64_t before = state_.step;
    state_.step = step;
    state_.playing = false;
    // Only the way forward is played; the way back shows at once the very picture that was there.
    phase_ = 1;
    if (step > before && !state_.reduce_motion) {
        phase_ = 0;
        move_begin_ = now_;
    }
    changed();
}

void Controller::scrub(std::int64_t step) {
    if (step == state_.step) return;
    go_to(step);
    phase_ = 1;
}

void Controller::go_to_step(std::string_view name) {
    if (timeline_->size() == 0) throw UserError("step", "", "nothing has run yet");
    std::int64_t i = timeline_->find(name);
    if (i < 0) i = timeline_->of(snapshot_->trace->graph->find(name));
    if (i < 0)
        throw UserError("step", "",
                        "there is no step '" + std::string(name) + "'; steps are 0 to " +
                            std::to_string(timeline_->size() - 1) + " or a name");
    go_to(i);
}

void Controller::go_to_node(const std::string& node) {
    if (!snapshot_->trace) return;
    const auto [id, gradient] = named_tensor(*snapshot_->trace->graph, node);
    const std::int64_t i = gradient ? timeline_->gradient_of(id) : timeline_->of(id);
    if (i >= 0) go_to(i);
}

void Controller::set_playing(bool on) {
    if (timeline_->size() == 0) return;
    if (on && state_.step + 1 >= timeline_->size()) go_to(0);
    state_.playing = on;
    next_play_ = now_;
    changed();
}

const Step* Controller::current_step() const {
    return state_.step < timeline_->size() ? &(*timeline_)[state_.step] : nullptr;
}

std::int64_t Controller::token_count() const {
    return snapshot_->trace ? snapshot_->trace->extent.tokens : 0;
}

std::int64_t Controller::token() const {
    return state_.token < 0 ? token_count() - 1 : state_.token;
}

void Controller::set_token(std::int64_t position) {
    const std::int64_t n = token_count();
    if (n == 0) throw UserError("token", "", "nothing has run yet");
    if (position < -1 || position >= n)
        throw UserError("token", "",
                        "there is no position " + std::to_string(position) +
                            "; positions are 0 to " + std::to_string(n - 1));
    state_.token = position;
    changed();
}

void Controller::move_token(std::int64_t by) {
    if (token_count() == 0) return;
    set_token(std::clamp<std::int64_t>(token() + by, 0, token_count() - 1));
}

}  // namespace sf
