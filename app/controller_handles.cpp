#include "app/controller.h"

#include <algorithm>
#include <cmath>

namespace sf {

namespace {

constexpr std::string_view handle_prefix = "setting:";

// The index under a point of the target's grid, whose cells go on beyond its rectangle: a handle is
// held, not aimed at.
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

}  // namespace

bool Controller::is_handle(std::string_view node) {
    return node.starts_with(handle_prefix);
}

// The setting that a hit "setting:NAME" moves: the index is the value of a whole number, toggle or
// choice (which of them), and counts millionths of a real one.
void Controller::drag_handle(int pane, const Hit& hit, Vec2 at, bool press) {
    const std::string name = hit.target.node.substr(handle_prefix.size());
    const std::int64_t index = index_at(hit, at);
    for (const Parameter& p : view(pane).parameters(frame(pane))) {
        if (p.name != name) continue;
        const auto whole = static_cast<double>(index);
        switch (p.type) {
            case Parameter::Type::integer:
                return set_value(pane, name, std::clamp(whole, p.min, std::max(p.min, p.max)));
            case Parameter::Type::real:
                // A press alone does not move it.
                if (!press)
                    set_value(pane, name, std::clamp(whole * 1e-6, p.min, std::max(p.min, p.max)));
                return;
            case Parameter::Type::toggle:
                return set_value(pane, name, index != 0);
            case Parameter::Type::choice:
                if (!p.choices.empty())
                    set_value(pane, name,
                              p.choices[static_cast<std::size_t>(std::clamp<std::int64_t>(
                                  index, 0, static_cast<std::int64_t>(p.choices.size()) - 1))]);
                return;
            case Parameter::Type::text:
                return;
        }
    }
}

void Controller::reset_handle(int pane, std::string_view node) {
    const std::string name(node.substr(handle_prefix.size()));
    for (const Parameter& p : view(pane).parameters(frame(pane)))
        if (p.name == name) return set_value(pane, name, p.standard);
}

}  // namespace sf
