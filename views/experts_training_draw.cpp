#include "views/draw/heat_map.h"
#include "views/draw/number.h"
#include "views/draw/page.h"
#include "views/draw/plot.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/experts_training.h"

#include <algorithm>
#include <array>
#include <cmath>

// All experts of the layer over the steps: loads, biases, violation, on one axis.
namespace sf::experts {

namespace {

Axis step_axis(const TrainingScene& s, const std::string& label = "") {
    const double lo = s.first_step();
    return {label, lo, std::max(s.last_step(), lo + 1), s.log, true};
}

double part_of(const Axis& axis, double step) {
    const double x = std::clamp(step, axis.lo, axis.hi);
    return axis.log ? std::log(x / axis.lo) / std::log(axis.hi / axis.lo)
                    : (x - axis.lo) / (axis.hi - axis.lo);
}

// Sums of the records that fall into each of `count` columns; a column without one belongs to the
// record after it, which stands for all steps since the one before.
std::vector<Loads> columns(const TrainingScene& s, std::size_t count) {
    const History& h = *s.history;
    const Axis axis = step_axis(s);
    std::vector<Loads> all;
    std::size_t next = 0;
    for (std::size_t c = 0; c < count; ++c) {
        const double end = static_cast<double>(c + 1) / static_cast<double>(count);
        std::size_t upto = next;
        while (upto < h.size() &&
               (c + 1 == count || part_of(axis, static_cast<double>(h[upto].step)) <= end))
            ++upto;
        const std::size_t from = std::min(next, h.size() - 1);
        all.push_back(loads_of(h, s.layer, from, std::max(upto, from + 1)));
        next = upto;
    }
    return all;
}

// The step that is looked at, through the whole height, and where the other kept ones lie: a press
// on a part of the axis goes to the nearest.
void draw_clock(Canvas& canvas, const TrainingScene& s, const PlotFrame& f) {
    if (s.frame->train_step >= 0) {
        const double x = f.at(static_cast<double>(s.record().step), f.y.lo).x;
        canvas.line({x, f.data.y}, {x, f.data.bottom()}, s.theme->accent, 1.5);
    }
    const auto probes = s.history->probe_steps();
    const auto place = [&](std::size_t i) {
        return f.data.x + f.data.w * part_of(f.x, static_cast<double>(probes[i]));
    };
    double from = f.data.x;
    for (std::size_t i = 0; i < probes.size(); ++i) {
        const double to = i + 1 < probes.size() ? (place(i) + place(i + 1)) / 2 : f.data.right();
        if (to - from < 1) continue;
        canvas.hit({from, f.data.y, to - from, f.data.h},
                   {"command:train-at " + std::to_string(probes[i]), 0, 1, 1, 0, 0});
        from = to;
    }
}

// Twice as far as nineteen of twenty go, so that a wild beginning leaves the rest its colours.
ColourScale load_scale(const TrainingScene& s, const std::vector<Loads>& loads) {
    std::vector<double> all;
    for (const Loads& l : loads)
        for (std::size_t e = 0; e < s.experts(); ++e)
            if (const double v = std::abs(l.over_mean(e) - 1); std::isfinite(v)) all.push_back(v);
    if (all.empty()) return ColourScale::symmetric(1);
    const auto at = all.begin() + static_cast<std::ptrdiff_t>(all.size() * 19 / 20);
    std::nth_element(all.begin(), at, all.end());
    return ColourScale::symmetric(std::clamp(2 * *at, 0.1, 1.0));
}

std::string loads_remark(const TrainingScene& s) {
    const std::int64_t lit = s.frame->hover_index;
    if (s.frame->hover_node == "setting:expert" && lit >= 0 &&
        lit < static_cast<std::int64_t>(s.experts()))
        return "expert " + std::to_string(lit) + ": " +
               format_number(
                   window_of(*s.history, s.layer, s.now).over_mean(static_cast<std::size_t>(lit)),
                   3) +
               " × the mean at step " + format_count(s.record().step);
    return s.stream ? "share of the tokens’ choices" : "tokens over the mean − 1; blank: even";
}

// Returns the scale of its colours.
ColourScale draw_heat(Canvas& canvas, const TrainingScene& s, const Rect& data) {
    const Theme& t = *s.theme;
    const auto count = static_cast<std::size_t>(std::clamp(data.w / 4, 1.0, 240.0));
    const auto loads = columns(s, count);
    HeatMap map;
    map.area = data;
    map.rows = static_cast<std::int64_t>(s.experts());
    map.cols = static_cast<std::int64_t>(count);
    map.value = [&](std::int64_t r, std::int64_t c) {
        return loads[static_cast<std::size_t>(c)].over_mean(static_cast<std::size_t>(r)) - 1;
    };
    map.scale = load_scale(s, loads);
    map.numbers = false;
    map.target = {"setting:expert", 0, 0, 0, 1, 0};
    for (std::size_t e = 0; e < s.experts(); ++e) map.row_labels.push_back(std::to_string(e));
    draw_heat_map(canvas, t, map);
    const Rect own = heat_map_cell(map, static_cast<std::int64_t>(s.expert), 0);
    canvas.stroke_rect({data.x - 1, own.y - 0.5, data.w + 2, std::max(3.0, own.h + 1)}, t.accent,
                       1.5);
    const std::int64_t lit = s.frame->hover_index;
    if (s.frame->hover_node == "setting:expert" && lit >= 0 && lit < map.rows) {
        const Rect row = heat_map_cell(map, lit, 0);
        canvas.stroke_rect({data.x, row.y, data.w, std::max(2.0, row.h)}, t.ink_soft, 1);
    }
    return map.scale;
}

// Shares of the work, one upon the other.
void draw_stream(Canvas& canvas, const TrainingScene& s, const Rect& data) {
    const Theme& t = *s.theme;
    const auto count = static_cast<std::size_t>(std::clamp(data.w / 4, 2.0, 240.0));
    const auto loads = columns(s, count);
    const auto x = [&](std::size_t c) {
        return data.x + data.w * static_cast<double>(c) / static_cast<double>(count - 1);
    };
    std::vector<double> below(count, data.bottom());
    const auto label = t.text(t.small(), t.ink_soft, Weight::regular, Align::right);
    double free_from = data.bottom() + cap_height(t.small());
    for (std::size_t e = 0; e < s.experts(); ++e) {
        std::vector<double> above = below;
        std::vector<Vec2> band, edge;
        for (std::size_t c = 0; c < count; ++c) {
            const double share = loads[c].over_mean(e) / static_cast<double>(s.experts());
            above[c] = below[c] - (std::isfinite(share) ? share : 0) * data.h;
            band.push_back({x(c), below[c]});
            edge.push_back({x(c), above[c]});
        }
        band.insert(band.end(), edge.rbegin(), edge.rend());
        const Colour own = t.meaning(Meaning::routed_expert);
        canvas.fill_polygon(band, e == s.expert ? own : own.alpha(e % 2 == 0 ? 0.14 : 0.3));
        canvas.polyline(edge, t.background, 1);
        const double middle = (above.front() + below.front()) / 2 + cap_height(t.small()) / 2;
        if (middle <= free_from && above.front() < below.front()) {
            canvas.text({data.x - 6, middle}, std::to_string(e), label);
            free_from = middle - line_height(t.small());
        }
        canvas.hit({data.x, above.front(), data.w, below.front() - above.front()},
                   {"command:set experts.expert=" + std::to_string(e), 0, 1, 1, 0, 0});
        below = above;
    }
    canvas.stroke_rect(data, t.hairline, 1);
}

// Runs side by side are told apart by colour and dashes.
Colour run_colour(const Theme& t, std::size_t i) {
    constexpr std::array<Meaning, 6> order{Meaning::position, Meaning::value, Meaning::key,
                                           Meaning::latent,   Meaning::query, Meaning::mtp};
    return t.meaning(order[i % order.size()]);
}

// Where another way to balance began: a dotted line with its name.
void draw_changes(Canvas& canvas, const TrainingScene& s, const PlotFrame& f) {
    const Theme& t = *s.theme;
    const auto style = t.text(t.small(), t.ink_faint);
    std::string before = balance_of(*s.history, 0);
    double free_from = f.data.x;
    for (const std::size_t i : s.shown()) {
        const std::string now = balance_of(*s.history, i);
        if (now == before) continue;
        before = now;
        const double x = f.at(static_cast<double>((*s.history)[i].step), f.y.lo).x;
        draw_dashed(canvas, {{x, f.data.y}, {x, f.data.bottom()}}, t.ink_faint, 1, 2, 3);
        const double w = canvas.text_width(now, style);
        if (x < free_from || x + 4 + w > f.data.right()) continue;
        canvas.text({x + 4, f.data.y + line_height(t.small())}, now, style);
        free_from = x + w + 12;
    }
}

}  // namespace

void draw_loads(Canvas& canvas, const TrainingScene& s, const Rect& area, double left) {
    const Theme& t = *s.theme;
    const double u = t.text_scale;
    const Rect data{area.x + left, 0, area.w - left - t.small(), 0};
    const double key = 132 * u;
    const bool keyed = !s.stream && data.w > key + 300 * u;
    const double title =
        draw_block_title(canvas, t, {area.x, area.y, area.w - (keyed ? key + 16 * u : 0), area.h},
                         "Load of each expert", loads_remark(s));
    const Rect place{data.x, area.y + title + 2 * u, data.w, area.h - title - 2 * u};
    if (place.h < 24 * u || place.w < 32 * u) return;
    if (s.stream) return draw_stream(canvas, s, place);
    const ColourScale scale = draw_heat(canvas, s, place);
    if (keyed) draw_colour_key(canvas, t, {place.right() - key, area.y}, key, scale);
}

void draw_biases(Canvas& canvas, const TrainingScene& s, const Rect& area, double left) {
    constexpr std::size_t most_curves = 64;
    const Theme& t = *s.theme;
    Rect rest = area;
    const double title =
        draw_block_title(canvas, t, area, "Bias of each expert",
                         "b less the mean of all b; it only chooses, it never weighs");
    rest.y += title, rest.h -= title;
    if (rest.h < 48 * t.text_scale) return;
    Plot plot;
    plot.area = rest;
    plot.left = left;
    plot.x = step_axis(s);
    const auto shown = s.shown();
    const std::size_t stride = std::max<std::size_t>(1, s.experts() / most_curves);
    const auto curve = [&](std::size_t e, Colour colour, double width) {
        Series series{"", {}, {}, colour, width};
        for (const std::size_t i : shown) {
            series.x.push_back(static_cast<double>((*s.history)[i].step));
            series.y.push_back(s.own_bias(i, e));
        }
        plot.series.push_back(std::move(series));
    };
    for (std::size_t e = 0; e < s.experts(); e += stride)
        if (e != s.expert) curve(e, t.meaning(Meaning::routed_expert).alpha(0.45), 1);
    curve(s.expert, t.ink, 2);
    const PlotFrame f = draw_plot(canvas, t, plot);
    if (f.data.w < 10 || f.data.h < 10) return;
    draw_clock(canvas, s, f);
}

void draw_violation(Canvas& canvas, const TrainingScene& s, const Rect& area, double left) {
    const Theme& t = *s.theme;
    Rect rest = area;
    const double title = draw_block_title(
        canvas, t, area, "Violation",
        "largest load / mean − 1, over at least " + format_count(window_tokens) + " tokens");
    rest.y += title, rest.h -= title;
    if (rest.h < 56 * t.text_scale) return;
    Plot plot;
    plot.area = rest;
    plot.left = left;
    plot.x = step_axis(s, "step");
    const bool legend = rest.h >= 110 * t.text_scale;
    const auto named = [&](const std::string& name) { return legend ? name : std::string(); };
    double top = 0.05;
    const auto add = [&](Series series) {
        for (const double v : series.y)
            if (std::isfinite(v)) top = std::max(top, v * 1.06);
        plot.series.push_back(std::move(series));
    };
    for (std::size_t i = 0; i < s.others.size(); ++i) {
        const BalanceCurve& c = s.others[i];
        if (s.runs_shown())
            add({named(c.name), c.step, c.violation, run_colour(t, i), 1.75, false, true});
        else
            add({named(i == 0 ? "other layers" : ""), c.step, c.violation, t.ink_faint.alpha(0.55),
                 1});
    }
    add({named(s.own.name), s.own.step, s.own.violation, t.meaning(Meaning::routed_expert), 2.25});
    add({named("balanced sampling alone"), s.own.step, s.own.noise, t.ink_soft, 1.5, false, true});
    plot.y = {"", 0, top};
    const PlotFrame f = draw_plot(canvas, t, plot);
    if (f.data.w < 10 || f.data.h < 10) return;
    draw_changes(canvas, s, f);
    draw_clock(canvas, s, f);
}

}  // namespace sf::experts
