#include "views/attention_draw.h"
#include "views/draw/formula.h"
#include "views/draw/number.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"

#include <algorithm>
#include <cmath>

// Scores as bars that arrive tile by tile, the running maximum as a line over them.
namespace sf::online {

namespace {

constexpr double millionth = 1e-6;

std::size_t at(std::int64_t i) {
    return static_cast<std::size_t>(i);
}

// The handle holds on to the score, wherever one goes from here.
std::string held_at(const Row& r) {
    return "setting:push,layer=" + std::to_string(r.layer) + ",head=" + std::to_string(r.head) +
           ",query=" + std::to_string(r.query) + ",key=" + std::to_string(r.key);
}

Heights make_heights(const Row& r, const Rect& plot) {
    Heights h{plot, 0, 0};
    for (std::int64_t i = 0; i < r.n; ++i)
        for (const Real a : {r.before[at(i)], r.row[at(i)]}) {
            if (!std::isfinite(a)) continue;
            h.lo = std::min(h.lo, static_cast<double>(a));
            h.hi = std::max(h.hi, static_cast<double>(a));
        }
    if (h.lo == h.hi) h.hi = h.lo + 1;
    const double pad = (h.hi - h.lo) * 0.1;
    if (h.lo < 0) h.lo -= pad;
    h.hi += pad;
    return h;
}

// Recorded cells answer to the pointer; a score that the run does not have (yet) is none.
void put_hits(const Page& page, const Columns& c, const Rect& area) {
    const Row& r = page.row;
    if (!r.divided) return;
    const auto put = [&](std::int64_t p, std::int64_t from, std::int64_t to) {
        if (from >= to) return;
        page.canvas.hit(
            {c.tile_x(p) + c.slot * static_cast<double>(from), area.y,
             c.slot * static_cast<double>(to - from), area.h},
            {page.name(r.nodes.scores), r.first + r.begin(p) + from, 1, to - from, 0, 1});
    };
    for (std::int64_t p = 0; p < r.tiles; ++p) {
        const std::int64_t own = r.key - r.begin(p), count = r.count(p);
        const bool split = !r.as_run && own >= 0 && own < count;
        put(p, 0, split ? own : count);
        if (split) put(p, own + 1, count);
    }
}

void draw_bars(const Page& page, const Columns& c, const Heights& h) {
    const Theme& t = page.t;
    const Row& r = page.row;
    const double gap = c.slot >= 6 ? std::max(1.0, c.slot * 0.16) : c.slot >= 3 ? 0.5 : 0;
    const Colour strong = t.meaning(Meaning::key);
    const Colour waiting = mix(t.background, t.hairline, 0.7);
    const double zero = h.y(0);
    for (std::int64_t p = 0; p < r.tiles; ++p) {
        const double come = move_of(r, p).come;
        // What fast memory has let go of pales while others arrive.
        const bool gone = p < r.live() && !r.complete();
        const Colour colour = gone ? mix(t.background, strong, 0.45) : strong;
        for (std::int64_t i = 0; i < r.count(p); ++i) {
            const std::int64_t key = r.begin(p) + i;
            const double v = static_cast<double>(r.row[at(key)]);
            if (!std::isfinite(v)) continue;
            const double x = c.tile_x(p) + c.slot * static_cast<double>(i) + gap / 2;
            const auto bar = [&](double value, Colour ink) {
                const double y = h.y(value);
                page.canvas.fill_rect({x, std::min(zero, y), c.slot - gap, std::fabs(zero - y)},
                                      ink, std::min(2.0, c.slot / 6));
            };
            if (come < 1) bar(v, waiting);
            if (come > 0) bar(v * come, colour);
            const Rect slot{x - gap / 2, h.area.y, c.slot, h.area.h};
            // A score and its weight lie at one index.
            if (page.hovers(page.name(r.nodes.scores), r.first + key) ||
                page.hovers(page.name(r.nodes.probs), r.first + key))
                page.canvas.stroke_rect(slot, t.ink, 1.5, 2);
        }
    }
}

// m jumps between tiles, where d and o shrink. The part that the push moved is drawn in the accent.
void draw_maximum(const Page& page, const Columns& c, const Heights& h) {
    const Theme& t = page.t;
    const Row& r = page.row;
    if (r.half) return;
    if (!r.complete() || r.rescales() > 0)
        draw_dashed(page.canvas,
                    {{c.x, h.y(static_cast<double>(r.three.m))},
                     {c.right, h.y(static_cast<double>(r.three.m))}},
                    t.ink_faint, 1);
    std::vector<Vec2> points, moved;
    for (std::int64_t p = 0; p < r.tiles; ++p) {
        const Move move = move_of(r, p);
        if (move.shrink <= 0) break;
        const double to = static_cast<double>(r.state(p).m);
        const double from = p == 0 ? to : static_cast<double>(r.state(p - 1).m);
        const double m = from + (to - from) * move.shrink, x = c.tile_x(p);
        const bool changed = differs(r, p) && r.state(p).m != r.unpushed.states[at(p)].m;
        if (changed && moved.empty() && !points.empty()) moved.push_back(points.back());
        for (const double px : {x, x + c.tile_w(p)}) {
            points.push_back({px, h.y(m)});
            if (changed) moved.push_back(points.back());
        }
    }
    if (points.size() < 2) return;
    page.canvas.polyline(points, t.ink, 2);
    if (moved.size() > 1) page.canvas.polyline(moved, t.accent, 2);
    const bool last_moved = moved.size() > 1 && moved.back() == points.back();
    draw_circle(page.canvas, points.back(), 3.5, last_moved ? t.accent : t.ink);
    if (c.result.w <= 0 || r.maximum_of() < 0) return;
    const double m = static_cast<double>(r.state(r.maximum_of()).m);
    const double line = line_height(t.normal());
    const double y = std::clamp(points.back().y - line / 2, h.area.y, h.area.bottom() - line);
    text_in(page.canvas, {c.result.x, y, c.result.w, line}, "m = " + format_number(m, 3),
            t.text(t.normal(), t.ink, Weight::bold));
    if (r.state_index(r.maximum_of()) >= 0)
        page.canvas.hit({c.result.x, y, c.result.w, line},
                        {page.name(r.nodes.m), r.state_index(r.maximum_of()), 1, 1, 0, 0});
}

// Where e^a no longer fits into 16 bits.
void draw_limit(const Page& page, const Columns& c, const Heights& h) {
    const Theme& t = page.t;
    const double limit = std::log(65520.0);
    if (!page.row.half || limit > h.hi) return;
    const double y = h.y(limit), line = line_height(t.small());
    draw_dashed(page.canvas, {{c.x, y}, {c.right, y}}, t.bad, 1.5, 6, 4);
    if (c.result.w > 0)
        draw_formula(
            page.canvas,
            {c.result.x, std::max(h.area.y, y - line / 2) + line / 2 + cap_height(t.small()) / 2},
            "e^{a} = ∞ above", t.text(t.small(), t.bad, Weight::bold));
}

// The handle: one score, moved up or down. Its cells are as high as pixels and count millionths.
void draw_knob(const Page& page, const Columns& c, const Heights& h) {
    const Theme& t = page.t;
    const Row& r = page.row;
    for (std::int64_t p = 0; p < r.tiles; ++p) {
        const std::int64_t i = r.key - r.begin(p);
        if (i < 0 || i >= r.count(p) || move_of(r, p).come < 1) continue;
        const double x = c.tile_x(p) + c.slot * (static_cast<double>(i) + 0.5);
        const double y = h.y(static_cast<double>(r.row[at(r.key)]));
        if (r.pushed) {
            const double was = h.y(static_cast<double>(r.before[at(r.key)])), zero = h.y(0);
            const double wide = std::max(4.0, c.slot - 2);
            page.canvas.stroke_rect({x - wide / 2, std::min(y, zero), wide, std::fabs(zero - y)},
                                    t.accent, 2, 2);
            draw_dashed(page.canvas, {{x - wide / 2, was}, {x + wide / 2, was}}, t.ink, 1.5, 2, 2);
        }
        const double u = std::min(t.text_scale, 2.0);
        draw_circle(page.canvas, {x, y}, 6 * u, t.background);
        draw_circle(page.canvas, {x, y}, 4.5 * u, t.accent);
        for (const double up : {-u, u})
            page.canvas.fill_polygon(
                {{x, y + up * 12}, {x - 3.5 * u, y + up * 8}, {x + 3.5 * u, y + up * 8}}, t.accent);
        constexpr std::int64_t rows = 24;
        // As the axis has it, but no slower than lets one reach a huge score.
        const double per_pixel = std::max((h.hi - h.lo) / h.area.h, 0.02) / millionth;
        const double now = static_cast<double>(r.row[at(r.key)] - r.before[at(r.key)]) / millionth;
        const auto step = static_cast<std::int64_t>(std::llround(per_pixel));
        const double half = static_cast<double>(rows) / 2;
        page.canvas.hit({x - 12, y - half, 24, static_cast<double>(rows)},
                        {held_at(r), std::llround(now) + step * rows / 2, rows, 1, -step, 0});
    }
}

// Keys below their bars; a press chooses whose score the handle moves.
void draw_keys(const Page& page, const Columns& c, const Rect& labels, const Rect& numbers) {
    const Theme& t = page.t;
    const Row& r = page.row;
    const double most = std::max(56 * t.text_scale, c.slot - 4);
    const auto style = [&](bool chosen) {
        return t.text(t.small(), chosen ? t.accent : t.ink_soft,
                      chosen ? Weight::bold : Weight::regular, Align::centre);
    };
    const auto middle_of = [&](std::int64_t p, std::int64_t i) {
        return c.tile_x(p) + c.slot * (static_cast<double>(i) + 0.5);
    };
    const double base = labels.y + labels.h / 2 + cap_height(t.small()) / 2;
    // The chosen key's label has its place; others take what is left.
    Rect taken{};
    double last = -1e9;
    for (const bool chosen : {true, false})
        for (std::int64_t p = 0; p < r.tiles; ++p)
            for (std::int64_t i = 0; i < r.count(p); ++i) {
                const std::int64_t key = r.begin(p) + i;
                if ((key == r.key) != chosen) continue;
                const double middle = middle_of(p, i);
                if (!chosen && middle - last < 4) continue;
                const std::string text = elide(page.canvas, r.token(key), style(chosen), most);
                const double w = page.canvas.text_width(text, style(chosen));
                const Rect box{middle - w / 2 - 2, labels.y, w + 4, labels.h};
                if (box.x < c.left || box.right() > std::max(c.right, c.result.right())) continue;
                if (!chosen && (box.x < last || box.overlaps(taken))) continue;
                page.canvas.text({middle, base}, text, style(chosen));
                if (chosen)
                    taken = box;
                else
                    last = box.right();
            }
    for (std::int64_t p = 0; p < r.tiles; ++p)
        page.canvas.hit({c.tile_x(p), labels.y, c.tile_w(p), labels.h},
                        {"setting:key", r.begin(p), 1, r.count(p), 0, 1});
    if (numbers.h <= 0) return;
    for (std::int64_t p = 0; p < r.tiles; ++p)
        for (std::int64_t i = 0; i < r.count(p); ++i) {
            const std::int64_t key = r.begin(p) + i;
            page.canvas.text(
                {middle_of(p, i), numbers.y + numbers.h / 2 + cap_height(t.small()) / 2},
                format_number(static_cast<double>(r.row[at(key)]), 3),
                t.text(t.small(), r.pushed && key == r.key ? t.accent : t.ink_faint,
                       Weight::regular, Align::centre));
        }
    put_hits(page, c, numbers);
}

}  // namespace

bool numbers_fit(const Page& page, const Columns& c) {
    const auto style = page.t.text(page.t.small(), page.t.ink);
    return std::all_of(page.row.row.begin(), page.row.row.end(), [&](Real a) {
        return page.canvas.text_width(format_number(static_cast<double>(a), 3), style) <=
               c.slot - 4;
    });
}

void draw_scores(const Page& page, const Columns& c, const Rect& plot, const Rect& labels,
                 const Rect& numbers) {
    const Heights h = make_heights(page.row, plot);
    draw_axis(page, c, h);
    draw_bars(page, c, h);
    put_hits(page, c, plot);
    draw_limit(page, c, h);
    draw_maximum(page, c, h);
    draw_keys(page, c, labels, numbers);
    draw_knob(page, c, h);
}

}  // namespace sf::online
