#include "views/draw/colour_map.h"
#include "views/draw/number.h"
#include "views/draw/text.h"
#include "views/experts_draw.h"
#include "views/experts_sequence.h"
#include "views/experts_words.h"

#include <algorithm>
#include <cmath>

// Ribbons from tokens over nodes to experts, as thick as the gates, at one scale throughout.
namespace sf::experts {

namespace {

std::size_t at(std::int64_t i) {
    return static_cast<std::size_t>(i);
}

// A place on a column: its middle and how thick what passes through it is.
struct Band {
    double middle = 0, thick = 0;
    double top() const { return middle - thick / 2; }
};

// From the first height to the second.
struct Ribbon {
    std::int64_t token = 0;
    double from = 0, to = 0, thick = 0;
};

struct Flow {
    Canvas& canvas;
    const Sequence& q;
    const Scene& s;
    const Theme& t;
    Rect area;  // of the ribbons and bars, below the heads of the columns
    double token_x = 0, node_x = 0, node_w = 0, expert_x = 0;
    double bar_x = 0, bar_w = 0, mark_w = 0;
    double unit = 1;        // pixels of a gate of 1
    double expert_row = 0;  // the least height that an expert has
    std::vector<Band> tokens = {}, nodes = {}, experts = {};
    std::vector<Ribbon> first = {}, second = {};   // to the nodes, where there are some, and on
    std::vector<double> row_top = {}, row_h = {};  // of the experts
    std::int64_t lit = 0;                          // a token
    std::int64_t lit_expert = -1;                  // hovered or at its step: all that goes to it
    double grown = 1;                              // how far the ribbons have come
};

double gate(const Scene& s, std::int64_t t, std::int64_t k) {
    const double g = s.gate(t, k);
    return std::isfinite(g) ? std::abs(g) : 0;
}

void find_lit(Flow& f) {
    const Frame& frame = *f.s.frame;
    f.lit = f.s.t;
    const Reveal reveal = reveal_of(f.s);
    f.lit_expert = reveal.expert;
    f.grown = std::min(reveal.choice, reveal.gates);
    if (!f.s.own() || frame.hover_index < 0) return;
    std::int64_t row = -1;
    for (const char* name : {"router_weights", "router_indices"})
        if (frame.hover_node == f.s.node(name)) row = frame.hover_index / f.s.rule.top_k;
    if (frame.hover_node == "token") row = f.s.row(frame.hover_index);
    if (frame.hover_node == f.s.node("expert_load")) f.lit_expert = frame.hover_index;
    row -= f.s.row(0);
    if (row >= f.q.from && row < f.q.to) f.lit = row;
}

// Every column at the same scale: what leaves the tokens arrives at the experts.
void place_bands(Flow& f) {
    const Scene& s = f.s;
    std::vector<double> mass(at(s.rule.experts));
    double most = 0, total = 0;
    std::vector<double> sums;
    for (std::int64_t t = f.q.from; t < f.q.to; ++t) {
        double sum = 0;
        for (std::int64_t k = 0; k < s.rule.top_k; ++k) {
            mass[at(s.chosen(t, k))] += gate(s, t, k);
            sum += gate(s, t, k);
        }
        sums.push_back(sum);
        most = std::max(most, sum);
        total += sum;
    }
    const auto shown = static_cast<double>(f.q.to - f.q.from);
    const auto count = static_cast<double>(s.rule.experts);
    const double pitch = f.area.h / shown;
    f.expert_row = std::min(line_height(f.t.small()), 0.55 * f.area.h / count);
    const double gaps =
        s.rule.groups > 1
            ? std::min(8.0 * f.t.text_scale, f.area.h * 0.1 / static_cast<double>(s.rule.groups))
            : 0;
    const double free =
        f.area.h - f.expert_row * count - gaps * static_cast<double>(s.rule.groups - 1);
    f.unit = std::min({free / std::max(total, 1e-30), 0.8 * pitch / std::max(most, 1e-30)});
    for (std::size_t i = 0; i < sums.size(); ++i)
        f.tokens.push_back({f.area.y + pitch * (static_cast<double>(i) + 0.5), sums[i] * f.unit});
    // What is left over goes to all alike.
    const double spare = (free - total * f.unit) / count;
    double y = f.area.y;
    for (std::int64_t e = 0; e < s.rule.experts; ++e) {
        if (e > 0 && e % s.rule.group_size() == 0) y += gaps;
        const double h = f.expert_row + spare + mass[at(e)] * f.unit;
        f.row_top.push_back(y);
        f.row_h.push_back(h);
        f.experts.push_back({y + h / 2, mass[at(e)] * f.unit});
        y += h;
    }
    for (std::int64_t g = 0; g < s.rule.groups; ++g) {
        double thick = 0;
        const std::int64_t first = g * s.rule.group_size(), last = first + s.rule.group_size() - 1;
        for (std::int64_t e = first; e <= last; ++e) thick += f.experts[at(e)].thick;
        f.nodes.push_back(
            {(f.row_top[at(first)] + f.row_top[at(last)] + f.row_h[at(last)]) / 2, thick});
    }
}

// The places among the chosen of one token, in the order of the experts.
std::vector<std::int64_t> in_order(const Scene& s, std::int64_t t) {
    std::vector<std::int64_t> order;
    for (std::int64_t k = 0; k < s.rule.top_k; ++k) order.push_back(k);
    std::sort(order.begin(), order.end(),
              [&](std::int64_t a, std::int64_t b) { return s.chosen(t, a) < s.chosen(t, b); });
    return order;
}

// Tokens leave and arrive in their order; of one token, all that goes to a node is one ribbon.
void place_ribbons(Flow& f) {
    const Scene& s = f.s;
    std::vector<double> node_taken(at(s.rule.groups)), expert_taken(at(s.rule.experts));
    // Experts of a node leave it in their order, each with all its tokens.
    std::vector<double> leaves(at(s.rule.experts));
    for (std::int64_t e = 1; e < s.rule.experts; ++e)
        if (s.rule.group_of(e) == s.rule.group_of(e - 1))
            leaves[at(e)] = leaves[at(e - 1)] + f.experts[at(e - 1)].thick;
    for (std::int64_t t = f.q.from; t < f.q.to; ++t) {
        double y = f.tokens[at(t - f.q.from)].top();
        std::int64_t last_group = -1;
        for (const std::int64_t k : in_order(s, t)) {
            const std::int64_t e = s.chosen(t, k), g = s.rule.group_of(e);
            const double thick = gate(s, t, k) * f.unit;
            const double to = f.experts[at(e)].top() + expert_taken[at(e)];
            if (!f.q.many_nodes()) {
                f.first.push_back({t, y, to, thick});
            } else {
                const Band& node = f.nodes[at(g)];
                if (g == last_group)
                    f.first.back().thick += thick;
                else
                    f.first.push_back({t, y, node.top() + node_taken[at(g)], thick});
                f.second.push_back(
                    {t, node.top() + leaves[at(e)] + expert_taken[at(e)], to, thick});
                last_group = g;
            }
            node_taken[at(g)] += thick;
            expert_taken[at(e)] += thick;
            y += thick;
        }
    }
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
    const Scene& s = q.scene;
    const Theme& t = *s.theme;
    const double u = t.text_scale, line = line_height(t.small());
    const bool heads = all.h >= 160 * u;
    Flow f{canvas, q, s, t, all};
    if (heads) f.area.y += line + 4 * u, f.area.h -= line + 4 * u;
    if (f.area.h < 40 || all.w < 200 * u) return;
    f.mark_w = q.capacity.tokens > 0 ? 14 * u : 0;
    const double label = std::min(84 * u, all.w * 0.14), number = 30 * u;
    f.token_x = all.x + f.mark_w + label;
    f.bar_w = std::min(150 * u, all.w * 0.2);
    f.bar_x = all.right() - number - f.bar_w;
    f.expert_x = f.bar_x - 36 * u;
    f.node_w = q.many_nodes() ? 56 * u : 0;
    f.node_x = f.token_x + (f.expert_x - f.token_x) * 0.6 - f.node_w / 2;
    find_lit(f);
    place_bands(f);
    place_ribbons(f);
    draw_ribbons(f);
    draw_tokens_column(f);
    draw_nodes_column(f);
    draw_experts_column(f);
    if (heads) draw_heads(f, all.y, line);
}

}  // namespace sf::experts
