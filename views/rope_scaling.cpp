#include "views/draw/number.h"
#include "views/draw/page.h"
#include "views/draw/plot.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/rope_draw.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace sf::rope {

namespace {

struct Look {
    Colour colour;
    bool dashed = false;
};
// A second cue beside colour: dashes.
Look look_of(const Theme& t, const std::string& method) {
    if (method == "none") return {t.ink_faint, true};
    if (method == "linear") return {t.meaning(Meaning::query), true};
    if (method == "ntk") return {t.meaning(Meaning::value), false};
    return {t.meaning(Meaning::position), false};
}

// The stretches of pairs that YaRN keeps, blends and interpolates.
struct Band {
    std::string name;
    std::int64_t first = 0, last = 0;
};
std::vector<Band> bands(const std::vector<double>& ramp) {
    std::vector<Band> all;
    for (std::size_t i = 0; i < ramp.size(); ++i) {
        const auto at = static_cast<std::int64_t>(i);
        const std::string name = ramp[i] <= 0 ? "keep" : ramp[i] >= 1 ? "interpolate" : "blend";
        if (all.empty() || all.back().name != name)
            all.push_back({name, at, at});
        else
            all.back().last = at;
    }
    return all;
}

void draw_ramp(Canvas& canvas, const Theme& t, const Rect& area, const PlotFrame& f,
               const std::vector<double>& ramp) {
    const double u = t.text_scale, step = f.data.w / static_cast<double>(ramp.size());
    const double h = area.h - line_height(t.small()) - 2;
    text_in(canvas, {f.data.x, area.y, f.data.w, line_height(t.small())},
            "YaRN's ramp: 0 keeps the frequency, 1 divides it by the factor",
            t.text(t.small(), t.ink_faint));
    if (h < 8 * u) return;
    const double y = area.bottom();
    const auto style = t.text(t.small(), t.ink_soft, Weight::regular, Align::centre);
    for (std::size_t i = 0; i < ramp.size(); ++i) {
        const double x = f.data.x + step * static_cast<double>(i);
        const double bar = std::max(1.0, ramp[i] * (h - 4));
        canvas.fill_rect({x + step * 0.15, y - bar, step * 0.7, bar},
                         t.meaning(Meaning::position).alpha(0.45), 2);
        const std::string number = format_fixed(ramp[i], 2);
        if (canvas.text_width(number, style) <= step - 4 && h > line_height(t.small()) + 4) {
            const bool inside = bar > line_height(t.small()) + 2;
            canvas.text({x + step / 2, inside ? y - 5 * u : y - bar - 4}, number, style);
        }
    }
    canvas.line({f.data.x, y}, {f.data.right(), y}, t.hairline, 1);
}

// The mapped frequency of each pair over the model's, by method.
void draw_frequencies(Canvas& canvas, const Scene& s, const std::vector<Method>& all,
                      const Rect& area) {
    const Theme& t = *s.theme;
    const double u = t.text_scale, factor = s.choices.factor;
    Rect rest = area;
    const double title = draw_block_title(
        canvas, t, area, "Frequency of each pair, mapped / as trained", "fast pairs left");
    rest.y += title, rest.h -= title;
    const bool ramp_fits = rest.h >= 220 * u;
    const double ramp_h = ramp_fits ? std::round(64 * u) : 0;
    Plot plot;
    plot.area = {rest.x, rest.y, rest.w, rest.h - (ramp_fits ? ramp_h + 12 * u : 0)};
    const auto n = static_cast<double>(all.front().theta.size());
    plot.x = {"pair i", -0.5, n - 0.5, false, true};
    plot.y = {"", std::min(0.8, 0.8 / factor), 1.3, true};
    for (const Method& m : all) {
        const Look look = look_of(t, m.name);
        Series line{m.title, {}, {}, look.colour, 2, false, look.dashed};
        for (std::size_t i = 0; i < m.theta.size(); ++i) {
            line.x.push_back(static_cast<double>(i));
            line.y.push_back(m.theta[i] / all.front().theta[i]);
        }
        plot.series.push_back(std::move(line));
    }
    const PlotFrame f = draw_plot(canvas, t, plot);
    if (f.data.w < 24 || f.data.h < 24) return;
    const std::vector<double>& ramp = all.back().ramp;
    const auto style = t.text(t.small(), t.ink_soft, Weight::regular, Align::centre);
    for (const Band& b : bands(ramp)) {
        const double from = f.at(static_cast<double>(b.first) - 0.5, 1).x;
        const double to = f.at(static_cast<double>(b.last) + 0.5, 1).x;
        if (b.first > 0)
            draw_dashed(canvas, {{from, f.data.y}, {from, f.data.bottom()}}, t.hairline, 1, 4, 4);
        const double w = canvas.text_width(b.name, style);
        const double line = line_height(t.small());
        if (w + 4 <= to - from && f.data.h > 4 * line)
            canvas.text({(from + to) / 2, f.data.bottom() - 6 * u}, b.name, style);
    }
    for (const Method& m : all) {
        const Look look = look_of(t, m.name);
        for (std::size_t i = 0; i < m.theta.size() && f.data.w / n > 9; ++i)
            draw_circle(canvas, f.at(static_cast<double>(i), m.theta[i] / all.front().theta[i]),
                        2.5, look.colour);
    }
    if (ramp_fits) draw_ramp(canvas, t, {rest.x, rest.bottom() - ramp_h, rest.w, ramp_h}, f, ramp);
}

// The model's own loss along rows that are longer than those it was trained on.
void draw_losses(Canvas& canvas, const Scene& s, const Rect& area) {
    const Theme& t = *s.theme;
    const double title = draw_block_title(
        canvas, t, area, "The model's own loss by position",
        s.losses.value != nullptr
            ? "nats a token, " + format_count(s.losses.value->rows) + " held-out rows"
            : "");
    const Rect rest{area.x, area.y + title, area.w, area.h - title};
    if (s.losses.value == nullptr)
        return draw_pending(canvas, t, rest, "Reading held-out text with each way",
                            s.losses.progress, s.losses.error);
    const ScalingLosses& all = *s.losses.value;
    Plot plot;
    plot.area = rest;
    plot.x = {"position", 0, static_cast<double>(all.length), false, true};
    double lo = 1e30, hi = 0;
    for (const auto& m : all.methods)
        for (const double l : m.loss) lo = std::min(lo, l), hi = std::max(hi, l);
    plot.y = {"", std::max(0.0, lo - 0.1 * (hi - lo)), hi + 0.1 * (hi - lo), false};
    const double half = static_cast<double>(all.length) / static_cast<double>(all.begin.size()) / 2;
    for (const auto& m : all.methods) {
        const Look look = look_of(t, m.type);
        Series line{"", {}, {}, look.colour, 2, false, look.dashed};
        for (std::size_t b = 0; b < m.loss.size(); ++b) {
            line.x.push_back(static_cast<double>(all.begin[b]) + half);
            line.y.push_back(m.loss[b]);
        }
        plot.series.push_back(std::move(line));
    }
    const PlotFrame f = draw_plot(canvas, t, plot);
    if (f.data.w < 24 || f.data.h < 24) return;
    const double x = f.at(static_cast<double>(all.trained), lo).x;
    draw_dashed(canvas, {{x, f.data.y}, {x, f.data.bottom()}}, t.ink_soft, 1, 4, 4);
    const auto style = t.text(t.small(), t.ink_soft);
    const std::string mark = "beyond " + format_count(all.trained);
    if (x + 8 + canvas.text_width(mark, style) <= f.data.right())
        canvas.text({x + 6, f.data.y + line_height(t.small())}, mark, style);
}

// A ring with the angles that training swept in grey and those that are new in red.
void draw_sweep(Canvas& canvas, const Theme& t, Vec2 centre, double r, const Sweep& w) {
    const double width = std::min(r * 0.34, 9.0);
    draw_ring(canvas, centre, r, t.hairline, 1);
    draw_arc(canvas, centre, r, 0, w.seen, t.ink_faint, width);
    draw_arc(canvas, centre, r, w.seen, w.fresh, t.bad, width);
}

void draw_sweeps(Canvas& canvas, const Scene& s, const std::vector<Method>& all, const Rect& area) {
    const Theme& t = *s.theme;
    const double u = t.text_scale, line = line_height(t.small());
    Rect rest = area;
    const auto take = [&](double h) { rest.y += h, rest.h -= h; };
    if (rest.h >= 160 * u)
        take(draw_block_title(canvas, t, area, "Angles within the trained length, and new ones"));
    const double legend =
        draw_legend(canvas, t, {rest.x, rest.y}, rest.w,
                    {{"within " + format_count(s.choices.trained) + " tokens", t.ink_faint},
                     {"new at " + format_count(all.back().config.max_position_embeddings), t.bad}});
    take(legend + 8 * u);
    const auto n = static_cast<std::int64_t>(all.front().theta.size());
    const double row = std::min(rest.h / static_cast<double>(all.size()), 132 * u);
    const auto strong = t.text(t.small(), t.ink, Weight::bold);
    // Where the rows are low the name stands before its rings and the sentence is left out.
    const bool low = row < 2 * line + 40 * u;
    double names = 0;
    for (const Method& m : all) names = std::max(names, canvas.text_width(m.title, strong));
    const double left = low ? std::ceil(names) + 12 * u : 0, words = low ? 0 : 2 * line + 6 * u;
    const double cell = std::min((rest.w - left) / static_cast<double>(n), 88 * u);
    // A ring is drawn with its thickness half outside of its radius.
    const double r = std::min(cell / 2 - 3, (row - words - 8 * u) / 2) / 1.17;
    if (r < 3) return;
    for (std::size_t m = 0; m < all.size(); ++m) {
        const Method& method = all[m];
        const double y = rest.y + row * static_cast<double>(m);
        const double middle = low ? y + row / 2 : y + words + 1.17 * r;
        const bool used =
            s.choices.scaling == method.name ||
            (s.choices.scaling == "model" && s.model.rope_scaling.type == method.name);
        std::int64_t fresh = 0;
        for (std::int64_t i = 0; i < n; ++i) {
            const auto k = static_cast<std::size_t>(i);
            const Sweep w =
                sweep(all.front().theta[k], method.theta[k], s.choices.trained, s.choices.factor);
            fresh += w.fresh > 0 ? 1 : 0;
            draw_sweep(canvas, t, {rest.x + left + cell * (static_cast<double>(i) + 0.5), middle},
                       r, w);
        }
        auto style = strong;
        style.colour = look_of(t, method.name).colour;
        if (low) {
            text_in(canvas, {rest.x, middle - line / 2, left, line}, method.title, style);
            continue;
        }
        const std::string name = method.title + (used ? " (in use)" : "");
        text_in(canvas, {rest.x, y, rest.w, line}, name, style);
        if (s.losses.value != nullptr) {
            const auto& loss = s.losses.value->methods[m];
            const std::string nats =
                "loss " + format_fixed(loss.within, 2) + ", beyond " + format_fixed(loss.beyond, 2);
            const double name_w = canvas.text_width(name, style) + 12 * u;
            if (name_w + canvas.text_width(nats, t.text(t.small(), t.ink)) <= rest.w)
                text_in(canvas, {rest.x + name_w, y, rest.w - name_w, line}, nats,
                        t.text(t.small(), t.ink));
        }
        // A step of one token turns the fastest pair by so much: what interpolation gives away.
        const std::string result =
            (fresh == 0
                 ? std::string("no new angles")
                 : format_count(fresh) + " of " + format_count(n) + " pairs meet new angles") +
            ", one token turns the fastest by " + format_number(method.theta.front(), 2) + " rad";
        text_in(canvas, {rest.x, y + line, rest.w, line}, result, t.text(t.small(), t.ink_soft));
    }
}

}  // namespace

void draw_scaling(Canvas& canvas, const Scene& s, const Rect& area) {
    const Theme& t = *s.theme;
    const double u = t.text_scale, gap = 32 * u;
    const std::vector<Method>& all = s.methods;
    const bool two = area.w >= 640 * u;
    const double w = two ? std::round((area.w - gap) / 2) : area.w;
    // Alone, the angles tell more: what a model meets that it has never met.
    if (!two) return draw_sweeps(canvas, s, all, area);
    // The losses take the lower part where both can be read.
    const bool losses = s.choices.factor > 1 && area.h >= 340 * u;
    const double upper = losses ? std::round((area.h - 24 * u) * 0.54) : area.h;
    draw_frequencies(canvas, s, all, {area.x, area.y, w, upper});
    if (losses)
        draw_losses(canvas, s, {area.x, area.y + upper + 24 * u, w, area.h - upper - 24 * u});
    draw_sweeps(canvas, s, all, {area.x + w + gap, area.y, w, area.h});
}

}  // namespace sf::rope
