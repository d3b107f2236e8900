#include "views/draw/heat_map.h"
#include "views/draw/number.h"
#include "views/draw/page.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/gpu_experts.h"

#include <algorithm>
#include <cmath>

// One tile of rows with what it makes, and a token that gathers its rows.
namespace sf::gpu {

namespace {

// A row of a matrix as a strip of colours.
void draw_strip(Canvas& canvas, const ExpertsScene& s, const Rect& r, const Tensor& tensor,
                const std::string& node, std::int64_t row, double most) {
    const std::int64_t cols = tensor.shape.cols();
    HeatMap map;
    map.area = r;
    map.rows = 1;
    map.cols = cols;
    map.value = [&tensor, row, cols](std::int64_t, std::int64_t c) {
        return tensor.at(row * cols + c);
    };
    map.scale = ColourScale::symmetric(most);
    map.target = {node, row * cols, 1, 1, cols, 1};
    map.numbers = false;
    if (s.setup.frame->hover_node == node) map.hover_index = s.setup.frame->hover_index;
    draw_heat_map(canvas, s.theme(), map);
}

double largest(const Tensor& tensor, std::int64_t row) {
    double most = 1e-30;
    for (std::int64_t c = 0; c < tensor.shape.cols(); ++c) {
        const double v = std::abs(tensor.at(row * tensor.shape.cols() + c));
        if (std::isfinite(v)) most = std::max(most, v);
    }
    return most;
}

HeatMap tile_map(const ExpertsScene& s, const Rect& area) {
    const ExpertTile& tile = s.live();
    HeatMap map;
    map.area = area;
    map.rows = tile.rows;
    map.cols = s.work.width;
    const std::int64_t base = tile.first * s.work.width;
    map.value = [&s, base](std::int64_t r, std::int64_t c) {
        return s.h->at(base + r * s.work.width + c);
    };
    map.scale = ColourScale::fit(map.rows, map.cols, map.value);
    map.target = {s.prefix + "expert_h", base, 1, 1, s.work.width, 1};
    map.numbers = false;
    if (s.setup.frame->hover_node == map.target.node) map.hover_index = s.setup.frame->hover_index;
    return map;
}

void draw_names(Canvas& canvas, const ExpertsScene& s, const Rect& map, double left) {
    const Theme& t = s.theme();
    const ExpertTile& tile = s.live();
    const double h = map.h / static_cast<double>(tile.rows), line = line_height(t.small());
    double last = -1e9;
    for (std::int64_t r = 0; r < tile.rows; ++r) {
        const double middle = map.y + h * (static_cast<double>(r) + 0.5);
        if (middle - line / 2 < last) continue;
        const std::int64_t slot = s.order[static_cast<std::size_t>(tile.first + r)];
        const bool own = slot / s.work.chosen == s.token;
        const auto style = t.text(t.small(), own ? t.accent : t.ink_soft,
                                  own ? Weight::bold : Weight::regular, Align::right);
        text_in(canvas, {map.x - left, middle - line / 2, left - 8, line},
                elide(canvas, s.token_name(slot), style, left - 8), style);
        last = middle + line / 2;
    }
}

}  // namespace

void draw_tile(Canvas& canvas, const ExpertsScene& s, const Rect& area) {
    const Theme& t = s.theme();
    const double u = t.text_scale, line = std::ceil(line_height(t.small()));
    const ExpertTile& tile = s.live();
    const std::int64_t empty = s.rows - tile.rows;
    const double y = area.y + draw_block_title(canvas, t, area,
                                               "Expert " + std::to_string(tile.expert) + ": " +
                                                   counted(tile.rows, "row") + " of a tile of " +
                                                   format_count(s.rows),
                                               counted(s.column_tiles(), "work group"));
    const double left = std::min(76 * u, area.w * 0.25);
    Rect map{area.x + left, y + 2 * u, area.w - left, area.bottom() - y - 2 * u - line - 4 * u};
    if (map.h < 24 * u || map.w < 40 * u) return;
    // The empty part stays visible, however the rows share the rest.
    const double waste = empty == 0 ? 0 : std::clamp(map.h * 0.4, line + 4 * u, map.h - 16 * u);
    const double rows = std::min(map.h - waste, 110 * u * static_cast<double>(tile.rows));
    const Rect used{map.x, map.y, map.w, rows};
    if (s.h != nullptr)
        draw_heat_map(canvas, t, tile_map(s, used));
    else
        draw_hatch(canvas, used, Hatch::dots, t.ink_faint);
    draw_names(canvas, s, used, left);
    const Rect rest{map.x, used.bottom(), map.w, waste};
    if (empty > 0) {
        draw_hatch(canvas, rest, Hatch::diagonal, t.ink_faint.alpha(0.45), 7);
        canvas.stroke_rect(rest, t.hairline, 1);
    }
    const std::int64_t columns = s.column_tiles();
    for (std::int64_t c = 1; c < columns; ++c) {
        const double x = map.x + map.w * static_cast<double>(c * s.pair.columns) /
                                     static_cast<double>(s.work.width);
        canvas.line({x, map.y}, {x, rest.bottom()}, t.ink, 1.5);
    }
    if (empty > 0) {
        const auto style = t.text(t.small(), t.ink_soft, Weight::regular, Align::centre);
        const std::string rows_text = counted(empty, "empty row");
        const std::string text = first_fitting(canvas, style, rest.w - 12 * u,
                                               {rows_text + ": computed for nobody", rows_text});
        const double w = canvas.text_width(text, style) + 12 * u;
        if (!text.empty()) {
            canvas.fill_rect({rest.centre().x - w / 2, rest.centre().y - line / 2 - 1, w, line + 2},
                             t.background, 3);
            text_in(canvas, {rest.x, rest.centre().y - line / 2, rest.w, line}, text, style);
        }
    }
    const auto soft = t.text(t.small(), t.ink_soft);
    const std::string columns_text = counted(s.work.width, "column");
    const std::string each = ", " + format_count(s.pair.columns) + " to a work group";
    text_in(canvas, {map.x, rest.bottom() + 3 * u, map.w, line},
            s.h == nullptr ? "expert_h was not kept"
                           : first_fitting(canvas, soft, map.w,
                                           {"h = SiLU(W₁ u) ⊙ W₃ u, " + columns_text + each,
                                            "h, " + columns_text + each, "h, " + columns_text}),
            soft);
}

double combine_height(const ExpertsScene& s) {
    const Theme& t = s.theme();
    return line_height(t.normal()) + 6 +
           static_cast<double>(s.work.chosen + 1) * (line_height(t.small()) + 3 * t.text_scale) +
           6 * t.text_scale;
}

void draw_combine(Canvas& canvas, const ExpertsScene& s, const Rect& area) {
    const Theme& t = s.theme();
    const double u = t.text_scale, line = line_height(t.small()) + 3 * u;
    const std::int64_t k = s.work.chosen;
    double y = area.y + draw_block_title(canvas, t, area,
                                         "Token " + s.token_name(s.token * k) + " gathers its rows",
                                         "no atomics, no races");
    const double left = std::min(area.w * 0.42, 150 * u), bar = area.w - left;
    if (bar < 40 * u) return;
    const auto row_of = [&](std::int64_t j) {
        return s.place[static_cast<std::size_t>(s.token * k + j)];
    };
    double most = 1e-30;
    if (s.out != nullptr)
        for (std::int64_t j = 0; j < k; ++j) most = std::max(most, largest(*s.out, row_of(j)));
    const auto put = [&](const std::string& name, const std::string& figure, bool strong) {
        const auto style = t.text(t.small(), t.ink, strong ? Weight::bold : Weight::regular);
        auto right = style;
        right.align = Align::right;
        text_in(canvas, {area.x, y, left * 0.68, line}, name, style);
        text_in(canvas, {area.x + left * 0.68, y, left * 0.32 - 8 * u, line}, figure, right);
    };
    for (std::int64_t j = 0; j < k; ++j) {
        if (y + 2 * line > area.bottom()) break;  // the sum always has room
        const std::int64_t e = s.indices->ints[static_cast<std::size_t>(s.token * k + j)];
        put("expert " + std::to_string(e) + ", row " + std::to_string(row_of(j)),
            s.gates != nullptr ? "× " + format_fixed(s.gates->at(s.token * k + j), 2) : "", false);
        const Rect strip{area.x + left, y + 2 * u, bar, line - 4 * u};
        if (s.out != nullptr)
            draw_strip(canvas, s, strip, *s.out, s.prefix + "expert_out", row_of(j), most);
        else
            draw_hatch(canvas, strip, Hatch::dots, t.ink_faint);
        y += line;
    }
    canvas.line({area.x, y + 1}, {area.right(), y + 1}, t.hairline, 1);
    y += 3 * u;
    put("sum", "", true);
    if (s.sum != nullptr)
        draw_strip(canvas, s, {area.x + left, y + 2 * u, bar, line - 4 * u}, *s.sum,
                   s.setup.graph()[s.node].name, s.token, largest(*s.sum, s.token));
}

}  // namespace sf::gpu
