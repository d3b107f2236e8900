#include "views/draw/formula.h"
#include "views/draw/number.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/edited.h"
#include "views/inspector_parts.h"

#include <algorithm>
#include <cmath>

namespace sf::inspector {

namespace {

constexpr std::int64_t most_marks = 400;  // of cells that are not finite

// The whole cells that a zoomed side shows. The picture is scaled about `centre` and moved by
// `pan`; what lies in [from, from + extent) is seen.
void zoomed(double from, double extent, double centre, double pan, double factor,
            std::int64_t count, std::int64_t& begin, std::int64_t& shown) {
    const double left = centre + (from - centre) * factor + pan;
    const double part = (from - left) / (extent * factor);
    shown = std::clamp<std::int64_t>(
        static_cast<std::int64_t>(std::ceil(static_cast<double>(count) / factor)), 1, count);
    begin =
        std::clamp<std::int64_t>(std::llround(part * static_cast<double>(count)), 0, count - shown);
}

// Places for labels along one side: the selected one first, then as many others as keep clear of
// each other.
struct Label {
    std::int64_t i = 0;
    bool selected = false;
};
// `period` > 0: counted anew in each head.
std::vector<Label> label_places(std::int64_t begin, std::int64_t count, std::int64_t selected,
                                double cell, double needed, std::int64_t period = 0) {
    std::vector<Label> all;
    std::int64_t step = 1;
    for (const std::int64_t s : {1, 2, 5}) {
        step = s;
        if (cell * static_cast<double>(step) >= needed) break;
    }
    for (std::int64_t ten = 10; cell * static_cast<double>(step) < needed && ten < count * 10;
         ten *= 10)
        for (const std::int64_t s : {1, 2, 5}) {
            step = s * ten;
            if (cell * static_cast<double>(step) >= needed) break;
        }
    const bool has_selected = selected >= begin && selected < begin + count;
    for (std::int64_t i = begin; i < begin + count; ++i) {
        const bool clear =
            !has_selected || static_cast<double>(std::abs(i - selected)) * cell >= needed;
        if (clear && (period > 0 ? i % period : i) % step == 0) all.push_back({i, false});
    }
    if (has_selected) all.push_back({selected, true});
    return all;
}

struct Layout {
    Rect map;
    double cell_w = 0, cell_h = 0;
    double segments = 0;  // height of the heads' names above
    double labels = 0;    // height of the column labels
    double label_w = 0;   // width of the row labels
    double profile = 0;   // height of the bars below, caption included
    double room = 0;      // from the map's left side to the end of the area
};

double row_label_width(const Canvas& canvas, const Theme& theme, const Matrix& m, const Window& w,
                       double most) {
    if (!m.row_labels || m.slice->row_axis == Axis::none) return 0;
    const auto style = theme.text(theme.small(), theme.ink, Weight::bold);
    double widest = 0;
    const std::int64_t step = std::max<std::int64_t>(1, w.rows / 256);
    for (std::int64_t r = w.row; r < w.row + w.rows; r += step)
        widest = std::max(widest, canvas.text_width(row_label(*m.trace, *m.slice, r), style));
    return std::ceil(std::min(widest, most));
}

Layout make_layout(const Canvas& canvas, const Theme& theme, const Rect& area, const Matrix& m,
                   const Window& w) {
    const double u = theme.text_scale, line = line_height(theme.small());
    Layout l;
    const bool strong = std::any_of(m.slice->segments.begin(), m.slice->segments.end(),
                                    [](const Segment& s) { return !s.label.empty(); });
    l.segments = m.slice->segments.empty() ? 0 : (strong ? line + 6 : 0) + 5;
    l.labels = line + 2;
    l.label_w = row_label_width(canvas, theme, m, w, std::min(104 * u, area.w * 0.3));
    // The bars' end values stand in the same margin.
    if (m.row_labels && m.profile) {
        double lo = m.own_range ? 0 : std::min(0.0, m.scale.lo);
        double hi = m.own_range ? 0 : std::max(0.0, m.scale.hi);
        for (std::int64_t c = w.col; m.own_range && c < w.col + w.cols; ++c)
            if (const double v = m.slice->masked(m.row, c) ? 0 : m.value(m.row, c);
                std::isfinite(v)) {
                lo = std::min(lo, v);
                hi = std::max(hi, v);
            }
        const double axis = std::max(52 * u, axis_width(canvas, theme, lo, hi));
        l.label_w = std::max(l.label_w, std::min(axis, area.w * 0.35));
    }
    const double left = l.label_w > 0 ? l.label_w + 8 : 0;
    const double top = l.segments + l.labels;
    const double room_w = std::max(1.0, area.w - left), room_h = std::max(1.0, area.h - top);
    const double least = line + 8 + 44 * u;
    const bool profile = m.profile && room_h > least + 104 * u;
    const double map_h = profile ? room_h - least - 8 : room_h;
    l.room = room_w;
    l.cell_w = std::min(room_w / static_cast<double>(w.cols), 96 * u);
    l.cell_h = std::min(map_h / static_cast<double>(w.rows), (m.slice->square ? 96 : 72) * u);
    if (m.slice->square) l.cell_w = l.cell_h = std::min(l.cell_w, l.cell_h);
    l.map = {area.x + left, area.y + top, l.cell_w * static_cast<double>(w.cols),
             l.cell_h * static_cast<double>(w.rows)};
    if (profile)
        l.profile = std::min(room_h - l.map.h - 8, least + std::max(84 * u, room_h * 0.25));
    return l;
}

void draw_segments(Canvas& canvas, const Theme& theme, const Matrix& m, const Layout& l,
                   const Window& w) {
    const double size = theme.small();
    for (const Segment& s : m.slice->segments) {
        const auto begin = std::max(s.begin, w.col), end = std::min(s.end, w.col + w.cols);
        if (begin >= end) continue;
        const double x = l.map.x + l.cell_w * static_cast<double>(begin - w.col);
        const double width = l.cell_w * static_cast<double>(end - begin);
        const Colour colour = theme.meaning(s.meaning);
        const double y = l.map.y - l.labels - 4;
        // Parts inside a head overpaint the head's own band.
        if (width > 3) canvas.fill_rect({x + 0.5, y, width - 1, 3}, colour, 1);
        if (!s.label.empty()) {
            const auto style = theme.text(size, theme.ink_soft, Weight::regular, Align::centre);
            if (formula_width(canvas, s.label, style) <= width - 4)
                draw_formula(canvas, {x + width / 2, y - 6}, s.label, style);
        }
        if (s.begin > w.col) {
            const bool wide = s.strong && l.cell_w >= 3;
            canvas.line({x, l.map.y}, {x, l.map.bottom()}, theme.background, wide ? 2 : 1);
        }
    }
}

void draw_labels(Canvas& canvas, const Theme& theme, const Matrix& m, const Layout& l,
                 const Window& w) {
    const double size = theme.small();
    const bool row_labels = l.label_w > 0 && m.row_labels && m.slice->row_axis != Axis::none;
    const bool low_rows = row_labels && l.cell_h < line_height(size);
    if (row_labels)
        for (const Label& at :
             label_places(w.row, w.rows, m.row, l.cell_h, line_height(size) * 0.95)) {
            const auto style =
                theme.text(size, at.selected ? theme.accent : theme.ink_soft,
                           at.selected ? Weight::bold : Weight::regular, Align::right);
            const double y = l.map.y + l.cell_h * (static_cast<double>(at.i - w.row) + 0.5);
            canvas.text({l.map.x - 8, y + cap_height(size) / 2},
                        elide(canvas, row_label(*m.trace, *m.slice, at.i), style, l.label_w),
                        style);
        }
    // Labels as wide as their cells, or few enough to fit.
    const auto bold = theme.text(size, theme.accent, Weight::bold, Align::centre);
    double widest = 0;
    const std::int64_t step = std::max<std::int64_t>(1, w.cols / 256);
    for (std::int64_t c = w.col; c < w.col + w.cols; c += step)
        widest = std::max(widest, canvas.text_width(col_label(*m.trace, *m.slice, c), bold));
    const double longest = std::max(l.cell_w - 4, 48 * theme.text_scale);
    const double needed = std::min(widest, longest) + 6;
    std::vector<std::pair<double, double>> taken;  // the selected label is placed first
    auto places = label_places(w.col, w.cols, m.col, l.cell_w, needed, m.slice->head_width);
    std::stable_partition(places.begin(), places.end(),
                          [](const Label& at) { return at.selected; });
    for (const Label& at : places) {
        const auto style =
            at.selected ? bold : theme.text(size, theme.ink_soft, Weight::regular, Align::centre);
        const std::string text = elide(canvas, col_label(*m.trace, *m.slice, at.i), style, longest);
        const double half = canvas.text_width(text, style) / 2;
        // The last label of a narrow map does not hang over its end, nor the first one over that
        // of a low first row.
        const double least = low_rows ? l.map.x + half - 4 : 0;
        const double x =
            std::max(least, std::min(l.map.x + l.cell_w * (static_cast<double>(at.i - w.col) + 0.5),
                                     std::max(l.map.x + half, l.map.right() - half)));
        if (std::any_of(taken.begin(), taken.end(), [&](const auto& t) {
                return x - half < t.second + 3 && t.first < x + half + 3;
            }))
            continue;
        taken.emplace_back(x - half, x + half);
        canvas.text({x, l.map.y - 5}, text, style);
    }
}

// NaN and infinities that no mask explains: impossible to overlook.
void draw_faults(Canvas& canvas, const Theme& theme, const Matrix& m, const Layout& l,
                 const Window& w, bool faults) {
    if (!faults) return;
    const double size = theme.small();
    std::int64_t marks = 0;
    for (std::int64_t r = w.row; r < w.row + w.rows; ++r)
        for (std::int64_t c = w.col; c < w.col + w.cols && marks < most_marks; ++c) {
            const double v = m.value(r, c);
            if (std::isfinite(v) || m.slice->masked(r, c)) continue;
            ++marks;
            const Rect cell{l.map.x + l.cell_w * static_cast<double>(c - w.col),
                            l.map.y + l.cell_h * static_cast<double>(r - w.row), l.cell_w,
                            l.cell_h};
            canvas.fill_rect(cell, theme.bad);
            canvas.stroke_rect({cell.x - 1, cell.y - 1, cell.w + 2, cell.h + 2}, theme.bad, 2);
            const auto style = theme.text(size, theme.background, Weight::bold, Align::centre);
            const std::string text = format_number(v);
            if (cell.h >= size * 1.3 && cell.w >= canvas.text_width(text, style) + 2)
                canvas.text({cell.centre().x, cell.centre().y + cap_height(size) / 2}, text, style);
        }
}

void draw_row(Canvas& canvas, const Theme& theme, const Matrix& m, const Layout& l,
              const Window& w) {
    const double line = line_height(theme.small());
    Profile p;
    const double y = l.map.bottom() + 12;
    const std::string row = row_label(*m.trace, *m.slice, m.row);
    const auto style = theme.text(theme.small(), theme.ink_soft);
    const std::string number = std::to_string(m.row);
    const std::string words =
        "Row " + number + (row.empty() || row == number ? "" : " “" + row + "”");
    canvas.text(
        {l.map.x, y + line * 0.75},
        elide(canvas, words, style, std::min(l.room, std::max(l.map.w, 160 * theme.text_scale))),
        style);
    p.data = {l.map.x, y + line + 2, l.map.w, l.profile - line - 8};
    p.n = w.cols;
    p.value = [&](std::int64_t c) {
        return m.slice->masked(m.row, w.col + c) ? 0 : m.value(m.row, w.col + c);
    };
    p.colour = theme.meaning(m.meaning);
    if (!m.own_range) {
        p.lo = std::min(0.0, m.scale.lo);
        p.hi = std::max(0.0, m.scale.hi);
    }
    for (std::int64_t c = 0; m.own_range && c < w.cols; ++c)
        if (const double v = p.value(c); std::isfinite(v)) {
            p.lo = std::min(p.lo, v);
            p.hi = std::max(p.hi, v);
        }
    p.selected = m.col - w.col;
    p.label_right = l.label_w > 0 ? l.map.x - 8 : 0;
    p.label_room = l.label_w;
    draw_profile(canvas, theme, p);
    if (m.node.empty()) return;
    canvas.hit(p.data, {m.node, m.slice->index(m.row, w.col), 1, w.cols, 0, m.slice->col_stride});
}

void outline(Canvas& canvas, const Theme& theme, const Layout& l, const Window& w, std::int64_t r,
             std::int64_t c, Colour colour) {
    if (r < w.row || r >= w.row + w.rows || c < w.col || c >= w.col + w.cols) return;
    Rect cell{l.map.x + l.cell_w * static_cast<double>(c - w.col),
              l.map.y + l.cell_h * static_cast<double>(r - w.row), l.cell_w, l.cell_h};
    const double grow_w = std::max(0.0, 5 - cell.w) / 2, grow_h = std::max(0.0, 5 - cell.h) / 2;
    cell = {cell.x - grow_w, cell.y - grow_h, cell.w + 2 * grow_w, cell.h + 2 * grow_h};
    canvas.stroke_rect(cell.inset(-1), theme.background, 3);
    canvas.stroke_rect(cell.inset(-1), colour, 2);
}

}  // namespace

double axis_width(const Canvas& canvas, const Theme& theme, double lo, double hi) {
    const auto style = theme.text(theme.small(), theme.ink_faint);
    return std::ceil(std::max(canvas.text_width(format_number(lo, 3), style),
                              canvas.text_width(format_number(hi, 3), style)));
}

void draw_profile(Canvas& canvas, const Theme& theme, const Profile& p) {
    if (p.n <= 0 || p.data.w < 2 || p.data.h < 4) return;
    double lo = p.lo, hi = p.hi;
    if (!(lo < hi)) hi = lo + 1;
    const auto along = [&](double v) {
        return p.data.bottom() - (std::clamp(v, lo, hi) - lo) / (hi - lo) * p.data.h;
    };
    // At most one bar a pixel.
    const auto bars =
        std::min<std::int64_t>(p.n, std::max<std::int64_t>(1, static_cast<std::int64_t>(p.data.w)));
    const double share = p.data.w / static_cast<double>(bars);
    const double gap = share >= 6 ? std::max(1.0, share * 0.16) : share >= 3 ? 0.5 : 0;
    const double size = theme.small();
    const auto style = theme.text(size, theme.ink_soft, Weight::regular, Align::centre);
    bool numbers = p.numbers && bars == p.n;
    for (std::int64_t i = 0; numbers && i < p.n; ++i)
        numbers = canvas.text_width(format_number(p.value(i), 3), style) <= share - 4;
    for (std::int64_t i = 0; i < bars; ++i) {
        double v = p.value(i * p.n / bars);
        for (std::int64_t k = i * p.n / bars + 1; k < (i + 1) * p.n / bars; ++k)
            if (std::isnan(p.value(k)) || std::abs(p.value(k)) > std::abs(v)) v = p.value(k);
        const double x = p.data.x + share * static_cast<double>(i) + gap / 2;
        if (!std::isfinite(v)) {
            canvas.fill_rect({x, p.data.y, share - gap, p.data.h}, theme.bad.alpha(0.4));
            continue;
        }
        const double from = along(0), to = along(v);
        const bool selected = p.selected >= 0 && p.selected * bars / p.n == i;
        canvas.fill_rect({x, std::min(from, to), share - gap, std::abs(to - from)},
                         selected ? theme.accent : p.colour);
        if (numbers)
            canvas.text({x + (share - gap) / 2, std::min(from, to) - 4}, format_number(v, 3),
                        style);
    }
    canvas.line({p.data.x, along(0)}, {p.data.right(), along(0)}, theme.hairline, 1);
    if (p.label_right <= 0) return;
    const auto end = theme.text(size, theme.ink_faint, Weight::regular, Align::right);
    const double cap = cap_height(size);
    const auto label = [&](double base, const std::string& number) {
        if (canvas.text_width(number, end) <= p.label_room)
            canvas.text({p.label_right, base}, number, end);
    };
    if (hi > 0) label(p.data.y + cap, format_number(hi, 3));
    if (lo < 0 && p.data.h > 2.6 * line_height(size)) label(p.data.bottom(), format_number(lo, 3));
    const double zero = along(0);
    if (zero > p.data.y + 2.4 * cap && (lo == 0 || zero < p.data.bottom() - 2.4 * cap))
        label(lo == 0 ? p.data.bottom() : zero + cap / 2, "0");
}

MatrixPlace draw_matrix(Canvas& canvas, const Theme& theme, const Rect& area, const Matrix& m) {
    MatrixPlace placed;
    const Slice& s = *m.slice;
    Window w{0, s.rows, 0, s.cols};
    if (s.rows <= 0 || s.cols <= 0 || area.w < 16 || area.h < 16) return placed;
    Layout l = make_layout(canvas, theme, area, m, w);
    // Labels alone are no picture.
    if (l.map.bottom() > area.bottom() + 0.5 ||
        area.bottom() - l.map.y < line_height(theme.small()))
        return placed;
    if (m.zoom.factor > 1) {
        // The map keeps its place: fewer, larger cells.
        zoomed(l.map.y, l.map.h, m.zoom.centre.y, m.zoom.pan.y, m.zoom.factor, s.rows, w.row,
               w.rows);
        zoomed(l.map.x, l.map.w, m.zoom.centre.x, m.zoom.pan.x, m.zoom.factor, s.cols, w.col,
               w.cols);
        l.cell_w = l.map.w / static_cast<double>(w.cols);
        l.cell_h = l.map.h / static_cast<double>(w.rows);
    }
    if (s.causal) draw_hatch(canvas, l.map, Hatch::diagonal, theme.hairline);
    HeatMap map;
    map.area = l.map;
    map.rows = w.rows;
    map.cols = w.cols;
    map.value = m.value.from(w.row, w.col);
    if (s.causal) map.past = s.past + w.row - w.col;
    FiniteRange seen;
    for (std::int64_t r = 0; r < w.rows && seen.others == 0; ++r)
        each_run(1, map.filled(r), map.value.from(r, 0),
                 [&](std::span<const double> run) { seen.add(run); });
    const bool faults = seen.others > 0;
    map.scale = m.scale;
    map.numbers = !faults;
    if (!m.node.empty())
        map.target = {m.node, s.index(w.row, w.col), 0, 0, s.row_stride, s.col_stride};
    if (m.frame != nullptr) outline_changed(map, *m.frame);
    draw_heat_map(canvas, theme, map);
    draw_faults(canvas, theme, m, l, w, faults);
    draw_segments(canvas, theme, m, l, w);
    if (m.shown < 1) canvas.fill_rect(l.map, theme.background.alpha(1 - m.shown));
    outline(canvas, theme, l, w, m.row, m.col, theme.accent);
    if (const auto at = m.hover >= 0 ? s.place(m.hover) : std::nullopt;
        at && (at->first != m.row || at->second != m.col))
        outline(canvas, theme, l, w, at->first, at->second, theme.ink);
    draw_labels(canvas, theme, m, l, w);
    placed = {l.map, w, l.map.bottom(), ""};
    if (l.profile > 0) {
        draw_row(canvas, theme, m, l, w);
        placed.bottom = l.map.bottom() + 8 + l.profile;
    }
    // The heat map's own rule: two picture elements a logical pixel at most.
    const auto per = [](std::int64_t cells, double extent) {
        return std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(
                                             static_cast<double>(cells) / std::ceil(extent * 2))));
    };
    const auto pr = per(w.rows, l.map.h), pc = per(w.cols, l.map.w);
    if (pr > 1 || pc > 1)
        placed.note = "a pixel shows the largest |x| of up to " + std::to_string(pr) + " × " +
                      std::to_string(pc) + " cells";
    return placed;
}

}  // namespace sf::inspector
