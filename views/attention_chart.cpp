#include "views/attention_draw.h"
#include "views/draw/formula.h"
#include "views/draw/number.h"
#include "views/draw/plot.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"

#include <algorithm>
#include <cmath>

// The middle of the view: three pictures over one row of tiles.
namespace sf::online {

namespace {

double part(double u, double from, double to) {
    const double x = std::clamp((u - from) / (to - from), 0.0, 1.0);
    return x * x * (3 - 2 * x);
}

// A bold word and its formula, as far as they fit; returns where they end.
double heading(const Page& page, const Rect& r, const std::string& word,
               const std::string& markup) {
    const Theme& t = page.t;
    const auto bold = t.text(t.small(), t.ink, Weight::bold);
    text_in(page.canvas, r, word, bold);
    const auto soft = t.text(t.small(), t.ink_soft);
    const double x = r.x + page.canvas.text_width(word, bold) + 12 * t.text_scale;
    if (x + formula_width(page.canvas, markup, soft) > r.right()) return x;
    return x +
           draw_formula(page.canvas, {x, r.y + r.h / 2 + cap_height(t.small()) / 2}, markup, soft);
}

// "0", "1", … above the tiles; a press or drag there shows the row after that tile.
void draw_strip(const Page& page, const Columns& c, const Rect& r) {
    const Theme& t = page.t;
    const Row& row = page.row;
    double last = -1e9;
    for (std::int64_t p = 0; p < row.tiles; ++p) {
        const double x = c.tile_x(p), w = c.tile_w(p);
        const bool live = p == row.live() && !row.complete();
        const std::int64_t j = row.order[static_cast<std::size_t>(p)];
        std::string text = "tile " + std::to_string(j);
        const auto style = t.text(t.small(), live ? t.accent : t.ink_faint,
                                  live ? Weight::bold : Weight::regular, Align::centre);
        const double middle = x + w / 2, end = page.frame.area.right() - 4;
        const double wide = page.canvas.text_width(text, style);
        if (wide > w + c.gap - 4 || middle + wide / 2 > end) text = std::to_string(j);
        const double half = page.canvas.text_width(text, style) / 2;
        if (middle - half > last + 3) {
            page.canvas.text({middle, r.y + r.h / 2 + cap_height(t.small()) / 2}, text, style);
            last = middle + half;
        }
        page.canvas.line({x, r.bottom()}, {x + w, r.bottom()}, live ? t.accent : t.hairline,
                         live ? 2 : 1);
    }
    page.canvas.hit({c.x, r.y, c.right - c.x, r.h}, {"setting:arrived", 1, 1, row.tiles, 0, 1});
}

// Where a tile raises the maximum: one line through everything, so that the jump above and the
// shrinking below are seen as one event.
void draw_events(const Page& page, const Columns& c, const std::vector<Rect>& plots,
                 double label_y) {
    const Theme& t = page.t;
    const Row& row = page.row;
    if (row.half) return;
    struct Event {
        double x, shrink;
        std::string text;
    };
    std::vector<Event> events;
    for (std::int64_t p = 1; p < row.tiles; ++p) {
        const double shrink = row.shrink(p);
        if (shrink >= 1 || move_of(row, p).shrink <= 0) continue;
        events.push_back({c.tile_x(p) - c.gap / 2, shrink, "×\u202F" + format_number(shrink, 2)});
    }
    for (const Event& e : events)
        for (const Rect& plot : plots)
            draw_dashed(page.canvas, {{e.x, plot.y}, {e.x, plot.bottom()}}, t.accent.alpha(0.7), 1,
                        3, 3);
    // The strongest first; what would touch another is left out.
    std::sort(events.begin(), events.end(),
              [](const Event& a, const Event& b) { return a.shrink < b.shrink; });
    std::vector<Rect> taken;
    const auto style = t.text(t.small(), t.accent, Weight::bold, Align::centre);
    for (const Event& e : events) {
        const double w = page.canvas.text_width(e.text, style) + 6;
        const Rect box{e.x - w / 2, label_y, w, line_height(t.small())};
        if (box.x < c.x - 4 || box.right() > c.right + 4) continue;
        if (std::any_of(taken.begin(), taken.end(), [&](const Rect& r) { return r.overlaps(box); }))
            continue;
        taken.push_back(box);
        page.canvas.text({e.x, box.centre().y + cap_height(t.small()) / 2}, e.text, style);
    }
}

}  // namespace

Move move_of(const Row& row, std::int64_t p) {
    const double u = row.arrived - static_cast<double>(p);
    return {part(u, 0, come_at), part(u, come_at - 0.05, shrunk_at), part(u, shrunk_at, 1)};
}

double Columns::tile_x(std::int64_t p) const {
    const double before = static_cast<double>(p) * (slot * static_cast<double>(tile) + gap);
    return x + before - (short_at >= 0 && p > short_at ? missing : 0);
}

double Heights::y(double v) const {
    const double part = (std::clamp(v, lo, hi) - lo) / (hi - lo);
    return area.bottom() - part * area.h;
}

bool differs(const Row& row, std::int64_t p) {
    if (!row.pushed || row.unpushed.states.empty()) return false;
    const OnlineState& a = row.state(p);
    const OnlineState& b = row.unpushed.states[static_cast<std::size_t>(p)];
    return a.m != b.m || a.d != b.d || a.o != b.o;
}

Columns make_columns(const Page& page, const Rect& area) {
    const Theme& t = page.t;
    const Row& row = page.row;
    const double s = t.text_scale;
    Columns c;
    c.tile = row.tile;
    c.left = area.x;
    c.axis = area.x + std::ceil(page.canvas.text_width("−00.0", t.text(t.small(), t.ink)));
    c.x = c.axis + 8;
    const double wide = area.w / s;
    const double result = wide >= 300 ? std::round(std::clamp(area.w * 0.14, 88 * s, 144 * s)) : 0;
    c.result = {area.right() - result, area.y, result, area.h};
    c.right = result > 0 ? c.result.x - 24 : area.right();
    const double room = c.right - c.x;
    const auto n = static_cast<double>(row.n), tiles = static_cast<double>(row.tiles);
    if (row.tiles > 1) c.gap = std::clamp(room * 0.24 / (tiles - 1), 0.0, 32 * s);
    c.slot = std::max(0.01, (room - c.gap * (tiles - 1)) / n);
    // Where in the arrival the short tile stands.
    for (std::int64_t p = 0; p < row.tiles; ++p)
        if (row.count(p) < row.tile) {
            c.short_at = p;
            c.missing = c.slot * static_cast<double>(row.tile - row.count(p));
        }
    return c;
}

void draw_axis(const Page& page, const Columns& c, const Heights& h) {
    const Theme& t = page.t;
    const double line = line_height(t.small());
    const auto wanted = static_cast<int>(std::clamp(h.area.h / (line * 2), 1.0, 5.0));
    double last = 1e9;
    for (const Tick& tick : ticks(h.lo, h.hi, wanted)) {
        const double y = h.y(tick.value);
        page.canvas.line({c.x, y}, {c.right, y}, tick.value == 0 ? t.hairline : t.grid, 1);
        const auto style = t.text(t.small(), t.ink_faint, Weight::regular, Align::right);
        if (page.canvas.text_width(tick.label, style) > c.axis - c.left || last - y < line)
            continue;
        // The lowest one stays clear of the keys' names below the plot.
        const double base =
            std::min(y + cap_height(t.small()) / 2, h.area.bottom() - 0.25 * t.small());
        page.canvas.text({c.axis, base}, tick.label, style);
        last = y;
    }
}

void draw_chart(const Page& page, const Rect& area) {
    const Theme& t = page.t;
    const double s = t.text_scale;
    const double strip = std::ceil(line_height(t.small())) + 6, head = strip;
    const double label = std::ceil(line_height(t.small())) + 2;
    const double gap = area.h / s >= 400 ? 16 : 8;
    const bool sum = area.h / s >= 200, output = area.h / s >= 320 && page.row.width > 0;
    const Columns c = make_columns(page, area);
    const bool numbers = area.h / s >= 260 && numbers_fit(page, c);

    double fixed = strip + 4 + head + label + (numbers ? label : 0);
    if (sum) fixed += gap + head + label;
    if (output) fixed += gap + head;
    const double room = area.h - fixed - 8;
    if (room < 24 || c.right - c.x < 24) return;
    const double scores_h = std::floor(room * (output ? 0.44 : sum ? 0.6 : 1));
    const double sum_h = sum ? std::floor(output ? room * 0.26 : room - scores_h) : 0;
    const double output_h = output ? room - scores_h - sum_h : 0;

    // The tile in fast memory, behind everything.
    const std::int64_t live = page.row.live();
    if (live >= 0 && !page.row.complete()) {
        const double x = c.tile_x(live), w = c.tile_w(live);
        page.canvas.fill_rect({x - 4, area.y, w + 8, area.h}, t.accent_soft.alpha(0.6), 6);
    }
    const char* const a_name = page.row.divided ? "a_s = q·k_s / √d" : "a_s = q·k_s";
    double y = area.y;
    draw_strip(page, c, {c.x, y, c.right - c.x, strip});
    y += strip + 4;
    heading(page, {c.x, y, c.right - c.x, head}, "Scores, maximum m", a_name);
    y += head;
    const Rect scores{c.x, y, c.right - c.x, scores_h};
    y += scores_h;
    const Rect labels{c.x, y, c.right - c.x, label};
    y += label;
    const Rect figures{c.x, y, c.right - c.x, numbers ? label : 0};
    y += figures.h;
    double label_y = 0;
    std::vector<Rect> plots{scores};
    Rect sum_plot{}, output_plot{};
    if (sum) {
        y += gap;
        heading(page, {c.x, y, c.right - c.x, head}, page.row.half ? "Sum d, 16 bits" : "Sum d",
                page.row.half ? "d ← d + Σ e^{a}" : "d ← d·e^{m − m′} + Σ e^{a − m′}");
        y += head;
        label_y = y;
        y += label;
        sum_plot = {c.x, y, c.right - c.x, sum_h};
        plots.push_back(sum_plot);
        y += sum_h;
    }
    if (output) {
        y += gap;
        const double end = heading(
            page, {c.x, y, c.right - c.x, head}, page.row.half ? "Output o, 16 bits" : "Output o",
            page.row.half ? "o ← o + Σ e^{a} v" : "o ← o·e^{m − m′} + Σ e^{a − m′} v");
        // The key of the grey bars.
        const std::string before = "before rescaling";
        const auto soft = t.text(t.small(), t.ink_soft);
        const double w = page.canvas.text_width(before, soft) + 14 * s;
        if (!page.row.half && page.row.rescales() > 0 && end + 24 * s + w < c.right) {
            page.canvas.fill_rect({c.right - w, y + head / 2 - 4 * s, 8 * s, 8 * s},
                                  before_colour(t), 2);
            text_in(page.canvas, {c.right - w + 14 * s, y, w - 14 * s, head}, before, soft);
        }
        y += head;
        output_plot = {c.x, y, c.right - c.x, output_h};
        plots.push_back(output_plot);
    }
    draw_scores(page, c, scores, labels, figures);
    if (sum) draw_sum(page, c, sum_plot);
    if (output) draw_output(page, c, output_plot);
    if (sum) draw_events(page, c, plots, label_y);
}

}  // namespace sf::online
