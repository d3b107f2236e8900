#include "views/draw/shapes.h"

#include "views/canvas/font.h"
#include "views/draw/colour_map.h"
#include "views/draw/text.h"

#include <algorithm>
#include <cmath>

namespace sf {

namespace {

constexpr double pad = 7, gap = 4;

}  // namespace

std::string token_label(std::string_view token) {
    std::string out;
    for (std::size_t i = 0; i < token.size();) {
        const char32_t c = next_utf8(token, i);
        append_utf8(out, c == U' '    ? U'\u2423'
                         : c == U'\n' ? U'\u23CE'
                         : c == U'\t' ? U'\u21E5'
                                      : c);
    }
    return printable(out);
}

double chip_height(const Theme& theme) {
    return std::ceil(theme.normal() * 1.85);
}

double chip_width(const Canvas& canvas, const Theme& theme, const std::string& text) {
    const auto style = theme.text(theme.normal(), theme.ink);
    return std::ceil(std::max(canvas.text_width(text, style), theme.normal() * 0.6) + 2 * pad);
}

void draw_chip(Canvas& canvas, const Theme& theme, const Rect& r, const Chip& chip) {
    const double radius = std::min(5.0, r.h / 3);
    canvas.fill_rect(r, chip.chosen ? theme.accent_soft : theme.raised, radius);
    if (chip.mark.a > 0)
        canvas.fill_rect({r.x + radius, r.bottom() - 3, r.w - 2 * radius, 2}, chip.mark, 1);
    if (chip.chosen)
        canvas.stroke_rect(r, theme.accent, 1.5, radius);
    else if (chip.lit)
        canvas.stroke_rect(r, theme.ink_soft, 1.5, radius);
    text_in(canvas, {r.x + pad - 2, r.y, r.w - 2 * pad + 4, r.h}, chip.text,
            theme.text(theme.normal(), theme.ink, Weight::regular, Align::centre));
    if (chip.index >= 0) canvas.hit(r, {"token", chip.index, 1, 1, 0, 0});
}

std::vector<Rect> draw_chips(Canvas& canvas, const Theme& theme, Vec2 top_left, double width,
                             const std::vector<Chip>& chips) {
    std::vector<Rect> places(chips.size());
    if (chips.empty()) return places;
    std::vector<double> widths;
    for (const auto& chip : chips)
        widths.push_back(std::min(chip_width(canvas, theme, chip.text), width));
    const double h = chip_height(theme);
    const auto dots_style = theme.text(theme.normal(), theme.ink_faint);
    const double dots = canvas.text_width("…", dots_style) + gap;

    // The window of chips that fits: grown from the chosen one to both sides.
    std::size_t first = 0, last = chips.size();  // [first, last)
    double total = -gap;
    for (const double w : widths) total += w + gap;
    if (total > width) {
        std::size_t chosen = 0;
        for (std::size_t i = 0; i < chips.size(); ++i)
            if (chips[i].chosen) chosen = i;
        first = chosen;
        last = chosen + 1;
        double room = width - widths[chosen] - 2 * dots;
        bool grown = true;
        while (grown) {
            grown = false;
            if (last < chips.size() && widths[last] + gap <= room) {
                room -= widths[last++] + gap;
                grown = true;
            }
            if (first > 0 && widths[first - 1] + gap <= room) {
                room -= widths[--first] + gap;
                grown = true;
            }
        }
    }
    double x = top_left.x;
    const double baseline = top_left.y + h / 2 + cap_height(theme.normal()) / 2;
    if (first > 0) {
        canvas.text({x, baseline}, "…", dots_style);
        x += dots;
    }
    for (std::size_t i = first; i < last; ++i) {
        // One chip alone may be wider than what the dots leave.
        const double w = std::min(widths[i], top_left.x + width - x);
        places[i] = {x, top_left.y, w, h};
        draw_chip(canvas, theme, places[i], chips[i]);
        x += w + gap;
    }
    if (last < chips.size() && x + dots - gap <= top_left.x + width)
        canvas.text({x, baseline}, "…", dots_style);
    return places;
}

double draw_legend(Canvas& canvas, const Theme& theme, Vec2 top_left, double width,
                   const std::vector<LegendEntry>& entries, bool measure_only) {
    if (entries.empty()) return 0;
    const double size = theme.small(), row = std::ceil(size * 1.6);
    const double box = std::round(size * 0.85), space = size * 0.5, between = size * 1.4;
    const auto style = theme.text(size, theme.ink_soft);
    double x = 0, y = 0;
    for (const auto& e : entries) {
        const double mark = e.line ? box * 1.8 : box;
        const double w =
            std::min(mark + space + canvas.text_width(e.name, style), std::max(width, mark));
        if (x > 0 && x + w > width) {
            x = 0;
            y += row;
        }
        if (!measure_only) {
            const double left = top_left.x + x, middle = top_left.y + y + row / 2;
            if (e.line && e.dashed)
                draw_dashed(canvas, {{left, middle}, {left + mark, middle}}, e.colour, 2, 4, 3);
            else if (e.line)
                canvas.line({left, middle}, {left + mark, middle}, e.colour, 2);
            else
                draw_swatch(canvas, {left, middle - box / 2, box, box}, e.colour, e.hatch);
            text_in(canvas, {left + mark + space, top_left.y + y, w - mark - space, row}, e.name,
                    style);
        }
        x += w + between;
    }
    return y + row;
}

void draw_panel(Canvas& canvas, const Theme& theme, const Rect& r, bool lit) {
    canvas.fill_rect(r, theme.surface, 6);
    canvas.stroke_rect(r, lit ? theme.accent : theme.hairline, lit ? 1.5 : 1, 6);
}

}  // namespace sf
