#include "views/draw/number.h"
#include "views/draw/page.h"
#include "views/draw/plot.h"
#include "views/draw/text.h"
#include "views/mtp_stairs.h"

#include <algorithm>
#include <cmath>
#include <functional>

// Where the extra signal comes from: the loss of every depth over training.
namespace sf::mtp {

namespace {

Series series_of(const History& history, const std::string& name, Colour colour, bool dashed,
                 const std::function<double(const StepRecord&)>& value) {
    Series line{name, {}, {}, colour, 1.75, false, dashed};
    for (std::size_t n = 0; n < history.size(); ++n) {
        line.x.push_back(static_cast<double>(history[n].step));
        line.y.push_back(value(history[n]));
    }
    return line;
}

double last_finite(const Series& line) {
    for (std::size_t n = line.y.size(); n-- > 0;)
        if (std::isfinite(line.y[n])) return line.y[n];
    return std::nan("");
}

// "L = 0.61 + 0.3 · (0.79 + 0.95) / 2 = 0.87", of the latest step or by the weight set by hand.
std::string objective(const Stairs& s, const std::vector<Series>& lines, double trained) {
    const double main = last_finite(lines.front());
    double sum = 0;
    std::string terms;
    for (std::size_t k = 1; k < lines.size(); ++k) {
        const double loss = last_finite(lines[k]);
        if (!std::isfinite(loss)) return "";
        sum += loss;
        terms += (terms.empty() ? "" : " + ") + format_fixed(loss, 2);
    }
    const auto depths = static_cast<double>(lines.size() - 1);
    const double lambda = s.lambda >= 0 ? s.lambda : trained;
    if (!std::isfinite(main) || depths == 0) return "";
    return "main + λ · mean of MTP = " + format_fixed(main, 2) + " + " + format_number(lambda, 2) +
           " · " + (depths > 1 ? "(" + terms + ") / " + format_number(depths) : terms) + " = " +
           format_fixed(main + lambda * sum / depths, 2);
}

}  // namespace

double losses_height(const Theme& t) {
    return line_height(t.normal()) + 150 * t.text_scale;
}

void draw_losses(Canvas& canvas, const Stairs& s, const Rect& area) {
    const Theme& t = *s.t;
    const double u = t.text_scale, line = line_height(t.small());
    const double title =
        draw_block_title(canvas, t, area, "Loss of each depth", "nats a token, over training");
    Rect rest{area.x, area.y + title, area.w, area.h - title};
    const History* history = s.frame->history;
    const bool fits = history != nullptr && !history->empty() && history->mtp_depths() == s.depths;
    if (!fits) {
        paragraph(canvas, {rest.x, rest.y}, rest.w,
                  "No training of this model was recorded. Train one, and the loss of the main "
                  "model and of every module grows here step by step.",
                  t.text(t.small(), t.ink_soft), rest.h);
        return;
    }
    std::vector<Series> lines{series_of(*history, "main", depth_colour(t, 0), false,
                                        [](const StepRecord& r) { return double{r.loss}; })};
    for (std::int64_t k = 1; k <= s.depths; ++k)
        lines.push_back(series_of(*history, s.depth_name(k), depth_colour(t, k), true,
                                  [k](const StepRecord& r) {
                                      return double{r.mtp_loss[static_cast<std::size_t>(k - 1)]};
                                  }));
    const std::string sum = objective(s, lines, static_cast<double>(history->back().lambda));
    const auto soft = t.text(t.small(), t.ink_soft);
    if (!sum.empty() && canvas.text_width(sum, soft) <= rest.w && rest.h > 120 * u) {
        text_in(canvas, {rest.x, rest.bottom() - line, rest.w, line}, sum, soft);
        rest.h -= line + 6 * u;
    }
    Plot plot;
    plot.area = rest;
    plot.x = {"step", 0, 0, false, true};
    plot.series = lines;
    Series floor = series_of(*history, "floor", t.ink_faint, true,
                             [](const StepRecord& r) { return double{r.floor}; });
    floor.width = 1.25;
    if (std::any_of(floor.y.begin(), floor.y.end(), [](double v) { return std::isfinite(v); }))
        plot.series.push_back(std::move(floor));
    double most = 0;
    for (const Series& l : lines)
        for (const double v : l.y)
            if (std::isfinite(v)) most = std::max(most, v);
    plot.y = {"", 0, most > 0 ? most * 1.05 : 1};
    const PlotFrame f = draw_plot(canvas, t, plot);
    if (s.frame->train_step < 0 || f.data.w < 20 || f.data.h < 20) return;
    const double x = f.at(static_cast<double>(s.frame->train_step), 0).x;
    if (x >= f.data.x && x <= f.data.right())
        canvas.line({x, f.data.y}, {x, f.data.bottom()}, t.accent, 1.5);
}

}  // namespace sf::mtp
