#include "views/draw/colour_map.h"
#include "views/draw/number.h"
#include "views/draw/page.h"
#include "views/draw/text.h"
#include "views/map_gradient.h"
#include "views/map_picture.h"

#include <algorithm>
#include <cmath>

namespace sf {

namespace {

// "÷1000", "×1000", "×1M"
std::string power_text(double exponent) {
    const double power = std::pow(10, std::abs(exponent));
    return (exponent < 0 ? "÷" : "×") + (power < 1e4 ? format_number(power) : format_short(power));
}

std::string ratio_text(const GradientScale& scale, double norm) {
    const double ratio = norm / scale.reference;
    if (!std::isfinite(ratio)) return "not kept";
    return "×" + format_number(ratio, 2);
}

void draw_axis(Canvas& canvas, const MapContext& c, const Rect& axis, double bottom) {
    const Theme& t = c.theme;
    const double line = line_height(t.small());
    const auto at = [&](double exponent) {
        return axis.centre().x + exponent / c.gradients.decades * axis.w / 2;
    };
    for (double e = -c.gradients.decades; e <= c.gradients.decades; ++e)
        canvas.fill_rect({at(e) - 0.5, axis.y, 1, bottom - axis.y}, e == 0 ? t.ink_soft : t.grid);
    const auto end = [&](double exponent, Align align) {
        const auto style = t.text(t.small(), t.ink_soft, Weight::regular, align);
        const Rect r{align == Align::left ? axis.x : axis.centre().x, bottom + 2, axis.w / 2, line};
        text_if_fits(canvas, r, power_text(exponent), style);
    };
    end(-c.gradients.decades, Align::left);
    end(c.gradients.decades, Align::right);
}

// Which way is which, above the bars.
void draw_ways(Canvas& canvas, const MapContext& c, const Rect& r, double middle) {
    const Theme& t = c.theme;
    const auto style = [&](int side, Align align) {
        return t.text(t.small(), diverging(t, side), Weight::bold, align);
    };
    text_if_fits(canvas, {r.x, r.y, middle - 6 - r.x, r.h}, "◂ vanishing", style(-1, Align::right));
    text_if_fits(canvas, {middle + 6, r.y, r.right() - middle - 6, r.h}, "exploding ▸",
                 style(1, Align::left));
}

}  // namespace

double draw_gradient_strip(Canvas& canvas, const MapContext& c, const Rect& r) {
    const Theme& t = c.theme;
    const double s = t.text_scale, line = line_height(t.normal()), under = line_height(t.small());
    double y = r.y;
    text_in(canvas, {r.x, y, r.w, line}, "Gradient by depth",
            t.text(t.normal(), t.ink, Weight::bold));
    y += line;
    text_in(canvas, {r.x, y, r.w, under}, "norm of ∂L/∂x, last layer = 1",
            t.text(t.small(), t.ink_soft));
    y += under + 8;

    const auto stations = back_stations(c.trace, c.model);
    const auto count = static_cast<double>(stations.size());
    const auto number_style = t.text(t.small(), t.ink, Weight::bold, Align::right);
    double label = 0, number = 0;
    for (const BackStation& station : stations) {
        label = std::max(label,
                         canvas.text_width(station.label, t.text(t.small(), t.ink, Weight::bold)));
        number = std::max(number,
                          canvas.text_width(ratio_text(c.gradients, station.norm), number_style));
    }
    label = std::ceil(label) + 8;
    number = std::ceil(number) + 8;
    Rect axis{r.x + label, y, r.w - label - number, under};
    if (axis.w < 24 || stations.empty()) return y - r.y;
    draw_ways(canvas, c, {r.x, y, r.w, under}, axis.centre().x);
    axis.y += under + 4;

    const double foot = under + 6;
    const double room = r.bottom() - foot - axis.y;
    const double step = std::min(room / count, std::clamp(0.45 * r.h / count, 40 * s, 56 * s));
    if (step < 1) return axis.y - r.y;
    const double bar = std::max(1.0, std::min(step * 0.55, 16 * s));
    const auto every = static_cast<std::size_t>(std::ceil(under / step));
    draw_axis(canvas, c, axis, axis.y + step * count);
    for (std::size_t i = 0; i < stations.size(); ++i) {
        const BackStation& station = stations[i];
        const Rect row{r.x, axis.y + step * static_cast<double>(i), r.w, step};
        const bool current = c.current != no_node && c.graph[c.current].layer == station.layer;
        const bool lit = c.frame.hover_node == gradient_name(c.graph[station.node].name);
        if (!std::isnan(station.norm)) {
            draw_gradient_bar(canvas, t, {axis.x, row.centre().y - bar / 2, axis.w, bar},
                              c.gradients, station.norm);
            canvas.hit(row, {gradient_name(c.graph[station.node].name), 0, 1, 1, 0, 0});
        }
        if (lit) canvas.stroke_rect(row.inset(0.5), t.ink, 1, 2);
        if (i % every != 0 || (i + every > stations.size() && i > 0 && every > 1)) continue;
        const double text = std::max(step, under);
        const Rect words{r.x, row.centre().y - text / 2, r.w, text};
        text_in(canvas, {words.x, words.y, label - 8, text}, station.label,
                t.text(t.small(), current ? t.accent : t.ink_soft,
                       current ? Weight::bold : Weight::regular));
        text_in(canvas, {words.right() - number, words.y, number, text},
                ratio_text(c.gradients, station.norm), number_style);
    }
    y = axis.y + step * count + foot + 6;
    const auto key = t.text(t.small(), t.ink_soft);
    const std::string text =
        "The bar and the number in each box: the norm of its gradient, on the same scale.";
    if (const double h = paragraph_height(canvas, r.w, text, key); y + h <= r.bottom()) {
        paragraph(canvas, {r.x, y}, r.w, text, key);
        y += h;
    }
    return y - r.y;
}

}  // namespace sf
