#include "views/draw/number.h"
#include "views/draw/plot.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/rope_draw.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace sf::rope {

namespace {

constexpr double turn = 2 * std::numbers::pi;

double angle_of(Vec2 v) {
    return std::atan2(v.y, v.x);
}

// The same angle between -pi and pi.
double nearest(double angle) {
    return std::remainder(angle, turn);
}

// How the dials stand: as few rows as give the largest dials.
struct Grid {
    std::int64_t cols = 1, rows = 1;
    double cell_w = 0, cell_h = 0, radius = 0;
    int lines = 2;  // of text below each dial
};
Grid arrange(std::int64_t n, const Rect& area, const Theme& t) {
    Grid best;
    for (std::int64_t rows = 1; rows <= 4 && rows <= n; ++rows) {
        const std::int64_t cols = (n + rows - 1) / rows;
        for (const int lines : {2, 1, 0}) {
            Grid g{
                cols, rows, area.w / static_cast<double>(cols), area.h / static_cast<double>(rows),
                0,    lines};
            // Texts need their width.
            if (lines > 0 && g.cell_w < 46 * t.text_scale) continue;
            const double text = lines * line_height(t.small()) + (lines > 0 ? 2 : 0);
            g.radius = std::min(g.cell_w / 2 - 8, (g.cell_h - text) / 2 - 7);
            // A line of text is worth a somewhat smaller dial, another row is not.
            const auto worth = [](const Grid& x) {
                return x.radius * (1 + 0.35 * x.lines) * (x.rows == 1 ? 1.2 : 1);
            };
            if (g.radius > 3 && worth(g) > worth(best)) best = g;
        }
    }
    return best;
}

// One dial with all that it shows.
struct Dial {
    Vec2 centre;
    double radius = 0;
    std::int64_t pair = 0;
};

void draw_vector(Canvas& canvas, const Dial& d, Vec2 v, double limit, Colour colour) {
    const double size = limit > 0 ? d.radius / limit : 0;
    const Vec2 tip = on_dial(d.centre, v * size);
    const double l = length_of(tip - d.centre);
    // The rim tells the angle even where the vector is short.
    const double a = angle_of(v);
    const Vec2 rim = on_dial(d.centre, {std::cos(a) * d.radius, std::sin(a) * d.radius});
    canvas.line(tip, rim, colour.alpha(0.35), 1);
    draw_circle(canvas, rim, std::clamp(d.radius * 0.05, 1.5, 3.5), colour);
    const double w = std::clamp(d.radius * 0.045, 1.25, 3.0);
    if (l > 3) draw_arrow(canvas, {d.centre, tip}, {colour, w, 0, std::min(l, 4 * w)});
}

// Where the vector stood before: dashed, with an arc on the rim over the angle that it has turned.
void draw_before(Canvas& canvas, const Dial& d, Vec2 raw, double angle, double limit,
                 double arc_radius, Colour colour) {
    const double size = limit > 0 ? d.radius / limit : 0;
    if (d.radius >= 20)
        draw_dashed(canvas, {d.centre, on_dial(d.centre, raw * size)}, colour.alpha(0.55), 1, 3, 3);
    if (angle >= turn) draw_ring(canvas, d.centre, arc_radius, colour.alpha(0.3), 2);
    draw_arc(canvas, d.centre, arc_radius, angle_of(raw), std::fmod(angle, turn), colour, 2);
}

// The wedge between key and query, on the side that is less than half a turn.
void draw_wedge(Canvas& canvas, const Theme& t, const Dial& d, Vec2 q, Vec2 k) {
    if (length_of(q) <= 0 || length_of(k) <= 0) return;
    const double from = angle_of(k), by = nearest(angle_of(q) - from), r = d.radius * 0.42;
    std::vector<Vec2> outline{d.centre};
    const int n = std::max(2, static_cast<int>(std::abs(by) / 0.12));
    for (int i = 0; i <= n; ++i) {
        const double a = from + by * i / n;
        outline.push_back(on_dial(d.centre, {std::cos(a) * r, std::sin(a) * r}));
    }
    if (std::abs(by) > 1e-3) canvas.fill_polygon(outline, t.meaning(Meaning::position).alpha(0.28));
    draw_arc(canvas, d.centre, r, from, by, t.meaning(Meaning::position), 1.5);
}

// Rings round the tips of the unrotated vectors of the chosen pair: what can be dragged.
void draw_handle(Canvas& canvas, const Scene& s, const Dial& d, char vector, Vec2 raw, double limit,
                 Colour colour) {
    if (limit <= 0 || d.radius < 16) return;
    const Vec2 tip = on_dial(d.centre, raw * (d.radius / limit));
    draw_circle(canvas, tip, 5, s.theme->background);
    draw_ring(canvas, tip, 5, colour, 2);
    // The whole range, -limit to limit, is as long as the dial is wide.
    const auto pixels = static_cast<std::int64_t>(std::lround(2 * d.radius));
    canvas.hit({tip.x - 9, tip.y - 9, 18, 18},
               {"setting:" + hand_name(vector, d.pair, 'x') + "," + hand_name(vector, d.pair, 'y') +
                    ",layer=" + std::to_string(s.layer) + ",head=" + std::to_string(s.head) +
                    ",t=" + std::to_string(s.t) + ",s=" + std::to_string(s.s),
                0, pixels, pixels, 0, 0});
}

void hit_tip(Canvas& canvas, const Dial& d, Vec2 v, double limit, const std::string& node,
             std::int64_t index) {
    if (limit <= 0) return;
    const Vec2 tip = on_dial(d.centre, v * (d.radius / limit));
    // Two cells: x in the left half, y in the right one.
    canvas.hit({tip.x - 7, tip.y - 7, 14, 14}, {node, index, 1, 2, 0, 1});
}

void draw_dial(Canvas& canvas, const Scene& s, const Dial& d, double turned) {
    const Theme& t = *s.theme;
    const auto i = static_cast<std::size_t>(d.pair);
    const Colour blue = t.meaning(Meaning::query), orange = t.meaning(Meaning::key);
    const bool chosen = s.choices.pair == d.pair;
    const std::string q_name = s.node("q_pe"), k_name = s.node(s.key_name);
    const auto hovered = [&](const std::string& name, std::int64_t first) {
        return s.frame->hover_node == name && s.frame->hover_index >= first &&
               s.frame->hover_index < first + 2;
    };
    const std::int64_t q_index = s.q_pe_index(s.t, 2 * d.pair);
    const std::int64_t k_index = s.k_pe_index(s.s, 2 * d.pair);
    const double aq = static_cast<double>(s.at_q) * s.theta[i] * turned;
    const double ak = static_cast<double>(s.at_k) * s.theta[i] * turned;
    Vec2 q = rotated(s.q_raw[i], aq), k = rotated(s.k_raw[i], ak);
    const bool of_trace = s.as_run() && s.in_place() && turned >= 1;
    if (of_trace) {
        q = {s.q_pe->at(q_index), s.q_pe->at(q_index + 1)};
        k = {s.k_pe->at(k_index), s.k_pe->at(k_index + 1)};
    }
    draw_circle(canvas, d.centre, d.radius, t.surface);
    const bool lit = hovered(q_name, q_index) || hovered(k_name, k_index);
    draw_ring(canvas, d.centre, d.radius,
              chosen ? t.accent
              : lit  ? t.ink
                     : t.hairline,
              chosen || lit ? 1.5 : 1);
    draw_wedge(canvas, t, d, q, k);
    draw_before(canvas, d, s.k_raw[i], ak, s.k_limit, d.radius + 2.5, orange);
    draw_before(canvas, d, s.q_raw[i], aq, s.q_limit, d.radius + 5.5, blue);
    draw_vector(canvas, d, k, s.k_limit, orange);
    draw_vector(canvas, d, q, s.q_limit, blue);
    const double r = d.radius;
    canvas.hit({d.centre.x - r, d.centre.y - r, 2 * r, 2 * r},
               {"setting:pair", d.pair, 1, 1, 0, 0});
    if (of_trace) {
        hit_tip(canvas, d, k, s.k_limit, k_name, k_index);
        hit_tip(canvas, d, q, s.q_limit, q_name, q_index);
    }
    if (chosen) {
        draw_handle(canvas, s, d, 'k', s.k_raw[i], s.k_limit, orange);
        draw_handle(canvas, s, d, 'q', s.q_raw[i], s.q_limit, blue);
    }
}

}  // namespace

Vec2 on_dial(Vec2 centre, Vec2 v) {
    return {centre.x + v.x, centre.y - v.y};
}

void draw_arc(Canvas& canvas, Vec2 centre, double radius, double from, double sweep, Colour colour,
              double width) {
    if (radius <= 0 || std::abs(sweep) < 1e-4) return;
    const int n = std::clamp(static_cast<int>(std::abs(sweep) * radius / 3), 3, 96);
    std::vector<Vec2> points;
    for (int i = 0; i <= n; ++i) {
        const double a = from + sweep * i / n;
        points.push_back(on_dial(centre, {std::cos(a) * radius, std::sin(a) * radius}));
    }
    canvas.polyline(points, colour, width);
}

double dials_height(const Scene& s, double width, double most) {
    const Theme& t = *s.theme;
    const Grid g = arrange(s.pairs, {0, 0, width, most}, t);
    return static_cast<double>(g.rows) * (2 * (g.radius + 8) + g.lines * line_height(t.small()));
}

std::vector<double> draw_dials(Canvas& canvas, const Scene& s, const Rect& area, double turned) {
    const Theme& t = *s.theme;
    const Grid g = arrange(s.pairs, area, t);
    std::vector<double> centres;
    if (g.radius <= 3) return centres;
    const auto soft = t.text(t.small(), t.ink_soft, Weight::regular, Align::centre);
    const auto strong =
        t.text(t.small(), t.meaning(Meaning::position), Weight::bold, Align::centre);
    const double line = line_height(t.small());
    for (std::int64_t i = 0; i < s.pairs; ++i) {
        const Rect cell{area.x + g.cell_w * static_cast<double>(i % g.cols),
                        area.y + g.cell_h * static_cast<double>(i / g.cols), g.cell_w, g.cell_h};
        const Dial d{{cell.x + cell.w / 2, cell.y + 7 + g.radius}, g.radius, i};
        draw_dial(canvas, s, d, turned);
        centres.push_back(d.centre.x);
        double y = d.centre.y + g.radius + 9;
        const auto k = static_cast<std::size_t>(i);
        const auto below = [&](const std::string& text, const TextStyle& style) {
            if (canvas.text_width(text, style) <= g.cell_w - 2)
                text_in(canvas, {cell.x, y, cell.w, line}, text, style);
            y += line;
        };
        if (g.lines >= 1) {
            const double part = s.pair_part(i, static_cast<double>(s.distance()));
            below((part > 0 ? "+" : "") + format_fixed(part, 2), strong);
        }
        if (g.lines >= 2)
            below(s.theta[k] > 0 ? "θ " + format_number(s.theta[k], 2) : "not turned", soft);
    }
    if (g.rows > 1) centres.clear();
    return centres;
}

double spectrum_height(const Theme& t) {
    return std::ceil(2 * line_height(t.small()) + 22 * t.text_scale);
}

void draw_spectrum(Canvas& canvas, const Scene& s, const Rect& area,
                   const std::vector<double>& centres) {
    const Theme& t = *s.theme;
    const double line = line_height(t.small()), u = t.text_scale;
    std::vector<double> waves;
    for (const double f : s.theta)
        if (f > 0) waves.push_back(turn / f);
    if (waves.empty() || area.w < 120 * u) return;
    const auto context = static_cast<double>(s.choices.trained);
    // The dials are as even as the wavelengths' logarithms where nothing is scaled: then the axis
    // lies right below them.
    double lo = waves.front(), hi = waves.back(), x_lo = area.x + area.w * 0.06,
           x_hi = area.right() - area.w * 0.06;
    if (centres.size() >= 2) x_lo = centres.front(), x_hi = centres[waves.size() - 1];
    if (!(hi > lo * 1.5) || !(x_hi > x_lo)) {
        lo = std::min(lo, context) / 2, hi = std::max(hi, context) * 2;
        x_lo = area.x, x_hi = area.right();
    }
    const double per = (x_hi - x_lo) / std::log(hi / lo);
    const auto at = [&](double tokens) { return x_lo + std::log(tokens / lo) * per; };
    const double left = lo * std::exp((area.x - x_lo) / per);
    const double right = lo * std::exp((area.right() - x_lo) / per);
    const double axis = area.bottom() - line - 6 * u, top = axis - 10 * u;
    const Colour colour = t.meaning(Meaning::position);
    const auto faint = t.text(t.small(), t.ink_faint, Weight::regular, Align::centre);

    // Longer waves than the context never make a whole turn in it.
    const double edge = std::clamp(at(context), area.x, area.right());
    canvas.fill_rect({edge, top, area.right() - edge, axis - top}, t.ink.alpha(0.06));
    canvas.line({area.x, axis}, {area.right(), axis}, t.hairline, 1);
    const auto unit = t.text(t.small(), t.ink_faint, Weight::regular, Align::right);
    const std::string name = "tokens for a whole turn, 2π/θ";
    const double named = canvas.text_width(name, unit) + 8 * u;
    const double labels_to = area.right() - (named < area.w / 2 ? named : 0);
    double free_from = area.x;
    for (const Tick& tick : ticks(left, right, 8, true)) {
        const double x = at(tick.value), w = canvas.text_width(tick.label, faint);
        canvas.line({x, axis}, {x, axis + 4 * u}, t.hairline, 1);
        if (x - w / 2 < free_from || x + w / 2 > labels_to) continue;
        canvas.text({x, axis + 6 * u + cap_height(t.small())}, tick.label, faint);
        free_from = x + w / 2 + 8 * u;
    }
    if (labels_to < area.right())
        canvas.text({area.right(), axis + 6 * u + cap_height(t.small())}, name, unit);

    // Marks with their words above: the context and the distance of the two tokens.
    double taken_from = 0, taken_to = 0;
    const auto mark = [&](double tokens, std::string words, Colour c, bool dashed) {
        const double x = std::clamp(at(tokens), area.x, area.right());
        // What lies beyond the axis is pointed at.
        const bool before = at(tokens)<area.x, behind = at(tokens)> area.right();
        if (before) words = "← " + words;
        if (behind) words += " →";
        if (dashed && !before && !behind)
            draw_dashed(canvas, {{x, area.y + line}, {x, axis}}, c, 1.5, 3, 3);
        else if (!before && !behind)
            canvas.line({x, area.y + line}, {x, axis}, c, 1.5);
        const auto style = t.text(t.small(), c, Weight::bold);
        const double w = canvas.text_width(words, style);
        const double from = std::clamp(x - w / 2, area.x, std::max(area.x, area.right() - w));
        if (w > area.w || (from < taken_to + 8 && from + w > taken_from - 8)) return;
        canvas.text({from, area.y + cap_height(t.small()) + 2}, words, style);
        taken_from = from, taken_to = from + w;
    };
    mark(context, "context " + format_count(s.choices.trained), t.ink_soft, true);
    if (s.distance() > 0)
        mark(static_cast<double>(s.distance()), "distance " + format_count(s.distance()), t.accent,
             false);
    for (std::size_t i = 0; i < s.theta.size(); ++i) {
        if (s.theta[i] <= 0) continue;
        const double x = at(turn / s.theta[i]);
        if (x < area.x || x > area.right()) continue;
        const bool chosen = s.choices.pair == static_cast<std::int64_t>(i);
        if (i < centres.size())
            canvas.line({centres[i], area.y + line + 4 * u}, {x, axis - 5 * u}, t.hairline, 1);
        draw_circle(canvas, {x, axis}, (chosen ? 5 : 4) * u, chosen ? t.accent : colour);
    }
}

}  // namespace sf::rope
