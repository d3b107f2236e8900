#include "views/attention_draw.h"
#include "views/draw/number.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"

#include <algorithm>
#include <cmath>

// What is collected: the sum as an area, the output as a vector, both rescaled when m jumps.
namespace sf::online {

namespace {

std::size_t at(std::int64_t i) {
    return static_cast<std::size_t>(i);
}

// What no longer fits is said, not drawn as a number.
void draw_lost(const Page& page, const Rect& r, const std::string& word) {
    const Theme& t = page.t;
    page.canvas.fill_rect(r, t.bad.alpha(0.14));
    draw_hatch(page.canvas, r, Hatch::diagonal, t.bad.alpha(0.45), 7);
    const auto style = t.text(t.large(), t.bad, Weight::bold, Align::centre);
    const double w = page.canvas.text_width(word, style);
    if (w > r.w - 4 || line_height(t.large()) > r.h) return;
    const Vec2 middle = r.centre();
    page.canvas.fill_rect({middle.x - w / 2 - 4, middle.y - line_height(t.large()) / 2, w + 8,
                           line_height(t.large())},
                          t.background, 4);
    page.canvas.text({middle.x, middle.y + cap_height(t.large()) / 2}, word, style);
}

// With the maximum known beforehand, as three passes have it, nothing ever shrinks.
std::vector<Vec2> ghost(const Columns& c, const Row& r, const Heights& h) {
    std::vector<Vec2> points{{c.x, h.y(0)}};
    double d = 0;
    for (std::int64_t p = 0; p < r.tiles; ++p) {
        const double x = c.tile_x(p);
        points.push_back({x, h.y(d)});
        for (std::int64_t i = 0; i < r.count(p); ++i) {
            d += std::exp(static_cast<double>(r.row[at(r.begin(p) + i)] - r.three.m));
            points.push_back({x + c.slot * static_cast<double>(i + 1), h.y(d)});
        }
    }
    return points;
}

// The upper edge of one tile's area: from what is left of the sum, key by key.
std::vector<Vec2> rise(const Columns& c, const Row& r, const Heights& h, std::int64_t p,
                       const Move& move) {
    const double old = r.running_d(p - 1);
    double d = old * (1 + (r.shrink(p) - 1) * move.shrink);
    const double x = c.tile_x(p);
    std::vector<Vec2> edge{{x, h.y(d)}};
    const double keys = move.add * static_cast<double>(r.count(p));
    for (std::int64_t i = 0; i < r.count(p); ++i) {
        const double share = std::clamp(keys - static_cast<double>(i), 0.0, 1.0);
        if (share <= 0) break;
        d += share * r.weight(p, i);
        edge.push_back({x + c.slot * (static_cast<double>(i) + share), h.y(d)});
    }
    return edge;
}

void fill_under(Canvas& canvas, const std::vector<Vec2>& edge, double foot, Colour colour) {
    std::vector<Vec2> area = edge;
    area.push_back({edge.back().x, foot});
    area.push_back({edge.front().x, foot});
    canvas.fill_polygon(area, colour);
}

}  // namespace

Colour before_colour(const Theme& t) {
    return mix(t.background, t.ink_faint, t.dark ? 0.5 : 0.3);
}

void draw_sum(const Page& page, const Columns& c, const Rect& plot) {
    const Theme& t = page.t;
    const Row& r = page.row;
    Heights h{plot, 0, 0};
    for (std::int64_t p = 0; p < r.tiles; ++p)
        if (std::isfinite(r.running_d(p))) h.hi = std::max(h.hi, r.running_d(p));
    if (h.hi <= 0) h.hi = 1;
    h.hi *= 1.04;
    draw_axis(page, c, h);
    const Colour fill = mix(t.background, t.ink_soft, t.dark ? 0.42 : 0.3);
    const double foot = h.y(0);
    std::vector<std::vector<Vec2>> edges;
    std::vector<Vec2> outline;
    for (std::int64_t p = 0; p < r.tiles; ++p) {
        const Move move = move_of(r, p);
        if (move.shrink <= 0) break;
        if (!std::isfinite(r.running_d(p))) {
            if (move.add > 0.5) draw_lost(page, {c.tile_x(p), plot.y, c.tile_w(p), plot.h}, "∞");
            continue;
        }
        edges.push_back(rise(c, r, h, p, move));
        outline.insert(outline.end(), edges.back().begin(), edges.back().end());
    }
    if (outline.size() > 1) fill_under(page.canvas, outline, foot, fill);
    for (std::size_t p = 0; p < edges.size(); ++p) {
        const Colour line = differs(r, static_cast<std::int64_t>(p)) ? t.accent : t.ink;
        if (p > 0) {
            const Vec2 from = edges[p - 1].back(), to = edges[p].front();
            const bool falls = to.y > from.y + 0.5;
            // What the new maximum takes away.
            if (falls) page.canvas.fill_polygon({from, {to.x, from.y}, to}, t.accent.alpha(0.35));
            page.canvas.polyline({from, to}, falls ? t.accent : line, 2);
        }
        if (edges[p].size() > 1) page.canvas.polyline(edges[p], line, 2);
    }
    if (!r.half && r.rescales() > 0) draw_dashed(page.canvas, ghost(c, r, h), t.ink_faint, 1.25);
    if (c.result.w <= 0 || r.summed() < 0) return;
    const double d = r.running_d(r.summed());
    const double high = line_height(t.normal()), small = line_height(t.small());
    const double y = std::clamp((std::isfinite(d) ? h.y(d) : plot.y) - high / 2, plot.y,
                                std::max(plot.y, plot.bottom() - high));
    text_in(page.canvas, {c.result.x, y, c.result.w, high}, "d = " + format_number(d, 3),
            t.text(t.normal(), std::isfinite(d) ? t.ink : t.bad, Weight::bold));
    if (r.state_index(r.summed()) >= 0 && r.nodes.d != no_node)
        page.canvas.hit({c.result.x, y, c.result.w, high},
                        {page.name(r.nodes.d), r.state_index(r.summed()), 1, 1, 0, 0});
    // The key of the dashed line, below or above the number.
    if (r.half || r.rescales() == 0) return;
    const double key_y = y + high + small <= plot.bottom() ? y + high : y - small;
    if (key_y < plot.y) return;
    draw_dashed(page.canvas,
                {{c.result.x, key_y + small / 2}, {c.result.x + 16, key_y + small / 2}},
                t.ink_faint, 1.25);
    text_in(page.canvas, {c.result.x + 22, key_y, c.result.w - 22, small}, "three-pass",
            t.text(t.small(), t.ink_soft));
}

void draw_output(const Page& page, const Columns& c, const Rect& plot) {
    const Theme& t = page.t;
    const Row& r = page.row;
    double most = 0;
    for (std::int64_t p = 0; p < r.tiles; ++p)
        for (std::int64_t k = 0; k < r.width; ++k)
            if (std::isfinite(r.running_o(p, k)))
                most = std::max(most, std::fabs(r.running_o(p, k)));
    if (most <= 0) most = 1;
    const Heights h{plot, -most, most};
    const Colour colour = t.meaning(Meaning::value);
    const Colour before = before_colour(t);
    const double zero = h.y(0);
    page.canvas.line({c.x, zero}, {c.right, zero}, t.hairline, 1);
    const auto bar = [&](double x, double w, double v, const Heights& on, Colour ink) {
        const double y = on.y(v), base = on.y(0);
        page.canvas.fill_rect({x, std::min(y, base), w, std::fabs(y - base)}, ink);
    };
    for (std::int64_t p = 0; p < r.tiles; ++p) {
        const Move move = move_of(r, p);
        if (move.shrink <= 0) break;
        const double x = c.tile_x(p), share = c.tile_w(p) / static_cast<double>(r.width);
        const double gap = share >= 3 ? 1 : share >= 2 ? 0.5 : 0;
        bool finite = true;
        for (std::int64_t k = 0; k < r.width; ++k)
            finite = finite && std::isfinite(r.running_o(p, k));
        if (!finite) {
            if (move.add > 0.5) {
                const double first = r.running_o(p, 0);
                draw_lost(page, {x, plot.y, c.tile_w(p), plot.h}, std::isnan(first) ? "NaN" : "∞");
            }
            continue;
        }
        const double shrink = r.shrink(p);
        // Narrower than a hair: every other component would not be seen, so the strongest are.
        const auto step = static_cast<std::int64_t>(std::ceil(0.75 / std::max(share, 1e-9)));
        for (std::int64_t k = 0; k < r.width; k += step) {
            std::int64_t shown = k;
            for (std::int64_t j = k; j < std::min(r.width, k + step); ++j)
                if (std::fabs(r.running_o(p, j)) > std::fabs(r.running_o(p, shown))) shown = j;
            const double old = r.running_o(p - 1, shown), now = r.running_o(p, shown);
            const double kept = old * (1 + (shrink - 1) * move.shrink);
            const double v = kept + (now - old * shrink) * move.add;
            const double w = share * static_cast<double>(step);
            const double left = x + share * static_cast<double>(k);
            if (shrink < 1) bar(left, w, old, h, before);
            bar(left + gap / 2, w - gap, v, h, colour);
        }
        if (r.state_index(p) >= 0 && r.nodes.o != no_node)
            page.canvas.hit({x, plot.y, c.tile_w(p), plot.h},
                            {page.name(r.nodes.o), r.state_index(p) * r.width, 1, r.width, 0, 1});
        if (differs(r, p))
            page.canvas.stroke_rect({x - 1, plot.y, c.tile_w(p) + 2, plot.h}, t.accent, 1.5, 2);
    }
    if (c.result.w <= 0 || !r.complete()) return;
    // The one division, at the end: on its own scale.
    const double head = line_height(t.small()) + 4;
    const Rect r0{c.result.x, plot.y, c.result.w, plot.h};
    text_in(page.canvas, {r0.x, r0.y - head - 2, r0.w, head}, "result o / d",
            t.text(t.small(), t.ink, Weight::bold));
    Heights own{r0, 0, 0};
    bool finite = true;
    for (std::int64_t k = 0; k < r.width; ++k) {
        finite = finite && std::isfinite(r.result(k));
        if (finite) own.hi = std::max(own.hi, std::fabs(r.result(k)));
    }
    if (!finite) return draw_lost(page, r0, "NaN");
    if (own.hi <= 0) own.hi = 1;
    own.lo = -own.hi;
    const double share = r0.w / static_cast<double>(r.width), gap = share >= 3 ? 1 : 0;
    page.canvas.line({r0.x, own.y(0)}, {r0.right(), own.y(0)}, t.hairline, 1);
    const std::int64_t first = ((r.batch * r.queries + r.query) * r.heads + r.head) * r.width;
    for (std::int64_t k = 0; k < r.width; ++k) {
        const double x = r0.x + share * static_cast<double>(k);
        bar(x + gap / 2, share - gap, r.result(k), own, colour);
        if (r.out != nullptr && page.hovers(page.name(r.nodes.out), first + k))
            page.canvas.stroke_rect({x, r0.y, share, r0.h}, t.ink, 1.5, 1);
    }
    if (r.as_run && !r.half && r.out != nullptr)
        page.canvas.hit(r0, {page.name(r.nodes.out), first, 1, r.width, 0, 1});
    else if (differs(r, r.tiles - 1))
        page.canvas.stroke_rect({r0.x - 1, r0.y, r0.w + 2, r0.h}, t.accent, 1.5, 2);
}

}  // namespace sf::online
