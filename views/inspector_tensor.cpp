#include "core/graph/op.h"
#include "views/draw/choice_map.h"
#include "views/draw/number.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/inspector_draw.h"

#include <algorithm>
#include <cmath>

namespace sf::inspector {

namespace {

std::string caption(const Subject& s) {
    std::string text;
    if (s.slice.row_axis != Axis::none) text = std::string(plural(s.slice.row_axis)) + " ↓   ";
    text += std::string(plural(s.slice.col_axis)) + " →";
    if (s.slice.batches > 1)
        text += "   sequence " + std::to_string(s.slice.batch) + " of " +
                std::to_string(s.slice.batches);
    if (s.slice.head >= 0)
        text += "   head " + std::to_string(s.slice.head) + " of " + std::to_string(s.slice.heads);
    if (s.slice.tile >= 0)
        text += "   tile " + std::to_string(s.slice.tile) + " of " + std::to_string(s.slice.tiles);
    return text;
}

// One line: what runs where on the left, the colours' key on the right (below it where narrow).
// Returns the height.
double draw_caption(Canvas& canvas, const Theme& t, const Rect& area, const Subject& s, bool key) {
    const auto style = t.text(t.small(), t.ink_soft);
    const double line = std::ceil(line_height(t.small()));
    const std::string words = caption(s);
    const double w = canvas.text_width(words, style);
    if (!key) {
        text_in(canvas, {area.x, area.y, area.w, line}, words, style);
        return line + 8;
    }
    const double key_w = std::min(160 * t.text_scale, area.w * 0.45);
    const bool beside = w + 24 + key_w <= area.w;
    text_in(canvas, {area.x, area.y, area.w - (beside ? key_w + 24 : 0), line}, words, style);
    const double x = beside ? area.right() - key_w : area.x;
    const double y = beside ? area.y + 2 : area.y + line + 6;
    const auto scale = t.text(t.small(), t.ink_faint, Weight::regular, Align::right);
    const double label = canvas.text_width(s.scale_words, scale);
    if (beside && w + label + 48 + key_w <= area.w)
        text_in(canvas, {x - label - 12, area.y, label, line}, s.scale_words, scale);
    const double h = draw_colour_key(canvas, t, {x, y}, key_w, s.scale);
    return std::max(line, y - area.y + h) + 8;
}

void draw_vector(Canvas& canvas, const Theme& t, const Rect& area, const Subject& s,
                 const Zoom& zoom) {
    // A vector is a heat map of one row with its bars; the bars get the room.
    const double line = line_height(t.small());
    Profile p;
    p.lo = std::min(0.0, s.statistics.min);
    p.hi = std::max(0.0, s.statistics.max);
    const double left = std::max(std::min(48 * t.text_scale, area.w * 0.2),
                                 std::min(axis_width(canvas, t, p.lo, p.hi) + 8, area.w * 0.35));
    p.n = s.slice.cols;
    std::int64_t begin = 0;
    if (zoom.factor > 1) {
        p.n = std::max<std::int64_t>(
            1,
            static_cast<std::int64_t>(std::ceil(static_cast<double>(s.slice.cols) / zoom.factor)));
        const double x = zoom.centre.x + (area.x + left - zoom.centre.x) * zoom.factor + zoom.pan.x;
        const double part = (area.x + left - x) / ((area.w - left) * zoom.factor);
        begin = std::clamp<std::int64_t>(std::llround(part * static_cast<double>(s.slice.cols)), 0,
                                         s.slice.cols - p.n);
    }
    const double cell = std::min((area.w - left) / static_cast<double>(p.n), 72 * t.text_scale);
    p.data = {area.x + left, area.y + line, cell * static_cast<double>(p.n),
              std::min(area.h - 2 * line - 8, 320 * t.text_scale)};
    p.value = [&](std::int64_t i) { return s.value(0, begin + i); };
    p.colour = t.meaning(s.meaning);
    p.selected = s.col - begin;
    p.label_right = p.data.x - 8;
    p.numbers = true;
    draw_profile(canvas, t, p);
    const auto style = [&](bool selected) {
        return t.text(t.small(), selected ? t.accent : t.ink_soft,
                      selected ? Weight::bold : Weight::regular, Align::centre);
    };
    const double y = p.data.bottom() + 4 + line * 0.8;
    double widest = 0;
    for (std::int64_t i = 0; i < p.n; i += std::max<std::int64_t>(1, p.n / 256))
        widest = std::max(widest,
                          canvas.text_width(col_label(*s.trace, s.slice, begin + i), style(true)));
    const auto step = static_cast<std::int64_t>(std::ceil((widest + 8) / cell));
    for (std::int64_t i = 0; i < p.n; ++i) {
        const bool selected = begin + i == s.col;
        const bool clear = std::abs(static_cast<double>(begin + i - s.col)) * cell >= widest + 8;
        if (!selected && ((begin + i) % step != 0 || !clear)) continue;
        canvas.text({p.data.x + cell * (static_cast<double>(i) + 0.5), y},
                    col_label(*s.trace, s.slice, begin + i), style(selected));
    }
    canvas.hit(p.data, {s.name(), s.slice.index(0, begin), 1, p.n, 0, s.slice.col_stride});
    if (const auto at = s.hover >= 0 ? s.slice.place(s.hover) : std::nullopt;
        at && at->second >= begin && at->second < begin + p.n)
        canvas.stroke_rect({p.data.x + cell * static_cast<double>(at->second - begin), p.data.y,
                            std::max(2.0, cell), p.data.h},
                           t.ink, 1.5);
}

// The other heads, small, in the room right of the large one.
void draw_heads(Canvas& canvas, const Theme& t, const Rect& area, const Subject& s) {
    const double line = std::ceil(line_height(t.small())) + 2, gap = 12;
    if (area.w < 56 * t.text_scale || area.h < 56 * t.text_scale + line) return;
    const auto n = static_cast<double>(s.slice.heads);
    // As large as fits: columns from one on.
    double side = 0, best_cols = 1;
    for (double cols = 1; cols <= n; ++cols) {
        const double rows = std::ceil(n / cols);
        const double fit =
            std::min((area.w - gap * (cols - 1)) / cols, (area.h - gap * (rows - 1)) / rows - line);
        if (fit > side) {
            side = fit;
            best_cols = cols;
        }
    }
    side = std::min(side, std::max(160 * t.text_scale, area.h * 0.42));
    std::int64_t shown = s.slice.heads;
    if (side < 40 * t.text_scale) {  // too many: the first ones, large enough to see
        side = 40 * t.text_scale;
        best_cols = std::max(1.0, std::floor((area.w + gap) / (side + gap)));
        const double rows = std::max(1.0, std::floor((area.h + gap) / (side + line + gap)));
        shown = std::min<std::int64_t>(shown, static_cast<std::int64_t>(best_cols * rows));
    }
    // Narrow ones (a column a tile) stand closer.
    const double w = std::min(side, 24 * t.text_scale * static_cast<double>(s.slice.cols));
    const double pitch = std::max(w, std::min(side, 48 * t.text_scale)) + gap;
    if (pitch < side + gap) best_cols = std::max(best_cols, std::floor((area.w + gap) / pitch));
    const auto cols = static_cast<std::int64_t>(best_cols);
    for (std::int64_t h = 0; h < shown; ++h) {
        Choice choice = s.choice;
        choice.head = h;
        const Slice slice = make_slice(*s.trace, s.id, choice);
        const Rect r{area.x + static_cast<double>(h % cols) * pitch,
                     area.y + static_cast<double>(h / cols) * (side + line + gap) + line, w, side};
        const bool chosen = h == s.slice.head;
        text_in(canvas, {r.x, r.y - line, pitch - gap, line - 2}, "head " + std::to_string(h),
                t.text(t.small(), chosen ? t.accent : t.ink_soft,
                       chosen ? Weight::bold : Weight::regular));
        if (slice.causal) draw_hatch(canvas, r, Hatch::diagonal, t.hairline, 4);
        HeatMap map;
        map.area = r;
        map.rows = slice.rows;
        map.cols = slice.cols;
        map.numbers = false;
        map.value = [&](std::int64_t i, std::int64_t j) { return s.tensor->at(slice.index(i, j)); };
        if (slice.causal) map.past = slice.past;
        map.scale = s.scale;
        map.target = {s.name(), slice.first, 0, 0, slice.row_stride, slice.col_stride};
        map.hover_index = s.hover >= 0 && slice.place(s.hover) ? s.hover : -1;
        draw_heat_map(canvas, t, map);
        if (chosen) canvas.stroke_rect(r.inset(-1.5), t.accent, 1.5);
    }
}

}  // namespace

ChipText chip_text(const Subject& s, std::int64_t row, std::int64_t col) {
    const auto flat = s.slice.index(row, col);
    const std::int64_t v = s.tensor->ints[static_cast<std::size_t>(flat)];
    switch (s.node->op) {
        case Op::ids:
        case Op::shift_ids:
            return {token_label(s.trace->label(v)), std::to_string(v)};
        case Op::group_choice:
            return {"G" + std::to_string(v), ""};
        case Op::expert_choice:
            return {"E" + std::to_string(v), ""};
        case Op::expert_slots:
            return {std::to_string(v), row_label(
                                           *s.trace,
                                           [&] {
                                               Slice slot = s.slice;
                                               slot.row_axis = Axis::slot;
                                               return slot;
                                           }(),
                                           flat)};
        default:
            return {std::to_string(v), ""};
    }
}

// The same choices as a map: a column an expert (or group), filled where it was chosen, with its
// rank.
void draw_choices_beside(Canvas& canvas, const Theme& t, const Subject& s,
                         const ChipGrid::Room& room) {
    const bool groups = s.node->op == Op::group_choice;
    const Attrs& a = s.node->attrs;
    ChoiceMap map;
    map.cols = groups ? a.groups : a.experts;
    map.area = room.rows;
    map.area.w = std::min(map.area.w, 56 * t.text_scale * static_cast<double>(map.cols));
    map.rows = room.count;
    map.choices = s.slice.cols;
    map.index = [&](std::int64_t r, std::int64_t k) { return s.slice.index(room.first + r, k); };
    map.chosen = [&](std::int64_t r, std::int64_t k) {
        return s.tensor->ints[static_cast<std::size_t>(map.index(r, k))];
    };
    map.group = groups || a.groups < 2 ? 0 : a.experts / a.groups;
    map.gap = room.gap;
    map.numbers = true;
    map.colour = t.meaning(s.meaning);
    map.node = s.name();
    map.hover_index = s.hover;
    map.selected_index = s.slice.index(s.row, s.col);
    draw_choice_map(canvas, t, map);
    const auto style = t.text(t.small(), t.ink_soft, Weight::regular, Align::centre);
    const double w = map.area.w / static_cast<double>(map.cols);
    const double widest = canvas.text_width(std::to_string(map.cols), style) + 4;
    const auto every = std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(widest / w)));
    for (std::int64_t c = 0; c < map.cols; c += every)
        text_in(canvas,
                {map.area.x + w * (static_cast<double>(c) + 0.5) - widest, room.header, 2 * widest,
                 line_height(t.small())},
                std::to_string(c), style);
}

void draw_tensor(Canvas& canvas, const Theme& t, const Rect& area, const Subject& s,
                 const Zoom& zoom, double shown) {
    const bool vector = s.tensor->shape.rank <= 1 || s.node->op == Op::expert_load;
    const bool chips = s.whole_numbers() && s.node->op != Op::expert_load;
    const double top = draw_caption(canvas, t, area, s, !vector && !chips);
    const double line = std::ceil(line_height(t.small())) + 2;
    const Rect body{area.x, area.y + top, area.w, area.h - top - line - 6};
    std::string note;
    if (body.h < 24) return;
    if (chips) {
        ChipGrid grid;
        grid.trace = s.trace;
        grid.slice = &s.slice;
        grid.text = [&](std::int64_t r, std::int64_t c) { return chip_text(s, r, c); };
        grid.colour = [&](std::int64_t, std::int64_t) { return t.meaning_soft(s.meaning); };
        grid.node = s.name();
        grid.row = s.row;
        grid.col = s.col;
        grid.hover = s.hover;
        if (s.node->op == Op::expert_choice || s.node->op == Op::group_choice)
            grid.beside = [&](const ChipGrid::Room& room) {
                draw_choices_beside(canvas, t, s, room);
            };
        note = draw_chip_grid(canvas, t, body, grid);
    } else if (vector) {
        draw_vector(canvas, t, body, s, zoom);
    } else {
        Matrix m;
        m.trace = s.trace;
        m.slice = &s.slice;
        m.value = [&](std::int64_t r, std::int64_t c) { return s.value(r, c); };
        m.scale = s.scale;
        m.meaning = s.meaning;
        m.node = s.name();
        m.frame = s.frame;
        m.row = s.row;
        m.col = s.col;
        m.hover = s.hover;
        m.zoom = zoom;
        m.shown = shown;
        const bool heads = s.slice.heads > 1 && s.slice.head >= 0 && s.slice.head_width == 0 &&
                           (s.slice.causal || s.slice.col_axis == Axis::tile || s.slice.tile >= 0);
        Rect large = body;
        if (heads) large.w = std::floor(body.w * 0.66);
        const MatrixPlace placed = draw_matrix(canvas, t, large, m);
        note = placed.note;
        if (placed.window.rows < s.slice.rows || placed.window.cols < s.slice.cols)
            note = "rows " + std::to_string(placed.window.row) + "–" +
                   std::to_string(placed.window.row + placed.window.rows - 1) + " of " +
                   std::to_string(s.slice.rows) + ", columns " + std::to_string(placed.window.col) +
                   "–" + std::to_string(placed.window.col + placed.window.cols - 1) + " of " +
                   std::to_string(s.slice.cols) + (note.empty() ? "" : "; " + note);
        if (s.slice.causal) {
            const std::string hatched = "hatched: masked, a key after its query";
            note = note.empty() ? hatched : note + "; " + hatched;
        }
        const double left = placed.map.right() + 32;
        if (heads) draw_heads(canvas, t, {left, body.y, body.right() - left, body.h}, s);
    }
    if (!note.empty())
        text_in(canvas, {area.x, area.bottom() - line, area.w, line}, note,
                t.text(t.small(), t.ink_faint));
}

}  // namespace sf::inspector
