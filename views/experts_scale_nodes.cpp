#include "views/draw/heat_map.h"
#include "views/draw/number.h"
#include "views/draw/page.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/experts_scale.h"

#include <algorithm>
#include <cmath>

// One token and the nodes of a large installation.
namespace sf::experts {

namespace {

constexpr std::int64_t columns = 8;  // of the experts of a node

// The followed token in the middle, its neighbours to press beside it. Returns where it lies.
Rect draw_tokens(Canvas& canvas, const ScaleScene& s, const Rect& area) {
    const Trace& trace = *s.frame->trace;
    std::vector<Chip> chips;
    double all = 0;
    for (std::int64_t i = 0; i < s.tokens; ++i) {
        const auto at = static_cast<std::size_t>(s.batch * trace.extent.tokens + i);
        Chip chip;
        chip.text = trace.tokens[at];
        chip.chosen = i == s.t;
        chip.index = i;
        all += chip_width(canvas, *s.theme, chip.text) + 4 * s.theme->text_scale;
        chips.push_back(std::move(chip));
    }
    const double x = area.x + std::max(0.0, (area.w - all) / 2);
    const auto places = draw_chips(canvas, *s.theme, {x, area.y}, area.right() - x, chips);
    return places.empty() ? Rect{area.centre().x, area.y, 0, chip_height(*s.theme)}
                          : places[static_cast<std::size_t>(s.t)];
}

// One line a node that the token is sent to; dashed where only plain top-k would send it.
void draw_link(Canvas& canvas, const ScaleScene& s, std::int64_t node, Vec2 from, Vec2 to) {
    const Theme& t = *s.theme;
    const bool sent = s.chosen_on(node) > 0, would = s.plain_on(node) > 0;
    if (!sent && !would) return;
    const double middle = (from.y + to.y) / 2;
    const std::vector<Vec2> path =
        rounded_path({from, {from.x, middle}, {to.x, middle}, to}, 8 * t.text_scale);
    if (sent) {
        draw_arrow(canvas, {from, {from.x, middle}, {to.x, middle}, to},
                   {t.meaning(Meaning::routed_expert), 2.5, 8 * t.text_scale, 8 * t.text_scale});
    } else {
        draw_dashed(canvas, path, t.meaning(Meaning::position), 1.75);
    }
}

// What the gate reads: the token's hidden state, below it.
Rect draw_hidden(Canvas& canvas, const ScaleScene& s, const Rect& area, double x) {
    const Tensor& u = *s.frame->trace->find(s.layer + ".ffn_in");
    HeatMap map;
    map.rows = 1;
    map.cols = u.shape.cols();
    const double w = std::min(area.w, 260 * s.theme->text_scale);
    map.area = {std::clamp(x - w / 2, area.x, area.right() - w), area.y, w, area.h};
    const std::int64_t first = (s.batch * s.tokens + s.t) * map.cols;
    map.value = [&](std::int64_t, std::int64_t c) { return u.at(first + c); };
    map.scale = ColourScale::fit(1, map.cols, map.value);
    map.target = {s.layer + ".ffn_in", first, 0, 0, 0, 1};
    map.numbers = false;
    if (s.frame->hover_node == map.target.node) map.hover_index = s.frame->hover_index;
    draw_heat_map(canvas, *s.theme, map);
    return map.area;
}

struct Cells {
    Rect area;
    std::int64_t rows = 1;
    Rect of(std::int64_t i) const {
        const double w = area.w / columns, h = area.h / static_cast<double>(rows);
        return {area.x + w * static_cast<double>(i % columns),
                area.y + h * static_cast<double>(i / columns), w, h};
    }
};

// Shaded by s + b; filled where chosen, outlined where only plain top-k would have chosen.
void draw_experts(Canvas& canvas, const ScaleScene& s, std::int64_t node, const Cells& cells,
                  const ColourScale& scale) {
    const Theme& t = *s.theme;
    const std::int64_t each = s.gate.value->experts_a_node();
    const bool kept = s.kept(node);
    for (std::int64_t i = 0; i < each; ++i) {
        const std::int64_t e = node * each + i;
        const Rect whole = cells.of(i), r = whole.inset(std::min(1.0, whole.w * 0.08));
        const double part = std::clamp(
            (s.route->biased[static_cast<std::size_t>(e)] - scale.lo) / (scale.hi - scale.lo), 0.0,
            1.0);
        const Colour grey = mix(t.surface, t.ink_faint, 0.08 + 0.55 * part);
        const double radius = std::min(2.0, r.w / 4);
        if (s.chosen(e)) {
            canvas.fill_rect(r, t.meaning(Meaning::routed_expert), radius);
            canvas.stroke_rect(r, t.ink, 1.25, radius);
        } else {
            canvas.fill_rect(r, kept ? grey : grey.alpha(0.4), radius);
        }
        if (s.plain(e) && !s.chosen(e))
            canvas.stroke_rect(r.inset(0.75), t.meaning(Meaning::position), 2, radius);
    }
}

std::string node_name(std::int64_t node) {
    return "node " + std::to_string(node);
}
std::string node_score(const ScaleScene& s, std::int64_t node) {
    return format_fixed(s.route->node_scores[static_cast<std::size_t>(node)], 3);
}
double node_pad(const Theme& t) {
    return 7 * t.text_scale;
}

// Whether every node of that width has room for its score beside its name.
bool scores_fit(const Canvas& canvas, const ScaleScene& s, double width) {
    const Theme& t = *s.theme;
    for (std::int64_t n = 0; n < s.gate.value->nodes(); ++n)
        if (canvas.text_width(node_name(n), t.text(t.small(), t.ink, Weight::bold)) +
                canvas.text_width(node_score(s, n), t.text(t.small(), t.ink)) + 8 * t.text_scale >
            width - 2 * node_pad(t))
            return false;
    return true;
}

void draw_node(Canvas& canvas, const ScaleScene& s, std::int64_t node, const Rect& r,
               const ColourScale& scale, bool with_score) {
    const Theme& t = *s.theme;
    const double u = t.text_scale, line = line_height(t.small()), pad = node_pad(t);
    const bool kept = s.kept(node);
    canvas.fill_rect(r, kept ? t.meaning_soft(Meaning::routed_expert) : t.surface, 5 * u);
    canvas.stroke_rect(r, kept ? t.meaning(Meaning::routed_expert) : t.hairline, kept ? 1.75 : 1,
                       5 * u);
    const Rect inside{r.x + pad, r.y + pad * 0.6, r.w - 2 * pad, r.h - 1.4 * pad};
    const auto style =
        t.text(t.small(), kept ? t.ink : t.ink_faint, kept ? Weight::bold : Weight::regular);
    auto right = style;
    right.align = Align::right;
    right.weight = Weight::regular;
    const double number = with_score ? canvas.text_width(node_score(s, node), right) + 1 : 0;
    text_in(canvas, {inside.x, inside.y, inside.w - number, line}, node_name(node), style);
    if (with_score)
        text_in(canvas, {inside.right() - number, inside.y, number, line}, node_score(s, node),
                right);
    const std::int64_t rows = (s.gate.value->experts_a_node() + columns - 1) / columns;
    draw_experts(canvas, s, node,
                 {{inside.x, inside.y + line + 3 * u, inside.w, inside.h - line - 3 * u}, rows},
                 scale);
}

// What the cells mean, at the foot; returns its height.
double draw_key(Canvas& canvas, const ScaleScene& s, const Rect& area, bool with_scores) {
    const Theme& t = *s.theme;
    const std::vector<LegendEntry> entries{
        {"chosen", t.meaning(Meaning::routed_expert)},
        {"plain top-8 would choose", t.meaning(Meaning::position), Hatch::none, true, true}};
    const double h = draw_legend(canvas, t, {area.x, area.y}, area.w, entries, true);
    const double y = area.bottom() - h;
    draw_legend(canvas, t, {area.x, y}, area.w, entries);
    const std::string words = std::string("shade: s + b of each expert") +
                              (with_scores ? "; number: a node’s best two together" : "");
    const auto style = t.text(t.small(), t.ink_faint, Weight::regular, Align::right);
    double used = 60 * t.text_scale;
    for (const LegendEntry& e : entries) used += canvas.text_width(e.name, style) + t.small() * 2;
    const double w = canvas.text_width(words, style);
    if (used + w <= area.w && h < 2 * line_height(t.small()))
        text_in(canvas, {area.right() - w - 1, y, w + 1, h}, words, style);
    return h;
}

}  // namespace

void draw_nodes(Canvas& canvas, const ScaleScene& s, const Rect& area) {
    const Theme& t = *s.theme;
    const double u = t.text_scale, gap = 8 * u;
    if (!s.route) {
        paragraph(canvas, {area.x, area.y}, area.w,
                  s.tokens == 0 ? "This MTP module has no position in so short a text."
                                : "The trace does not hold " + s.layer + ".ffn_in.",
                  t.text(t.normal(), t.ink_soft), area.h);
        return;
    }
    const std::int64_t nodes = s.gate.value->nodes();
    const double w = (area.w - gap * static_cast<double>(nodes - 1)) / static_cast<double>(nodes);
    const bool with_scores = scores_fit(canvas, s, w);
    Rect rest = area;
    if (area.h >= 190 * u) rest.h -= draw_key(canvas, s, area, with_scores) + 6 * u;
    const double chips = chip_height(t);
    const Rect token = draw_tokens(canvas, s, {rest.x, rest.y, rest.w, chips});
    const double strip = 9 * u, wires = 30 * u;
    const Rect below{rest.x, rest.y + chips + 4 * u, rest.w, strip};
    const double top = below.bottom() + wires;
    if (rest.bottom() - top < 48 * u) return;
    const double from = draw_hidden(canvas, s, below, token.centre().x).centre().x;
    ColourScale scale = ColourScale::range(1e300, -1e300);
    for (const double v : s.route->biased)
        if (std::isfinite(v)) scale.lo = std::min(scale.lo, v), scale.hi = std::max(scale.hi, v);
    if (!(scale.lo < scale.hi)) scale = ColourScale::range(0, 1);
    const auto place = [&](std::int64_t n) {
        return Rect{rest.x + (w + gap) * static_cast<double>(n), top, w, rest.bottom() - top};
    };
    for (const bool sent : {false, true})  // what is sent lies above what would be
        for (std::int64_t n = 0; n < nodes; ++n)
            if ((s.chosen_on(n) > 0) == sent)
                draw_link(canvas, s, n, {from, below.bottom() + 1}, {place(n).centre().x, top});
    for (std::int64_t n = 0; n < nodes; ++n) draw_node(canvas, s, n, place(n), scale, with_scores);
}

}  // namespace sf::experts
