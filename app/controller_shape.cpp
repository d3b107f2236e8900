#include "app/controller.h"

#include "core/error.h"
#include "core/io/config_json.h"
#include "core/known_shapes.h"
#include "core/shape_cost.h"
#include "views/draw/number.h"
#include "views/training_shape.h"

#include <cmath>
#include <sstream>

namespace sf {

namespace {

std::string change_of(const std::string& figure, double before, double after) {
    if (!(before > 0) || after == before) return figure;
    return figure + (after > before ? " (+" : " (−") +
           format_percent(std::abs(after / before - 1)) + ")";
}

// What changed, in a line.
std::string built_text(const ModelConfig& from, const ModelConfig& to) {
    const auto context = static_cast<double>(from.max_position_embeddings);
    const ShapeCost a = shape_cost(from, context), b = shape_cost(to, context);
    const double cached = cache_bytes(from, 1, 32), caches = cache_bytes(to, 1, 32);
    return "Built: " +
           change_of(format_short(b.parameters.sum()) + " parameters", a.parameters.sum(),
                     b.parameters.sum()) +
           ", " +
           change_of(format_short(b.active.sum()) + " active", a.active.sum(), b.active.sum()) +
           ", " +
           change_of(format_short(b.forward()) + " FLOPs a token", a.forward(), b.forward()) +
           ", " + change_of(format_bytes(std::llround(caches)) + " cached", cached, caches);
}

}  // namespace

void Controller::shape_training(std::string_view assignments) {
    if (!snapshot_->model)
        throw UserError("train-shape", "", "there is no model here whose shape could be changed");
    const ModelConfig before = snapshot_->model->config;
    TrainStart start;
    start.config = before;
    std::istringstream words{std::string(assignments)};
    bool any = false;
    for (std::string word; words >> word; any = true) {
        const auto equals = word.find('=');
        if (equals == std::string::npos || equals == 0)
            throw UserError("train-shape", "", "takes name=value, not '" + word + "'");
        const std::string name = word.substr(0, equals);
        if (!set_model_field(*start.config, name, word.substr(equals + 1), "train-shape"))
            throw UserError("train-shape", "",
                            "'" + name + "' is no field of a model's config.json");
    }
    if (!any) throw UserError("train-shape", "", "takes one name=value or several");
    if (const auto problems = start.config->problems(); !problems.empty())
        throw UserError("train-shape: " + problems.front());
    if (const auto n = cost(*start.config).parameters; n > most_trained_parameters)
        throw UserError("train-shape: " + format_short(static_cast<double>(n)) +
                        " parameters are more than the " +
                        format_short(static_cast<double>(most_trained_parameters)) +
                        " that are trained in the window");
    if (training() && training()->step > 0)
        throw UserError("train-shape: the run has taken " + std::to_string(training()->step) +
                        " steps, which another shape would lose; train-stop ends it, train-save "
                        "keeps it");
    for (const auto& [name, value] : state_.training) start.set.emplace_back(name, value);
    start.afresh = true;
    start.paused = true;
    state_.train_step = -1;
    const std::string text = built_text(before, *start.config);
    post_training(std::move(start));
    say(text);
}

// What the page "Shape" asks to be built at once, as a command; empty: nothing.
std::string Controller::drawn_up_shape() const {
    for (int pane = 0; pane < panes(); ++pane) {
        if (view(pane).id() != "training") continue;
        const Frame f = still_frame(pane);
        if (f.trace == nullptr || setting_text(f, view(pane), "show") != "shape" ||
            !setting_bool(f, view(pane), "rebuild"))
            continue;
        const training::Proposal p = training::make_shape(f, view(pane));
        if (!p.changes.empty() && p.problems.empty() && !p.too_large) return p.command();
    }
    return "";
}

// Once, when nothing has moved it for a moment; what was refused is not tried again.
void Controller::build_drawn_up_shape() {
    const std::string now = drawn_up_shape();
    if (now != drawn_up_) {
        drawn_up_ = now;
        drawn_up_since_ = now_;
        if (now.empty()) built_.clear();
    }
    if (drawn_up_ == built_ || drawn_up_.empty() || now_ < drawn_up_since_ + shape_rest) return;
    built_ = drawn_up_;
    attempt(drawn_up_);
}

}  // namespace sf
