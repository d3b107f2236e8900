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

// The index under a point of the target's grid, whose cells go on beyond its rectangle: what is
// held is not aimed at.
std::int64_t index_at(const Hit& hit, Vec2 at) {
    const Target& t = hit.target;
    const auto cell = [](double from, double extent, std::int64_t cells, double to) {
        const double share = extent > 0 ? (to - from) / extent : 0;
        return static_cast<std::int64_t>(
            std::clamp(std::floor(share * static_cast<double>(cells)), -1e9, 1e9));
    };
    return t.first + cell(hit.rect.y, hit.rect.h, t.rows, at.y) * t.row_stride +
           cell(hit.rect.x, hit.rect.w, t.cols, at.x) * t.col_stride;
}

SettingValue bounded(const Parameter& p, double value) {
    return std::clamp(value, p.min, std::max(p.min, p.max));
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
    // Only a handle holds on to a place; other targets set what they fix for good.
    const std::vector<std::string> names = settings_of(hit.target);
    if (std::any_of(declared.begin(), declared.end(), [&](const Parameter& p) {
            return p.handle && !names.empty() && p.name == names.front();
        }))
        remember_place(pane, names);
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
        if (p == declared.end()) continue;
        const Target& target = drag.hit.target;
        switch (p->type) {
            case Parameter::Type::integer:
                if (cell && p->log && moving == 1 && target.cols > 1)
                    set_value(pane, names[i],
                              p->value_at(static_cast<double>(cell->col) /
                                          static_cast<double>(target.cols - 1)));
                else if (cell)
                    set_value(pane, names[i],
                              bounded(*p, static_cast<double>(moving == 1 ? cell->index
                                                              : i == 0    ? cell->row
                                                                          : cell->col)));
                break;
            case Parameter::Type::real: {
                const double moved = i == 0 ? to.x - drag.at.x : drag.at.y - to.y;
                if (target.row_stride != 0 || target.col_stride != 0) {
                    // A press alone does not move it.
                    if (!(to == drag.at))
                        set_value(pane, names[i],
                                  bounded(*p, static_cast<double>(index_at(drag.hit, to)) * 1e-6));
                } else if (const auto pixels = i == 0 ? target.cols : target.rows;
                           moved != 0 && pixels > 0) {
                    set_value(pane, names[i],
                              bounded(*p, drag.from[i] + moved / static_cast<double>(pixels) *
                                                             (p->max - p->min)));
                }
                break;
            }
            case Parameter::Type::toggle:
            case Parameter::Type::choice:
            case Parameter::Type::text:
                break;
        }
    }
}

void Controller::reset_settings(int pane, const Target& target) {
    for (const std::string& name : settings_of(target))
        for (const Parameter& p : view(pane).parameters(frame(pane)))
            if (p.name == name) set_value(pane, name, p.standard);
    if (edits().empty()) free_place(view(pane).id());
}

}  // namespace sf
