#include "views/draw/number.h"
#include "views/draw/page.h"
#include "views/draw/plot.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/experts_training.h"

#include <algorithm>
#include <cmath>

// The bias of one expert as a control loop: too much to do, and it goes down.
namespace sf::experts {

namespace {

constexpr const char* kicks[] = {"-0.1", "0.1"};

// What the expert did at the record, and what its bias does about it.
std::string loop_sentence(const TrainingScene& s) {
    const Loads one = loads_of(*s.history, s.layer, s.now, s.now + 1);
    const double mean = static_cast<double>(one.sum()) / static_cast<double>(s.experts());
    const auto n = static_cast<double>(one.count[s.expert]);
    std::string text = s.record().tokens > 0 && s.now > 0
                           ? "Since step " + format_count((*s.history)[s.now - 1].step)
                           : "Until step " + format_count(s.record().step);
    text += " it was given " + format_count(one.count[s.expert]) + " tokens where the mean is " +
            format_number(mean, 4) +
            (n > mean   ? ": too many."
             : n < mean ? ": too few."
                        : ": just as many.");
    if (s.now == 0) return text;
    const double move = s.bias(s.now, s.expert) - s.bias(s.now - 1, s.expert);
    if (move == 0 && !bias_moves(*s.history, s.now))
        return text + " No bias answers: how the experts are kept even here is “" +
               balance_of(*s.history, s.now) + "”.";
    return text + (move < 0 ? " Its bias went down by " : " Its bias went up by ") +
           plain_number(std::abs(move)) + ", to " + plain_number(s.bias(s.now, s.expert)) +
           ": it will be chosen " + (move < 0 ? "less often." : "more often.");
}

// The load around its mean, filled to both sides: one piece from crossing to crossing.
void draw_swing(Canvas& canvas, const TrainingScene& s, const PlotFrame& f, const Series& load) {
    const Theme& t = *s.theme;
    const Colour fill = t.meaning(Meaning::routed_expert).alpha(0.45);
    const double zero = f.at(f.x.lo, 1).y;
    std::vector<Vec2> piece;
    const auto close = [&](double x) {
        if (!piece.empty() && x > piece.front().x) {
            piece.push_back({x, zero});
            piece.push_back({piece.front().x, zero});
            canvas.fill_polygon(piece, fill);
        }
        piece.clear();
    };
    for (std::size_t i = 0; i < load.x.size(); ++i) {
        if (!std::isfinite(load.y[i])) continue;
        const Vec2 p = f.at(load.x[i], load.y[i]);
        if (!piece.empty() && (piece.back().y - zero) * (p.y - zero) < 0) {
            const Vec2 a = piece.back();
            const double x = a.x + (p.x - a.x) * (zero - a.y) / (p.y - a.y);
            close(x);
            piece.push_back({x, zero});
        }
        piece.push_back(p);
    }
    if (!piece.empty()) close(piece.back().x);
    canvas.line({f.data.x, zero}, {f.data.right(), zero}, t.ink_soft, 1);
}

struct Curves {
    Series load, bias;
};
Curves curves(const TrainingScene& s) {
    Curves c{{"", {}, {}, s.theme->meaning(Meaning::routed_expert), 1.75},
             {"", {}, {}, s.theme->ink, 2}};
    const auto shown = s.shown();
    const auto windows = windows_of(*s.history, s.layer, shown);
    for (std::size_t i = 0; i < shown.size(); ++i) {
        const auto step = static_cast<double>((*s.history)[shown[i]].step);
        c.load.x.push_back(step);
        c.load.y.push_back(windows[i].over_mean(s.expert));
        c.bias.x.push_back(step);
        c.bias.y.push_back(s.own_bias(shown[i], s.expert));
    }
    return c;
}

void mark_now(Canvas& canvas, const TrainingScene& s, const PlotFrame& f, double y, Colour c) {
    if (f.data.w < 10 || f.data.h < 10 || !std::isfinite(y)) return;
    const Vec2 p = f.at(static_cast<double>(s.record().step), y);
    draw_circle(canvas, p, 5 * s.theme->text_scale, s.theme->background);
    draw_circle(canvas, p, 3.5 * s.theme->text_scale, c);
}

void draw_two(Canvas& canvas, const TrainingScene& s, const Rect& area) {
    const Theme& t = *s.theme;
    const double u = t.text_scale, gap = 8 * u, left = 44 * u;
    const Curves c = curves(s);
    const double half = (area.h - gap) / 2;
    const double lo = s.first_step();
    const Axis x{"", lo, std::max(s.last_step(), lo + 1), s.log, true};
    double least = 0.95, most = 1.05;
    for (const double v : c.load.y)
        if (std::isfinite(v)) least = std::min(least, v), most = std::max(most, v);
    const double room = (most - least) * 0.06;
    Plot load;
    load.area = {area.x, area.y, area.w, half};
    load.left = left;
    load.x = x;
    load.y = {"its load over the mean", std::max(0.0, least - room), most + room};
    const PlotFrame above = draw_plot(canvas, t, load);
    if (above.data.w < 10 || above.data.h < 10) return;
    {
        const ClipScope clip(canvas, above.data);
        draw_swing(canvas, s, above, c.load);
    }
    mark_now(canvas, s, above, window_of(*s.history, s.layer, s.now).over_mean(s.expert),
             t.meaning(Meaning::routed_expert));
    Plot bias;
    bias.area = {area.x, area.y + half + gap, area.w, half};
    bias.left = left;
    bias.x = x;
    bias.x.label = "step";
    bias.y = {"its bias, less the mean of all: it goes the other way"};
    bias.series = {c.bias};
    mark_now(canvas, s, draw_plot(canvas, t, bias), s.own_bias(s.now, s.expert), t.ink);
}

double button_row(const Theme& t) {
    return line_height(t.normal()) + 12 * t.text_scale;
}

// Presses that kick the bias of the training run; the loop undoes it, γ a step.
void draw_kicks(Canvas& canvas, const TrainingScene& s, const Rect& area) {
    const Theme& t = *s.theme;
    const double u = t.text_scale, h = line_height(t.normal()) + 4 * u;
    const auto soft = t.text(t.small(), t.ink_soft);
    const auto bold = t.text(t.normal(), t.ink, Weight::bold, Align::centre);
    const std::string words = "Kick its bias while it trains";
    double x = area.x;
    for (const char* by : kicks) {
        const std::string label = *by == '-' ? "− 0.1" : "+ 0.1";
        const Rect r{x, area.y + 4 * u, canvas.text_width(label, bold) + 20 * u, h};
        if (r.right() > area.right()) return;
        canvas.fill_rect(r, t.raised, 4 * u);
        canvas.stroke_rect(r, t.hairline, 1, 4 * u);
        text_in(canvas, r, label, bold);
        canvas.hit(r, {"command:train-kick " + s.history->layers()[s.layer] + " " +
                           std::to_string(s.expert) + " " + by,
                       0, 1, 1, 0, 0});
        x = r.right() + 8 * u;
    }
    if (x + canvas.text_width(words, soft) <= area.right())
        text_in(canvas, {x + 4 * u, area.y + 4 * u, area.right() - x, h}, words, soft);
}

}  // namespace

void draw_loop(Canvas& canvas, const TrainingScene& s, const Rect& area) {
    const Theme& t = *s.theme;
    const double u = t.text_scale;
    const std::string title = "The loop of " + s.expert_name();
    Rect rest = area;
    const double used =
        draw_block_title(canvas, t, area, title, s.own_choice ? "whose bias went furthest" : "");
    rest.y += used, rest.h -= used;
    const bool kick =
        s.frame->train_step < 0 && s.history->config().has_router_bias() && rest.h >= 200 * u;
    if (kick) {
        rest.h -= button_row(t);
        draw_kicks(canvas, s, {rest.x, rest.bottom(), rest.w, button_row(t)});
    }
    const std::string words = loop_sentence(s);
    const auto style = t.text(t.normal(), t.ink);
    const double high = paragraph_height(canvas, rest.w, words, style);
    if (high + 120 * u <= rest.h) {
        paragraph(canvas, {rest.x, rest.bottom() - high}, rest.w, words, style);
        rest.h -= high + 12 * u;
    }
    if (rest.h >= 100 * u) draw_two(canvas, s, rest);
}

}  // namespace sf::experts
