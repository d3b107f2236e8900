#include "core/run/score_variance.h"
#include "views/attention_draw.h"
#include "views/draw/number.h"
#include "views/draw/page.h"
#include "views/draw/plot.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/result.h"

#include <algorithm>
#include <cmath>

// Why scores are divided by √d: how they spread in fresh models of many widths and in this one, and
// what softmax makes of one row with and without the division.
namespace sf::online {

namespace {

std::size_t at(std::int64_t i) {
    return static_cast<std::size_t>(i);
}

double whole_width(const Row& r) {
    return static_cast<double>(r.trace->graph->config.qk_head_dim());
}

std::vector<double> softmax(const Row& r, double factor) {
    std::vector<double> a;
    for (std::int64_t i = 0; i < r.n; ++i) a.push_back(r.scores->at(r.first + i) * factor);
    const double most = *std::max_element(a.begin(), a.end());
    double sum = 0;
    for (double& v : a) sum += v = std::exp(v - most);
    for (double& v : a) v /= sum;
    return a;
}

// The variance over d: fresh models as lines, this one as two rings.
void draw_variances(const Page& page, const Rect& area) {
    const Theme& t = page.t;
    const double title = draw_block_title(page.canvas, t, area, "Variance of the scores",
                                          "over the width d of a head");
    const Rect rest{area.x, area.y + title, area.w, area.h - title};
    const auto fresh = result_of<ScoreVariances>(page.frame, score_variances(*page.row.trace));
    if (fresh.value == nullptr)
        return draw_pending(page.canvas, t, rest, "Running this text in fresh models",
                            fresh.progress, fresh.error);
    const Colour raw = t.meaning(Meaning::query), scaled = t.accent;
    const ScoreVariance own = trained_variance(page.row);
    Plot plot;
    plot.area = rest;
    plot.x = {"d", 0, 0, true};
    plot.series = {{"q·k, fresh models", {}, {}, raw, 2, false, true},
                   {"q·k / √d, fresh models", {}, {}, scaled, 2}};
    double lo = std::min(own.raw, own.scaled), hi = std::max(own.raw, own.scaled), right = 0;
    double left = whole_width(page.row);
    for (const ScoreVariance& v : fresh.value->widths) {
        for (const double y : {v.raw, v.scaled}) lo = std::min(lo, y), hi = std::max(hi, y);
        left = std::min(left, static_cast<double>(v.d));
        right = std::max(right, static_cast<double>(v.d));
        plot.series[0].x.push_back(static_cast<double>(v.d));
        plot.series[0].y.push_back(v.raw);
        plot.series[1].x.push_back(static_cast<double>(v.d));
        plot.series[1].y.push_back(v.scaled);
    }
    right = std::max(right, whole_width(page.row));
    plot.x.lo = left * 0.85, plot.x.hi = right * 1.18;
    plot.y = {"", lo / 1.6, hi * 1.6, true};
    const PlotFrame f = draw_plot(page.canvas, t, plot);
    if (f.data.w < 40 || f.data.h < 40) return;
    const double u = t.text_scale;
    for (std::size_t i = 0; i < plot.series[0].x.size(); ++i) {
        draw_circle(page.canvas, f.at(plot.series[0].x[i], plot.series[0].y[i]), 3 * u, raw);
        draw_circle(page.canvas, f.at(plot.series[1].x[i], plot.series[1].y[i]), 3 * u, scaled);
    }
    if (!(own.raw > 0)) return;
    const auto style = t.text(t.small(), t.ink);
    const Vec2 above = f.at(whole_width(page.row), own.raw),
               below = f.at(whole_width(page.row), own.scaled);
    page.canvas.line(above, below, t.ink_faint, 1);
    draw_ring(page.canvas, above, 5 * u, raw, 2.5);
    draw_ring(page.canvas, below, 5 * u, scaled, 2.5);
    const std::string name = "this model, " + page.row.place;
    const double w = page.canvas.text_width(name, style), line = line_height(t.small());
    const bool before = above.x + 10 * u + w > f.data.right();
    const double y = (above.y + below.y) / 2 + cap_height(t.small()) / 2;
    if (std::abs(above.y - below.y) > line + 8 && (!before || above.x - 10 * u - w > f.data.x))
        page.canvas.text({before ? above.x - 10 * u - w : above.x + 10 * u, y}, name, style);
}

void draw_row(const Page& page, const Rect& area, const std::string& title,
              const std::vector<double>& weights, Colour colour) {
    const Theme& t = page.t;
    const Row& r = page.row;
    const auto best = std::max_element(weights.begin(), weights.end()) - weights.begin();
    const std::string remark = format_percent(weights[at(best)]) + " to “" +
                               r.token(static_cast<std::int64_t>(best)) + "”";
    const double top = draw_block_title(page.canvas, t, area, title, remark);
    Bars bars;
    bars.area = {area.x, area.y + top, area.w, area.h - top};
    bars.values = weights;
    bars.colour = colour;
    bars.lo = 0, bars.hi = 1;
    const auto style = t.text(t.small(), t.ink);
    const double slot = area.w / static_cast<double>(weights.size());
    if (slot >= 20 * t.text_scale)
        for (std::int64_t i = 0; i < r.n; ++i)
            bars.labels.push_back(elide(page.canvas, r.token(i), style, slot - 4));
    bars.numbers = true;
    draw_bars(page.canvas, t, bars);
}

}  // namespace

ScoreVariance trained_variance(const Row& r) {
    ScoreVariance v;
    v.d = r.trace->graph->config.qk_head_dim();
    double sum = 0, squares = 0;
    const std::int64_t T = r.queries, S = r.context, first = r.batch * r.heads * T * S;
    for (std::int64_t h = 0; h < r.heads; ++h)
        for (std::int64_t t = 0; t < T; ++t)
            for (std::int64_t s = 0; s <= t + S - T; ++s) {
                const double a = r.scores->at(first + (h * T + t) * S + s);
                sum += a;
                squares += a * a;
                ++v.pairs;
            }
    const auto n = static_cast<double>(v.pairs);
    v.scaled = std::max(0.0, squares / n - sum / n * (sum / n));
    v.raw = v.scaled / (r.scale * r.scale);
    return v;
}

std::string scale_headline(const Row& r) {
    const std::vector<double> with = softmax(r, 1), without = softmax(r, 1 / r.scale);
    const auto most = [](const std::vector<double>& a) {
        return format_percent(*std::max_element(a.begin(), a.end()));
    };
    return "Undivided one key takes " + most(without) + ", divided by √d " + most(with);
}

std::string scale_words(const Row& r, const Frame& frame) {
    const ScoreVariance own = trained_variance(r);
    std::string text = scale_headline(r) + ". Over all heads of " + r.place +
                       " the scores q·k have variance " + format_number(own.raw, 3) + ", divided " +
                       format_number(own.scaled, 3) + ".";
    if (const auto fresh = result_of<ScoreVariances>(frame, score_variances(*r.trace));
        fresh.value != nullptr) {
        const ScoreVariance &narrow = fresh.value->widths.front(),
                            &wide = fresh.value->widths.back();
        text += " In fresh models it grows from " + format_number(narrow.raw, 3) +
                " at d = " + std::to_string(narrow.d) + " to " + format_number(wide.raw, 3) +
                " at d = " + std::to_string(wide.d) + "; divided, from " +
                format_number(narrow.scaled, 3) + " to " + format_number(wide.scaled, 3) + ".";
    }
    return text;
}

void draw_scale(const Page& page, const Rect& area) {
    const Theme& t = page.t;
    const double u = t.text_scale, gap = 32 * u;
    const bool beside = area.w >= 640 * u, below = !beside && area.h >= 420 * u;
    const std::vector<double> with = softmax(page.row, 1),
                              without = softmax(page.row, 1 / page.row.scale);
    Rect plot = area, rows = area;
    if (beside) {
        plot.w = std::round((area.w - gap) * 0.56);
        rows = {plot.right() + gap, area.y, area.right() - plot.right() - gap, area.h};
    } else if (below) {
        plot.h = std::round((area.h - gap) * 0.5);
        rows = {area.x, plot.bottom() + gap, area.w, area.bottom() - plot.bottom() - gap};
    }
    draw_variances(page, plot);
    if (!beside && !below) return;
    const double half = (rows.h - gap) / 2;
    if (half < 56 * u) return;
    draw_row(page, {rows.x, rows.y, rows.w, half}, "α with 1/√d", with, t.accent);
    draw_row(page, {rows.x, rows.y + half + gap, rows.w, half}, "α without", without,
             t.meaning(Meaning::query));
}

}  // namespace sf::online
