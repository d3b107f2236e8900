#include "views/draw/number.h"
#include "views/draw/plot.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/training_runs.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

namespace sf::training {

Colour run_colour(const Theme& t, const RunsScene& s, std::size_t run) {
    constexpr std::array<Meaning, 6> order{Meaning::position, Meaning::value, Meaning::key,
                                           Meaning::latent,   Meaning::query, Meaning::mtp};
    const bool own = run == 0 && s.frame->history == s.runs[0].history;
    return own ? t.accent : t.meaning(order[(run + order.size() - 1) % order.size()]);
}

namespace {

// The second cue: how the line of a run is broken; the first is whole.
struct Dash {
    double on = 0, off = 0;
};
Dash dash_of(std::size_t run) {
    constexpr std::array<Dash, 4> order{Dash{9, 4}, Dash{3, 3}, Dash{16, 4}, Dash{6, 6}};
    return run == 0 ? Dash{} : order[(run - 1) % order.size()];
}

void draw_stroke(Canvas& canvas, const std::vector<Vec2>& points, Colour c, double width,
                 std::size_t run, double u) {
    const Dash d = dash_of(run);
    if (d.on > 0)
        draw_dashed(canvas, points, c, width, d.on * u, d.off * u);
    else
        canvas.polyline(points, c, width);
}

// Without those that fall onto the one before: a logarithmic axis crowds the late steps.
std::vector<Vec2> points_of(const PlotFrame& frame, const RunLine& line) {
    std::vector<Vec2> points;
    for (std::size_t i = 0; i < line.step.size(); ++i) {
        const Vec2 p = frame.at(std::max(line.step[i], frame.x.lo), line.value[i]);
        const bool last = i + 1 == line.step.size();
        if (points.empty() || last || std::fabs(p.x - points.back().x) >= 1 ||
            std::fabs(p.y - points.back().y) >= 2)
            points.push_back(p);
    }
    return points;
}

double last_step(const RunsScene& s) {
    double last = 2;
    for (const ComparedRun& run : s.runs)
        last = std::max(last, static_cast<double>(run.history->back().step));
    return last;
}

double highest(const RunsScene& s, Measure m) {
    double most = 0.1;
    for (const ComparedRun& run : s.runs)
        for (const double v : run.line(m).value) most = std::max(most, v);
    return 1.05 * most;
}

// Names at the ends of the curves, in the order of their last values, moved apart.
struct EndName {
    std::size_t run = 0;
    double y = 0;
};
std::vector<EndName> end_names(const RunsScene& s, Measure m, const PlotFrame& frame, double line) {
    std::vector<EndName> names;
    for (std::size_t i = 0; i < s.runs.size(); ++i) {
        const RunLine& l = s.runs[i].line(m);
        if (!l.step.empty()) names.push_back({i, frame.at(frame.x.hi, l.value.back()).y});
    }
    std::stable_sort(names.begin(), names.end(),
                     [](const EndName& a, const EndName& b) { return a.y < b.y; });
    const double top = frame.data.y + line / 2, bottom = frame.data.bottom() - line / 2;
    double free = top;
    for (EndName& n : names) {
        n.y = std::max(n.y, free);
        free = n.y + line;
    }
    free = bottom;
    for (std::size_t i = names.size(); i-- > 0;) {
        names[i].y = std::min(names[i].y, free);
        free = names[i].y - line;
    }
    if (!names.empty() && names.front().y < top - 0.5) names.clear();  // no room for all
    return names;
}

double names_width(const Canvas& canvas, const Theme& t, const RunsScene& s) {
    double w = 0;
    for (const ComparedRun& run : s.runs)
        w = std::max(w, canvas.text_width(run.name, t.text(t.small(), t.ink, Weight::bold)));
    return w;
}

double across(Canvas& canvas, const PlotFrame& frame, std::int64_t step, Colour colour) {
    const double x =
        frame.at(std::clamp(static_cast<double>(step), frame.x.lo, frame.x.hi), frame.y.lo).x;
    draw_dashed(canvas, {{x, frame.data.y}, {x, frame.data.bottom()}}, colour, 1, 2, 3);
    return x;
}

// Where the chosen run parts from the first; the word stands where a curve rarely is: below a loss,
// which falls from the left, above a violation.
void mark_parting(Canvas& canvas, const RunsScene& s, Measure m, const PlotFrame& frame,
                  bool worded) {
    const ComparedRun& run = s.runs[s.chosen];
    const Divergence::Kind kind = run.divergence.kind;
    if (s.chosen == 0 || (kind != Divergence::Kind::record && kind != Divergence::Kind::probe))
        return;
    const Theme& t = *s.frame->theme;
    const double x = across(canvas, frame, run.divergence.step, t.ink_faint);
    if (!worded) return;
    const std::string word = run.name + " parts at step " + format_count(run.divergence.step);
    const auto style = t.text(t.small(), t.ink_faint);
    const double w = canvas.text_width(word, style);
    const double y = m == Measure::violation ? frame.data.y + cap_height(t.small()) + 2
                                             : frame.data.bottom() - 5;
    if (x + 5 + w <= frame.data.right())
        canvas.text({x + 5, y}, word, style);
    else if (x - 5 - w >= frame.data.x)
        canvas.text({x - 5 - w, y}, word, style);
}

// The step that is looked at; its word stands above the frame, beside the axis' unit.
void mark_clock(Canvas& canvas, const RunsScene& s, Measure m, const PlotFrame& frame,
                const Rect& area, bool worded) {
    const std::int64_t step = s.frame->train_step;
    if (step < 0) return;
    const Theme& t = *s.frame->theme;
    const double x = across(canvas, frame, step, t.accent);
    if (!worded) return;
    const std::string word = "step " + format_count(step);
    auto style = t.text(t.small(), t.accent, Weight::bold, Align::centre);
    const double half = canvas.text_width(word, style) / 2;
    const double unit = canvas.text_width(measure_unit(m), t.text(t.small(), t.ink_faint));
    if (x - half > area.x + unit + 12 && x + half <= area.right())
        canvas.text({x, frame.data.y - t.small() / 2}, word, style);
}

}  // namespace

void draw_run_plot(Canvas& canvas, const RunsScene& s, Measure m, const Rect& area, bool large) {
    const Theme& t = *s.frame->theme;
    const double u = t.text_scale, line = line_height(t.small());
    if (area.h < 4 * line || area.w < 80 * u) return;
    const double names = std::min(names_width(canvas, t, s), area.w * 0.25);
    const bool named = large && area.w >= 300 * u;
    Plot plot;
    plot.area = area;
    if (named) plot.area.w -= names + 10 * u - t.small();
    plot.title = measure_title(m);
    plot.x = {large ? "steps" : "", 1, last_step(s), s.log, true};
    plot.y = {large ? measure_unit(m) : "", 0, m == Measure::violation ? highest(s, m) : 0, false,
              false};
    for (std::size_t i = 0; i < s.runs.size(); ++i)  // for the axes; the strokes are our own
        plot.series.push_back(
            {"", s.runs[i].line(m).step, s.runs[i].line(m).value, t.background.alpha(0), 0});
    if (!large) canvas.hit(area, {"command:set training.curve=" + measure_id(m), 0, 1, 1, 0, 0});
    const PlotFrame frame = draw_plot(canvas, t, plot);
    if (frame.data.w < 10 || frame.data.h < 10) return;
    {
        const ClipScope clip(canvas, frame.data.inset(-2));
        for (std::size_t i = s.runs.size(); i-- > 0;)
            if (const auto points = points_of(frame, s.runs[i].line(m)); points.size() > 1)
                draw_stroke(canvas, points, run_colour(t, s, i), (large ? 2.25 : 1.5) * u, i, u);
            else if (points.size() == 1)
                draw_circle(canvas, points[0], 3 * u, run_colour(t, s, i));
    }
    mark_parting(canvas, s, m, frame, large);
    mark_clock(canvas, s, m, frame, plot.area, large);
    if (!named) return;
    for (const EndName& n : end_names(s, m, frame, line)) {
        const RunLine& l = s.runs[n.run].line(m);
        const Colour colour = run_colour(t, s, n.run);
        const Vec2 end = frame.at(std::max(l.step.back(), frame.x.lo), l.value.back());
        const double x = frame.data.right() + 8 * u;
        // From where its curve ends.
        canvas.line(end, {x - 3 * u, n.y}, colour.alpha(0.3), 1);
        text_in(canvas, {x, n.y - line / 2, area.right() - x, line}, s.runs[n.run].name,
                t.text(t.small(), colour, Weight::bold));
    }
}

// ---- the table -----------------------------------------------------------------------------

namespace {

struct Column {
    std::string title;
    std::function<std::string(std::size_t)> cell;  // of a run
    bool left = false;
    int rank = 0;  // the higher, the earlier it is left out
    double w = 0;
};

std::string figure(double v) {
    return std::isfinite(v) ? format_fixed(v, 3) : "–";
}

std::vector<Column> columns_of(const RunsScene& s) {
    const auto value = [&s](Measure m) {
        return [&s, m](std::size_t i) { return figure(s.runs[i].value(m)); };
    };
    std::vector<Column> all;
    all.push_back({"run", [&s](std::size_t i) { return s.runs[i].name; }, true, 0, 0});
    all.push_back({"balance",
                   [&s](std::size_t i) { return s.runs[i].mode.empty() ? "–" : s.runs[i].mode; },
                   true, 4, 0});
    all.push_back(
        {"step", [&s](std::size_t i) { return format_count(s.runs[i].step()); }, false, 5, 0});
    if (s.any(Measure::loss)) all.push_back({"loss", value(Measure::loss), false, 1, 0});
    if (s.any(Measure::held_out))
        all.push_back({"held out", value(Measure::held_out), false, 3, 0});
    if (s.any(Measure::violation))
        all.push_back({"violation", value(Measure::violation), false, 2, 0});
    if (s.runs.size() > 1)
        all.push_back({"parts from " + s.runs[0].name,
                       [&s](std::size_t i) { return i == 0 ? "" : divergence_short(s.runs[i]); },
                       true, 6, 0});
    return all;
}

// Columns as wide as their texts; the last takes what is left. What has no room is left out.
void fit(const Canvas& canvas, const Theme& t, const RunsScene& s, std::vector<Column>& columns,
         double width, double gap, double swatch) {
    const auto head = t.text(t.small(), t.ink_faint);
    const auto bold = t.text(t.normal(), t.ink, Weight::bold), plain = t.text(t.normal(), t.ink);
    for (Column& c : columns) {
        c.w = canvas.text_width(c.title, head);
        for (std::size_t i = 0; i < s.runs.size(); ++i)
            c.w = std::max(
                {c.w, canvas.text_width(c.cell(i), bold), canvas.text_width(c.cell(i), plain)});
        if (c.rank == 0) c.w = std::min(c.w + swatch, width * 0.45);
        if (c.rank == 6) c.w = std::min(c.w, 200 * t.text_scale);
    }
    const auto used = [&] {
        double w = -gap;
        for (const Column& c : columns) w += c.w + gap;
        return w;
    };
    while (columns.size() > 1 && used() > width)
        columns.erase(
            std::max_element(columns.begin(), columns.end(),
                             [](const Column& a, const Column& b) { return a.rank < b.rank; }));
    columns.back().w += std::max(0.0, columns.back().left ? width - used() : 0.0);
}

double row_height(const Theme& t) {
    return std::ceil(line_height(t.normal())) + 6 * t.text_scale;
}

}  // namespace

double runs_table_height(const RunsScene& s) {
    const Theme& t = *s.frame->theme;
    return line_height(t.small()) + 4 + row_height(t) * static_cast<double>(s.runs.size());
}

void draw_runs_table(Canvas& canvas, const RunsScene& s, const Rect& area) {
    const Theme& t = *s.frame->theme;
    const double u = t.text_scale, gap = 22 * u, swatch = 34 * u, pad = 8 * u;
    const double head = line_height(t.small()) + 4, row = row_height(t);
    std::vector<Column> columns = columns_of(s);
    fit(canvas, t, s, columns, area.w - 2 * pad, gap, swatch);
    const auto set = [&](const Rect& r, const Column& c, const std::string& text, TextStyle style) {
        style.align = c.left ? Align::left : Align::right;
        text_in(canvas, r, text, style);
    };
    double x = area.x + pad;
    for (const Column& c : columns) {
        set({x, area.y, c.w, head - 4}, c, c.title, t.text(t.small(), t.ink_faint));
        x += c.w + gap;
    }
    for (std::size_t i = 0; i < s.runs.size(); ++i) {
        const Rect r{area.x, area.y + head + row * static_cast<double>(i), area.w, row};
        const bool chosen = i > 0 && i == s.chosen;
        if (chosen) canvas.fill_rect(r, t.raised, 4);
        canvas.line({r.x, r.y}, {r.right(), r.y}, t.grid, 1);
        if (i > 0) canvas.hit(r, {"command:set training.other=" + s.runs[i].name, 0, 1, 1, 0, 0});
        x = area.x + pad;
        for (const Column& c : columns) {
            Rect cell{x, r.y, c.w, r.h};
            const bool name = c.rank == 0;
            if (name) {
                const double y = r.centre().y;
                draw_stroke(canvas, {{x, y}, {x + swatch - 10 * u, y}}, run_colour(t, s, i),
                            2.25 * u, i, u);
                cell.x += swatch;
                cell.w -= swatch;
            }
            set(cell, c, c.cell(i),
                t.text(t.normal(), name || i == 0 || chosen ? t.ink : t.ink_soft,
                       name ? Weight::bold : Weight::regular));
            x += c.w + gap;
        }
    }
}

}  // namespace sf::training
