#include "views/map_gradient.h"

#include "views/draw/colour_map.h"
#include "views/draw/number.h"
#include "views/draw/text.h"

#include <algorithm>
#include <cmath>

namespace sf {

namespace {

// Powers of ten on each side: at least these, so that a gradient that keeps its size looks so.
constexpr double least_decades = 3, most_decades = 12;
// Over the whole depth: from here on it is said to vanish or to explode, up to here to keep its
// order of magnitude.
constexpr double far = 1000, near = 10;

const double unknown = std::nan("");

struct Verdict {
    double total = unknown, per_layer = unknown;  // embedding over the loss's end
    bool known() const { return std::isfinite(total) && total > 0; }
    bool larger() const { return total >= 1; }
    // "grows 310 times"
    std::string change() const {
        return (larger() ? "grows " : "shrinks ") + format_number(larger() ? total : 1 / total, 2) +
               " times";
    }
    std::string words() const {
        if (total >= far) return ": it explodes";
        if (total <= 1 / far) return ": it vanishes";
        return total < near && total > 1 / near ? ": it neither vanishes nor explodes" : "";
    }
};

Verdict verdict(const MapContext& c) {
    const auto stations = back_stations(c.trace, c.model);
    if (stations.size() < 2) return {};
    const double total = stations.back().norm / stations.front().norm;
    return {total, std::pow(total, 1 / static_cast<double>(stations.size() - 1))};
}

}  // namespace

double gradient_norm(const Trace& trace, NodeId node) {
    const Tensor* gradient = node == no_node ? nullptr : trace.gradient(node);
    if (gradient == nullptr) return unknown;
    double squares = 0;
    for (const Real v : gradient->real) squares += static_cast<double>(v) * static_cast<double>(v);
    return std::sqrt(squares);
}

std::vector<BackStation> back_stations(const Trace& trace, const MapModel& model) {
    std::vector<BackStation> all;
    for (int i = model.layers - 1; i >= 0; --i)
        if (const MapBand* band = model.find(MapBand::Kind::ffn, i); band && band->add != no_node)
            all.push_back({"Layer " + std::to_string(i), band->add, i, 0});
    if (const NodeId embed = trace.graph->find("embed"); embed != no_node)
        all.push_back({"Embedding", embed, -1, 0});
    for (BackStation& s : all) s.norm = gradient_norm(trace, s.node);
    return all;
}

GradientScale gradient_scale(const std::vector<BackStation>& stations) {
    GradientScale scale;
    if (stations.empty()) return scale;
    scale.reference = stations.front().norm;
    scale.decades = least_decades;
    for (const BackStation& s : stations)
        if (const double d = std::abs(std::log10(s.norm / scale.reference)); std::isfinite(d))
            scale.decades = std::clamp(std::ceil(d), scale.decades, most_decades);
    return scale;
}

double gradient_place(const GradientScale& scale, double norm) {
    const double d = std::log10(norm / scale.reference) / scale.decades;
    return std::isnan(d) ? unknown : std::clamp(d, -1.0, 1.0);
}

Colour gradient_colour(const Theme& theme, const GradientScale& scale, double norm) {
    const double place = gradient_place(scale, norm);
    if (std::isnan(place)) return theme.ink_faint;
    return mix(theme.ink_faint, diverging(theme, place < 0 ? -1 : 1), std::abs(place));
}

void draw_gradient_bar(Canvas& canvas, const Theme& theme, const Rect& r,
                       const GradientScale& scale, double norm) {
    const double place = gradient_place(scale, norm), middle = r.centre().x;
    if (std::isnan(norm)) return;
    canvas.fill_rect(r, theme.grid, std::min(2.0, r.h / 2));
    if (!std::isnan(place)) {
        const double to = middle + place * r.w / 2;
        const double left = std::min(middle, to), w = std::max(std::abs(to - middle), 1.0);
        canvas.fill_rect({left, r.y, w, r.h}, gradient_colour(theme, scale, norm),
                         std::min({2.0, r.h / 2, w / 2}));
    }
    canvas.fill_rect({middle - 0.5, r.y - 1, 1, r.h + 2}, theme.ink_soft);
}

namespace {

std::string norm_text(const MapContext& c, NodeId node) {
    const double norm = gradient_norm(c.trace, node);
    if (!std::isnan(norm)) return format_number(norm, 2);
    return c.reaches(node) ? "not kept" : "no gradient";
}

}  // namespace

double gradient_norm_width(const Canvas& canvas, const MapContext& c, NodeId node) {
    return canvas.text_width(norm_text(c, node), c.theme.text(c.theme.small(), c.theme.ink_soft));
}

void draw_gradient_norm(Canvas& canvas, const MapContext& c, const Rect& r, NodeId node) {
    text_in(canvas, r, norm_text(c, node),
            c.theme.text(c.theme.small(), c.theme.ink_soft, Weight::regular, Align::right));
}

std::vector<std::string> gradient_headlines(const MapContext& c) {
    const Verdict v = verdict(c);
    if (!v.known()) return {};
    return {"From the last layer back to the embedding the gradient " + v.change() + v.words(),
            "Back to the embedding the gradient " + v.change() + v.words(),
            "Back to the embedding the gradient " + v.change(),
            "The gradient " + v.change() + v.words(), "The gradient " + v.change()};
}

std::string gradient_description(const MapContext& c) {
    const auto stations = back_stations(c.trace, c.model);
    const Verdict v = verdict(c);
    if (!v.known()) return "How large the gradient is along the stream was not kept. ";
    return "The gradient of L = " + loss_text(c.trace.loss) + " has norm " +
           format_number(stations.front().norm, 3) + " where it enters the residual stream and " +
           format_number(stations.back().norm, 3) + " at the embedding: on the way it " +
           v.change() + ", by " + format_number(v.per_layer, 2) + " a layer" + v.words() + ". ";
}

}  // namespace sf
