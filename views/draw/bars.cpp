#include "views/draw/colour_map.h"
#include "views/draw/number.h"
#include "views/draw/plot.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"

#include <algorithm>
#include <cmath>

namespace sf {

namespace {

constexpr std::int64_t most_bars = 4096;

// A bar's range along the value axis and its slot along the other.
struct Layout {
    Rect data;
    double lo = 0, hi = 1;
    bool horizontal = false;

    double along(double v) const {
        const double t = (std::clamp(v, lo, hi) - lo) / (hi - lo);
        return horizontal ? data.x + t * data.w : data.bottom() - t * data.h;
    }
    Rect slot(std::size_t i, std::size_t n) const {
        const double share = (horizontal ? data.h : data.w) / static_cast<double>(n);
        const double at = share * static_cast<double>(i);
        return horizontal ? Rect{data.x, data.y + at, data.w, share}
                          : Rect{data.x + at, data.y, share, data.h};
    }
    Rect bar(std::size_t i, std::size_t n, double v) const {
        const Rect s = slot(i, n);
        const double share = horizontal ? s.h : s.w;
        const double gap = share >= 6 ? std::max(1.0, share * 0.16) : share >= 3 ? 0.5 : 0;
        const double from = along(0), to = along(v);
        if (horizontal) return {std::min(from, to), s.y + gap / 2, std::abs(to - from), s.h - gap};
        return {s.x + gap / 2, std::min(from, to), s.w - gap, std::abs(to - from)};
    }
};

}  // namespace

void draw_bars(Canvas& canvas, const Theme& theme, const Bars& bars) {
    const std::size_t n = bars.values.size();
    if (n == 0 || bars.area.w <= 0 || bars.area.h <= 0) return;
    const double size = theme.small();
    const auto label = theme.text(size, theme.ink_soft);
    Layout l{bars.area, bars.lo, bars.hi, bars.horizontal};
    if (!(l.lo < l.hi)) {
        l.lo = l.hi = 0;
        for (const double v : bars.values)
            if (std::isfinite(v)) l.lo = std::min(l.lo, v), l.hi = std::max(l.hi, v);
        if (l.lo == l.hi) l.hi = l.lo + 1;
    }
    double label_w = 0;
    for (const auto& text : bars.labels)
        label_w = std::max(label_w, canvas.text_width(text, label));
    if (!bars.labels.empty()) {
        if (bars.horizontal) {
            label_w = std::min(std::ceil(label_w), bars.area.w * 0.4);
            l.data.x += label_w + 6;
            l.data.w -= label_w + 6;
        } else {
            l.data.h -= line_height(size) + 2;
        }
    }
    std::vector<std::string> numbers;
    double number_w = 0;
    if (bars.numbers) {
        for (const double v : bars.values) {
            numbers.push_back(format_number(v, 3));
            number_w = std::max(number_w, canvas.text_width(numbers.back(), label));
        }
        if (bars.horizontal)
            l.data.w -= std::ceil(number_w) + 6;
        else
            l.data.h -= line_height(size), l.data.y += line_height(size);
    }
    if (l.data.w < 2 || l.data.h < 2) return;
    const double share = (bars.horizontal ? l.data.h : l.data.w) / static_cast<double>(n);
    const bool fits = bars.horizontal ? share >= line_height(size) * 0.95 : share >= number_w + 4;

    const std::size_t stride = std::max<std::size_t>(1, n / static_cast<std::size_t>(most_bars));
    for (std::size_t i = 0; i < n; i += stride) {
        const double v = bars.values[i];
        const Rect slot = l.slot(i, n);
        if (std::isfinite(v)) {
            Rect bar = l.bar(i, n, v);
            const Colour colour = i < bars.colours.size() ? bars.colours[i] : bars.colour;
            canvas.fill_rect(bar, colour, std::min(2.0, share / 6));
        } else {
            canvas.fill_rect(slot, theme.bad.alpha(0.35));
        }
        if (bars.numbers && fits) {
            const double end = std::isfinite(v) ? l.along(v) : l.along(0);
            auto style = label;
            if (bars.horizontal) {
                canvas.text({std::max(end, l.along(0)) + 5, slot.centre().y + cap_height(size) / 2},
                            numbers[i], style);
            } else {
                style.align = Align::centre;
                canvas.text({slot.centre().x, std::min(end, l.along(0)) - 4}, numbers[i], style);
            }
        }
    }
    // The line of zero.
    const double zero = l.along(0);
    if (bars.horizontal)
        canvas.line({zero, l.data.y}, {zero, l.data.bottom()}, theme.hairline, 1);
    else
        canvas.line({l.data.x, zero}, {l.data.right(), zero}, theme.hairline, 1);

    // Labels, as many as fit.
    const double needed = bars.horizontal ? line_height(size) * 0.95 : label_w + 4;
    const auto every = static_cast<std::size_t>(std::max(1.0, std::ceil(needed / share)));
    for (std::size_t i = 0; i < std::min(n, bars.labels.size()); i += every) {
        const Rect slot = l.slot(i, n);
        auto style = label;
        if (bars.horizontal) {
            style.align = Align::right;
            text_in(canvas, {bars.area.x, slot.y, label_w, slot.h}, bars.labels[i], style);
        } else {
            style.align = Align::centre;
            canvas.text({slot.centre().x, bars.area.bottom() - 3}, bars.labels[i], style);
        }
    }
    if (!bars.target.node.empty()) {
        Target t = bars.target;
        const auto count = static_cast<std::int64_t>(n);
        const std::int64_t step = t.col_stride == 0 ? 1 : t.col_stride;
        t.rows = bars.horizontal ? count : 1;
        t.cols = bars.horizontal ? 1 : count;
        t.row_stride = bars.horizontal ? step : 0;
        t.col_stride = bars.horizontal ? 0 : step;
        canvas.hit(l.data, t);
        const std::int64_t at = bars.hover_index - t.first;
        if (bars.hover_index >= 0 && at >= 0 && at % step == 0 && at / step < count)
            canvas.stroke_rect(l.slot(static_cast<std::size_t>(at / step), n), theme.ink, 1.5);
    }
}

void draw_sparkline(Canvas& canvas, const Rect& area, std::span<const double> values, Colour colour,
                    double width) {
    double lo = 0, hi = 0;
    bool any = false;
    for (const double v : values) {
        if (!std::isfinite(v)) continue;
        lo = any ? std::min(lo, v) : v;
        hi = any ? std::max(hi, v) : v;
        any = true;
    }
    if (!any || values.empty()) return;
    const double range = hi > lo ? hi - lo : 1;
    const double count = std::max(1.0, static_cast<double>(values.size() - 1));
    const Rect r = area.inset(width / 2);
    std::vector<Vec2> piece;
    const auto flush = [&] {
        if (piece.size() > 1) canvas.polyline(piece, colour, width);
        if (piece.size() == 1) draw_circle(canvas, piece[0], width, colour);
        piece.clear();
    };
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (!std::isfinite(values[i])) {
            flush();
            continue;
        }
        const double t = hi > lo ? (values[i] - lo) / range : 0.5;
        piece.push_back({r.x + r.w * static_cast<double>(i) / count, r.bottom() - t * r.h});
    }
    flush();
}

Histogram histogram(std::int64_t count, const Cells<double>& values, int bins) {
    FiniteRange all;
    each_run(1, count, values, [&](std::span<const double> run) { all.add(run); });
    bins = std::max(1, bins);
    Histogram h;
    h.counts.assign(static_cast<std::size_t>(bins), 0);
    h.not_finite = all.others;
    if (all.lo > all.hi) return h;
    h.lo = all.lo;
    h.hi = all.hi;
    // Halved, so that the range of any two finite numbers is finite.
    const double range = h.hi / 2 - h.lo / 2, low = h.lo / 2;
    const bool wide = std::isfinite(bins / range);
    const double factor = wide ? bins / range : 0, start = wide ? 0 : bins / 2;
    std::vector<std::int64_t> counts(static_cast<std::size_t>(bins));
    each_run(1, count, values, [&](std::span<const double> run) {
        for (const double v : run) {
            if (!std::isfinite(v)) continue;
            const double place = start + (v / 2 - low) * factor;
            ++counts[static_cast<std::size_t>(std::clamp(place, 0.0, bins - 1.0))];
        }
    });
    std::copy(counts.begin(), counts.end(), h.counts.begin());
    return h;
}

void draw_histogram(Canvas& canvas, const Theme& theme, const Rect& area, const Histogram& h,
                    Colour colour) {
    const double size = theme.small(), foot = line_height(size) + 2;
    const Rect data{area.x, area.y, area.w, area.h - foot};
    if (data.h < 2 || data.w < 2 || h.counts.empty()) return;
    const double most = std::max(1.0, *std::max_element(h.counts.begin(), h.counts.end()));
    const double share = data.w / static_cast<double>(h.counts.size());
    const double gap = share >= 4 ? 1 : 0;
    for (std::size_t i = 0; i < h.counts.size(); ++i) {
        if (h.counts[i] <= 0) continue;
        // A bin with anything in it shows.
        const double height = std::max(1.0, data.h * h.counts[i] / most);
        canvas.fill_rect({data.x + share * static_cast<double>(i) + gap / 2, data.bottom() - height,
                          share - gap, height},
                         colour);
    }
    canvas.line({data.x, data.bottom()}, {data.right(), data.bottom()}, theme.hairline, 1);
    const auto style = [&](Align a) {
        return theme.text(size, theme.ink_faint, Weight::regular, a);
    };
    const double baseline = area.bottom() - 3;
    const std::string left = format_number(h.lo, 3), right = format_number(h.hi, 3);
    const double wl = canvas.text_width(left, style(Align::left));
    const double wr = canvas.text_width(right, style(Align::left));
    if (wl + wr + 8 <= area.w) canvas.text({data.x, baseline}, left, style(Align::left));
    canvas.text({data.right(), baseline}, right, style(Align::right));
    if (h.lo < 0 && h.hi > 0) {
        const double x = data.x + data.w * (-h.lo / (h.hi - h.lo));
        canvas.line({x, data.bottom()}, {x, data.bottom() + 3}, theme.ink_faint, 1);
        if (x - 8 > data.x + wl && x + 8 < data.right() - wr)
            canvas.text({x, baseline}, "0", style(Align::centre));
    }
}

}  // namespace sf
