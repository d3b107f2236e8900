#include "views/draw/colour_map.h"
#include "views/draw/number.h"
#include "views/draw/text.h"
#include "views/experts_draw.h"

#include <algorithm>
#include <cmath>
#include <numeric>

// What comes of it: the next token, and where in the text the looked-at expert works.
namespace sf::experts {

namespace {

constexpr std::ptrdiff_t most_shown = 5;

std::size_t at(std::int64_t i) {
    return static_cast<std::size_t>(i);
}

double row_height(const Theme& t) {
    return line_height(t.small()) + 5 * t.text_scale;
}

}  // namespace

double prediction_height(const Scene& s) {
    const Theme& t = *s.theme;
    const double legend = s.before != nullptr ? line_height(t.small()) + 8 * t.text_scale : 0;
    return line_height(t.normal()) + 4 + legend + static_cast<double>(most_shown) * row_height(t);
}

void draw_prediction(Canvas& canvas, const Scene& s, const Rect& area) {
    const Theme& t = *s.theme;
    const double u = t.text_scale, line = row_height(t);
    const bool main = s.layer < s.config.num_hidden_layers;
    double y = area.y + draw_block_title(canvas, t, area,
                                         main ? "Next token after " + s.token_text(s.t)
                                              : "Draft of the module after " + s.token_text(s.t));
    const auto now = prediction(s, *s.trace);
    const auto was = s.before != nullptr ? prediction(s, *s.before) : std::vector<double>{};
    if (now.empty()) {
        draw_pending(canvas, t, {area.x, y, area.w, area.bottom() - y}, "", 0,
                     "this trace does not hold the prediction");
        return;
    }
    if (!was.empty()) {
        const std::vector<LegendEntry> legend{{"now", t.meaning(Meaning::head)},
                                              {"before", t.ink, Hatch::none, true}};
        const double h = draw_legend(canvas, t, {area.x, y}, area.w, legend, true);
        if (y + h + line <= area.bottom())
            y += draw_legend(canvas, t, {area.x, y}, area.w, legend) + 2 * u;
    }
    const auto most = [&](std::int64_t i) {
        return std::max(now[at(i)], was.empty() ? 0.0 : was[at(i)]);
    };
    std::vector<std::int64_t> ids(now.size());
    std::iota(ids.begin(), ids.end(), std::int64_t{0});
    const auto room = static_cast<std::int64_t>((area.bottom() - y) / line);
    const auto shown = std::clamp<std::int64_t>(room, 0, std::min(std::ssize(ids), most_shown));
    std::partial_sort(ids.begin(), ids.begin() + shown, ids.end(),
                      [&](std::int64_t a, std::int64_t b) {
                          return most(a) != most(b) ? most(a) > most(b) : a < b;
                      });
    const double name_w = std::min(area.w * 0.3, 90 * u), number_w = 44 * u;
    const double wide = area.w - name_w - number_w;
    const std::string node = main ? "probs" : s.node("probs");
    for (std::int64_t i = 0; i < shown; ++i) {
        const std::int64_t id = ids[at(i)];
        text_in(canvas, {area.x, y, name_w - 6 * u, line},
                "“" + token_label(s.trace->label(id)) + "”", t.text(t.small(), t.ink));
        const Rect bar{area.x + name_w, y + 3 * u, wide, line - 6 * u};
        canvas.fill_rect(bar, t.grid, 2);
        canvas.fill_rect({bar.x, bar.y, std::max(0.0, bar.w * now[at(id)]), bar.h},
                         t.meaning(Meaning::head), 2);
        if (!was.empty()) {
            const double x = bar.x + bar.w * was[at(id)];
            canvas.line({x, bar.y - 2 * u}, {x, bar.bottom() + 2 * u}, t.ink, 2);
        }
        text_in(canvas, {area.right() - number_w, y, number_w, line}, format_percent(now[at(id)]),
                t.text(t.small(), t.ink_soft, Weight::regular, Align::right));
        const std::int64_t index = s.row(s.t) * std::ssize(now) + id;
        if (s.own()) canvas.hit({area.x, y, area.w, line}, {node, index, 1, 1, 0, 0});
        y += line;
    }
}

// A row a token that the expert works on, the followed one among them.
void draw_tokens(Canvas& canvas, const Scene& s, const Rect& area) {
    const Theme& t = *s.theme;
    const double u = t.text_scale, line = row_height(t);
    std::vector<std::int64_t> rows;
    for (std::int64_t r = 0; r < s.tokens; ++r)
        if (s.place_of(r, s.expert) >= 0) rows.push_back(r);
    double y = area.y +
               draw_block_title(
                   canvas, t, area, "Tokens of expert " + std::to_string(s.expert),
                   format_count(std::ssize(rows)) + " of " + format_count(s.tokens) + ", by gate");
    if (rows.empty()) {
        const std::string words = "No token of this text is sent to it.";
        const auto soft = t.text(t.small(), t.ink_soft);
        if (y + paragraph_height(canvas, area.w, words, soft) <= area.bottom())
            paragraph(canvas, {area.x, y}, area.w, words, soft);
        return;
    }
    std::stable_sort(rows.begin(), rows.end(), [&](std::int64_t a, std::int64_t b) {
        return s.gate(a, s.place_of(a, s.expert)) > s.gate(b, s.place_of(b, s.expert));
    });
    const double name_w = std::min(area.w * 0.3, 90 * u), number_w = 44 * u;
    const Rect track{area.x + name_w, 0, area.w - name_w - number_w, 0};
    for (const std::int64_t r : rows) {
        if (y + line > area.bottom() + 0.5) break;
        const std::int64_t k = s.place_of(r, s.expert);
        const bool here = r == s.t;
        const Rect all{area.x, y, area.w, line};
        if (here) canvas.fill_rect(all, t.accent_soft, 3);
        text_in(canvas, {area.x, y, name_w - 6 * u, line}, s.token_text(r),
                t.text(t.small(), here ? t.accent : t.ink, here ? Weight::bold : Weight::regular));
        const Rect bar{track.x, y + 3 * u, track.w, line - 6 * u};
        canvas.fill_rect(bar, t.grid, 2);
        const double part = std::clamp(s.gate(r, k) / std::max(s.scale, 1e-30), 0.0, 1.0);
        canvas.fill_rect({bar.x, bar.y, bar.w * part, bar.h}, t.meaning(Meaning::routed_expert), 2);
        text_in(canvas, {area.right() - number_w, y, number_w, line}, format_fixed(s.gate(r, k), 2),
                t.text(t.small(), t.ink_soft, Weight::regular, Align::right));
        if (s.own()) {
            canvas.hit(all, {s.node("router_weights"), s.slot(r, k), 1, 1, 0, 0});
            if (s.frame->hover_node == s.node("router_weights") &&
                s.frame->hover_index == s.slot(r, k))
                canvas.stroke_rect(all, t.ink, 1.5, 3);
        }
        y += line;
    }
}

}  // namespace sf::experts
