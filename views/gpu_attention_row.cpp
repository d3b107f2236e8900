#include "views/draw/formula.h"
#include "views/draw/heat_map.h"
#include "views/draw/number.h"
#include "views/draw/page.h"
#include "views/draw/text.h"
#include "views/gpu_attention.h"

#include <algorithm>
#include <cmath>

// One row's running m, d and o: before the live tile, what the tile does to them, after it.
namespace sf::gpu {

namespace {

struct Line {
    std::string name, before, tile, after;
};

std::vector<Line> lines_of(const AttentionScene& s, std::int64_t tile) {
    const double shrink = s.shrink(tile);
    const std::string times =
        tile == 0 ? ""
                  : "× " + (shrink >= 0.1 ? format_fixed(shrink, 2) : format_number(shrink, 2));
    const double kept = tile == 0 ? 0 : s.d(tile - 1) * shrink;
    return {{"m", tile == 0 ? "−∞" : format_number(s.m(tile - 1)), "", format_number(s.m(tile))},
            {"d", format_number(s.d(tile - 1)),
             times + (tile == 0 ? "+ " : " + ") + format_number(s.d(tile) - kept, 3),
             format_number(s.d(tile))},
            {"o", "", times, ""}};
}

// o as bars from zero, before and after at one scale.
void draw_bars_of(Canvas& canvas, const AttentionScene& s, const Rect& r,
                  const std::vector<double>& o, double most, Colour colour) {
    const Theme& t = s.theme();
    const double w = r.w / static_cast<double>(o.size()), zero = r.centre().y;
    for (std::size_t i = 0; i < o.size(); ++i) {
        const double h = r.h / 2 * std::clamp(o[i] / most, -1.0, 1.0);
        canvas.fill_rect({r.x + w * static_cast<double>(i), h >= 0 ? zero - h : zero,
                          std::max(0.5, w * 0.8), std::abs(h)},
                         colour);
    }
    canvas.line({r.x, zero}, {r.right(), zero}, t.hairline, 1);
}

}  // namespace

double row_height(const AttentionScene& s) {
    const Theme& t = s.theme();
    return line_height(t.normal()) + 4 + 3 * (line_height(t.small()) + 4 * t.text_scale) +
           34 * t.text_scale;
}

void draw_row(Canvas& canvas, const AttentionScene& s, const Rect& area) {
    const Theme& t = s.theme();
    const double u = t.text_scale, line = line_height(t.small()) + 4 * u;
    const std::int64_t tile = s.live(s.band());
    double y = area.y + draw_block_title(canvas, t, area,
                                         "Row " + s.token(s.row) + " at " + std::to_string(s.row),
                                         s.told ? "m and d as the device left them"
                                                : "m and d from the trace's scores");
    const double name = 20 * u, column = (area.w - name) / 3;
    const auto cell = [&](int i) { return area.x + name + column * i; };
    const auto soft = t.text(t.small(), t.ink_faint, Weight::regular, Align::right);
    for (const auto& [i, head] : {std::pair{0, "before"}, {1, "the tile"}, {2, "after"}})
        text_in(canvas, {cell(i), y, column - 8 * u, line}, head, soft);
    y += line;
    const TileMove move = move_of(s);
    for (const Line& l : lines_of(s, tile)) {
        const bool o = l.name == "o";
        const double h = o ? 30 * u : line;
        if (y + h > area.bottom() + 1) return;
        text_in(canvas, {area.x, y, name, h}, l.name, t.text(t.small(), t.ink, Weight::bold));
        const auto plain = t.text(t.small(), t.ink, Weight::regular, Align::right);
        const auto strong = t.text(t.small(), t.ink, Weight::bold, Align::right);
        const auto lit = t.text(t.small(), t.accent, Weight::bold, Align::right);
        text_in(canvas, {cell(0), y, column - 8 * u, h}, l.before, plain);
        if (move.shrink > 0) text_in(canvas, {cell(1), y, column - 8 * u, h}, l.tile, lit);
        if (move.add > 0.5 && !o) text_in(canvas, {cell(2), y, column - 8 * u, h}, l.after, strong);
        if (o) {
            const std::vector<double> before = s.o(s.row, tile - 1), after = s.o(s.row, tile);
            if (after.empty()) {
                text_in(canvas, {cell(2), y, column - 8 * u, h}, "not kept", plain);
                return;
            }
            double most = 1e-30;
            for (const auto* all : {&before, &after})
                for (const double v : *all) most = std::max(most, std::abs(v));
            const Colour green = t.meaning(Meaning::value);
            draw_bars_of(canvas, s, {cell(0) + 12 * u, y, column - 20 * u, h}, before, most,
                         green.alpha(0.55));
            if (move.add > 0)
                draw_bars_of(canvas, s, {cell(2) + 12 * u, y, column - 20 * u, h}, after, most,
                             green);
        }
        y += h;
        canvas.line({area.x, y}, {area.right(), y}, t.grid, 1);
    }
}

}  // namespace sf::gpu
