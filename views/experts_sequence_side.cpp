#include "views/draw/colour_map.h"
#include "views/draw/formula.h"
#include "views/draw/number.h"
#include "views/draw/text.h"
#include "views/experts_draw.h"
#include "views/experts_sequence.h"
#include "views/experts_words.h"
#include "views/place.h"

#include <algorithm>
#include <cmath>

// Beside the ribbons: what the limit saves, what a capacity would drop, how even the load is.
namespace sf::experts {

namespace {

std::size_t at(std::int64_t i) {
    return static_cast<std::size_t>(i);
}

double title_height(const Theme& t) {
    return line_height(t.normal()) + 4;
}

double row_height(const Theme& t) {
    return line_height(t.small()) + 6 * t.text_scale;
}

struct LinkRow {
    std::string name;
    std::int64_t count;
    Colour colour;
    bool hatched;
};

// The factor on a track.
void draw_factor(Canvas& canvas, const Sequence& q, const Rect& r) {
    const Theme& t = *q.scene.theme;
    const double u = t.text_scale, knob = 5 * u;
    const auto p = [&] {
        for (const Parameter& each : sequence_parameters(*q.scene.frame))
            if (each.name == "capacity") return each;
        return Parameter{};
    }();
    const auto soft = t.text(t.small(), t.ink_soft);
    const auto bold = t.text(t.small(), t.ink, Weight::bold, Align::right);
    const double label = canvas.text_width("capacity", soft) + 12 * u;
    const double figure = canvas.text_width("4.00 × mean", bold) + 8 * u;
    const Rect track{r.x + label + knob, r.y, r.w - label - figure - 2 * knob, r.h};
    text_in(canvas, {r.x, r.y, label, r.h}, "capacity", soft);
    text_in(canvas, {r.right() - figure, r.y, figure, r.h},
            format_fixed(q.capacity.factor, 2) + " × mean", bold);
    if (track.w < 32 * u) return;
    const double y = track.centre().y, x = track.x + track.w * p.part_of(q.capacity.factor);
    canvas.line({track.x, y}, {track.right(), y}, t.hairline, 2 * u);
    canvas.line({track.x, y}, {x, y}, t.bad, 2 * u);
    draw_circle(canvas, {x, y}, knob, t.bad);
    canvas.hit({x - 10 * u, r.y, 20 * u, r.h},
               {"setting:capacity", 0, 1, std::max<std::int64_t>(1, std::llround(track.w)), 0, 0});
}

std::string capacity_words(const Sequence& q) {
    const Capacity& c = q.capacity;
    std::string text = "Room for " + counted(c.room, "token", "tokens") + " an expert";
    if (c.places == 0) return text + " would hold them all. Here none is ever dropped.";
    return text + " would drop " + format_count(c.places) + " of " + format_count(q.copies()) +
           " places, and " + counted(c.tokens, "token", "tokens") + " of " +
           format_count(q.scene.tokens) + " would lose an expert. Here none is dropped.";
}

}  // namespace

double links_height(const Theme& t) {
    return title_height(t) + 3 * row_height(t) + 2 * line_height(t.small()) +
           control_strip_height(t) + 4 * t.text_scale;
}

double draw_links(Canvas& canvas, const Sequence& q, const Rect& area) {
    const Theme& t = *q.scene.theme;
    const double u = t.text_scale;
    const Colour routed = t.meaning(Meaning::routed_expert);
    const bool limited = q.scene.rule.limited();
    const std::vector<LinkRow> rows{
        {limited ? "limit of " + std::to_string(q.scene.rule.kept) : "as routed", q.links, routed,
         false},
        {"without limit", q.links_free, t.ink_soft, true},
        {"one per expert", q.copies(), t.ink_faint.alpha(0.55), false}};
    double y = area.y + draw_block_title(canvas, t, area, "Links to nodes", "a node once a token");
    const auto soft = t.text(t.small(), t.ink_soft);
    const auto bold = t.text(t.small(), t.ink, Weight::bold, Align::right);
    double name_w = 0;
    for (const LinkRow& row : rows) name_w = std::max(name_w, canvas.text_width(row.name, soft));
    name_w = std::min(std::ceil(name_w) + 10 * u, area.w * 0.5);
    const double number_w = canvas.text_width(format_count(q.copies()), bold) + 10 * u;
    const double wide = area.w - name_w - number_w;
    for (const LinkRow& row : rows) {
        const double h = row_height(t);
        text_in(canvas, {area.x, y, name_w, h}, row.name, soft);
        if (wide > 8) {
            const double part = static_cast<double>(row.count) /
                                static_cast<double>(std::max<std::int64_t>(1, q.copies()));
            const Rect bar{area.x + name_w, y + h / 2 - 6 * u, wide * part, 12 * u};
            if (row.hatched)
                draw_swatch(canvas, bar, row.colour, Hatch::counter);
            else
                canvas.fill_rect(bar, row.colour, 2);
        }
        text_in(canvas, {area.right() - number_w, y, number_w, h}, format_count(row.count), bold);
        y += h;
    }
    const std::int64_t saved = q.links_free - q.links;
    const std::string words = !limited ? "Every node may be reached: this is plain top-k."
                              : saved > 0
                                  ? "The limit saves " + counted(saved, "link", "links") + " of " +
                                        format_count(q.links_free) + " between machines."
                                  : "Here plain top-k of the same s + b would take no more.";
    y += 4 * u;
    y += paragraph(canvas, {area.x, y}, area.w, words, soft,
                   area.bottom() - y - control_strip_height(t));
    draw_node_limit(canvas, q.scene, {area.x, y, area.w, control_strip_height(t)});
    return y + control_strip_height(t) - area.y;
}

double capacity_height(const Theme& t) {
    return title_height(t) + row_height(t) + 4 * line_height(t.small());
}

double draw_capacity(Canvas& canvas, const Sequence& q, const Rect& area) {
    const Theme& t = *q.scene.theme;
    double y = area.y + draw_block_title(canvas, t, area, "If experts had a capacity");
    draw_factor(canvas, q, {area.x, y, area.w, row_height(t)});
    y += row_height(t);
    return y - area.y +
           paragraph(canvas, {area.x, y}, area.w, capacity_words(q), t.text(t.small(), t.ink_soft),
                     area.bottom() - y);
}

double balance_height(const Theme& t) {
    return title_height(t) + 2 * line_height(t.small()) + line_height(t.normal()) +
           56 * t.text_scale;
}

void draw_balance(Canvas& canvas, const Sequence& q, const Rect& area) {
    const Scene& s = q.scene;
    const Theme& t = *s.theme;
    const double u = t.text_scale, n = static_cast<double>(s.rule.experts);
    double y = area.y + draw_block_title(canvas, t, area, "Sequence-wise balance", "1 is even");
    const Colour f_colour = t.meaning(Meaning::routed_expert), p_colour = t.ink_soft;
    const std::vector<LegendEntry> legend{{"f, share of the k best s", f_colour},
                                          {"N · P, share of s", p_colour, Hatch::diagonal}};
    y += draw_legend(canvas, t, {area.x, y}, area.w, legend) + 4 * u;
    const double foot = line_height(t.normal()) + 6 * u, axis = line_height(t.small());
    const Rect plot{area.x, y, area.w, area.bottom() - foot - axis - y};
    if (plot.h < 24 * u) return;
    double most = 1.2;
    for (std::size_t e = 0; e < q.balance.f.size(); ++e)
        for (const double v : {q.balance.f[e], n * q.balance.p[e]})
            if (std::isfinite(v)) most = std::max(most, v);
    const double slot = plot.w / n, bar = std::min(slot * 0.38, 16 * u);
    const auto height = [&](double v) {
        return std::isfinite(v) ? plot.h * std::max(0.0, v) / most : 0;
    };
    const bool recorded = s.own() && fitting_tensor(*s.trace, s.node("balance_f")) != nullptr &&
                          fitting_tensor(*s.trace, s.node("balance_p")) != nullptr;
    double last = -1e9;
    for (std::int64_t e = 0; e < s.rule.experts; ++e) {
        const double middle = plot.x + slot * (static_cast<double>(e) + 0.5);
        const double f = height(q.balance.f[at(e)]), p = height(n * q.balance.p[at(e)]);
        const Rect left{middle - bar, plot.bottom() - f, bar, f};
        const Rect right{middle, plot.bottom() - p, bar, p};
        canvas.fill_rect(left, f_colour);
        canvas.fill_rect(right, p_colour.alpha(0.25));
        draw_hatch(canvas, right, Hatch::diagonal, p_colour, 4 * u);
        canvas.stroke_rect(right, p_colour, 1);
        if (recorded) {
            const std::int64_t cell = s.batch * s.rule.experts + e;
            canvas.hit({middle - slot / 2, plot.y, slot / 2, plot.h},
                       {s.node("balance_f"), cell, 1, 1, 0, 0});
            canvas.hit({middle, plot.y, slot / 2, plot.h}, {s.node("balance_p"), cell, 1, 1, 0, 0});
        }
        const auto label = t.text(t.small(), e == s.expert ? t.accent : t.ink_faint,
                                  e == s.expert ? Weight::bold : Weight::regular, Align::centre);
        const double half = canvas.text_width(std::to_string(e), label) / 2;
        if (middle - half < last + 3) continue;
        canvas.text({middle, plot.bottom() + axis - 3}, std::to_string(e), label);
        last = middle + half;
    }
    const double even = plot.bottom() - plot.h / most;
    canvas.line({plot.x, even}, {plot.right(), even}, t.ink, 1.25);
    canvas.line({plot.x, plot.bottom()}, {plot.right(), plot.bottom()}, t.hairline, 1);
    const std::string markup = "α Σ f_i P_i = " + format_number(q.balance.alpha, 2) + " · " +
                               format_number(q.balance.sum, 4) + " = " +
                               format_number(q.balance.alpha * q.balance.sum, 3);
    const auto ink = t.text(t.normal(), t.ink, Weight::bold);
    if (formula_width(canvas, markup, ink, {&t, true}) <= area.w)
        draw_formula(canvas, {area.x, area.bottom() - 4 * u - line_height(t.normal()) * 0.2},
                     markup, ink, {&t, true});
}

}  // namespace sf::experts
