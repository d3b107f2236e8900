#include "views/draw/choice_map.h"

#include "views/draw/text.h"

namespace sf {

void draw_choice_map(Canvas& canvas, const Theme& theme, const ChoiceMap& map) {
    if (map.rows <= 0 || map.cols <= 0 || map.area.w <= 0 || map.area.h <= 0) return;
    const Rect& a = map.area;
    const double w = a.w / static_cast<double>(map.cols);
    const double h = (a.h + map.gap) / static_cast<double>(map.rows);
    const double inset = w >= 8 && h - map.gap >= 8 ? 1 : 0;
    for (std::int64_t r = 0; r < map.rows; ++r)
        canvas.fill_rect({a.x, a.y + h * static_cast<double>(r), a.w, h - map.gap},
                         map.colour.alpha(0.14));
    if (map.group > 0)
        for (std::int64_t c = map.group; c < map.cols; c += map.group) {
            const double x = a.x + w * static_cast<double>(c);
            canvas.line({x, a.y}, {x, a.bottom()}, theme.background, inset > 0 ? 2 : 1);
        }
    for (std::int64_t r = 0; r < map.rows; ++r)
        for (std::int64_t k = 0; k < map.choices; ++k) {
            const std::int64_t c = map.chosen(r, k), index = map.index(r, k);
            if (c < 0 || c >= map.cols) continue;
            const Rect cell{a.x + w * static_cast<double>(c) + inset,
                            a.y + h * static_cast<double>(r) + inset, w - 2 * inset,
                            h - map.gap - 2 * inset};
            canvas.fill_rect(cell, map.colour, inset > 0 ? 3 : 0);
            if (index == map.selected_index)
                canvas.stroke_rect(cell, theme.accent, 2, 3);
            else if (index == map.hover_index)
                canvas.stroke_rect(cell, theme.ink, 1.5, 3);
            const auto number = std::to_string(c);
            const auto style =
                theme.text(theme.small(), theme.background, Weight::bold, Align::centre);
            if (map.numbers && cell.h >= line_height(style.size) &&
                cell.w >= canvas.text_width(number, style) + 4)
                text_in(canvas, cell, number, style);
            if (!map.node.empty()) canvas.hit(cell, {map.node, index, 1, 1, 0, 0});
        }
}

}  // namespace sf
