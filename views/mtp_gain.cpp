#include "views/draw/number.h"
#include "views/draw/page.h"
#include "views/draw/plot.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/mtp_drafts.h"

#include <algorithm>
#include <cmath>

// What drafting brings, and that it changes nothing.
namespace sf::mtp {

namespace {

struct Measure {
    std::string name, figure;
    double part = 0;  // of the widest bar
    Colour colour;
    bool hatched = false;
};

std::vector<Measure> measures(const Drafts& d) {
    const Theme& t = *d.t;
    const DraftRun& run = *d.run.value;
    const double rate = tokens_per_pass(run), most = std::max(rate, 1.0);
    const Colour drafts = t.meaning(Meaning::mtp);
    std::vector<Measure> all{{"tokens a pass", format_fixed(rate, 2), rate / most, drafts, true},
                             {"plain", "1.00", 1 / most, t.meaning(Meaning::head), false}};
    const auto places = by_place(run);
    for (std::size_t j = 0; j < places.size(); ++j) {
        const double share =
            static_cast<double>(places[j].accepted) / static_cast<double>(places[j].judged);
        all.push_back({"draft " + std::to_string(j + 1) + " held",
                       format_count(places[j].accepted) + " of " + format_count(places[j].judged),
                       share, t.good, false});
    }
    return all;
}

// By the weights that passes and drafts read, as the adaptive draft length counts it.
std::string when_it_pays(const Drafts& d) {
    const DraftRun& run = *d.run.value;
    const double gain = run.tokens_per_work();
    return "A round of " + std::to_string(d.options.drafts) +
           (d.options.drafts == 1 ? " draft reads " : " drafts reads ") +
           format_fixed(run.costs.back(), 2) +
           " times the weights of a plain pass: " + format_fixed(gain, 2) +
           " times the tokens for the same work" + (gain < 1 ? ", it does not pay." : ".");
}

}  // namespace

double draw_gain(Canvas& canvas, const Drafts& d, const Rect& area) {
    const Theme& t = *d.t;
    const double u = t.text_scale, row = std::ceil(line_height(t.small()) + 5 * u);
    double y = area.y + draw_block_title(canvas, t, area, "What it brings");
    const auto soft = t.text(t.small(), t.ink_soft);
    const auto right = t.text(t.small(), t.ink, Weight::bold, Align::right);
    const auto all = measures(d);
    double left = 0, number = 0;
    for (const Measure& m : all) {
        left = std::max(left, canvas.text_width(m.name, soft));
        number = std::max(number, canvas.text_width(m.figure, right));
    }
    left = std::ceil(left) + 8 * u;
    number = std::ceil(number) + 8 * u;
    const double wide = area.w - left - number;
    if (wide < 16 * u) return y - area.y;
    for (const Measure& m : all) {
        if (y + row > area.bottom()) return y - area.y;
        text_in(canvas, {area.x, y, left, row}, m.name, soft);
        const Rect track{area.x + left, y + 4 * u, wide, row - 8 * u};
        canvas.fill_rect(track, t.raised, 2);
        const Rect bar{track.x, track.y, wide * std::clamp(m.part, 0.0, 1.0), track.h};
        if (bar.w > 0.2) canvas.fill_rect(bar, m.hatched ? m.colour.alpha(0.4) : m.colour, 1);
        if (bar.w > 0.2 && m.hatched) draw_hatch(canvas, bar, Hatch::diagonal, m.colour, 4 * u);
        text_in(canvas, {area.right() - number, y, number, row}, m.figure, right);
        y += row;
    }
    const std::string pays = when_it_pays(d);
    const double h = paragraph_height(canvas, area.w, pays, soft);
    if (y + 4 * u + h <= area.bottom())
        y += 4 * u + paragraph(canvas, {area.x, y + 4 * u}, area.w, pays, soft);
    return y - area.y;
}

double sample_height(const Theme& t) {
    return line_height(t.normal()) + 140 * t.text_scale;
}

void draw_sample(Canvas& canvas, const Drafts& d, const Rect& area) {
    const Theme& t = *d.t;
    const double u = t.text_scale, line = line_height(t.small());
    const double title = draw_block_title(canvas, t, area, "The same distribution");
    Rect rest{area.x, area.y + title, area.w, area.h - title};
    if (d.is_greedy()) {
        paragraph(canvas, {rest.x, rest.y}, rest.w,
                  "Greedy drafts change no token. With a temperature above 0 thousands of rounds "
                  "from one prefix are compared here with the model's own distribution.",
                  t.text(t.small(), t.ink_soft), rest.h);
        return;
    }
    if (d.sample.value == nullptr)
        return draw_pending(canvas, t, rest, "repeating the round", d.sample.progress,
                            d.sample.error);
    const RoundSample& sample = *d.sample.value;
    const std::string words = format_count(sample.rounds) + " rounds: at most " +
                              format_number(sample.deviation(), 2) + " apart, band " +
                              format_number(sample.band(), 2);
    const auto soft = t.text(t.small(), t.ink_soft);
    if (canvas.text_width(words, soft) <= rest.w) {
        text_in(canvas, {rest.x, rest.bottom() - line, rest.w, line}, words, soft);
        rest.h -= line + 4 * u;
    }
    Series target{"the model's", {}, {}, t.meaning(Meaning::head), 2};
    Series seen{"first tokens", {}, {}, t.meaning(Meaning::mtp), 2, false, true};
    target.x = seen.x = {0};
    target.y = seen.y = {0};
    std::vector<Vec2> upper{{0, sample.band()}}, lower{{0, -sample.band()}};
    double a = 0, b = 0, before_a = 0, before_b = 0;
    for (std::size_t n = 0; n < sample.order.size(); ++n) {
        const auto id = static_cast<std::size_t>(sample.order[n]);
        before_a = a, before_b = b;
        a += static_cast<double>(sample.target[id]);
        b += static_cast<double>(sample.counts[id]) / static_cast<double>(sample.rounds);
        const auto x = static_cast<double>(n + 1);
        // Steps: a token's share comes at its place.
        target.x.insert(target.x.end(), {x, x});
        target.y.insert(target.y.end(), {before_a, a});
        seen.x.insert(seen.x.end(), {x, x});
        seen.y.insert(seen.y.end(), {before_b, b});
        upper.insert(upper.end(), {{x, before_a + sample.band()}, {x, a + sample.band()}});
        lower.insert(lower.end(), {{x, before_a - sample.band()}, {x, a - sample.band()}});
        // What is left of the distribution shows no more.
        if ((a > 0.98 && b > 0.98 && n >= 4) || n >= 100) break;
    }
    const double last = target.x.back() + 1;
    for (Series* s : {&target, &seen}) {
        s->x.push_back(last);
        s->y.push_back(s == &target ? a : b);
    }
    upper.push_back({last, a + sample.band()});
    lower.push_back({last, a - sample.band()});
    Plot plot;
    plot.area = rest;
    plot.x = {"tokens, the likeliest first", 0, last, false, true};
    plot.y = {"", 0, 1};
    plot.series = {target, seen};
    const PlotFrame f = draw_plot(canvas, t, plot);
    if (f.data.w < 24 || f.data.h < 24) return;
    std::vector<Vec2> outline;
    const auto place = [&](Vec2 v) {
        const Vec2 p = f.at(v.x, v.y);
        return Vec2{std::clamp(p.x, f.data.x, f.data.right()),
                    std::clamp(p.y, f.data.y, f.data.bottom())};
    };
    for (const Vec2& v : upper) outline.push_back(place(v));
    for (auto v = lower.rbegin(); v != lower.rend(); ++v) outline.push_back(place(*v));
    canvas.fill_polygon(outline, t.meaning(Meaning::head).alpha(0.18));
}

}  // namespace sf::mtp
