#include "views/draw/plot.h"

#include "views/draw/number.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace sf {

namespace {

constexpr std::size_t most_points = 4096;  // of a curve; more cannot be told apart

// The used range of an axis: as given, else the finite (on a log axis positive) data, a little
// wider.
void fit(Axis& axis, const std::vector<Series>& series, bool is_x) {
    if (axis.lo < axis.hi && (!axis.log || axis.lo > 0)) return;
    double lo = std::numeric_limits<double>::infinity(), hi = -lo;
    for (const auto& s : series)
        for (const double v : is_x ? s.x : s.y)
            if (std::isfinite(v) && (!axis.log || v > 0)) {
                lo = std::min(lo, v);
                hi = std::max(hi, v);
            }
    if (lo > hi) lo = axis.log ? 1 : 0, hi = axis.log ? 10 : 1;
    if (axis.log) {
        if (lo == hi) lo /= 2, hi *= 2;
        const double room = is_x ? 1 : std::pow(hi / lo, 0.04);
        lo /= room, hi *= room;
    } else {
        if (lo == hi) {
            const double room = lo == 0 ? 1 : std::abs(lo) * 0.1;
            lo -= room, hi += room;
        }
        const double room = is_x ? 0 : (hi - lo) * 0.05;
        lo -= lo >= 0 && lo - room < 0 ? lo : room;  // zero is a natural end
        hi += room;
    }
    axis.lo = lo;
    axis.hi = hi;
}

double part(const Axis& axis, double v) {
    if (axis.log) return std::log(v / axis.lo) / std::log(axis.hi / axis.lo);
    return (v - axis.lo) / (axis.hi - axis.lo);
}

void draw_series(Canvas& canvas, const PlotFrame& frame, const Series& s) {
    const std::size_t n = std::min(s.x.size(), s.y.size());
    const std::size_t stride = std::max<std::size_t>(1, n / most_points);
    std::vector<Vec2> piece;
    const auto flush = [&] {
        if (piece.size() == 1)
            draw_circle(canvas, piece[0], s.width * 0.9, s.colour);
        else if (piece.size() > 1 && s.dashed)
            draw_dashed(canvas, piece, s.colour, s.width, s.width * 3, s.width * 2.2);
        else if (piece.size() > 1)
            canvas.polyline(piece, s.colour, s.width);
        piece.clear();
    };
    for (std::size_t i = 0; i < n; i += stride) {
        const bool real = std::isfinite(s.x[i]) && std::isfinite(s.y[i]) &&
                          (!frame.x.log || s.x[i] > 0) && (!frame.y.log || s.y[i] > 0);
        if (!real) {
            flush();
            continue;
        }
        const Vec2 p = frame.at(s.x[i], s.y[i]);
        if (s.points)
            draw_circle(canvas, p, s.width * 1.4, s.colour);
        else
            piece.push_back(p);
    }
    flush();
}

}  // namespace

std::vector<Tick> ticks(double lo, double hi, int wanted, bool log) {
    std::vector<Tick> result;
    if (!(lo < hi) || !std::isfinite(lo) || !std::isfinite(hi) || wanted < 1) return result;
    if (log && lo > 0) {
        const double decades = std::log10(hi / lo);
        const int first = static_cast<int>(std::floor(std::log10(lo)));
        const int last = static_cast<int>(std::ceil(std::log10(hi)));
        const int step = std::max(1, static_cast<int>(std::ceil(decades / wanted)));
        const std::vector<int> within = decades > 2.5 ? std::vector{1} : std::vector{1, 2, 5};
        for (int e = first; e <= last; e += step)
            for (const int m : within) {
                const double v = m * std::pow(10.0, e);
                if (v >= lo * (1 - 1e-9) && v <= hi * (1 + 1e-9))
                    result.push_back(
                        {v, v >= 1e3 && v < 1e15 ? format_short(v) : format_number(v, 1)});
            }
        return result;
    }
    const double rough = (hi - lo) / wanted;
    const double power = std::pow(10.0, std::floor(std::log10(rough)));
    if (!(power > 0) || !std::isfinite(power)) return result;
    double step = power;
    for (const double m : {1.0, 2.0, 5.0, 10.0}) {
        step = m * power;
        if (step >= rough * (1 - 1e-9)) break;
    }
    const int decimals = std::clamp(static_cast<int>(std::ceil(-std::log10(step) - 1e-9)), 0, 12);
    const double most = std::max(std::abs(lo), std::abs(hi));
    for (double k = std::ceil(lo / step - 1e-9); k * step <= hi + step * 1e-9; ++k) {
        const double v = k * step;
        std::string label = step >= 1000                  ? format_short(v)
                            : most < 1e-4 || decimals > 6 ? format_number(v, 2)
                                                          : format_fixed(v, decimals);
        result.push_back({v, std::move(label)});
        if (result.size() > 200) break;
    }
    return result;
}

Vec2 PlotFrame::at(double vx, double vy) const {
    // Far outside is as good as outside, and keeps coordinates sane.
    const double px = std::clamp(part(x, vx), -10.0, 11.0);
    const double py = std::clamp(part(y, vy), -10.0, 11.0);
    return {data.x + px * data.w, data.bottom() - py * data.h};
}

PlotFrame draw_plot(Canvas& canvas, const Theme& theme, const Plot& plot) {
    const double size = theme.small(), line = line_height(size);
    const auto style = [&](Align a) {
        return theme.text(size, theme.ink_faint, Weight::regular, a);
    };
    PlotFrame frame{{}, plot.x, plot.y};
    fit(frame.x, plot.series, true);
    fit(frame.y, plot.series, false);

    std::vector<LegendEntry> legend;
    for (const auto& s : plot.series)
        if (!s.name.empty()) legend.push_back({s.name, s.colour, Hatch::none, !s.points, s.dashed});
    double top = plot.area.y;
    if (!plot.title.empty()) {
        const auto title = theme.text(theme.normal(), theme.ink, Weight::bold);
        text_in(canvas, {plot.area.x, top, plot.area.w, line_height(title.size)}, plot.title,
                title);
        top += line_height(title.size) + 4;
    }
    if (!legend.empty())
        top += draw_legend(canvas, theme, {plot.area.x, top}, plot.area.w, legend) + 4;
    if (!plot.y.label.empty()) {
        text_in(canvas, {plot.area.x, top, plot.area.w, line}, plot.y.label, style(Align::left));
        top += line + 2;
    }
    const double foot = line + 5 + (plot.x.label.empty() ? 0 : line);
    const double height = plot.area.bottom() - foot - top - size / 2;
    const auto y_ticks =
        ticks(frame.y.lo, frame.y.hi, std::clamp(static_cast<int>(height / (line * 2)), 2, 8),
              frame.y.log);
    double left = 0;
    for (const auto& t : y_ticks)
        left = std::max(left, canvas.text_width(t.label, style(Align::left)));
    left = std::max(std::ceil(left) + 8, plot.left);
    frame.data = {plot.area.x + left, top + size / 2, plot.area.w - left - size, height};
    if (frame.data.w < 10 || frame.data.h < 10) return frame;

    double last = frame.data.bottom() + 2 * line;  // of the labels, from below
    for (const auto& t : y_ticks) {
        if (frame.y.whole && t.value != std::round(t.value)) continue;
        const double y = frame.at(frame.x.lo, t.value).y;
        canvas.line({frame.data.x, y}, {frame.data.right(), y}, theme.grid, 1);
        // A log axis may have more ticks than labels have room.
        if (last - y < line * 0.9) continue;
        canvas.text({frame.data.x - 6, y + cap_height(size) / 2}, t.label, style(Align::right));
        last = y;
    }
    const double label_y = frame.data.bottom() + 6 + cap_height(size);
    double free_from = plot.area.x;
    for (const auto& t :
         ticks(frame.x.lo, frame.x.hi,
               std::clamp(static_cast<int>(frame.data.w / (size * 6)), 2, 10), frame.x.log)) {
        if (frame.x.whole && t.value != std::round(t.value)) continue;
        const double x = frame.at(t.value, frame.y.lo).x;
        canvas.line({x, frame.data.bottom()}, {x, frame.data.bottom() + 4}, theme.hairline, 1);
        const double w = canvas.text_width(t.label, style(Align::left));
        if (x - w / 2 < free_from || x + w / 2 > plot.area.right()) continue;
        canvas.text({x, label_y}, t.label, style(Align::centre));
        free_from = x + w / 2 + 6;
    }
    canvas.line({frame.data.x, frame.data.bottom()}, {frame.data.right(), frame.data.bottom()},
                theme.hairline, 1);
    if (!plot.x.label.empty())
        text_in(canvas, {frame.data.x, plot.area.bottom() - line, frame.data.w, line}, plot.x.label,
                style(Align::right));
    const ClipScope clip(canvas,
                         {frame.data.x - 3, frame.data.y - 3, frame.data.w + 6, frame.data.h + 6});
    for (const auto& s : plot.series) draw_series(canvas, frame, s);
    return frame;
}

}  // namespace sf
