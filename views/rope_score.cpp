#include "views/draw/heat_map.h"
#include "views/draw/number.h"
#include "views/draw/page.h"
#include "views/draw/plot.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/edited.h"
#include "views/rope_draw.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sf::rope {

namespace {

// A level bar from `from` to `to` on an axis of values.
struct ValueAxis {
    double lo = 0, hi = 1;
    Rect data;
    double at(double v) const { return data.x + (v - lo) / (hi - lo) * data.w; }
};

void draw_level_bar(Canvas& canvas, const ValueAxis& axis, double y, double h, double from,
                    double to, Colour colour) {
    const double a = axis.at(std::min(from, to)), b = axis.at(std::max(from, to));
    canvas.fill_rect({a, y, std::max(1.0, b - a), h}, colour, 2);
}

std::string signed_text(double v) {
    return (v > 0 ? "+" : "") + format_fixed(v, 2);
}

// Content, then position from where it ends, then where both come to.
double draw_waterfall(Canvas& canvas, const Scene& s, const Rect& area) {
    const Theme& t = *s.theme;
    const double u = t.text_scale, row = std::round(26 * u), bar = std::round(14 * u);
    const double sum = s.content + s.position;
    const auto soft = t.text(t.small(), t.ink_soft);
    const std::vector<std::string> names{"content", "position", "score"};
    double names_w = 0, numbers_w = 0;
    for (const auto& n : names) names_w = std::max(names_w, canvas.text_width(n, soft));
    const auto bold = t.text(t.normal(), t.ink, Weight::bold, Align::right);
    for (const double v : {s.content, s.position, sum})
        numbers_w = std::max(numbers_w, canvas.text_width(signed_text(v), bold));
    ValueAxis axis{std::min({0.0, s.content, sum}), std::max({0.0, s.content, sum}), {}};
    // A hundredth of a point does not fill the axis.
    if (axis.hi - axis.lo < 0.5) axis.hi += 0.5 - (axis.hi - axis.lo);
    axis.data = {area.x + names_w + 10 * u, area.y, area.w - names_w - numbers_w - 22 * u, 3 * row};
    if (axis.data.w < 24 * u || area.h < 3 * row) return 0;
    const double zero = axis.at(0);
    canvas.line({zero, area.y}, {zero, area.y + 3 * row}, t.hairline, 1);
    const auto line = [&](int i, double from, double to, Colour colour, double value) {
        const double y = area.y + row * i;
        text_in(canvas, {area.x, y, names_w + 1, row}, names[static_cast<std::size_t>(i)], soft);
        draw_level_bar(canvas, axis, y + (row - bar) / 2, bar, from, to, colour);
        auto style = bold;
        style.colour = colour;
        text_in(canvas, {area.right() - numbers_w - 2, y, numbers_w + 2, row}, signed_text(value),
                style);
        // The next bar begins where this one ends.
        const double x = axis.at(to);
        if (i < 2)
            canvas.line({x, y + (row + bar) / 2}, {x, y + row + (row - bar) / 2}, t.ink_faint, 1);
    };
    line(0, 0, s.content, t.meaning(Meaning::latent), s.content);
    line(1, s.content, sum, t.meaning(Meaning::position), s.position);
    line(2, 0, sum, t.ink, sum);
    if (s.as_run() && s.in_place())
        canvas.hit({area.x, area.y + 2 * row, area.w, row},
                   {s.node("scores"), s.score_index(s.t, s.s), 1, 1, 0, 0});
    return 3 * row;
}

// The same two parts for every key that the query sees, upright; a press chooses the key.
void draw_keys(Canvas& canvas, const Scene& s, const Rect& area) {
    const Theme& t = *s.theme;
    const std::int64_t n = s.t + 1;
    std::vector<double> content, position;
    double lo = 0, hi = 0;
    for (std::int64_t k = 0; k < n; ++k) {
        content.push_back(s.content_at(s.t, k));
        position.push_back(s.position_at(k));
        for (const double v : {content.back(), content.back() + position.back()}) {
            if (!std::isfinite(v)) continue;
            lo = std::min(lo, v);
            hi = std::max(hi, v);
        }
    }
    if (!(lo < hi)) return;
    const double label = line_height(t.small());
    const Rect data{area.x, area.y, area.w, area.h - label - 2};
    const double step = data.w / static_cast<double>(n), gap = std::clamp(step * 0.15, 0.0, 4.0);
    const auto y_of = [&](double v) { return data.bottom() - (v - lo) / (hi - lo) * data.h; };
    const auto style = t.text(t.small(), t.ink_soft, Weight::regular, Align::centre);
    const auto bold = t.text(t.small(), t.accent, Weight::bold, Align::centre);
    for (std::int64_t k = 0; k < n; ++k) {
        const auto i = static_cast<std::size_t>(k);
        if (!std::isfinite(content[i]) || !std::isfinite(position[i])) continue;
        const double x = data.x + step * static_cast<double>(k);
        if (k == s.s) canvas.fill_rect({x, data.y, step, data.h}, t.accent_soft, 2);
        // The two parts beside each other: signs may differ, and neither hides the other.
        const double w = std::max(0.5, (step - gap) / 2);
        const auto bar = [&](double left, double from, double to, Colour c) {
            const double a = y_of(std::max(from, to)), b = y_of(std::min(from, to));
            canvas.fill_rect({left, a, w, std::max(0.5, b - a)}, c, std::min(2.0, w / 3));
        };
        const double sum = content[i] + position[i];
        bar(x + gap / 2, 0, content[i], t.meaning(Meaning::latent));
        bar(x + gap / 2 + w, content[i], sum, t.meaning(Meaning::position));
        canvas.line({x + gap / 2, y_of(sum)}, {x + step - gap / 2, y_of(sum)}, t.ink, 1.5);
    }
    canvas.line({data.x, y_of(0)}, {data.right(), y_of(0)}, t.hairline, 1);
    // Names of the keys where they fit; the chosen one always.
    double free_from = area.x;
    const double chosen_x = data.x + step * (static_cast<double>(s.s) + 0.5);
    const std::string chosen = s.token_text(s.s);
    const double chosen_w = canvas.text_width(chosen, bold);
    const double chosen_from =
        std::clamp(chosen_x - chosen_w / 2, area.x, std::max(area.x, area.right() - chosen_w));
    if (chosen_w <= area.w)
        canvas.text({chosen_from + chosen_w / 2, area.bottom() - 3}, chosen, bold);
    for (std::int64_t k = 0; k < n; ++k) {
        if (k == s.s) continue;
        const std::string name = s.token_text(k);
        const double w = canvas.text_width(name, style);
        const double x = data.x + step * (static_cast<double>(k) + 0.5);
        if (x - w / 2 < free_from || x + w / 2 > area.right()) continue;
        if (x + w / 2 > chosen_from - 6 && x - w / 2 < chosen_from + chosen_w + 6) continue;
        canvas.text({x, area.bottom() - 3}, name, style);
        free_from = x + w / 2 + 6;
    }
    canvas.hit({data.x, data.y, data.w, area.h}, {"setting:s,distance=-1", 0, 1, n, 0, 1});
    if (s.as_run() && s.in_place())
        canvas.hit(data, {s.node("scores"), s.score_index(s.t, 0), 1, n, 0, 1});
}

// The map's side below its title, and the room for the tokens' names beside it.
struct MapPlace {
    double side = 0, labels = 0;
};
MapPlace place_map(const Canvas& canvas, const Scene& s, double width, double height) {
    const Theme& t = *s.theme;
    const double key = std::round(t.small() * 0.7) + 4 + line_height(t.small());
    MapPlace p{std::floor(std::min(width, height - key - 8 * t.text_scale)), 0};
    if (p.side / static_cast<double>(s.tokens) < line_height(t.small()) * 0.95) return p;
    const auto style = t.text(t.small(), t.ink_soft);
    double names = 0;
    for (std::int64_t i = 0; i < s.tokens; ++i)
        names = std::max(names, canvas.text_width(s.token_text(i), style));
    names = std::ceil(names) + 8;
    const double left = std::min(p.side, width - names);
    if (left / static_cast<double>(s.tokens) >= line_height(t.small()) * 0.95) p = {left, names};
    return p;
}

}  // namespace

double map_width(const Canvas& canvas, const Scene& s, double height) {
    const double title = line_height(s.theme->normal()) + 4;
    const MapPlace p = place_map(canvas, s, 1e9, height - title);
    return p.side + p.labels;
}

void draw_split(Canvas& canvas, const Scene& s, const Rect& area) {
    const Theme& t = *s.theme;
    const double u = t.text_scale;
    Rect rest = area;
    const auto take = [&](double h) { rest.y += h, rest.h -= h; };
    take(draw_block_title(canvas, t, rest, "The score is a sum", "scaled by 1/√d"));
    const double used = draw_waterfall(canvas, s, rest);
    if (used <= 0) return;
    take(used + 4 * u);
    const double line = line_height(t.small());
    if (rest.h < line) return;
    if (s.as_run() && s.in_place() && s.probs != nullptr) {
        const std::int64_t at = s.score_index(s.t, s.s);
        const Rect r{rest.x, rest.y, rest.w, line};
        text_in(canvas, r, "after softmax " + format_percent(s.probs->at(at)) + " of the attention",
                t.text(t.small(), t.ink_soft));
        canvas.hit(r, {s.node("attn_probs"), at, 1, 1, 0, 0});
    } else {
        text_in(canvas, {rest.x, rest.y, rest.w, line},
                "in the run " + format_fixed(s.scores->at(s.score_index(s.t, s.s)), 2),
                t.text(t.small(), t.ink_soft));
    }
    take(line + 8 * u);
    if (rest.h < 72 * u || s.t < 1) return;
    take(draw_block_title(canvas, t, rest, "All keys of this query"));
    draw_keys(canvas, s, rest);
}

void draw_curve(Canvas& canvas, const Scene& s, const Rect& area) {
    const Theme& t = *s.theme;
    const double u = t.text_scale;
    // Far enough to see the waves, near enough to tell them apart.
    const std::int64_t context = s.choices.trained;
    std::int64_t reach =
        std::clamp<std::int64_t>(2 * s.tokens, 32, std::max<std::int64_t>(32, context));
    reach = std::max(reach, s.distance() + s.distance() / 4);
    Rect rest = area;
    const double title = draw_block_title(canvas, t, area, "Position part over the distance",
                                          "q and k kept, only t − s moves");
    rest.y += title, rest.h -= title;
    if (rest.h < 48 * u) return;
    Plot plot;
    plot.area = rest;
    plot.x = {"distance t − s", 0, static_cast<double>(reach), false};
    Series all{"", {}, {}, t.meaning(Meaning::position), 2};
    Series one{"", {}, {}, t.accent, 1.25, false, true};
    const auto samples = std::clamp<std::int64_t>(reach * 4, 64, 320);
    for (std::int64_t i = 0; i <= samples; ++i) {
        const double d =
            static_cast<double>(reach) * static_cast<double>(i) / static_cast<double>(samples);
        all.x.push_back(d);
        all.y.push_back(s.position_part(d));
        if (s.choices.pair < 0) continue;
        one.x.push_back(d);
        one.y.push_back(s.pair_part(s.choices.pair, d));
    }
    if (s.choices.pair >= 0) plot.series.push_back(one);
    plot.series.push_back(all);
    const PlotFrame f = draw_plot(canvas, t, plot);
    if (f.data.w < 10 || f.data.h < 10) return;
    if (f.y.lo < 0 && f.y.hi > 0) canvas.line(f.at(0, 0), f.at(f.x.hi, 0), t.hairline, 1);
    if (reach > context) {
        const double x = f.at(static_cast<double>(context), 0).x;
        canvas.fill_rect({x, f.data.y, f.data.right() - x, f.data.h}, t.bad.alpha(0.08));
    }
    // The distance itself, with its handle.
    const auto d = static_cast<double>(s.distance());
    const Vec2 p = f.at(d, s.position);
    canvas.line({p.x, f.data.y}, {p.x, f.data.bottom()}, t.accent, 1.5);
    draw_circle(canvas, p, 5 * u, t.background);
    draw_circle(canvas, p, 3.5 * u, t.meaning(Meaning::position));
    draw_circle(canvas, {p.x, f.data.bottom()}, 4 * u, t.accent);
    const std::string words =
        signed_text(s.position) + " at distance " + format_count(s.distance());
    const auto style = t.text(t.small(), t.ink, Weight::bold);
    const double w = canvas.text_width(words, style), h = line_height(t.small());
    const bool right = p.x + 8 * u + w <= f.data.right();
    const double x = right ? p.x + 8 * u : p.x - 8 * u - w;
    if (x >= f.data.x && f.data.h > 3 * h) {
        canvas.fill_rect({x - 3, f.data.y - 1, w + 6, h + 2}, t.background.alpha(0.85), 3);
        canvas.text({x, f.data.y + h / 2 + cap_height(t.small()) / 2}, words, style);
    }
    const double half = f.data.w / static_cast<double>(reach) / 2;
    canvas.hit({f.data.x - half, f.data.y, f.data.w + 2 * half, f.data.h + 8 * u},
               {"setting:distance", 0, 1, reach + 1, 0, 1});
}

void draw_map(Canvas& canvas, const Scene& s, const Rect& area) {
    const Theme& t = *s.theme;
    const double u = t.text_scale;
    const bool content = s.choices.map == "content", position = s.choices.map == "position";
    Rect rest = area;
    // With other angles than the run's the scores are those of the what-if.
    const bool what_if = !content && !position && s.other_angles;
    const double title = draw_block_title(canvas, t, area,
                                          content    ? "Content part of all t, s"
                                          : position ? "Position part of all t, s"
                                          : what_if  ? "Scores of all t, s, what if"
                                                     : "Scores of all t, s",
                                          "query t down, key s across");
    rest.y += title, rest.h -= title;
    HeatMap map;
    map.rows = map.cols = s.tokens;
    // Rotated once a token, not once a cell.
    std::vector<Vec2> q, k;
    if (position || what_if)
        for (std::int64_t i = 0; i < s.tokens; ++i)
            for (std::int64_t p = 0; p < s.pairs; ++p) {
                const double a =
                    static_cast<double>(s.past + i) * s.theta[static_cast<std::size_t>(p)];
                q.push_back(rotated(s.raw_query(i, p), a));
                k.push_back(rotated(s.raw_key(i, p), a));
            }
    const auto value = [&](std::int64_t row, std::int64_t col) {
        if (content) return s.content_at(row, col);
        if (!position && !what_if) return s.scores->at(s.score_index(row, col));
        double sum = 0;
        for (std::int64_t p = 0; p < s.pairs; ++p) {
            const Vec2 a = q[static_cast<std::size_t>(row * s.pairs + p)];
            const Vec2 b = k[static_cast<std::size_t>(col * s.pairs + p)];
            sum += a.x * b.x + a.y * b.y;
        }
        return sum * s.scale + (what_if ? s.content_at(row, col) : 0);
    };
    // Once a cell: the scale and the picture read it.
    std::vector<double> cells(static_cast<std::size_t>(s.tokens * s.tokens),
                              std::numeric_limits<double>::quiet_NaN());
    for (std::int64_t row = 0; row < s.tokens; ++row)
        for (std::int64_t col = 0; col <= row; ++col)
            cells[static_cast<std::size_t>(row * s.tokens + col)] = value(row, col);
    map.value = [&](std::int64_t row, std::int64_t col) {
        return cells[static_cast<std::size_t>(row * s.tokens + col)];
    };
    map.past = 0;
    map.scale = ColourScale::fit(cells);
    const MapPlace place = place_map(canvas, s, rest.w, rest.h);
    if (place.side < 40 * u) return;
    for (std::int64_t i = 0; i < s.tokens && place.labels > 0; ++i)
        map.row_labels.push_back(s.token_text(i));
    const double w = place.side;
    map.area = {rest.x + place.labels, rest.y, w, w};
    map.target = {content || position || what_if ? std::string() : s.node("scores"),
                  s.score_index(0, 0),
                  0,
                  0,
                  s.keys,
                  1};
    outline_changed(map, *s.frame);
    if (s.frame->hover_node == s.node("scores")) map.hover_index = s.frame->hover_index;
    canvas.hit(map.area, {"setting:t,s,distance=-1", 0, s.tokens, s.tokens, s.tokens, 1});
    draw_heat_map(canvas, t, map);
    const Rect row = heat_map_cell(map, s.t, 0), cell = heat_map_cell(map, s.t, s.s);
    canvas.fill_rect({map.area.x - 4, row.y, 3, std::max(2.0, row.h)}, t.accent);
    canvas.stroke_rect({cell.x - 1.5, cell.y - 1.5, cell.w + 3, cell.h + 3}, t.accent, 2, 1);
    draw_colour_key(canvas, t, {map.area.x, map.area.bottom() + 6 * u}, std::min(w, 160 * u),
                    map.scale);
}

}  // namespace sf::rope
