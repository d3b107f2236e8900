#include "views/draw/heat_map.h"
#include "views/draw/number.h"
#include "views/draw/page.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/edited.h"
#include "views/gpu_attention.h"

#include <algorithm>
#include <cmath>

// The score matrix of one head under the grid of work groups and tiles.
namespace sf::gpu {

namespace {

// Where the grid's lines lie.
struct Grid {
    Rect area;
    double cell_w = 0, cell_h = 0;
    double x(std::int64_t key) const { return area.x + cell_w * static_cast<double>(key); }
    double y(std::int64_t row) const { return area.y + cell_h * static_cast<double>(row); }
};

Rect tile_rect(const AttentionScene& s, const Grid& g, const Band& b, double tile) {
    const double keys = static_cast<double>(s.cut.keys);
    const double from = g.area.x + g.cell_w * keys * tile;
    const double to = std::min(g.area.right(), from + g.cell_w * keys);
    return {from, g.y(b.first), to - from, g.cell_h * static_cast<double>(b.rows)};
}

HeatMap map_of(const AttentionScene& s, const Rect& area) {
    HeatMap map;
    map.area = area;
    map.rows = s.work.queries;
    map.cols = s.work.context;
    map.past = s.work.past();
    map.value = [&s](std::int64_t r, std::int64_t c) { return s.score(r, c); };
    double most = 0;
    for (std::int64_t r = 0; r < map.rows; ++r)
        for (std::int64_t c = 0; c < s.work.seen(r); ++c)
            if (std::isfinite(s.score(r, c))) most = std::max(most, std::abs(s.score(r, c)));
    map.scale = ColourScale::symmetric(most > 0 ? most : 1);
    map.target = {s.name(s.scores_node), s.first, 1, 1, s.work.context, 1};
    if (s.setup.frame->hover_node == map.target.node) map.hover_index = s.setup.frame->hover_index;
    return map;
}

// What is still to come is faded, what is never touched hatched.
void shade(Canvas& canvas, const AttentionScene& s, const Grid& g) {
    const Theme& t = s.theme();
    const double step = std::clamp(g.cell_w * static_cast<double>(s.cut.keys) / 4, 5.0, 9.0);
    for (const Band& b : s.bands) {
        const double y = g.y(b.first), h = g.cell_h * static_cast<double>(b.rows);
        const std::int64_t past = s.done(b) ? b.walked : s.wave <= 0 ? 0 : s.live(b) + 1;
        const double from = g.x(std::min(s.work.context, past * s.cut.keys));
        const double to = g.x(std::min(s.work.context, b.walked * s.cut.keys));
        if (to > from) canvas.fill_rect({from, y, to - from, h}, t.background.alpha(0.72));
        if (g.area.right() - to > 1)
            draw_hatch(canvas, {to, y, g.area.right() - to, h}, Hatch::diagonal,
                       t.ink_faint.alpha(0.55), step);
    }
}

void draw_lines(Canvas& canvas, const AttentionScene& s, const Grid& g) {
    const Theme& t = s.theme();
    if (g.cell_w * static_cast<double>(s.cut.keys) >= 4)
        for (std::int64_t j = 1; j < s.tiles(); ++j)
            canvas.line({g.x(j * s.cut.keys), g.area.y}, {g.x(j * s.cut.keys), g.area.bottom()},
                        t.ink_soft.alpha(0.5), 1);
    for (const Band& b : s.bands)
        if (b.first > 0)
            canvas.line({g.area.x, g.y(b.first)}, {g.area.right(), g.y(b.first)}, t.ink_soft, 1.5);
}

// The wave front: every group's tile, on its way from the one before.
void draw_front(Canvas& canvas, const AttentionScene& s, const Grid& g) {
    const Theme& t = s.theme();
    const double come = move_of(s).come;
    const auto outline = [&](const Band& b, double width) {
        const std::int64_t j = s.live(b);
        const Rect r = tile_rect(s, g, b, std::max(0.0, static_cast<double>(j) - 1 + come));
        canvas.stroke_rect(r, t.background, width + 2);
        canvas.stroke_rect(r, t.accent, width);
    };
    if (s.wave > 0)
        for (const Band& b : s.bands)
            if (!s.done(b) && &b != &s.band()) outline(b, 2);
    if (s.wave > 0) outline(s.band(), 3.5);
}

// Beside each group: how far it is.
void draw_lane(Canvas& canvas, const AttentionScene& s, const Grid& g, const Rect& lane) {
    const Theme& t = s.theme();
    const double u = t.text_scale, line = line_height(t.small());
    // A bar with its words below it, else beside it.
    const double least = g.cell_h * static_cast<double>(s.bands.back().rows);
    const bool below = least >= 2 * line + 4 * u;
    const double text_w = below ? lane.w : 72 * u;
    const double bar_w = below ? lane.w : std::max(8 * u, lane.w - text_w - 6 * u);
    double last = -1e9;
    for (std::size_t i = 0; i < s.bands.size(); ++i) {
        const Band& b = s.bands[i];
        const bool own = static_cast<std::int64_t>(i) == s.group, done = s.done(b);
        const double h = g.cell_h * static_cast<double>(b.rows), middle = g.y(b.first) + h / 2;
        const double bar_h = std::clamp(h - 2, 1.0, 8 * u);
        const double share = static_cast<double>(b.walked) / static_cast<double>(s.tiles());
        const double part = std::clamp(s.wave / static_cast<double>(b.walked), 0.0, 1.0);
        const Rect bar{lane.x, middle - bar_h / 2 - (below ? line / 2 + 1 : 0), bar_w * share,
                       bar_h};
        canvas.fill_rect(bar, t.raised, bar_h / 3);
        if (part > 0)
            canvas.fill_rect({bar.x, bar.y, bar.w * part, bar_h},
                             own ? t.accent : t.ink_faint.alpha(0.7), bar_h / 3);
        const double y = middle + (below ? line / 2 + 2 * u : 0);
        if (y - line / 2 < last || y + line / 2 > lane.bottom() + 1) continue;
        const std::string text = (done ? "done" : std::to_string(s.wave <= 0 ? 0 : s.live(b) + 1)) +
                                 (done ? " after " : " of ") + counted(b.walked, "tile");
        const auto style =
            t.text(t.small(), own ? t.accent : t.ink_soft, own ? Weight::bold : Weight::regular);
        const std::string shown =
            canvas.text_width(text, style) <= text_w ? text : text.substr(0, text.rfind(' '));
        if (canvas.text_width(shown, style) > text_w) continue;
        canvas.text({lane.x + (below ? 0 : bar_w + 6 * u), y + cap_height(t.small()) / 2}, shown,
                    style);
        last = y + line / 2;
    }
}

void draw_tile_names(Canvas& canvas, const AttentionScene& s, const Grid& g, double y, double h) {
    const Theme& t = s.theme();
    const Band& band = s.band();
    const auto name = [](std::int64_t j) { return "tile " + std::to_string(j); };
    const double widest =
        canvas.text_width(name(s.tiles() - 1), t.text(t.small(), t.ink, Weight::bold));
    const bool words = widest + 8 * t.text_scale <= tile_rect(s, g, band, 0).w;
    double last = -1e9;
    for (std::int64_t j = 0; j < s.tiles(); ++j) {
        const Rect r = tile_rect(s, g, band, static_cast<double>(j));
        const bool live = s.wave > 0 && j == s.live(band);
        const auto style = t.text(t.small(), live ? t.accent : t.ink_faint,
                                  live ? Weight::bold : Weight::regular, Align::centre);
        const std::string text = words ? name(j) : std::to_string(j);
        const double half = canvas.text_width(text, style) / 2, middle = r.x + r.w / 2;
        if (middle - half < last + 4 || middle + half > g.area.right() + r.w / 2 + 2) continue;
        canvas.text({middle, y + h / 2 + cap_height(t.small()) / 2}, text, style);
        last = middle + half;
    }
}

// The heads as buttons: each is a grid of its own.
void draw_heads(Canvas& canvas, const AttentionScene& s, const Rect& r) {
    const Theme& t = s.theme();
    const double u = t.text_scale;
    const auto soft = t.text(t.small(), t.ink_soft);
    const std::string before = "every head alike:";
    double x = r.x + canvas.text_width(before, soft) + 8 * u;
    if (x + 40 * u > r.right()) return;
    text_in(canvas, {r.x, r.y, r.w, r.h}, before, soft);
    for (std::int64_t h = 0; h < s.work.heads; ++h) {
        const bool now = h == s.head;
        const std::string text = std::to_string(h);
        const auto style = t.text(t.small(), now ? t.accent : t.ink_soft,
                                  now ? Weight::bold : Weight::regular, Align::centre);
        const Rect box{x, r.y, std::max(20 * u, canvas.text_width(text, style) + 10 * u), r.h};
        if (box.right() > r.right()) return;
        canvas.fill_rect(box, now ? t.accent_soft : t.raised, 4);
        text_in(canvas, box, text, style);
        canvas.hit(box, {"setting:head", h, 1, 1, 0, 0});
        x = box.right() + 4 * u;
    }
}

}  // namespace

void draw_grid(Canvas& canvas, const AttentionScene& s, const Rect& area) {
    const Theme& t = s.theme();
    const double u = t.text_scale, line = std::ceil(line_height(t.small()));
    double y = area.y + draw_block_title(canvas, t, area, "Scores, cut into work groups",
                                         "a row a query, a column a key");
    HeatMap map = map_of(s, {});
    const bool heads = s.work.heads > 1 && area.h >= 240 * u, legend = area.h >= 200 * u;
    const std::vector<LegendEntry> entries{
        {"at work", t.accent, Hatch::none, true},
        {"still to come", t.raised},
        {"above the diagonal: never touched", t.ink_faint, Hatch::diagonal}};
    const double key = legend ? draw_legend(canvas, t, {}, area.w, entries, true) : 0;
    const double foot = (heads ? line + 10 * u : 0) + (legend ? key + 12 * u : 0);
    const double lane_w = area.w >= 300 * u ? std::min(108 * u, area.w * 0.3) : 0;
    const Rect room{area.x, y + line, area.w - (lane_w > 0 ? lane_w + 12 * u : 0),
                    area.bottom() - foot - y - line - 2};
    if (room.w < 40 * u || room.h < 40 * u) return;
    // Names of the queries where each can have its own.
    const double rough =
        std::min(room.w / static_cast<double>(map.cols), room.h / static_cast<double>(map.rows));
    double left = 0;
    if (rough >= line * 1.05) {
        const auto style = t.text(t.small(), t.ink_soft);
        for (std::int64_t r = 0; r < map.rows; ++r)
            map.row_labels.push_back(elide(canvas, s.token(r), style, room.w * 0.2));
        left = heat_map_margins(canvas, t, map).left;
    }
    const double cell = std::min((room.w - left) / static_cast<double>(map.cols),
                                 room.h / static_cast<double>(map.rows));
    Grid g;
    // One row may not become a bar as wide as the page.
    g.cell_w = std::min(cell, 72 * u);
    g.cell_h = g.cell_w;
    g.area = {room.x + left, room.y, g.cell_w * static_cast<double>(map.cols),
              g.cell_h * static_cast<double>(map.rows)};
    map.area = g.area;
    map.numbers = false;
    outline_changed(map, *s.setup.frame);
    // A press or drag chooses group and tile; the cells keep their hover.
    canvas.hit(g.area, {"setting:group,tile", 0, std::ssize(s.bands), s.tiles(), s.tiles(), 1});
    draw_heat_map(canvas, t, map);
    shade(canvas, s, g);
    draw_lines(canvas, s, g);
    canvas.stroke_rect(g.area, t.ink_soft, 1);
    draw_tile_names(canvas, s, g, y, line);
    draw_front(canvas, s, g);
    if (lane_w > 0) draw_lane(canvas, s, g, {g.area.right() + 12 * u, g.area.y, lane_w, g.area.h});
    y = g.area.bottom() + 8 * u;
    if (legend) y += draw_legend(canvas, t, {area.x, y}, area.w, entries) + 4 * u;
    if (heads && y + line + 4 * u <= area.bottom())
        draw_heads(canvas, s, {area.x, y, area.w, line + 4 * u});
}

}  // namespace sf::gpu
