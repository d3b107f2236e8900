#include "app/controller.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

namespace sf {

namespace {

constexpr std::string_view prefix = "setting:";

Vec2 inside(const Rect& r, Vec2 p) {
    // A cell's far edge belongs to the next one.
    return {std::clamp(p.x, r.x, r.x + std::max(0.0, r.w - 1e-6)),
            std::clamp(p.y, r.y, r.y + std::max(0.0, r.h - 1e-6))};
}

}  // namespace

bool is_setting(const Target& target) {
    return target.node.starts_with(prefix);
}

std::vector<std::string> settings_of(const Target& target) {
    std::vector<std::string> names;
    if (!is_setting(target)) return names;
    std::string_view rest = std::string_view(target.node).substr(prefix.size());
    while (true) {
        const std::size_t comma = std::min(rest.find(','), rest.size());
        names.emplace_back(rest.substr(0, comma));
        if (comma == rest.size()) return names;
        rest.remove_prefix(comma + 1);
    }
}

SettingDrag Controller::begin_drag(int pane, const Hit& hit, Vec2 at) {
    SettingDrag drag{hit, at, {}};
    const View& v = view(pane);
    const std::vector<Parameter> declared = v.parameters(frame(pane));
    for (const std::string& name : settings_of(hit.target)) {
        const auto p = std::find_if(declared.begin(), declared.end(),
                                    [&](const Parameter& x) { return x.name == name; });
        const bool is_number = p != declared.end() && std::holds_alternative<double>(p->standard);
        drag.from.push_back(is_number ? number(pane, name) : 0);
    }
    drag_to(pane, drag, at);
    return drag;
}

void Controller::drag_to(int pane, const SettingDrag& drag, Vec2 to) {
    const std::vector<std::string> names = settings_of(drag.hit.target);
    const std::vector<Parameter> declared = view(pane).parameters(frame(pane));
    const auto cell = pick(drag.hit, inside(drag.hit.rect, to));
    const auto moving = std::count_if(names.begin(), names.end(), [](const std::string& name) {
        return name.find('=') == std::string::npos;
    });
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (names[i].find('=') != std::string::npos) {
            set_setting(state_.settings[view(pane).id()], view(pane), frame(pane), names[i]);
            continue;
        }
        const auto p = std::find_if(declared.begin(), declared.end(),
                                    [&](const Parameter& x) { return x.name == names[i]; });
        if (p == declared.end() || !std::holds_alternative<double>(p->standard)) continue;
        double value = drag.from[i];
        if (p->type == Parameter::Type::integer) {
            if (!cell) continue;
            value = static_cast<double>(moving == 1 ? cell->index : i == 0 ? cell->row : cell->col);
        } else {
            const auto pixels =
                static_cast<double>(i == 0 ? drag.hit.target.cols : drag.hit.target.rows);
            const double moved = i == 0 ? to.x - drag.at.x : drag.at.y - to.y;
            if (moved == 0 || pixels <= 0) continue;
            value += moved / pixels * (p->max - p->min);
        }
        set_value(pane, names[i], std::clamp(value, p->min, std::max(p->min, p->max)));
    }
}

}  // namespace sf
