#include "app/controller.h"

#include <algorithm>
#include <utility>

namespace sf {

namespace {

// A declared number brought into its range.
double limited(const View& view, const Frame& frame, std::string_view name, double value) {
    for (const Parameter& p : view.parameters(frame))
        if (p.name == name) return std::clamp(value, p.min, p.max);
    return value;
}

}  // namespace

void Controller::zoom(double factor) {
    const int pane = state_.focus;
    zoom_at(pane, factor, areas_[static_cast<std::size_t>(pane)].centre());
}

// Views that can be zoomed declare `zoom` (1: all of it) and `pan_x`, `pan_y`, the middle of the
// picture in logical pixels away from that of the area.
void Controller::zoom_at(int pane, double factor, Vec2 at) {
    if (!has_parameter(pane, "zoom")) return;
    const double before = number(pane, "zoom");
    const double after = limited(view(pane), frame(pane), "zoom", before * factor);
    if (after == before) return;
    set_value(pane, "zoom", after);
    if (!has_parameter(pane, "pan_x") || !has_parameter(pane, "pan_y")) return;
    // What is under the pointer stays there.
    const Vec2 from = at - areas_[static_cast<std::size_t>(pane)].centre();
    const Vec2 old{number(pane, "pan_x"), number(pane, "pan_y")};
    const Vec2 moved = from - (from - old) * (after / before);
    set_value(pane, "pan_x", limited(view(pane), frame(pane), "pan_x", moved.x));
    set_value(pane, "pan_y", limited(view(pane), frame(pane), "pan_y", moved.y));
}

void Controller::pan(int pane, Vec2 by) {
    if (!has_parameter(pane, "pan_x") || !has_parameter(pane, "pan_y")) return;
    set_value(pane, "pan_x",
              limited(view(pane), frame(pane), "pan_x", number(pane, "pan_x") + by.x));
    set_value(pane, "pan_y",
              limited(view(pane), frame(pane), "pan_y", number(pane, "pan_y") + by.y));
}

}  // namespace sf
