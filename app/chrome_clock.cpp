#include "app/chrome.h"
#include "app/chrome_icons.h"

#include "views/draw/number.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sf {

namespace {

// Where the parts of the clock stand: a button, the curve, what it shows in words, "live".
struct Clock {
    Rect button, bar, words, live;
    double last = 1;  // step at the bar's end
};

Clock clock_of(const Controller& c, const Layout& l) {
    const double s = c.theme().text_scale;
    const Rect line = timeline_bar(l, c.theme());
    const double size = 18 * s, y = l.clock.centre().y;
    Clock k;
    k.button = {l.bottom.x + 16 + 33 * s, y - size / 2, size, size};
    k.live = {line.right() - 36 * s, l.clock.y + 2, 36 * s, l.clock.h - 4};
    const double words = line.w > 460 * s ? 190 * s : 0;
    k.words = {k.live.x - words, l.clock.y + 2, words, l.clock.h - 4};
    k.bar = {line.x, l.clock.y + 5, k.words.x - 12 * s - line.x, l.clock.h - 9};
    const auto history = c.training_history();
    const auto probes = history->probe_steps();
    if (!history->empty()) k.last = static_cast<double>(history->back().step);
    if (!probes.empty()) k.last = std::max(k.last, static_cast<double>(probes.back()));
    return k;
}

// Steps double from kept one to kept one: on a logarithmic axis they stand apart.
double x_of(const Clock& k, double step) {
    return k.bar.x + k.bar.w * std::log1p(std::max(step, 0.0)) / std::log1p(std::max(k.last, 1.0));
}

// The mean loss of each pixel's steps.
std::vector<Vec2> loss_curve(const Clock& k, const History& h) {
    double low = std::numeric_limits<double>::infinity(), high = -low;
    std::vector<Vec2> points;
    double x = 0, sum = 0, n = 0;
    const auto flush = [&] {
        if (n > 0) points.push_back({x, sum / n});
        sum = n = 0;
    };
    for (std::size_t i = 0; i < h.size(); ++i) {
        const double loss = static_cast<double>(h[i].loss);
        if (!std::isfinite(loss)) continue;
        const double at = std::floor(x_of(k, static_cast<double>(h[i].step)));
        if (at != x) flush();
        x = at;
        sum += loss;
        n += 1;
    }
    flush();
    for (const Vec2& p : points) {
        low = std::min(low, p.y);
        high = std::max(high, p.y);
    }
    for (Vec2& p : points)
        p.y = k.bar.y + (high > low ? (high - p.y) / (high - low) : 0.5) * k.bar.h;
    return points;
}

std::string words_of(const Controller& c, const History& h) {
    const std::int64_t probe = c.probe_step();
    const std::size_t n = probe < 0 ? h.size() : h.upto(probe);
    const std::int64_t step = probe >= 0 ? probe : h.empty() ? 0 : h.back().step;
    std::string text = "step " + format_count(step);
    if (n > 0) text += " · loss " + format_fixed(static_cast<double>(h[n - 1].loss), 2);
    return text;
}

}  // namespace

double train_step_x(const Controller& c, const Layout& l, std::int64_t step) {
    const Clock k = clock_of(c, l);
    return step < 0 ? k.live.centre().x : x_of(k, static_cast<double>(step));
}

std::int64_t train_step_at(const Controller& c, const Layout& l, double x) {
    if (!c.has_clock()) return -1;
    const Clock k = clock_of(c, l);
    std::int64_t best = -1;
    double nearest = std::abs(x - k.live.centre().x);
    if (x > k.words.x && k.words.w > 0) return -1;
    for (const std::int64_t step : c.training_history()->probe_steps())
        if (const double d = std::abs(x - x_of(k, static_cast<double>(step))); d < nearest) {
            nearest = d;
            best = step;
        }
    return best;
}

void draw_clock(Canvas& canvas, const Controller& c, const Layout& l) {
    if (!c.has_clock() || l.clock.h <= 0) return;
    const Theme t = c.theme();
    const double s = t.text_scale;
    const auto history = c.training_history();
    const Clock k = clock_of(c, l);
    const TrainingStatus* run = c.training();
    const bool trains = run && run->state == TrainingStatus::State::running;
    canvas.fill_rect(k.button, trains ? t.accent_soft : t.raised, 4);
    draw_icon(canvas, k.button, trains ? Icon::pause : Icon::play, trains ? t.accent : t.ink_soft);
    canvas.hit(k.button, {"command:train", 0, 1, 1, 0, 0});

    canvas.fill_rect(k.bar, t.raised, 2);
    const double here = train_step_x(c, l, c.probe_step());
    canvas.fill_rect({k.bar.x, k.bar.y, std::min(here, k.bar.right()) - k.bar.x, k.bar.h},
                     t.accent_soft, 2);
    const std::vector<Vec2> curve = loss_curve(k, *history);
    if (curve.size() > 1) canvas.polyline(curve, t.ink_faint, 1.25);
    canvas.hit({k.bar.x, l.clock.y, l.bottom.right() - 16 - k.bar.x, l.clock.h},
               {"train-at", -1, 1, 1, 0, 0});
    for (const std::int64_t step : history->probe_steps()) {
        const double x = x_of(k, static_cast<double>(step));
        const bool chosen = step == c.probe_step();
        draw_circle(canvas, {x, k.bar.bottom()}, (chosen ? 4.5 : 2.5) * s,
                    chosen ? t.accent : t.ink_soft);
        canvas.hit({x - 5, l.clock.y, 10, l.clock.h}, {"train-at", step, 1, 1, 0, 0});
    }
    if (c.probe_step() >= 0) canvas.fill_rect({here - 1, k.bar.y - 2, 2, k.bar.h + 2}, t.accent);
    const bool live = c.probe_step() < 0;
    text_in(canvas, k.live, "live",
            t.text(t.small(), live ? t.accent : t.ink_soft, live ? Weight::bold : Weight::regular,
                   Align::right));
    if (k.words.w > 0)
        text_in(canvas, {k.words.x, k.words.y, k.words.w - 8 * s, k.words.h}, words_of(c, *history),
                t.text(t.small(), t.ink_soft, Weight::regular, Align::right));
}

}  // namespace sf
