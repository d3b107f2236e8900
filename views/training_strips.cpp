#include "views/draw/number.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/training_draw.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sf::training {

namespace {

struct Line {
    const Curve* curve = nullptr;
    Colour colour;
    bool dashed = false;
};

struct Strip {
    std::string title, value;  // value: at the step that is looked at
    std::vector<Line> lines;
    bool log = false;
};

std::string short_layer(const std::string& name) {
    return (name.starts_with("mtp") ? "MTP " : "layer ") + name.substr(name.find('.') + 1);
}

// The most telling first.
std::vector<Strip> strips_of(const Theme& t, const Run& run) {
    const auto at = static_cast<double>(run.at);
    const auto value = [&](const Curve& c) {
        const double v = c.at(at);
        return std::isfinite(v) ? short_number(v) : std::string("–");
    };
    std::vector<Strip> all;
    if (const std::int64_t worst = run.worst_layer(); worst >= 0) {
        const Curve& most = run.violation[static_cast<std::size_t>(worst)];
        Strip s{"violation of balance, largest load / mean − 1",
                value(most) + " in " + short_layer(most.name),
                {},
                false};
        for (const Curve& c : run.violation)
            s.lines.push_back(c.name.starts_with("mtp")
                                  ? Line{&c, t.meaning(Meaning::mtp), true}
                                  : Line{&c, t.meaning(Meaning::routed_expert), false});
        all.push_back(std::move(s));
    }
    all.push_back({"learning rate", value(run.rate), {{&run.rate, t.ink_soft, false}}, false});
    all.push_back({"gradient norm", value(run.norm), {{&run.norm, t.ink_soft, false}}, true});
    all.push_back({"tokens a second",
                   run.speed.step.empty() ? "–" : format_short(run.speed.at(at)),
                   {{&run.speed, t.ink_soft, false}},
                   false});
    const auto& b = run.balance.value;
    if (std::any_of(b.begin(), b.end(), [](double v) { return v > 0; }))
        all.push_back({"balance loss, with its factor",
                       value(run.balance),
                       {{&run.balance, t.meaning(Meaning::routed_expert), false}},
                       false});
    return all;
}

void draw_strip(Canvas& canvas, const Theme& t, const Run& run, const Strip& s,
                const StepAxis& axis, const Rect& area) {
    const double line = line_height(t.small()), u = t.text_scale;
    const double width = axis.right - axis.left;
    const auto number = t.text(t.small(), t.ink, Weight::bold, Align::right);
    const double used = canvas.text_width(s.value, number) + 10 * u;
    text_in(canvas, {axis.left, area.y, width - used, line}, s.title,
            t.text(t.small(), t.ink_soft));
    text_in(canvas, {axis.right - used, area.y, used, line}, s.value, number);
    const Rect data{axis.left, area.y + line + 1, width, area.h - line - 6 * u};
    canvas.line({data.x, data.bottom()}, {data.right(), data.bottom()}, t.hairline, 1);
    double lo = std::numeric_limits<double>::infinity(), hi = -lo;
    const auto height = [&](double v) { return s.log ? std::log(v) : v; };
    for (const Line& l : s.lines)
        for (const double v : l.curve->value)
            if (!s.log || v > 0) {
                lo = std::min(lo, height(v));
                hi = std::max(hi, height(v));
            }
    if (!s.log) lo = std::min(lo, 0.0);
    if (!(hi > lo)) hi = lo + 1;
    for (const Line& l : s.lines) {
        std::vector<Vec2> points;
        for (std::size_t i = 0; i < l.curve->step.size(); ++i) {
            const double v = l.curve->value[i];
            if (s.log && !(v > 0)) continue;
            points.push_back({axis.x(l.curve->step[i]),
                              data.bottom() - (height(v) - lo) / (hi - lo) * (data.h - 2)});
        }
        if (points.size() == 1)
            draw_circle(canvas, points[0], 2 * u, l.colour);
        else if (points.size() > 1 && l.dashed)
            draw_dashed(canvas, points, l.colour, 1.25 * u, 4 * u, 3 * u);
        else if (points.size() > 1)
            canvas.polyline(points, l.colour, 1.25 * u);
    }
    draw_step(canvas, t, run, axis, data.y, data.bottom());
}

}  // namespace

double StepAxis::x(double step) const {
    const double part =
        log ? std::log(std::max(step, lo) / lo) / std::log(hi / lo) : (step - lo) / (hi - lo);
    return left + (right - left) * std::clamp(part, 0.0, 1.0);
}

StepAxis step_axis(const Run& run, bool log) {
    StepAxis a;
    a.log = log;
    const auto& h = *run.history;
    if (h.empty()) return a;
    a.lo = std::max(1.0, static_cast<double>(h[0].step));
    a.hi = std::max(a.lo + 1, static_cast<double>(h.back().step));
    return a;
}

double strip_height(const Theme& t) {
    return line_height(t.small()) + 30 * t.text_scale;
}

void draw_strips(Canvas& canvas, const Theme& t, const Run& run, const StepAxis& axis,
                 const Rect& area) {
    const std::vector<Strip> all = strips_of(t, run);
    const double least = strip_height(t);
    const auto n = std::min(all.size(), static_cast<std::size_t>(std::max(0.0, area.h / least)));
    if (n == 0 || axis.right - axis.left < 120 * t.text_scale) return;
    const double pitch = area.h / static_cast<double>(n);
    for (std::size_t i = 0; i < n; ++i)
        draw_strip(canvas, t, run, all[i], axis,
                   {area.x, area.y + static_cast<double>(i) * pitch, area.w, pitch});
}

void draw_step(Canvas& canvas, const Theme& t, const Run& run, const StepAxis& axis, double top,
               double bottom) {
    if (run.live) return;
    const double x = axis.x(static_cast<double>(run.at));
    canvas.fill_rect({x - 1, top, 2, bottom - top}, t.accent);
}

void draw_clock_marks(Canvas& canvas, const Theme& t, const Run& run, const StepAxis& axis,
                      const Rect& area, double foot) {
    const double u = t.text_scale;
    const std::vector<std::int64_t> steps = run.history->probe_steps();
    for (std::size_t i = 0; i < steps.size(); ++i) {
        const double x = axis.x(static_cast<double>(steps[i]));
        // Steps before the axis share its end: the last of them stands there.
        if (i + 1 < steps.size() && axis.x(static_cast<double>(steps[i + 1])) - x < 1) continue;
        const bool chosen = !run.live && steps[i] == run.at;
        draw_circle(canvas, {x, foot}, (chosen ? 4 : 2.5) * u, chosen ? t.accent : t.ink_soft);
        const double before = i == 0 ? axis.left : axis.x(static_cast<double>(steps[i - 1]));
        const double after =
            i + 1 == steps.size() ? axis.right : axis.x(static_cast<double>(steps[i + 1]));
        const double from = i == 0 ? axis.left : (before + x) / 2;
        const double to = i + 1 == steps.size() ? axis.right : (x + after) / 2;
        if (to - from >= 1) canvas.hit({from, area.y, to - from, area.h}, {"train-at", steps[i]});
    }
}

}  // namespace sf::training
