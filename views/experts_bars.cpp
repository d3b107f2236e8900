#include "views/draw/colour_map.h"
#include "views/draw/number.h"
#include "views/draw/plot.h"
#include "views/draw/text.h"
#include "views/experts_draw.h"

#include <algorithm>
#include <cmath>

// Affinities as bars in the panels of their groups.
namespace sf::experts {

namespace {

std::size_t at(std::int64_t i) {
    return static_cast<std::size_t>(i);
}

std::string signed_text(double v) {
    const std::string text = format_fixed(v, 2);
    return v > 0 && text != "0.00" ? "+" + text : text;
}

// Where the bars stand inside the panels.
struct Heights {
    Rect plot;
    double lo, hi;
    double y(double v) const {
        return plot.bottom() - (std::clamp(v, lo, hi) - lo) / (hi - lo) * plot.h;
    }
};

// Whether every expert's figures have room above its bar.
bool figures_fit(const TokenPicture& p) {
    const auto style = p.t.text(p.t.small(), p.t.ink);
    for (std::size_t e = 0; e < p.s_values.size(); ++e)
        for (const std::string& text :
             {format_fixed(p.s_values[e], 2), signed_text(p.sb_values[e] - p.s_values[e])})
            if (p.canvas.text_width(text, style) > p.c.slot - 3) return false;
    return true;
}

void draw_axis(const TokenPicture& p, const Heights& h) {
    const auto style = p.t.text(p.t.small(), p.t.ink_faint, Weight::regular, Align::right);
    const double right = p.c.right(), step = line_height(p.t.small()) * 1.6;
    const int wanted = std::clamp(static_cast<int>(h.plot.h / step), 1, 4);
    for (const Tick& tick : ticks(h.lo, h.hi, wanted)) {
        const double y = h.y(tick.value);
        p.canvas.line({p.c.x, y}, {right, y}, p.t.grid, 1);
        text_in(p.canvas,
                {p.c.x - 36 * p.t.text_scale, y - 8 * p.t.text_scale, 30 * p.t.text_scale,
                 16 * p.t.text_scale},
                tick.label, style);
    }
}

void draw_bar(const TokenPicture& p, const Heights& h, std::int64_t e) {
    const Theme& t = p.t;
    const bool kept = p.kept(p.s.rule.group_of(e)), chosen = p.s.place_of(p.s.t, e) >= 0;
    const double wide = std::min(std::max(1.0, p.c.slot * 0.62), 48 * t.text_scale);
    const double zero = h.y(0), left = p.c.centre(e) - wide / 2;
    const double s = p.s_values[at(e)], sum = p.sb_values[at(e)];
    const Colour full = t.meaning(Meaning::routed_expert);
    const Colour pale = mix(t.surface, full, 0.42), grey = mix(t.surface, t.ink_faint, 0.4);
    Colour colour = pale;
    if (!kept) colour = mix(pale, grey, p.reveal.limit);
    if (chosen) colour = mix(pale, full, p.reveal.choice);
    const auto span = [&](double v) {
        return Rect{left, std::min(zero, h.y(v)), wide, std::abs(zero - h.y(v))};
    };
    if (std::isfinite(s)) {
        if (p.reveal.affinities < 1)
            p.canvas.stroke_rect(span(s), t.hairline, 1, std::min(2.0, wide / 6));
        if (p.reveal.affinities > 0)
            p.canvas.fill_rect(span(s * p.reveal.affinities), colour, std::min(2.0, wide / 6));
    }
    const Rect slot{p.c.slot_x(e), h.plot.y, p.c.slot, h.plot.h};
    if (p.s.off(e)) {
        draw_hatch(p.canvas, {left, h.plot.y, wide, h.plot.h}, Hatch::diagonal, t.ink_faint, 5);
    } else if (p.s.biased && std::isfinite(sum) && p.reveal.bias > 0) {
        const double margin = wide > 6 ? 2.5 : 0.5;
        Rect outline = span(s + (sum - s) * p.reveal.bias);
        outline.x -= margin, outline.w += 2 * margin;
        p.canvas.stroke_rect(outline, kept || p.reveal.limit < 1 ? t.ink : t.ink_faint,
                             chosen ? 2 : 1.25);
    }
    // The height's cells: what weighs below, what chooses over all.
    if (p.s.biased) p.hit(slot, "router_biased", p.s.cell(p.s.t, e));
    if (std::isfinite(s)) p.hit(span(s), "router_scores", p.s.cell(p.s.t, e));
    if (p.hovers("router_biased", p.s.cell(p.s.t, e)) ||
        p.hovers("router_scores", p.s.cell(p.s.t, e)))
        p.canvas.stroke_rect(slot, t.ink, 1.5, 2);
}

// Would have been among the k best of all.
bool left_out(const TokenPicture& p, std::int64_t e) {
    const auto& best = p.unlimited.experts;
    return std::find(best.begin(), best.end(), e) != best.end() && p.s.place_of(p.s.t, e) < 0;
}

void draw_figures(const TokenPicture& p, const Heights& h, std::int64_t e) {
    const Theme& t = p.t;
    const double line = line_height(t.small());
    const bool chosen = p.s.place_of(p.s.t, e) >= 0 && p.reveal.choice >= 1;
    const bool off = p.s.off(e);
    double y = std::min({h.y(0), h.y(p.s_values[at(e)]), h.y(p.sb_values[at(e)])}) - 4 - line;
    if (off) y = h.plot.y - 4 - line;
    if (e == p.s.expert && !off) y -= 14 * t.text_scale;  // the handle
    if (left_out(p, e)) y -= 4;                           // its dashes
    const Rect place{p.c.slot_x(e), y, p.c.slot, line};
    const auto style = [&](Colour c, Weight w) { return t.text(t.small(), c, w, Align::centre); };
    if (off) {
        text_in(p.canvas, place, "off", style(t.bad, Weight::bold));
    } else if (p.s.biased && p.reveal.bias >= 1) {
        text_in(p.canvas, place, signed_text(p.sb_values[at(e)] - p.s_values[at(e)]),
                style(t.ink_faint, Weight::regular));
    }
    if (off || (p.s.biased && p.reveal.bias >= 1)) y -= line;
    if (p.reveal.affinities >= 1)
        text_in(p.canvas, {place.x, y, place.w, line}, format_fixed(p.s_values[at(e)], 2),
                style(chosen ? t.ink : t.ink_soft, chosen ? Weight::bold : Weight::regular));
}

// The handle: s + b of the looked-at expert, up or down. Its cells count millionths of the kick.
void draw_knob(const TokenPicture& p, const Heights& h) {
    const Scene& s = p.s;
    const Theme& t = p.t;
    if (!s.biased || !s.own() || s.another || s.trace->weights == nullptr || p.reveal.bias < 1)
        return;
    if (s.choices.off == s.expert || !std::isfinite(p.sb_values[at(s.expert)])) return;
    const double x = p.c.centre(s.expert), y = h.y(p.sb_values[at(s.expert)]);
    const double u = std::min(t.text_scale, 1.6);
    draw_circle(p.canvas, {x, y}, 6 * u, t.background);
    draw_circle(p.canvas, {x, y}, 4.5 * u, t.accent);
    for (const double up : {-u, u})
        p.canvas.fill_polygon(
            {{x, y + up * 11}, {x - 3.5 * u, y + up * 7.5}, {x + 3.5 * u, y + up * 7.5}}, t.accent);
    constexpr std::int64_t rows = 24;
    const auto step = static_cast<std::int64_t>(std::llround((h.hi - h.lo) / h.plot.h * 1e6));
    const auto now = static_cast<std::int64_t>(std::llround(s.choices.kick * 1e6));
    const double half = static_cast<double>(rows) / 2;
    p.canvas.hit(
        {x - 12, y - half, 24, 2 * half},
        {"setting:kick,layer=" + std::to_string(s.layer) + ",expert=" + std::to_string(s.expert),
         now + step * rows / 2, rows, 1, -step, 0});
}

// Numbers of the experts; a press looks at one.
void draw_numbers(const TokenPicture& p, const Rect& row) {
    const Theme& t = p.t;
    const auto style = [&](std::int64_t e) {
        const bool chosen = p.s.place_of(p.s.t, e) >= 0 && p.reveal.choice >= 1;
        return t.text(t.small(),
                      e == p.s.expert ? t.accent
                      : chosen        ? t.ink
                                      : t.ink_faint,
                      e == p.s.expert || chosen ? Weight::bold : Weight::regular, Align::centre);
    };
    const double base = row.y + row.h / 2 + cap_height(t.small()) / 2;
    const double own = p.canvas.text_width(std::to_string(p.s.expert), style(p.s.expert)) / 2 + 3;
    double last = -1e9;
    for (std::int64_t e = 0; e < p.s.rule.experts; ++e) {
        const double x = p.c.centre(e);
        const double half = p.canvas.text_width(std::to_string(e), style(e)) / 2;
        // The looked-at one has its place; the others as many as fit.
        const bool mine = e == p.s.expert;
        const double from_own = std::abs(x - p.c.centre(p.s.expert));
        if (!mine && (x - half < last + 3 || from_own < half + own)) continue;
        p.canvas.text({x, base}, std::to_string(e), style(e));
        last = x + half;
    }
    for (std::int64_t g = 0; g < p.c.groups; ++g)
        p.canvas.hit(
            {p.c.slot_x(g * p.c.size), row.y, p.c.slot * static_cast<double>(p.c.size), row.h},
            {"setting:expert", g * p.c.size, 1, p.c.size, 0, 1});
}

}  // namespace

void draw_affinities(const TokenPicture& p, const Rect& area) {
    const Theme& t = p.t;
    const double u = t.text_scale, line = line_height(t.small());
    const double foot = line + 6, head = draw_panels(p, area, area.h >= 150 * u);
    const bool figures = area.h >= 150 * u && figures_fit(p);
    const double above = figures ? (p.s.biased ? 2 : 1) * line + 22 * u : 16 * u;
    const Heights h{
        {p.c.x, area.y + head + above, p.c.right() - p.c.x, area.h - head - above - foot},
        p.lo,
        p.hi};
    if (h.plot.h < 16) return;
    const Rect own{p.c.slot_x(p.s.expert), area.y + head + 2, p.c.slot, area.h - head - 4};
    p.canvas.fill_rect(own, t.accent_soft, 4);
    draw_axis(p, h);
    for (std::int64_t e = 0; e < p.s.rule.experts; ++e) {
        draw_bar(p, h, e);
        if (figures) draw_figures(p, h, e);
        if (p.reveal.choice >= 1 && left_out(p, e)) {
            const double wide = std::min(p.c.slot * 0.62, 48 * u) + std::min(9.0, p.c.slot * 0.4);
            const double top = h.y(std::max(p.sb_values[at(e)], p.s_values[at(e)])) - 4;
            const double x = p.c.centre(e) - wide / 2;
            draw_dashed(p.canvas, {{x, h.y(0)}, {x, top}, {x + wide, top}, {x + wide, h.y(0)}},
                        t.ink_soft, 2, 5, 4);
        }
    }
    draw_numbers(p, {p.c.x, area.bottom() - foot, p.c.right() - p.c.x, foot});
    draw_knob(p, h);
    if (p.c.shared_w <= 0) return;
    const Rect shared{p.c.shared_x, area.y, p.c.shared_w, area.h};
    p.canvas.fill_rect(shared, t.meaning_soft(Meaning::shared_expert), 6);
    draw_hatch(p.canvas, shared.inset(1), hatch_of(Meaning::shared_expert),
               t.meaning(Meaning::shared_expert).alpha(0.35), 7);
    p.canvas.stroke_rect(shared, t.meaning(Meaning::shared_expert), 1.5, 6);
    const std::vector<std::string> words{
        p.s.config.n_shared_experts == 1 ? "shared"
                                         : std::to_string(p.s.config.n_shared_experts) + " shared",
        "always on"};
    for (std::size_t i = 0; i < words.size(); ++i) {
        const Rect place{shared.x + 3, shared.centre().y - line + static_cast<double>(i) * line,
                         shared.w - 6, line};
        p.canvas.fill_rect({place.x, place.y, place.w, place.h}, t.background.alpha(0.8), 3);
        text_in(p.canvas, place, words[i],
                t.text(t.small(), i == 0 ? t.ink : t.ink_soft,
                       i == 0 ? Weight::bold : Weight::regular, Align::centre));
    }
}

}  // namespace sf::experts
