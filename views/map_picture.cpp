#include "views/map_picture.h"
#include "views/edited.h"
#include "views/map_gradient.h"

#include "views/draw/choice_map.h"
#include "views/draw/heat_map.h"
#include "views/draw/plot.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"

#include <algorithm>
#include <cmath>

namespace sf {

namespace {

bool is_batch(const Dim& d) {
    return d.per_batch && d.sym == Dim::Sym::one && d.scale == 1;
}

void draw_missing(Canvas& canvas, const MapContext& c, const Rect& r, const std::string& why) {
    const Theme& t = c.theme;
    draw_dashed(
        canvas,
        {{r.x, r.y}, {r.right(), r.y}, {r.right(), r.bottom()}, {r.x, r.bottom()}, {r.x, r.y}},
        t.hairline, 1);
    const auto style = t.text(t.small(), t.ink_soft, Weight::regular, Align::centre);
    if (r.h >= cap_height(style.size) + 4 && !text_if_fits(canvas, r.inset(2), why, style))
        text_if_fits(canvas, r, "–", style);
}

// Tokens as they read, the followed one in the middle where not all fit.
void draw_tokens(Canvas& canvas, const MapContext& c, NodeId id, const Rect& r, const Tensor& ids,
                 std::int64_t hover) {
    const Theme& t = c.theme;
    const std::int64_t count = ids.shape.cols(), first = c.batch * count;
    const auto style = t.text(t.small(), t.ink_soft, Weight::regular, Align::centre);
    if (r.h < cap_height(style.size) + 2) return;
    const auto label = [&](std::int64_t i) {
        return token_label(c.trace.label(ids.ints[static_cast<std::size_t>(first + i)]));
    };
    double widest = 0;
    for (std::int64_t i = 0; i < std::min<std::int64_t>(count, 512); ++i)
        widest = std::max(widest, canvas.text_width(label(i), style));
    const auto most = std::max<std::int64_t>(1, static_cast<std::int64_t>(r.w / (widest + 4)));
    const auto [begin, end] = token_window(count, std::min(c.token, count - 1), most);
    const double step = r.w / static_cast<double>(end - begin);
    for (std::int64_t i = begin; i < end; ++i) {
        const Rect cell{r.x + step * static_cast<double>(i - begin), r.y, step, r.h};
        if (i == c.token) canvas.fill_rect(cell, t.accent_soft, 3);
        if (first + i == hover) canvas.stroke_rect(cell, t.ink, 1, 3);
        TextStyle own = style;
        if (i == c.token) own.colour = t.accent;
        text_if_fits(canvas, cell, label(i), own);
    }
    canvas.hit(r, {c.graph[id].name, first + begin, 1, end - begin, 0, 1});
}

// The chosen experts or groups of each token.
void draw_choices(Canvas& canvas, const MapContext& c, NodeId id, const Rect& r, const Tensor& t,
                  const Slice& s, std::int64_t hover) {
    const Node& node = c.graph[id];
    const bool groups = node.op == Op::group_choice;
    ChoiceMap map;
    map.area = r;
    map.rows = s.rows;
    map.cols = groups ? node.attrs.groups : node.attrs.experts;
    map.choices = s.cols;
    map.index = [&](std::int64_t row, std::int64_t k) { return s.first + row * s.row_stride + k; };
    map.chosen = [&](std::int64_t row, std::int64_t k) {
        return t.ints[static_cast<std::size_t>(map.index(row, k))];
    };
    map.group = groups || node.attrs.groups < 2 ? 0 : node.attrs.experts / node.attrs.groups;
    map.colour = c.theme.meaning(Meaning::routed_expert);
    map.node = node.name;
    map.hover_index = hover;
    draw_choice_map(canvas, c.theme, map);
}

// The followed token's row.
void mark_token(Canvas& canvas, const MapContext& c, const Rect& r, const Slice& s) {
    const std::int64_t row = c.token - s.row0;
    if (!s.tokens || s.rows < 2 || row < 0 || row >= s.rows) return;
    const double step = r.h / static_cast<double>(s.rows);
    canvas.fill_rect({r.x - 3, r.y + step * static_cast<double>(row), 2, std::max(2.0, step)},
                     c.theme.accent);
}

struct CellAt {
    std::int64_t row = 0, col = 0;
};
void outline(Canvas& canvas, const MapContext& c, const HeatMap& map, CellAt from, CellAt to) {
    const Rect a = heat_map_cell(map, from.row, from.col), b = heat_map_cell(map, to.row, to.col);
    canvas.stroke_rect({a.x, a.y, b.right() - a.x, b.bottom() - a.y}, c.theme.accent, 1.5);
}

// The cells of this picture that the hovered cell was made from.
void draw_inputs(Canvas& canvas, const MapContext& c, const HeatMap& map, const Slice& s,
                 NodeId id) {
    for (const auto& range : c.inputs) {
        if (range.node != id || range.end <= range.begin || s.row_stride < 1) continue;
        const std::int64_t step = std::max<std::int64_t>(range.stride, 1);
        const std::int64_t first = range.begin - s.first;
        const std::int64_t last = first + (range.end - 1 - range.begin) / step * step;
        if (first < 0 || last >= s.rows * s.row_stride) continue;
        const CellAt a{first / s.row_stride, first % s.row_stride};
        const CellAt b{last / s.row_stride, last % s.row_stride};
        outline(canvas, c, map, {a.row, std::min(a.col, b.col)}, {b.row, std::max(a.col, b.col)});
    }
}

}  // namespace

bool text_if_fits(Canvas& canvas, const Rect& r, const std::string& text, const TextStyle& style) {
    if (text.empty() || canvas.text_width(text, style) > r.w + 0.01) return false;
    text_in(canvas, r, text, style);
    return true;
}

std::pair<std::int64_t, std::int64_t> token_window(std::int64_t count, std::int64_t token,
                                                   std::int64_t most) {
    if (count <= most) return {0, count};
    const std::int64_t begin = std::clamp<std::int64_t>(token - most / 2, 0, count - most);
    return {begin, begin + most};
}

Slice slice_of(const MapContext& c, NodeId id, std::int64_t most_rows) {
    const Node& node = c.graph[id];
    const Shape shape = c.trace.shape(id);
    Slice s;
    std::int64_t skip = 0, rows = 1, cols = 1;  // elements before, and the matrix after them
    if (shape.rank == 0 || shape.size() == 0) return s;
    const bool batched = is_batch(node.dims[0]);
    if (node.op == Op::scores || node.op == Op::scores_latent || node.op == Op::causal_softmax ||
        node.op == Op::online_m || node.op == Op::online_d || node.op == Op::online_o) {
        const std::int64_t head = std::min(c.head, shape[1] - 1);
        rows = shape[2];
        cols = shape.size() / (shape[0] * shape[1] * rows);
        skip = (c.batch * shape[1] + head) * rows * cols;
        s.tokens = true;
        s.causal =
            node.op == Op::scores || node.op == Op::scores_latent || node.op == Op::causal_softmax;
        s.past = cols - rows;
    } else if (batched && shape.rank == 2) {
        cols = shape[1];
        skip = c.batch * cols;
    } else if (batched) {
        rows = shape[1];
        cols = shape.size() / (shape[0] * rows);
        skip = c.batch * rows * cols;
        s.tokens = true;
    } else if (shape.rank == 1) {
        cols = shape[0];
    } else {
        rows = shape[0];
        cols = shape.size() / rows;
    }
    s.cols = cols;
    s.row_stride = cols;
    const auto [begin, end] = s.tokens ? token_window(rows, std::min(c.token, rows - 1), most_rows)
                                       : std::pair<std::int64_t, std::int64_t>{0, rows};
    s.row0 = begin;
    s.rows = end - begin;
    s.first = skip + begin * cols;
    return s;
}

void draw_node_picture(Canvas& canvas, const MapContext& c, NodeId id, const Rect& r) {
    if (r.w < 4 || r.h < 3) return;
    const Tensor* t = c.shown(id);
    const Node& node = c.graph[id];
    const std::string name = c.shown_name(id);
    if (t == nullptr || t->shape != c.trace.shape(id)) {
        draw_missing(canvas, c, r, !c.backward || c.reaches(id) ? "not kept" : "no gradient");
        return;
    }
    const Slice s = slice_of(c, id);
    if (s.rows <= 0 || s.cols <= 0) return;  // a prompt too short for this depth
    const std::int64_t hover = c.frame.hover_node == name ? c.frame.hover_index : -1;
    if (node.op == Op::expert_load) {
        Bars bars;
        bars.area = r;
        for (std::int64_t i = 0; i < t->size(); ++i) bars.values.push_back(t->at(i));
        bars.colour = c.theme.meaning(Meaning::routed_expert);
        bars.target = {node.name, 0, 1, 1, 0, 1};
        bars.hover_index = hover;
        // The expert at work stands out.
        if (c.step != nullptr && c.step->kind == Step::Kind::expert && c.step->layer == node.layer)
            for (std::int64_t i = 0; i < t->size(); ++i)
                bars.colours.push_back(i == c.step->sub ? c.theme.accent : bars.colour.alpha(0.5));
        draw_bars(canvas, c.theme, bars);
        return;
    }
    if (node.op == Op::ids || node.op == Op::shift_ids)
        return draw_tokens(canvas, c, id, r, *t, hover);
    if (node.op == Op::expert_choice || node.op == Op::group_choice) {
        draw_choices(canvas, c, id, r, *t, s, hover);
        return mark_token(canvas, c, r, s);
    }
    HeatMap map;
    map.area = r;
    map.rows = s.rows;
    map.cols = s.cols;
    map.value = [t, s](std::int64_t row, std::int64_t col) {
        return t->at(s.first + row * s.row_stride + col * s.col_stride);
    };
    if (s.causal) map.past = s.past + s.row0;
    if (node.op == Op::causal_softmax && !c.backward)
        map.scale = ColourScale::range(0, 1);
    else
        map.scale = ColourScale::fit(s.rows, s.cols, map.value);
    map.target = {name, s.first, s.rows, s.cols, s.row_stride, s.col_stride};
    map.hover_index = hover;
    outline_changed(map, c.frame);
    draw_heat_map(canvas, c.theme, map);
    // The tile of keys that has just arrived.
    if (s.causal && c.is_current(id) && c.step->kind == Step::Kind::tile) {
        const std::int64_t begin = c.step->sub * attention_tile;
        const std::int64_t end = std::min(begin + attention_tile, s.cols);
        if (begin < end) outline(canvas, c, map, {0, begin}, {s.rows - 1, end - 1});
    }
    draw_inputs(canvas, c, map, s, id);
    mark_token(canvas, c, r, s);
}

}  // namespace sf
