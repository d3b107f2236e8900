#include "core/graph/op.h"
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

// Hands out lines from top to bottom until the room ends.
struct Column {
    Canvas& canvas;
    const Theme& theme;
    Rect area;
    double y;

    double room() const { return area.bottom() - y; }
    void heading(const std::string& text) {
        const double h = line_height(theme.small());
        text_in(canvas, {area.x, y, area.w, h}, text, theme.text(theme.small(), theme.ink_faint));
        y += h + 2;
    }
};

void draw_value(Column& c, const Subject& s, const Explanation& e) {
    const Theme& t = c.theme;
    const double line = line_height(t.small());
    if (c.room() < 2 * line + line_height(t.large())) return;
    c.heading("Selected cell");
    const std::string words = cell_words(*s.trace, s.slice, s.row, s.col);
    c.y += paragraph(c.canvas, {c.area.x, c.y}, c.area.w, words, t.text(t.small(), t.ink_soft),
                     2 * line + 0.5);
    const double big = line_height(t.large());
    const double v = s.tensor->at(s.index());
    const auto style = t.text(t.large(), t.ink, Weight::bold);
    const std::string value = value_text(s, v);
    text_in(c.canvas, {c.area.x, c.y, c.area.w, big}, value, style);
    const double end = c.canvas.text_width(value, style) + 12;
    text_in(c.canvas, {c.area.x + end, c.y, c.area.w - end, big},
            coordinates_text(s.tensor->shape, s.index()), t.text(t.small(), t.ink_faint));
    c.y += big + 6;
    if (!e.formula.empty())
        c.y += draw_formula_lines(c.canvas, {c.area.x, c.y}, c.area.w, e.formula,
                                  t.text(t.normal(), t.ink), c.room(), {&t});
    c.y += 2;
    if (c.room() < line) return;
    if (s.gradient) {
        c.y += paragraph(c.canvas, {c.area.x, c.y}, c.area.w, e.numbers,
                         t.text(t.small(), t.ink_soft), std::min(c.room(), 4 * line + 0.5));
        return;
    }
    if (e.numbers.empty()) {
        const std::string why = s.node->op == Op::param ? "a weight: it has no inputs"
                                : s.node->op == Op::ids ? "given: the prompt"
                                                        : "an input was not kept in this trace";
        c.y += paragraph(c.canvas, {c.area.x, c.y}, c.area.w, why, t.text(t.small(), t.ink_soft),
                         c.room());
        return;
    }
    c.y += paragraph(c.canvas, {c.area.x, c.y}, c.area.w, "= " + e.numbers,
                     t.text(t.small(), t.ink_soft), std::min(c.room(), 4 * line + 0.5));
    if (c.room() < line) return;
    // The check of this very cell.
    const double error = e.value == v ? 0 : std::fabs(e.value - v);
    const bool holds = error <= tolerance(s);
    draw_circle(c.canvas, {c.area.x + 4, c.y + line / 2}, 3.5, holds ? t.good : t.bad);
    text_in(c.canvas, {c.area.x + 14, c.y, c.area.w - 14, line},
            "= " + value_text(s, e.value) + " in double, off by " + format_number(error, 2),
            t.text(t.small(), holds ? t.ink_soft : t.bad));
    c.y += line;
}

void draw_pairs(Column& c, const std::vector<std::pair<std::string, std::string>>& pairs) {
    const Theme& t = c.theme;
    const double line = std::ceil(line_height(t.small()) * 1.1), gap = 16;
    const double half = (c.area.w - gap) / 2;
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        if (i % 2 == 0 && c.room() < line) return;
        const double x = c.area.x + (i % 2 == 0 ? 0 : half + gap);
        const auto number = t.text(t.small(), t.ink, Weight::regular, Align::right);
        const double w = std::min(half, c.canvas.text_width(pairs[i].second, number));
        text_in(c.canvas, {x, c.y, half, line}, pairs[i].second, number);
        text_in(c.canvas, {x, c.y, half - w - 6, line}, pairs[i].first,
                t.text(t.small(), t.ink_soft));
        if (i % 2 == 1 || i + 1 == pairs.size()) c.y += line;
    }
}

void draw_statistics(Column& c, const Subject& s) {
    const Theme& t = c.theme;
    const Statistics& st = s.statistics;
    if (c.room() < 3 * line_height(t.small())) return;
    c.heading("Whole tensor, " + format_count(st.count) + (st.count == 1 ? " value" : " values"));
    const auto n = [](double v) { return format_number(v, 4); };
    if (s.whole_numbers() && s.node->op != Op::expert_load) {
        draw_pairs(c, {{"distinct", format_count(st.distinct)},
                       {"from", n(st.min)},
                       {"each once", st.distinct == st.count ? "yes" : "no"},
                       {"to", n(st.max)}});
    } else if (s.node->op == Op::expert_load) {
        const double mean = st.mean;
        draw_pairs(c, {{"sum", n(mean * static_cast<double>(st.count))},
                       {"mean", n(mean)},
                       {"max", n(st.max)},
                       {"max/mean − 1", mean > 0 ? n(st.max / mean - 1) : "–"}});
    } else {
        draw_pairs(
            c,
            {{"min", n(st.min)},
             {"max", n(st.max)},
             {"mean", n(st.mean)},
             {"std", n(st.deviation)},
             {"norm", n(st.norm)},
             {"rms", n(st.finite > 0 ? st.norm / std::sqrt(static_cast<double>(st.finite)) : 0)}});
    }
    if (st.masked > 0 && c.room() > line_height(t.small()))
        draw_pairs(c, {{"masked, −∞", format_count(st.masked)}});
    if (!st.sound() && c.room() > line_height(t.normal())) {
        const double h = line_height(t.normal()) + 4;
        c.canvas.fill_rect({c.area.x, c.y + 2, c.area.w, h}, t.bad, 4);
        text_in(c.canvas, {c.area.x + 8, c.y + 2, c.area.w - 16, h},
                format_count(st.nans) + " NaN, " + format_count(st.infinite) + " infinite",
                t.text(t.normal(), t.background, Weight::bold));
        c.y += h + 4;
    }
}

void draw_distribution(Column& c, const Subject& s, bool logarithmic) {
    const Theme& t = c.theme;
    const double line = line_height(t.small());
    if (c.room() < line + 56 * t.text_scale) return;
    const auto value = [&](std::int64_t, std::int64_t i) { return s.tensor->at(i); };
    const Statistics& st = s.statistics;
    const double range = st.max - st.min;
    const int bins = s.whole_numbers() && range < 48 ? static_cast<int>(range) + 1 : 40;
    Histogram h = histogram(s.tensor->size(), value, bins);
    const double most = h.counts.empty() ? 0 : *std::max_element(h.counts.begin(), h.counts.end());
    c.heading("Histogram, highest bar " + format_number(most) + (logarithmic ? ", log" : ""));
    if (logarithmic)
        for (double& n : h.counts) n = std::log1p(n);
    const double height = std::min(c.room(), 152 * t.text_scale);
    const Rect area{c.area.x, c.y, c.area.w, height};
    draw_histogram(c.canvas, t, area, h, t.meaning(s.meaning));
    const double v = s.tensor->at(s.index());
    if (std::isfinite(v) && st.max > st.min) {
        // In the middle of its bin.
        const double bin = std::min(std::floor((v - st.min) / range * bins), bins - 1.0);
        const double x = area.x + area.w * (bin + 0.5) / bins;
        const double bottom = area.bottom() - line - 2;
        c.canvas.line({x, area.y}, {x, bottom}, t.accent, 1.5);
        c.canvas.fill_polygon({{x - 4, area.y}, {x + 4, area.y}, {x, area.y + 6}}, t.accent);
    }
    c.y += height;
}

}  // namespace

double tolerance(const Subject& s) {
    if (s.whole_numbers()) return 0;
    return tolerance_factor * std::max({1e-3, std::fabs(s.statistics.min), s.statistics.max});
}

std::string value_text(const Subject& s, double value) {
    return s.whole_numbers() ? format_count(std::llround(value)) : format_number(value, 6);
}

double draw_title(Canvas& canvas, const Theme& theme, const Rect& area, const Subject& s) {
    const double big = std::ceil(line_height(theme.large()));
    const double line = std::ceil(line_height(theme.small()));
    const auto title = theme.text(theme.large(), theme.ink, Weight::bold);
    const auto symbol = theme.text(theme.large(), theme.meaning(s.meaning));
    const double baseline = area.y + big * 0.75;
    const double w = formula_width(canvas, s.symbol(), symbol);
    const std::string own = s.node->op == Op::param ? short_name(*s.node) : s.node->title;
    const std::string name = s.gradient ? "Gradient of " + own : own;
    const std::string shown = elide(canvas, name, title, std::max(40.0, area.w - w - 16));
    canvas.text({area.x, baseline}, shown, title);
    const double x = area.x + canvas.text_width(shown, title) + 16;
    if (x + w <= area.right()) draw_formula(canvas, {x, baseline}, s.symbol(), symbol);
    std::string meta = s.name() + "   " + to_string(s.trace->shape(s.id)) + "   " +
                       (s.whole_numbers()               ? "int64"
                        : sizeof(Real) == sizeof(float) ? "float32"
                                                        : "float64") +
                       "   " + (s.node->op == Op::param ? "weight" : op_def(s.node->op).name);
    const std::string place = place_name(*s.trace->graph, *s.node);
    if (!place.empty()) meta += "   " + place;
    text_in(canvas, {area.x, area.y + big, area.w, line}, meta,
            theme.text(theme.small(), theme.ink_soft));
    return big + line;
}

void draw_side(Canvas& canvas, const Theme& theme, const Rect& area, const Subject& s,
               bool log_histogram) {
    Column c{canvas, theme, area, area.y};
    draw_value(c, s, s.explain_cell(s.index()));
    c.y += 12;
    draw_statistics(c, s);
    c.y += 12;
    draw_distribution(c, s, log_histogram);
}

}  // namespace sf::inspector
