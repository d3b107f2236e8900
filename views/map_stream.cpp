#include "views/draw/heat_map.h"
#include "views/draw/number.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/edited.h"
#include "views/map_picture.h"
#include "views/map_side.h"

#include <algorithm>
#include <cmath>

namespace sf {

namespace {

// One station of the stream: the state that a layer leaves.
struct Station {
    std::string label;
    NodeId node = no_node;
    int layer = -1;
    const Tensor* value = nullptr;
};

std::vector<Station> stations(const MapContext& c) {
    std::vector<Station> all;
    const auto put = [&](const std::string& label, NodeId node, int layer) {
        const Tensor* t = node == no_node ? nullptr : c.shown(node);
        if (t != nullptr && t->shape != c.trace.shape(node)) t = nullptr;
        all.push_back({label, node, layer, t});
    };
    put("Emb", c.graph.find("embed"), -1);
    for (int i = 0; i < c.model.layers; ++i)
        if (const MapBand* band = c.model.find(MapBand::Kind::ffn, i))
            put(std::to_string(i), band->add, i);
    return all;
}

double size_of(const Tensor& t, const Tensor* before, std::int64_t row) {
    const std::int64_t width = t.shape.cols();
    double sum = 0;
    for (std::int64_t i = row * width; i < (row + 1) * width; ++i) {
        const double v = t.at(i) - (before ? before->at(i) : 0);
        sum += v * v;
    }
    return std::sqrt(sum);
}

const char* values_text(const MapContext& c) {
    if (c.values == "norm") return "length, by token";
    if (c.values == "change")
        return c.backward ? "length of what branches add" : "length of what is added";
    return "channels × tokens";
}

}  // namespace

void draw_stream(Canvas& canvas, const MapContext& c, const Rect& r) {
    const Theme& t = c.theme;
    const double s = t.text_scale;
    const auto all = stations(c);
    const std::int64_t width = c.graph.config.hidden_size;
    const auto count = static_cast<std::int64_t>(all.size());

    double y = r.y;
    const double line = line_height(t.normal()), under = line_height(t.small());
    text_in(canvas, {r.x, y, r.w, line}, c.backward ? "∂L/∂x of the stream" : "Residual stream",
            t.text(t.normal(), t.ink, Weight::bold));
    text_in(canvas, {r.x, y + line, r.w, under}, values_text(c), t.text(t.small(), t.ink_soft));
    y += line + under + 14;

    // A window of tokens that stays cheap to draw whatever the model's size.
    const std::int64_t most = std::clamp<std::int64_t>(4'000'000 / (width * count), 8, 128);
    const auto [begin, end] = token_window(c.extent_tokens(), c.token, most);
    const std::int64_t tokens = end - begin;
    const bool plain = c.values == "activations";
    const auto value = [&](std::size_t row, std::int64_t token) {
        if (all[row].value == nullptr) return std::nan("");
        // What came into the station before: from above, on the way back from below.
        const std::size_t source = c.backward ? row + 1 : row - 1;
        const Tensor* before =
            c.values == "change" && source < all.size() ? all[source].value : nullptr;
        return size_of(*all[row].value, before, c.batch * c.extent_tokens() + token);
    };
    // The stream grows by orders of magnitude: each strip of activations has its own scale, which
    // is told beside it; lengths share one.
    std::vector<ColourScale> scales(all.size(), ColourScale::symmetric(1));
    if (plain) {
        for (std::size_t row = 0; row < all.size(); ++row)
            if (const Tensor* const tensor = all[row].value; tensor != nullptr)
                scales[row] =
                    ColourScale::fit(tokens, width, [&](std::int64_t token, std::int64_t i) {
                        return tensor->at((c.batch * c.extent_tokens() + begin + token) * width +
                                          i);
                    });
    } else {
        const ColourScale one =
            ColourScale::fit(count, tokens, [&](std::int64_t row, std::int64_t i) {
                return value(static_cast<std::size_t>(row), begin + i);
            });
        std::fill(scales.begin(), scales.end(), one);
    }
    const auto range_text = [&](std::size_t row) {
        return plain && all[row].value != nullptr ? "±" + format_number(scales[row].hi, 2) : "";
    };

    const auto label_style = t.text(t.small(), t.ink_soft, Weight::regular, Align::right);
    double label = 0;
    for (const Station& station : all)
        label = std::max(label, canvas.text_width(station.label, label_style));
    for (std::size_t row = 0; row < all.size(); ++row)
        label = std::max(label, canvas.text_width(range_text(row), label_style));
    label = std::ceil(label) + 8;
    const double key = std::round(t.small() * 0.7) + 4 + under;
    const double room = r.bottom() - key - 12 - y, x = r.x + label;
    const double gap = room / static_cast<double>(count) > 24  ? 6
                       : room / static_cast<double>(count) > 6 ? 1
                                                               : 0;
    const double h = std::min(room / static_cast<double>(count) - gap, 150 * s);
    if (h < 0.5 || tokens <= 0) return;
    const double column = (r.right() - x) / static_cast<double>(tokens);

    // The followed token's column.
    const double middle = x + column * (static_cast<double>(c.token - begin) + 0.5);
    canvas.fill_polygon({{middle - 4, y - 8}, {middle + 4, y - 8}, {middle, y - 2}}, t.accent);
    const auto step = static_cast<std::size_t>(std::ceil(under / (h + gap)));
    for (std::size_t row = 0; row < all.size(); ++row) {
        const Station& station = all[row];
        const Rect strip{x, y + static_cast<double>(row) * (h + gap), r.right() - x, h};
        const bool current =
            c.current != no_node && c.graph[c.current].layer == station.layer && station.layer >= 0;
        const bool ranged = plain && h >= 2 * under && !range_text(row).empty();
        const double at = strip.y + h / 2 - (ranged ? under : under / 2);
        if (row % step == 0 && (row + step <= all.size() || row == 0))
            text_in(canvas, {r.x, at, label - 6, under}, station.label,
                    t.text(t.small(), current ? t.accent : t.ink_soft,
                           current ? Weight::bold : Weight::regular, Align::right));
        if (ranged)
            text_in(canvas, {r.x, at + under, label - 6, under}, range_text(row),
                    t.text(t.small(), t.ink_faint, Weight::regular, Align::right));
        if (station.value == nullptr) {
            draw_dashed(canvas, {{strip.x, strip.centre().y}, {strip.right(), strip.centre().y}},
                        t.hairline, 1);
            text_if_fits(canvas, strip, h >= under ? "not kept" : "",
                         t.text(t.small(), t.ink_soft, Weight::regular, Align::centre));
            continue;
        }
        HeatMap map;
        map.area = strip;
        map.scale = scales[row];
        map.cols = tokens;
        map.frame = h > 6;
        if (plain) {
            const Tensor* tensor = station.value;
            const std::int64_t first = (c.batch * c.extent_tokens() + begin) * width;
            map.rows = width;
            map.value = [tensor, first, width](std::int64_t i, std::int64_t token) {
                return tensor->at(first + token * width + i);
            };
            map.target = {c.shown_name(station.node), first, 1, 1, 1, width};
            map.numbers = false;
            outline_changed(map, c.frame);
            if (c.frame.hover_node == map.target.node) map.hover_index = c.frame.hover_index;
        } else {
            map.rows = 1;
            map.value = [&value, row, from = begin](std::int64_t, std::int64_t token) {
                return value(row, from + token);
            };
            // A length belongs to the token, not to one cell of the tensor.
            map.target = {"token", begin, 1, 1, 0, 1};
        }
        draw_heat_map(canvas, t, map);
        if (current) canvas.stroke_rect(strip, t.accent, 2);
    }
    const double bottom = y + static_cast<double>(count) * (h + gap);
    draw_colour_key(canvas, t, {x, bottom + 8 - gap / 2}, r.right() - x,
                    plain ? ColourScale::symmetric(1) : scales.front());
}

}  // namespace sf
