#include "views/draw/colour_map.h"
#include "views/draw/number.h"
#include "views/draw/text.h"
#include "views/experts_draw.h"

#include <algorithm>
#include <cmath>
#include <span>

// The groups ("nodes"): a panel each, what it has to offer, and which the limit keeps.
namespace sf::experts {

namespace {

// The scores as drawn, each the sum of what its bars show.
struct Offers {
    std::vector<double> scores;
    double lo = 0, hi = 0, cut = INFINITY;  // cut: the least that is kept
};

Offers offers_of(const TokenPicture& p) {
    Offers o;
    const double terms =
        p.s.rule.best_two ? static_cast<double>(std::min<std::int64_t>(2, p.c.size)) : 1;
    for (std::int64_t g = 0; g < p.c.groups; ++g) {
        const double v = p.s.group_score(p.s.t, g) - terms * p.common;
        o.scores.push_back(v);
        if (!std::isfinite(v)) continue;
        o.lo = std::min(o.lo, v), o.hi = std::max(o.hi, v);
        if (p.kept(g)) o.cut = std::min(o.cut, v);
    }
    if (!(o.hi > o.lo)) o.hi = o.lo + 1;
    return o;
}

void draw_name(const TokenPicture& p, std::int64_t g, const Rect& r) {
    const Theme& t = p.t;
    const bool kept = p.kept(g), decided = p.s.rule.limited() && p.reveal.limit >= 1;
    const std::string text = "node " + std::to_string(g);
    const auto name = t.text(t.small(), kept || !decided ? t.ink : t.ink_faint, Weight::bold);
    text_in(p.canvas, r, text, name);
    if (!decided) return;
    const std::string word = kept ? "kept" : "left out";
    const auto soft = t.text(t.small(), kept ? t.meaning_text(Meaning::routed_expert) : t.ink_faint,
                             Weight::regular, Align::right);
    if (p.canvas.text_width(text, name) + 12 + p.canvas.text_width(word, soft) <= r.w)
        text_in(p.canvas, r, word, soft);
}

// "S = 0.94 + 0.68 = 1.62" where it has room, else less of it.
std::string sum_text(const TokenPicture& p, const Offers& o, std::int64_t g, double room,
                     const TextStyle& style) {
    const double score = o.scores[static_cast<std::size_t>(g)];
    std::vector<std::string> texts{"S = " + format_fixed(score, 2), format_fixed(score, 2), ""};
    if (p.s.rule.best_two) {
        const auto size = static_cast<std::size_t>(p.c.size);
        const auto group = std::span(p.sb_values).subspan(static_cast<std::size_t>(g) * size, size);
        std::string sum;
        for (const std::int64_t i : best_of(group, 2)) {
            const double v = group[static_cast<std::size_t>(i)];
            sum += (sum.empty() ? ""
                    : v < 0     ? " − "
                                : " + ") +
                   format_fixed(sum.empty() ? v : std::abs(v), 2);
        }
        const std::string made = sum + " = " + format_fixed(score, 2);
        texts.insert(texts.begin(), {"S = " + made, made});
    }
    // Of a node that is left out, what it would have had to reach.
    if (!p.kept(g) && p.s.rule.limited() && p.reveal.limit >= 1 && std::isfinite(o.cut)) {
        std::vector<std::string> longer;
        for (const std::string& text : texts)
            if (!text.empty()) longer.push_back(text + " < " + format_fixed(o.cut, 2));
        texts.insert(texts.begin(), longer.begin(), longer.begin() + (p.s.rule.best_two ? 2 : 1));
    }
    return *std::find_if(texts.begin(), texts.end(), [&](const std::string& text) {
        return p.canvas.text_width(text, style) <= room;
    });
}

void draw_offer(const TokenPicture& p, const Offers& o, std::int64_t g, const Rect& r) {
    const Theme& t = p.t;
    const double u = t.text_scale, v = o.scores[static_cast<std::size_t>(g)];
    const bool kept = p.kept(g);
    const std::int64_t index = p.s.row(p.s.t) * p.s.rule.groups + g;
    const Rect track{r.x, r.y + 4 * u, r.w, 6 * u};
    const auto x = [&](double value) { return track.x + track.w * (value - o.lo) / (o.hi - o.lo); };
    p.canvas.fill_rect(track, t.grid, 2);
    if (std::isfinite(v)) {
        const double to = x(v * p.reveal.groups), zero = x(0);
        const Colour on = t.meaning(Meaning::routed_expert),
                     grey = mix(t.surface, t.ink_faint, 0.5);
        p.canvas.fill_rect({std::min(zero, to), track.y, std::abs(to - zero), track.h},
                           kept ? on : mix(mix(t.surface, on, 0.42), grey, p.reveal.limit), 2);
    }
    if (std::isfinite(o.cut) && p.s.rule.limited() && p.reveal.limit > 0)
        p.canvas.line({x(o.cut), track.y - 3 * u}, {x(o.cut), track.bottom() + 3 * u},
                      t.ink.alpha(p.reveal.limit), 1.75);
    p.hit(r, "group_scores", index);
    if (p.hovers("group_scores", index)) p.canvas.stroke_rect(r, t.ink, 1.5, 2);
    if (p.reveal.groups < 1) return;
    const auto style = t.text(t.small(), kept || p.reveal.limit < 1 ? t.ink : t.ink_faint,
                              kept ? Weight::bold : Weight::regular);
    const Rect line{r.x, track.bottom() + 3 * u, r.w, line_height(t.small())};
    text_in(p.canvas, line, sum_text(p, o, g, r.w, style), style);
}

}  // namespace

double draw_panels(const TokenPicture& p, const Rect& area, bool scores) {
    const Theme& t = p.t;
    const double u = t.text_scale, line = line_height(t.small());
    const bool named = p.c.groups > 1;
    const double name = named ? line + 4 : 0, offer = named && scores ? line + 14 * u : 0;
    const Offers offers = named ? offers_of(p) : Offers{};
    for (std::int64_t g = 0; g < p.c.groups; ++g) {
        const Rect panel{p.c.panel_x(g), area.y, p.c.panel_w, area.h};
        p.canvas.fill_rect(panel, t.surface, 6);
        p.canvas.stroke_rect(panel, t.hairline, 1, 6);
        if (p.kept(g) && p.s.rule.limited() && p.reveal.limit > 0)
            p.canvas.stroke_rect(panel, t.meaning(Meaning::routed_expert).alpha(p.reveal.limit),
                                 1.5, 6);
        const double inset = p.c.pad + 2;
        const Rect in{panel.x + inset, panel.y + 2, panel.w - 2 * inset, name};
        if (name > 0 && in.w > 4) draw_name(p, g, in);
        if (offer > 0 && in.w > 4) draw_offer(p, offers, g, {in.x, in.y + name - 2, in.w, offer});
    }
    return name + offer;
}

}  // namespace sf::experts
