#include "views/draw/heat_map.h"
#include "views/draw/number.h"
#include "views/draw/page.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/gpu_attention.h"

#include <algorithm>
#include <cmath>
#include <optional>

// The live work group: what comes from global memory for a tile, what stays on the chip.
namespace sf::gpu {

namespace {

// Rows first .. first + rows of up to two parts side by side, as they lie in the trace.
struct Operand {
    const HeadPart* parts[2] = {nullptr, nullptr};
    std::int64_t first = 0, rows = 0;
    bool upright = false;  // rows as columns
    std::int64_t width() const {
        return parts[0]->width + (parts[1] != nullptr ? parts[1]->width : 0);
    }
};

void draw_operand(Canvas& canvas, const AttentionScene& s, const Operand& o, const Rect& area) {
    const Theme& t = s.theme();
    double from = 0;
    for (const HeadPart* part : o.parts) {
        if (part == nullptr || part->width == 0) continue;
        const double share = static_cast<double>(part->width) / static_cast<double>(o.width());
        const Rect r = o.upright ? Rect{area.x, area.y + area.h * from, area.w, area.h * share}
                                 : Rect{area.x + area.w * from, area.y, area.w * share, area.h};
        from += share;
        const Tensor* tensor = s.trace().find(part->node);
        if (tensor == nullptr || !(tensor->shape == s.trace().shape(part->node))) {
            draw_hatch(canvas, r, Hatch::dots, t.ink_faint);
            continue;
        }
        HeatMap map;
        map.area = r;
        map.rows = o.upright ? part->width : o.rows;
        map.cols = o.upright ? o.rows : part->width;
        const std::int64_t base = part->first + o.first * part->stride;
        const std::int64_t down = o.upright ? 1 : part->stride,
                           along = o.upright ? part->stride : 1;
        map.value = [tensor, base, down, along](std::int64_t row, std::int64_t col) {
            return tensor->at(base + row * down + col * along);
        };
        map.scale = ColourScale::fit(map.rows, map.cols, map.value);
        if (map.scale.signed_values == false)
            map.scale = ColourScale::symmetric(std::max(1e-30, map.scale.hi));
        map.target = {s.name(part->node), base, 1, 1, down, along};
        if (s.setup.frame->hover_node == map.target.node)
            map.hover_index = s.setup.frame->hover_index;
        map.numbers = false;
        draw_heat_map(canvas, t, map);
    }
}

// A name in the colour of its meaning and, where they fit, its shape and bytes.
void draw_name(Canvas& canvas, const AttentionScene& s, const Rect& r, const std::string& name,
               std::optional<Meaning> meaning, const std::string& detail) {
    const Theme& t = s.theme();
    const auto bold = t.text(t.small(), meaning ? t.meaning_text(*meaning) : t.ink, Weight::bold);
    const double w = canvas.text_width(name, bold), gap = 6 * t.text_scale;
    if (w > r.w + 2) return;
    const double base = r.y + r.h / 2 + cap_height(t.small()) / 2;
    canvas.text({r.x, base}, name, bold);
    const auto soft = t.text(t.small(), t.ink_soft);
    if (w + gap + canvas.text_width(detail, soft) <= r.w)
        canvas.text({r.x + w + gap, base}, detail, soft);
}

// Columns and rows of the picture: K above the scores, Q beside them, V above o.
struct Places {
    Rect q, k, a, md, v, o;
};
Places places_of(const AttentionScene& s, const Rect& r, double name) {
    const double u = s.theme().text_scale, gap = 14 * u;
    const double label = r.w >= 380 * u ? 44 * u : 0;  // the rows' tokens
    const double md = r.w >= 300 * u ? std::clamp(r.w * 0.16, 84 * u, 120 * u) : 0;
    const double room = r.w - label - 3 * gap - (md > 0 ? md : -gap);
    const double qw = std::floor(room * 0.28), aw = std::floor(room * 0.3), ow = room - qw - aw;
    const double top = std::floor((r.h - 2 * name - 34 * u) * 0.42);
    const double below = r.h - 2 * name - 34 * u - top;
    Places p;
    const double y0 = r.y + name + 6 * u, y1 = y0 + top + 22 * u + name;
    p.q = {r.x + label, y1, qw, below};
    p.a = {p.q.right() + gap, y1, aw, below};
    p.k = {p.a.x, y0, aw, top};
    p.md = {p.a.right() + gap, y1, md, below};
    p.o = {p.md.right() + (md > 0 ? gap : 0), y1, ow, below};
    p.v = {p.o.x, y0, ow, top};
    return p;
}

void draw_scores(Canvas& canvas, const AttentionScene& s, const Rect& r, std::int64_t tile,
                 bool numbers) {
    const Theme& t = s.theme();
    const Band& b = s.band();
    HeatMap map;
    map.area = r;
    map.rows = b.rows;
    map.cols = s.keys_of(tile);
    const std::int64_t key = tile * s.cut.keys;
    map.value = [&s, &b, key](std::int64_t row, std::int64_t col) {
        return s.score(b.first + row, key + col);
    };
    map.past = s.work.past() + b.first - key;
    map.numbers = numbers;
    double most = 0;
    for (std::int64_t i = 0; i < b.rows; ++i)
        for (std::int64_t c = 0; c < std::min(map.cols, s.work.seen(b.first + i) - key); ++c)
            if (std::isfinite(map.value(i, c))) most = std::max(most, std::abs(map.value(i, c)));
    map.scale = ColourScale::symmetric(most > 0 ? most : 1);
    map.target = {
        s.name(s.scores_node), s.first + b.first * s.work.context + key, 1, 1, s.work.context, 1};
    if (s.setup.frame->hover_node == map.target.node) map.hover_index = s.setup.frame->hover_index;
    draw_heat_map(canvas, t, map);
}

// The running output of all rows of the group.
void draw_output(Canvas& canvas, const AttentionScene& s, const Rect& r, std::int64_t tile) {
    const Theme& t = s.theme();
    const Band& b = s.band();
    std::vector<std::vector<double>> rows;
    for (std::int64_t i = 0; i < b.rows; ++i) rows.push_back(s.o(b.first + i, tile));
    if (rows.front().empty()) return draw_hatch(canvas, r, Hatch::dots, t.ink_faint);
    HeatMap map;
    map.area = r;
    map.rows = b.rows;
    map.cols = s.work.value_width;
    map.value = [&rows](std::int64_t row, std::int64_t col) {
        return rows[static_cast<std::size_t>(row)][static_cast<std::size_t>(col)];
    };
    map.scale = ColourScale::fit(map.rows, map.cols, map.value);
    map.numbers = false;
    const Tensor* recorded = s.o_node == no_node ? nullptr : s.trace().find(s.o_node);
    if (s.cut.keys == attention_tile && recorded != nullptr && tile >= 0) {
        const std::int64_t tiles = recorded->shape[3], w = s.work.value_width;
        const std::int64_t head = (s.batch * s.work.heads + s.head) * s.work.queries;
        map.target = {s.name(s.o_node), ((head + b.first) * tiles + tile) * w, 1, 1, tiles * w, 1};
        if (s.setup.frame->hover_node == map.target.node)
            map.hover_index = s.setup.frame->hover_index;
    }
    draw_heat_map(canvas, t, map);
}

// m and d of each row that has room; the chosen one lit.
void draw_states(Canvas& canvas, const AttentionScene& s, const Rect& r, double name,
                 std::int64_t tile) {
    const Theme& t = s.theme();
    const Band& b = s.band();
    const double h = r.h / static_cast<double>(b.rows), line = line_height(t.small());
    const Rect head{r.x, r.y - name - 2, r.w / 2, name};
    text_in(canvas, head, "m", t.text(t.small(), t.ink, Weight::bold, Align::centre));
    text_in(canvas, {r.x + r.w / 2, head.y, r.w / 2, name}, "d",
            t.text(t.small(), t.ink, Weight::bold, Align::centre));
    for (std::int64_t i = 0; i < b.rows; ++i) {
        const bool own = b.first + i == s.row;
        if (!own && h < line + 2) continue;
        const double middle = r.y + h * (static_cast<double>(i) + 0.5);
        const double y = std::clamp(middle - line / 2, r.y, r.bottom() - line);
        if (own) canvas.fill_rect({r.x, y - 1, r.w, line + 2}, t.accent_soft, 3);
        const OnlineState state = s.state(b.first + i, tile);
        const auto style = t.text(t.small(), own ? t.ink : t.ink_soft,
                                  own ? Weight::bold : Weight::regular, Align::centre);
        text_in(canvas, {r.x, y, r.w / 2, line}, format_number(static_cast<double>(state.m), 3),
                style);
        text_in(canvas, {r.x + r.w / 2, y, r.w / 2, line},
                format_number(static_cast<double>(state.d), 3), style);
    }
}

void draw_row_names(Canvas& canvas, const AttentionScene& s, const Rect& q, double width) {
    const Theme& t = s.theme();
    const Band& b = s.band();
    const double h = q.h / static_cast<double>(b.rows), line = line_height(t.small());
    double last = -1e9;
    for (std::int64_t i = 0; i < b.rows; ++i) {
        const double middle = q.y + h * (static_cast<double>(i) + 0.5);
        const bool own = b.first + i == s.row;
        if (middle - line / 2 < last) continue;
        const auto style = t.text(t.small(), own ? t.accent : t.ink_soft,
                                  own ? Weight::bold : Weight::regular, Align::right);
        text_in(canvas, {q.x - width, middle - line / 2, width - 6, line},
                elide(canvas, s.token(b.first + i), style, width - 6), style);
        last = middle + line / 2;
    }
    canvas.hit({q.x - width, q.y, width - 2, q.h}, {"setting:row", b.first, b.rows, 1, 1, 0});
}

// With what the kernel says that it takes of the work group's shared memory.
std::string where_it_stays(const AttentionScene& s) {
    if (s.setup.variant == KernelVariant::registers)
        return "on the chip, in registers: Q, m, d and o stay from tile to tile";
    std::string text = "on the chip: Q, m, d and o stay from tile to tile";
    const DeviceReport::Run* run = s.setup.run(s.setup.part(s.node));
    if (run != nullptr && !run->launches.empty() && run->launches.front().shared_bytes > 0)
        text += "; " + format_bytes(run->launches.front().shared_bytes) + " of " +
                format_bytes(s.setup.report.value->device.limits.shared_bytes) + " shared memory";
    return text;
}

}  // namespace

void draw_group(Canvas& canvas, const AttentionScene& s, const Rect& area) {
    const Theme& t = s.theme();
    const double u = t.text_scale, name = std::ceil(line_height(t.small())) + 2;
    const Band& b = s.band();
    const std::int64_t tile = s.live(b), keys = s.keys_of(tile);
    const TileMove move = move_of(s);
    const std::string title =
        "Work group " + std::to_string(b.group) +
        (s.done(b) ? ", done: its last tile" : ", tile " + std::to_string(tile));
    const double head = draw_block_title(
        canvas, t, area, title,
        range_text("row", b.first, b.rows) + ", " + range_text("key", tile * s.cut.keys, keys));
    const Rect in{area.x, area.y + head, area.w, area.h - head};
    const bool foot = in.h >= 240 * u;
    const Rect inner = in.inset(8 * u);
    const Places p = places_of(s, {inner.x, inner.y, inner.w, inner.h - (foot ? name : 0)}, name);
    if (p.q.h < 24 * u || p.k.h < 16 * u || p.q.w < 24 * u) return;
    // Two memories: what comes above, what stays below.
    const double cut_y = p.k.bottom() + 10 * u;
    canvas.fill_rect({in.x, cut_y, in.w, in.bottom() - cut_y}, t.accent_soft.alpha(0.55), 8);
    const auto soft = t.text(t.small(), t.ink_soft);
    const double beside = p.k.x - in.x - 16 * u;
    const std::string above = "global memory: comes with every tile";
    if (paragraph_height(canvas, beside, above, soft) <= p.k.h && beside > 60 * u)
        paragraph(canvas, {in.x + 8 * u, p.k.y}, beside, above, soft, p.k.h);
    else
        text_in(canvas, {in.x + 8 * u, p.k.y, beside, name},
                first_fitting(canvas, soft, beside, {"global memory", "global"}), soft);
    const auto part = [&](const HeadPart& a, const HeadPart* c, std::int64_t first,
                          std::int64_t rows, bool upright) {
        return Operand{{&a, c}, first, rows, upright};
    };
    const auto detail = [&](std::int64_t rows, std::int64_t width, std::int64_t each) {
        return product_text(rows, width) + ", " + format_bytes(rows * width * each);
    };
    const std::int64_t stored = s.setup.half ? 2 : 4;  // bytes of a key's or value's number
    const auto named = [&](const Rect& r, const std::string& word, std::optional<Meaning> meaning,
                           const std::string& what) {
        draw_name(canvas, s, {r.x, r.y - name - 2, r.w, name}, word, meaning, what);
    };
    named(p.k, "K", Meaning::key, detail(keys, s.work.key_width, stored));
    named(p.v, "V", Meaning::value, detail(keys, s.work.value_width, stored));
    named(p.q, "Q", Meaning::query, detail(b.rows, s.work.key_width, 4));
    named(p.a, "a = q·k / √d", std::nullopt, product_text(b.rows, keys));
    named(p.o, "o", Meaning::value, detail(b.rows, s.work.value_width, 4));
    {
        // The tile comes column by column of K, row by row of V, and its scores with it.
        const ClipScope keys_come(canvas, {p.k.x, p.k.y, p.k.w * move.come, p.k.h});
        draw_operand(canvas, s, part(s.in.k, &s.in.k_position, tile * s.cut.keys, keys, true), p.k);
    }
    {
        const ClipScope values_come(canvas, {p.v.x, p.v.y, p.v.w, p.v.h * move.come});
        draw_operand(canvas, s, part(s.in.v, nullptr, tile * s.cut.keys, keys, false), p.v);
    }
    {
        const ClipScope scores_come(canvas, {p.a.x, p.a.y, p.a.w * move.come, p.a.h});
        draw_scores(canvas, s, p.a, tile, move.come >= 1);
    }
    draw_operand(canvas, s, part(s.in.q, &s.in.q_position, b.first, b.rows, false), p.q);
    const std::int64_t counted_tile = move.add > 0.5 ? tile : tile - 1;
    if (p.md.w > 0) draw_states(canvas, s, p.md, name, counted_tile);
    draw_output(canvas, s, p.o, counted_tile);
    if (p.q.x - in.x > 40 * u) draw_row_names(canvas, s, p.q, p.q.x - in.x - 4 * u);
    // The chosen row through all that belongs to it.
    const double h = p.q.h / static_cast<double>(b.rows);
    const double y = p.q.y + h * static_cast<double>(s.row - b.first);
    if (b.rows > 1)
        for (const Rect& r : {p.q, p.a, p.o})
            canvas.stroke_rect({r.x - 1, y - 1, r.w + 2, h + 2}, t.accent, 1.5);
    if (foot)
        text_in(canvas, {in.x + 8 * u, in.bottom() - name - 3 * u, in.w - 16 * u, name},
                first_fitting(canvas, soft, in.w - 16 * u,
                              {where_it_stays(s), "on the chip: stays from tile to tile"}),
                soft);
}

}  // namespace sf::gpu
