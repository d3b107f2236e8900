#include "views/experts_flow.h"
#include "views/draw/colour_map.h"
#include "views/draw/number.h"
#include "views/draw/text.h"

#include <algorithm>
#include <cmath>

// Ribbons from tokens over nodes to experts, and the loads behind them.
namespace sf::experts {

namespace {

std::size_t at(std::int64_t i) {
    return static_cast<std::size_t>(i);
}

void draw_ribbon(const Flow& f, const Ribbon& r, double ax, double bx, Colour colour, double part) {
    const double thick = std::max(r.thick, 0.75), to = r.from + (r.to - r.from) * part;
    if (part > 0)
        sf::draw_ribbon(f.canvas, ax, r.from, r.from + thick, ax + (bx - ax) * part, to, to + thick,
                        colour);
}

bool goes_to(const Scene& s, std::int64_t t, std::int64_t e) {
    return e >= 0 && s.place_of(t, e) >= 0;
}

void draw_ribbons(const Flow& f) {
    const Colour routed = f.t.meaning(Meaning::routed_expert);
    const auto shown = static_cast<double>(f.q.to - f.q.from);
    const double faint = std::clamp(5 / shown, 0.17, 0.32) * (f.t.dark ? 1.4 : 1);
    const double end = f.q.many_nodes() ? f.node_x : f.expert_x;
    // The faint ones first, so that nothing lies over the lit.
    for (const bool lit : {false, true}) {
        const auto draw = [&](const Ribbon& r, double ax, double bx, double part) {
            const bool own = r.token == f.lit;
            if ((own || goes_to(f.s, r.token, f.lit_expert)) == lit)
                draw_ribbon(f, r, ax, bx, routed.alpha(own ? 0.85 : lit ? 0.5 : faint), part);
        };
        for (const Ribbon& r : f.first) draw(r, f.token_x, end, f.grown);
        for (const Ribbon& r : f.second)
            draw(r, f.node_x + f.node_w, f.expert_x, f.grown < 1 ? 0 : 1);
    }
}

// Where the limit keeps the followed token from.
void draw_beyond(const Flow& f) {
    if (!f.q.many_nodes() || f.lit != f.s.t || f.grown < 1) return;
    constexpr int steps = 24;
    const double from = f.tokens[at(f.lit - f.q.from)].middle;
    for (const std::int64_t g : f.q.beyond) {
        std::vector<Vec2> curve;
        for (int i = 0; i <= steps; ++i) {
            const double t = static_cast<double>(i) / steps, s = t * t * (3 - 2 * t);
            curve.push_back({f.token_x + (f.node_x - f.token_x) * t,
                             from + (f.nodes[at(g)].middle - from) * s});
        }
        draw_dashed(f.canvas, curve, f.t.ink_soft, 2);
    }
}

void draw_tokens_column(const Flow& f) {
    const Theme& t = f.t;
    const double line = line_height(t.small());
    const double pitch = f.area.h / static_cast<double>(f.q.to - f.q.from);
    const auto style = [&](bool lit) {
        return t.text(t.small(), lit ? t.accent : t.ink_soft, lit ? Weight::bold : Weight::regular,
                      Align::right);
    };
    const Band& own = f.tokens[at(f.lit - f.q.from)];
    double last = -1e9;
    for (std::int64_t i = f.q.from; i < f.q.to; ++i) {
        const Band& b = f.tokens[at(i - f.q.from)];
        const bool lit = i == f.lit;
        f.canvas.fill_rect({f.token_x - 3, b.top(), 3, std::max(1.0, b.thick)},
                           lit ? t.accent : t.ink_faint);
        const auto& dropped = f.q.capacity.dropped[at(i)];
        if (std::find(dropped.begin(), dropped.end(), true) != dropped.end()) {
            // Two strokes: would be dropped elsewhere.
            const double r = std::min(3.5 * t.text_scale, 0.35 * pitch);
            const Vec2 c{f.token_x - 8 - f.mark_w / 2, b.middle};
            f.canvas.line(c - Vec2{r, r}, c + Vec2{r, r}, t.bad, 1.5);
            f.canvas.line(c - Vec2{r, -r}, c + Vec2{r, -r}, t.bad, 1.5);
        }
        const double x = f.area.x, w = f.token_x - 8 - f.mark_w - x;
        const bool room = b.middle - last >= line && std::abs(b.middle - own.middle) >= line;
        // A label may reach over the edge of its row, not of the page.
        const double top = std::clamp(b.middle - line / 2, f.area.y, f.area.bottom() - line);
        if (lit || (room && top - last > -line / 2)) {
            text_in(f.canvas, {x, top, w, line}, f.s.token_text(i), style(lit));
            if (!lit) last = b.middle;
        }
        const Rect row{x, b.middle - pitch / 2, f.token_x - x, pitch};
        f.canvas.hit(row, {"token", i, 1, 1, 0, 0});
    }
}

void draw_nodes_column(const Flow& f) {
    if (!f.q.many_nodes()) return;
    const Theme& t = f.t;
    const double line = line_height(t.small()) + 4;
    for (std::int64_t g = 0; g < f.s.rule.groups; ++g) {
        const Band& b = f.nodes[at(g)];
        const double h = std::max(b.thick, 2.0);
        const Rect r{f.node_x, b.middle - h / 2, f.node_w, h};
        f.canvas.fill_rect(r, mix(t.background, t.meaning(Meaning::routed_expert), 0.25), 3);
        f.canvas.stroke_rect(r, t.meaning(Meaning::routed_expert), 1.5, 3);
        const Rect label{r.x + 1, b.middle - line / 2, r.w - 2, line};
        if (h < line) {
            f.canvas.fill_rect(label, t.background, 3);
            f.canvas.stroke_rect(label, t.meaning(Meaning::routed_expert), 1.5, 3);
        }
        text_in(f.canvas, label, "node " + std::to_string(g),
                t.text(t.small(), t.ink, Weight::bold, Align::centre));
    }
}

// Of loads: the longest is as long as the column.
struct LoadScale {
    double x = 0, w = 0, top = 1;
    double at(double n) const { return x + w * n / top; }
};

// An expert's block, where its ribbons end, and its load; what a capacity would drop is hatched.
void draw_load(const Flow& f, const LoadScale& scale, std::int64_t e) {
    const Theme& t = f.t;
    const Band& b = f.experts[at(e)];
    const Colour colour = e == f.s.expert ? t.accent : t.meaning(Meaning::routed_expert);
    f.canvas.fill_rect({f.expert_x, b.top(), 4, std::max(1.0, b.thick)}, colour);
    const Rect cells{f.bar_x, f.row_top[at(e)], f.bar_w, f.row_h[at(e)]};
    const double thick = std::clamp(cells.h * 0.6, 1.0, 16 * t.text_scale);
    const double end = scale.at(static_cast<double>(f.q.load[at(e)]));
    const double room =
        std::min(end, scale.at(static_cast<double>(std::min(f.q.capacity.room, f.q.load[at(e)]))));
    f.canvas.fill_rect({f.bar_x, b.middle - thick / 2, room - f.bar_x, thick}, colour,
                       std::min(2.0, thick / 4));
    if (end > room) {
        const Rect over{room, b.middle - thick / 2, end - room, thick};
        f.canvas.fill_rect(over, t.bad.alpha(0.25));
        draw_hatch(f.canvas, over, Hatch::diagonal, t.bad, 4);
        f.canvas.stroke_rect(over, t.bad, 1);
    }
    f.canvas.hit({f.expert_x, cells.y, f.bar_x - f.expert_x, cells.h},
                 {"setting:expert", e, 1, 1, 0, 0});
    // The run counts the loads of the whole batch.
    if (f.s.own() && f.s.router.scores->shape[0] == 1)
        f.canvas.hit(cells, {f.s.node("expert_load"), e, 1, 1, 0, 0});
    if (e == f.lit_expert) f.canvas.stroke_rect(cells, t.ink, 1.5, 2);
}

// Number and load of as many experts as have room: the looked-at one's, then the busiest.
void draw_expert_labels(const Flow& f) {
    const Theme& t = f.t;
    const double line = line_height(t.small());
    std::vector<std::int64_t> order;
    for (std::int64_t e = 0; e < f.s.rule.experts; ++e) order.push_back(e);
    std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
        const auto rank = [&](std::int64_t e) {
            return e == f.s.expert ? f.q.copies() + 1 : f.q.load[at(e)];
        };
        return rank(a) > rank(b);
    });
    std::vector<double> placed;
    for (const std::int64_t e : order) {
        const double y =
            std::clamp(f.experts[at(e)].middle, f.area.y + line / 2, f.area.bottom() - line / 2);
        if (std::any_of(placed.begin(), placed.end(),
                        [&](double other) { return std::abs(y - other) < line; }))
            continue;
        placed.push_back(y);
        const bool own = e == f.s.expert;
        auto style = t.text(t.small(), own ? t.accent : t.ink, own ? Weight::bold : Weight::regular,
                            Align::right);
        text_in(f.canvas, {f.expert_x + 8, y - line / 2, f.bar_x - f.expert_x - 14, line},
                std::to_string(e), style);
        style.align = Align::left;
        const double x = f.bar_x + f.bar_w + 4;
        text_in(f.canvas, {x, y - line / 2, f.area.right() - x, line},
                format_count(f.q.load[at(e)]), style);
    }
}

// The mean and the room of the what-if are lines through the loads.
void draw_experts_column(const Flow& f) {
    const auto most = static_cast<double>(*std::max_element(f.q.load.begin(), f.q.load.end()));
    const LoadScale scale{f.bar_x, f.bar_w, std::max({most, f.q.mean * 1.05, 1.0})};
    for (std::int64_t e = 0; e < f.s.rule.experts; ++e) draw_load(f, scale, e);
    draw_expert_labels(f);
    const auto upright = [&](double n) {
        return std::vector<Vec2>{{scale.at(n), f.area.y}, {scale.at(n), f.area.bottom()}};
    };
    f.canvas.polyline(upright(f.q.mean), f.t.ink, 1.5);
    const auto room = static_cast<double>(f.q.capacity.room);
    if (room <= scale.top) draw_dashed(f.canvas, upright(room), f.t.bad, 1.5);
}

void draw_heads(const Flow& f, double y, double line) {
    const Theme& t = f.t;
    double last = f.area.x;
    // About a middle, or from a place to the right end.
    const auto head = [&](double x, const std::string& text, Align align) {
        const auto style = t.text(t.small(), t.ink_faint);
        const double w = f.canvas.text_width(text, style);
        const double left = align == Align::left ? x : align == Align::right ? x - w : x - w / 2;
        if (left < last || left + w > f.area.right()) return;
        text_in(f.canvas, {left, y, w + 1, line}, text, style);
        last = left + w + 8;
    };
    head(f.token_x, "tokens", Align::right);
    if (f.q.many_nodes()) head(f.node_x + f.node_w / 2, "nodes", Align::centre);
    head(f.expert_x + 4, "experts", Align::right);
    head(f.bar_x, "load n, mean " + format_number(f.q.mean, 3), Align::left);
}

}  // namespace

void draw_flow(Canvas& canvas, const Sequence& q, const Rect& all) {
    const Theme& t = *q.scene.theme;
    const double u = t.text_scale, line = line_height(t.small());
    const double head = all.h >= 160 * u ? line + 4 * u : 0;
    if (all.h - head < 40 || all.w < 200 * u) return;
    const Flow f = make_flow(canvas, q, all, head);
    draw_ribbons(f);
    draw_beyond(f);
    draw_tokens_column(f);
    draw_nodes_column(f);
    draw_experts_column(f);
    if (head > 0) draw_heads(f, all.y, line);
}

}  // namespace sf::experts
