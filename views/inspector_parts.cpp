#include "views/inspector_parts.h"

#include "views/draw/shapes.h"
#include "views/draw/text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <unordered_set>

namespace sf::inspector {

bool is_masked(const Trace& trace, NodeId id, std::int64_t index) {
    const Op op = (*trace.graph)[id].op;
    if (op != Op::scores && op != Op::scores_latent) return false;
    const Shape shape = trace.shape(id);
    const std::int64_t key = index % shape[3], query = index / shape[3] % shape[2];
    return key > query + shape[3] - shape[2];
}

namespace {

// The sum of f over finite values, side by side: one sum would wait for the one before.
template <class F>
double sum_of(std::span<const double> run, F f) {
    std::array<double, 8> sums{};
    std::size_t i = 0;
    for (; i + sums.size() <= run.size(); i += sums.size())
        for (std::size_t lane = 0; lane < sums.size(); ++lane) {
            const double v = f(run[i + lane]);
            sums[lane] += std::abs(v) <= std::numeric_limits<double>::max() ? v : 0;
        }
    for (; i < run.size(); ++i)
        if (const double v = f(run[i]); std::isfinite(v)) sums[0] += v;
    return std::accumulate(sums.begin(), sums.end(), 0.0);
}

}  // namespace

Statistics statistics(const Trace& trace, NodeId id, const Tensor& tensor) {
    Statistics s;
    s.count = tensor.size();
    const Cells<double> values = [&](std::int64_t, std::int64_t i) { return tensor.at(i); };
    FiniteRange all;
    double sum = 0, squares = 0;
    each_run(1, s.count, values, [&](std::span<const double> run) {
        all.add(run);
        sum += sum_of(run, [](double v) { return v; });
        squares += sum_of(run, [](double v) { return v * v; });
    });
    s.finite = s.count - all.others;
    for (std::int64_t i = 0; all.others > 0 && i < s.count; ++i) {
        const double v = tensor.at(i);
        if (std::isnan(v))
            ++s.nans;
        else if (v < 0 && std::isinf(v) && is_masked(trace, id, i))
            ++s.masked;
        else if (std::isinf(v))
            ++s.infinite;
    }
    if (s.finite > 0) {
        const auto n = static_cast<double>(s.finite);
        s.min = all.lo;
        s.max = all.hi;
        s.mean = sum / n;
        s.norm = std::sqrt(squares);
        double around = 0;
        each_run(1, s.count, values, [&](std::span<const double> run) {
            around += sum_of(run, [&](double v) { return (v - s.mean) * (v - s.mean); });
        });
        s.deviation = std::sqrt(around / n);
    }
    if (tensor.dtype == DType::i64)
        s.distinct = static_cast<std::int64_t>(
            std::unordered_set<std::int64_t>(tensor.ints.begin(), tensor.ints.end()).size());
    return s;
}

namespace {

// The part [begin, begin + shown) of n things round the selected one.
std::int64_t window_begin(std::int64_t n, std::int64_t shown, std::int64_t selected) {
    return std::clamp<std::int64_t>(selected - shown / 2, 0, std::max<std::int64_t>(0, n - shown));
}

void draw_one_chip(Canvas& canvas, const Theme& theme, const Rect& r, const ChipGrid& g,
                   std::int64_t row, std::int64_t col, bool with_sub) {
    const ChipText text = g.text(row, col);
    const bool selected = row == g.row && col == g.col;
    const std::int64_t index = g.slice->index(row, col);
    canvas.fill_rect(r, g.colour(row, col), 4);
    if (selected)
        canvas.stroke_rect(r, theme.accent, 2, 4);
    else if (index == g.hover)
        canvas.stroke_rect(r, theme.ink, 1.5, 4);
    const auto main = theme.text(theme.normal(), theme.ink,
                                 selected ? Weight::bold : Weight::regular, Align::centre);
    if (with_sub) {
        const double line = line_height(theme.normal()), sub = line_height(theme.small());
        const double top = r.y + (r.h - line - sub) / 2;
        text_in(canvas, {r.x + 3, top, r.w - 6, line}, text.main, main);
        text_in(canvas, {r.x + 3, top + line, r.w - 6, sub}, text.sub,
                theme.text(theme.small(), theme.ink_soft, Weight::regular, Align::centre));
    } else {
        text_in(canvas, {r.x + 3, r.y, r.w - 6, r.h}, text.main, main);
    }
    if (!g.node.empty()) canvas.hit(r, {g.node, index, 1, 1, 0, 0});
}

std::string range_note(const char* what, std::int64_t begin, std::int64_t shown, std::int64_t n) {
    if (shown >= n) return "";
    return std::string(what) + " " + std::to_string(begin) + "–" +
           std::to_string(begin + shown - 1) + " of " + std::to_string(n);
}

}  // namespace

std::string draw_chip_grid(Canvas& canvas, const Theme& theme, const Rect& area,
                           const ChipGrid& g) {
    const Slice& s = *g.slice;
    if (s.rows <= 0 || s.cols <= 0) return "";
    const auto bold = theme.text(theme.normal(), theme.ink, Weight::bold);
    const auto small = theme.text(theme.small(), theme.ink);
    bool with_sub = false;
    double widest = 0;
    for (std::int64_t i = 0; i < std::min<std::int64_t>(s.rows * s.cols, 1024); ++i) {
        const ChipText text = g.text(i / s.cols, i % s.cols);
        with_sub = with_sub || !text.sub.empty();
        widest = std::max(
            {widest, canvas.text_width(text.main, bold), canvas.text_width(text.sub, small)});
    }
    const double u = theme.text_scale, gap = 6;
    const double chip_w = std::min(std::clamp(std::ceil(widest) + 14, 34 * u, 120 * u), area.w);
    const double line = line_height(theme.normal()), sub = line_height(theme.small());
    const double chip_h = std::ceil(line + (with_sub ? sub : 0) + 6);
    const auto fits = [&](double room, double one) {
        return std::max<std::int64_t>(1, static_cast<std::int64_t>((room + gap) / (one + gap)));
    };
    if (s.rows == 1) {  // one line of things, wrapped; each with its place above it
        const double step = chip_h + sub;
        const std::int64_t across = std::min(s.cols, fits(area.w, chip_w));
        const std::int64_t down = fits(area.h, step);
        const std::int64_t shown = std::min(s.cols, across * down);
        const std::int64_t begin = window_begin(s.cols, shown, g.col);
        const auto label =
            theme.text(theme.small(), theme.ink_faint, Weight::regular, Align::centre);
        for (std::int64_t i = 0; i < shown; ++i) {
            const double x = area.x + static_cast<double>(i % across) * (chip_w + gap);
            const double y = area.y + static_cast<double>(i / across) * (step + gap);
            text_in(canvas, {x, y, chip_w, sub}, std::to_string(begin + i), label);
            draw_one_chip(canvas, theme, {x, y + sub, chip_w, chip_h}, g, 0, begin + i, with_sub);
        }
        return range_note(plural(s.col_axis), begin, shown, s.cols);
    }
    double label_w = 0;
    for (std::int64_t r = 0; r < std::min<std::int64_t>(s.rows, 1024); ++r)
        label_w = std::max(label_w, canvas.text_width(row_label(*g.trace, s, r), small));
    label_w = std::ceil(std::min(label_w * 1.08, std::min(104 * u, area.w * 0.3)));
    const double left = area.x + label_w + 8, top = area.y + sub + 4;
    const std::int64_t cols = std::min(s.cols, fits(area.right() - left, chip_w));
    // Rows that do not fit below each other go on in further blocks to the right.
    const std::int64_t down_fit = std::min(s.rows, fits(area.bottom() - top, chip_h));
    const double block_w = label_w + 8 + static_cast<double>(cols) * (chip_w + gap) - gap;
    const double between = 32 * u;
    const std::int64_t blocks = std::clamp<std::int64_t>(
        static_cast<std::int64_t>((area.w + between) / (block_w + between)), 1,
        (s.rows + down_fit - 1) / down_fit);
    const std::int64_t rows = std::min(s.rows, blocks * down_fit);
    const std::int64_t c0 = window_begin(s.cols, cols, g.col);
    const std::int64_t r0 = window_begin(s.rows, rows, g.row);
    for (std::int64_t b = 0; b * down_fit < rows; ++b)
        for (std::int64_t c = 0; c < cols; ++c) {
            const double x = left + static_cast<double>(b) * (block_w + between);
            text_in(canvas, {x + static_cast<double>(c) * (chip_w + gap), area.y, chip_w, sub},
                    col_label(*g.trace, s, c0 + c),
                    theme.text(theme.small(), c0 + c == g.col ? theme.accent : theme.ink_soft,
                               Weight::regular, Align::centre));
        }
    for (std::int64_t r = 0; r < rows; ++r) {
        const double x = left + static_cast<double>(r / down_fit) * (block_w + between);
        const double y = top + static_cast<double>(r % down_fit) * (chip_h + gap);
        const bool selected = r0 + r == g.row;
        text_in(canvas, {x - label_w - 8, y, label_w, chip_h}, row_label(*g.trace, s, r0 + r),
                theme.text(theme.small(), selected ? theme.accent : theme.ink_soft,
                           selected ? Weight::bold : Weight::regular, Align::right));
        for (std::int64_t c = 0; c < cols; ++c)
            draw_one_chip(canvas, theme,
                          {x + static_cast<double>(c) * (chip_w + gap), y, chip_w, chip_h}, g,
                          r0 + r, c0 + c, with_sub);
    }
    const double beside = left + static_cast<double>(cols) * (chip_w + gap) + between;
    if (g.beside && rows <= down_fit && area.right() - beside >= 160 * u)
        g.beside(
            {{beside, top, area.right() - beside, static_cast<double>(rows) * (chip_h + gap) - gap},
             area.y,
             r0,
             rows,
             gap});
    const auto down = range_note(plural(s.row_axis), r0, rows, s.rows);
    const auto across = range_note(plural(s.col_axis), c0, cols, s.cols);
    return down + (down.empty() || across.empty() ? "" : ", ") + across;
}

void draw_thumbnail(Canvas& canvas, const Theme& theme, const Rect& area, const Trace& trace,
                    TensorName of, const Slice& slice, const std::vector<Explanation::Cell>& lit,
                    std::int64_t hover) {
    const NodeId id = of.node;
    const Tensor* tensor = of.gradient ? trace.gradient(id) : trace.find(id);
    if (!tensor) {
        draw_hatch(canvas, area, Hatch::diagonal, theme.hairline);
        canvas.stroke_rect(area, theme.hairline);
        return;
    }
    HeatMap map;
    map.area = area;
    map.rows = slice.rows;
    map.cols = slice.cols;
    map.numbers = false;
    map.value = [&](std::int64_t r, std::int64_t c) { return tensor->at(slice.index(r, c)); };
    if (slice.causal) map.past = slice.past;
    map.scale = ColourScale::fit(slice.rows, slice.cols, map.value);
    const std::string& name = (*trace.graph)[id].name;
    map.target = {of.gradient ? gradient_name(name) : name,
                  slice.first,
                  0,
                  0,
                  slice.row_stride,
                  slice.col_stride};
    if (tensor->dtype == DType::i64) {
        // Names, not magnitudes: a plain field that still answers the pointer.
        canvas.fill_rect(area, theme.meaning_soft(meaning_of(*trace.graph, id)));
        canvas.stroke_rect(area, theme.hairline);
        Target target = map.target;
        target.rows = slice.rows;
        target.cols = slice.cols;
        canvas.hit(area, target);
    } else {
        draw_heat_map(canvas, theme, map);
    }
    const auto light = [&](std::int64_t r0, std::int64_t c0, std::int64_t r1, std::int64_t c1) {
        const Rect a = heat_map_cell(map, r0, c0), b = heat_map_cell(map, r1, c1);
        Rect all{a.x, a.y, b.right() - a.x, b.bottom() - a.y};
        const double w = std::max(all.w, 4.0), h = std::max(all.h, 4.0);
        all = {std::clamp(all.x - (w - all.w) / 2, area.x, area.right() - w),
               std::clamp(all.y - (h - all.h) / 2, area.y, area.bottom() - h), w, h};
        canvas.stroke_rect(all, theme.background, 3);
        canvas.stroke_rect(all, theme.accent, 1.5);
    };
    std::size_t marks = 0;
    for (const auto& cell : lit) {
        if (cell.node != id || ++marks > 48) continue;
        const auto from = slice.place(cell.begin);
        const auto to =
            slice.place(cell.begin + (cell.end - 1 - cell.begin) / cell.stride * cell.stride);
        if (from && to) {
            light(from->first, std::min(from->second, to->second), to->first,
                  std::max(from->second, to->second));
        }
    }
    if (const auto at = hover >= 0 ? slice.place(hover) : std::nullopt; at) {
        const Rect r = heat_map_cell(map, at->first, at->second);
        canvas.stroke_rect({r.x - 1, r.y - 1, std::max(r.w, 3.0) + 2, std::max(r.h, 3.0) + 2},
                           theme.ink, 1.5);
    }
}

}  // namespace sf::inspector
