#include "views/experts_flow.h"

#include "views/draw/text.h"

#include <algorithm>
#include <cmath>

namespace sf::experts {

namespace {

std::size_t at(std::int64_t i) {
    return static_cast<std::size_t>(i);
}

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

}  // namespace

Flow make_flow(Canvas& canvas, const Sequence& q, const Rect& all, double head) {
    const Theme& t = *q.scene.theme;
    const double u = t.text_scale;
    Flow f{canvas, q, q.scene, t, {all.x, all.y + head, all.w, all.h - head}};
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
    return f;
}

}  // namespace sf::experts
