#include "views/draw/formula.h"
#include "views/draw/number.h"
#include "views/draw/plot.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/inspector_draw.h"

#include <algorithm>
#include <cmath>

namespace sf::inspector {

namespace {

// Equal values, infinities of one sign among them, differ by 0.
double minus(double a, double b) {
    return a == b ? 0 : a - b;
}

struct Pane {
    std::string letter;
    std::string name;
    std::string value;  // of the selected cell
};

Matrix matrix_of(const Subject& s, const Zoom& zoom) {
    Matrix m;
    m.trace = s.trace;
    m.slice = &s.slice;
    m.value = [&s](std::int64_t r, std::int64_t c) { return s.value(r, c); };
    m.scale = s.scale;
    m.meaning = s.meaning;
    if (s.run.empty()) m.node = s.name();  // the window's trace holds no other run
    m.frame = s.frame;
    m.row = s.row;
    m.col = s.col;
    m.hover = s.hover;
    m.zoom = zoom;
    m.own_range = false;  // the three panes' bars compare too
    return m;
}

// A pane's heading: letter, name, the selected cell's value; the key below. Returns the height.
double draw_heading(Canvas& canvas, const Theme& t, const Rect& r, const Pane& pane,
                    const ColourScale* scale) {
    const double line = std::ceil(line_height(t.normal()));
    const auto bold = t.text(t.normal(), t.ink, Weight::bold);
    text_in(canvas, {r.x, r.y, r.w, line}, pane.letter, bold);
    const double w = canvas.text_width(pane.letter, bold) + 8;
    const auto number = t.text(t.normal(), t.accent, Weight::bold, Align::right);
    const double value_w = std::min(canvas.text_width(pane.value, number), r.w - w);
    text_in(canvas, {r.right() - value_w, r.y, value_w, line}, pane.value, number);
    text_in(canvas, {r.x + w, r.y, std::max(0.0, r.w - w - value_w - 8), line}, pane.name,
            t.text(t.small(), t.ink_soft));
    if (!scale) return line + 8;
    return line + 4 +
           draw_colour_key(canvas, t, {r.x, r.y + line + 4}, std::min(160 * t.text_scale, r.w),
                           *scale) +
           8;
}

// The cell whose values are told: the selected one; where both tensors have one name, the one
// under the pointer.
struct Cell {
    std::int64_t row = 0, col = 0;
    bool hovered = false;
};
Cell cell_told(const Subject& a, const Subject& b) {
    const auto at = !b.run.empty() && a.hover >= 0 ? a.slice.place(a.hover) : std::nullopt;
    return at ? Cell{at->first, at->second, true} : Cell{a.row, a.col, false};
}

void draw_chips(Canvas& canvas, const Theme& t, const Rect& r, const Subject& s,
                const std::function<ChipText(std::int64_t, std::int64_t)>& text,
                const std::function<bool(std::int64_t, std::int64_t)>& strong, bool hits) {
    ChipGrid g;
    g.trace = s.trace;
    g.slice = &s.slice;
    g.text = text;
    g.colour = [&](std::int64_t row, std::int64_t col) {
        return strong(row, col) ? mix(t.background, t.bad, 0.3) : t.meaning_soft(s.meaning);
    };
    if (hits && s.run.empty()) g.node = s.name();
    g.row = s.row;
    g.col = s.col;
    g.hover = s.hover;
    draw_chip_grid(canvas, t, r, g);
}

void draw_message(Canvas& canvas, const Theme& t, const Rect& r, const std::string& text) {
    draw_panel(canvas, t, r);
    const Rect in = r.inset(16);
    paragraph(canvas, {in.x, in.y}, in.w, text, t.text(t.normal(), t.ink), in.h);
}

// The selected cell in A, B and A - B, and how far the tensors are apart.
void draw_summary(Canvas& canvas, const Theme& t, const Rect& area, const Subject& a,
                  const Subject& b, const Difference& d, bool log_histogram) {
    const double line = std::ceil(line_height(t.normal()));
    const bool wide = area.w >= 560 * t.text_scale && !a.whole_numbers();
    const double text_w = wide ? area.w * 0.55 : area.w;
    double y = area.y;
    const auto say = [&](const std::string& what, const std::string& value, Colour colour) {
        if (y + line > area.bottom() + 0.5) return;
        const auto soft = t.text(t.normal(), t.ink_soft);
        const double w = std::min(text_w * 0.5, 176 * t.text_scale);
        text_in(canvas, {area.x, y, w - 8, line}, what, soft);
        text_in(canvas, {area.x + w, y, text_w - w, line}, value,
                t.text(t.normal(), colour, Weight::bold));
        y += line;
    };
    if (d.same_shape) {
        if (a.whole_numbers())
            say("Cells that differ",
                format_count(d.differing) + " of " + format_count(a.tensor->size()), t.ink);
        else
            say("max |A − B|",
                format_number(d.largest, 4) + " at " + coordinates_text(a.tensor->shape, d.at),
                t.ink);
        if (!a.whole_numbers()) say("mean |A − B|", format_number(d.mean, 4), t.ink);
    }
    const Cell cell = cell_told(a, b);
    say(cell.hovered ? "Cell under the pointer" : "Selected cell",
        cell_words(*a.trace, a.slice, cell.row, cell.col), t.ink_soft);
    if (!wide || !d.same_shape || area.h < 72 * t.text_scale) return;
    const Rect plot{area.x + text_w + 24, area.y, area.w - text_w - 24, area.h};
    const double head = line_height(t.small()) + 2;
    text_in(canvas, {plot.x, plot.y, plot.w, head},
            std::string("Histogram of A − B") + (log_histogram ? ", log" : ""),
            t.text(t.small(), t.ink_faint));
    Histogram h = histogram(
        a.tensor->size(),
        [&](std::int64_t, std::int64_t i) {
            const double v = a.tensor->at(i);
            return std::isfinite(v) ? minus(v, b.tensor->at(i)) : std::nan("");
        },
        48);
    if (log_histogram)
        for (double& n : h.counts) n = std::log1p(n);
    draw_histogram(canvas, t, {plot.x, plot.y + head, plot.w, plot.h - head}, h, t.ink_soft);
}

}  // namespace

Difference difference(const Tensor& a, const Tensor& b) {
    Difference d;
    d.same_shape = a.shape == b.shape && a.dtype == b.dtype;
    if (!d.same_shape) return d;
    double sum = 0;
    std::int64_t finite = 0;  // what both mask counts for nothing
    for (std::int64_t i = 0; i < a.size(); ++i) {
        const double apart = std::fabs(minus(a.at(i), b.at(i)));
        if (!(apart == 0)) ++d.differing;
        if (!(apart <= d.largest)) {
            d.largest = apart;
            d.at = i;
            if (std::isnan(apart)) break;
        }
        if (!std::isfinite(a.at(i)) && apart == 0) continue;
        sum += apart;
        ++finite;
    }
    d.mean = finite > 0 ? sum / static_cast<double>(finite) : 0;
    return d;
}

void draw_comparison(Canvas& canvas, const Theme& t, const Rect& area, const Subject& a,
                     const Subject& b, const Zoom& zoom, bool log_histogram) {
    const Difference d = difference(*a.tensor, *b.tensor);
    const double line = std::ceil(line_height(t.normal()));
    const double summary_h = std::min(std::max(3 * line, 88 * t.text_scale), area.h * 0.4);
    const Rect maps{area.x, area.y, area.w, area.h - summary_h - 16};
    const bool across = maps.w >= 560 * t.text_scale || maps.h < 420 * t.text_scale;
    const double gap = 24;
    const auto pane = [&](int i) {
        return across
                   ? Rect{maps.x + i * (maps.w + gap) / 3, maps.y, (maps.w - 2 * gap) / 3, maps.h}
                   : Rect{maps.x, maps.y + i * (maps.h + gap) / 3, maps.w, (maps.h - 2 * gap) / 3};
    };
    // Both on one scale, so that equal colours are equal values.
    ColourScale shared = a.scale;
    if (d.same_shape) {
        shared.lo = std::min(a.scale.lo, b.scale.lo);
        shared.hi = std::max(a.scale.hi, b.scale.hi);
        if (a.scale.signed_values || b.scale.signed_values)
            shared = ColourScale::symmetric(std::max(-shared.lo, shared.hi));
    }
    const auto body = [](const Rect& r, double top) {
        return Rect{r.x, r.y + top, r.w, std::max(0.0, r.h - top)};
    };
    const Cell cell = cell_told(a, b);
    const auto value_of = [&](const Subject& s) {
        const bool lit = cell.hovered && s.slice.rows > cell.row && s.slice.cols > cell.col;
        return s.tensor->at(lit ? s.slice.index(cell.row, cell.col) : s.index());
    };
    const auto one = [&](int i, const char* letter, const Subject& s) {
        const Rect r = pane(i);
        const bool chips = s.whole_numbers();
        const ColourScale scale = d.same_shape ? shared : s.scale;
        const double top =
            draw_heading(canvas, t, r,
                         {letter, s.run.empty() ? s.name() : s.name() + " in " + s.run,
                          value_text(s, value_of(s))},
                         chips ? nullptr : &scale);
        if (chips) {
            draw_chips(
                canvas, t, body(r, top), s,
                [&](std::int64_t x, std::int64_t y) { return chip_text(s, x, y); },
                [](std::int64_t, std::int64_t) { return false; }, true);
            return;
        }
        Matrix m = matrix_of(s, zoom);
        m.scale = scale;
        m.row_labels = i == 0 || !across;
        m.profile = across;
        draw_matrix(canvas, t, body(r, top), m);
    };
    one(0, "A", a);
    one(1, "B", b);
    const Rect r = pane(2);
    const std::string apart_text =
        d.same_shape ? value_text(a, minus(value_of(a), value_of(b))) : "";
    if (!d.same_shape) {
        draw_message(canvas, t, r,
                     "No difference: A is " + to_string(a.tensor->shape) + ", B is " +
                         to_string(b.tensor->shape) +
                         ". Two tensors are compared when their shapes are equal.");
    } else if (a.whole_numbers()) {
        const auto apart = [&](std::int64_t x, std::int64_t y) {
            return static_cast<std::int64_t>(a.value(x, y) - b.value(x, y));
        };
        const double top = draw_heading(canvas, t, r, {"A − B", "", apart_text}, nullptr);
        draw_chips(
            canvas, t, body(r, top), a,
            [&](std::int64_t x, std::int64_t y) {
                const std::int64_t v = apart(x, y);
                return ChipText{v == 0 ? "=" : format_count(v), ""};
            },
            [&](std::int64_t x, std::int64_t y) { return apart(x, y) != 0; }, false);
    } else {
        Matrix m = matrix_of(a, zoom);
        m.value = [&](std::int64_t x, std::int64_t y) {
            return minus(a.value(x, y), b.value(x, y));
        };
        const ColourScale fit = ColourScale::fit(a.slice.rows, a.slice.cols, m.value);
        const double limit = std::max(std::fabs(fit.lo), std::fabs(fit.hi));
        m.scale = ColourScale::symmetric(limit > 0 ? limit : 1);
        m.node.clear();  // no tensor of the trace holds these values
        m.hover = -1;
        m.row_labels = !across;
        m.profile = across;
        const double top = draw_heading(canvas, t, r, {"A − B", "", apart_text}, &m.scale);
        draw_matrix(canvas, t, body(r, top), m);
    }
    draw_summary(canvas, t, {area.x, area.bottom() - summary_h, area.w, summary_h}, a, b, d,
                 log_histogram);
}

}  // namespace sf::inspector
