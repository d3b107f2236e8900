#include "views/draw/number.h"
#include "views/draw/page.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/gpu_experts.h"
#include "views/track.h"

#include <algorithm>
#include <cmath>

// The rows of each expert as a column, cut into tiles; what a tile computes for nobody is hatched.
namespace sf::gpu {

namespace {

struct Scale {
    Rect plot;
    double column = 0, bar = 0, row = 0;
    double x(std::int64_t expert) const {
        return plot.x + column * (static_cast<double>(expert) + 0.5) - bar / 2;
    }
};

void draw_one(Canvas& canvas, const ExpertsScene& s, const Scale& scale, std::int64_t i,
              double bottom) {
    const Theme& t = s.theme();
    const ExpertTile& tile = s.tiles[static_cast<std::size_t>(i)];
    const Colour blue = t.meaning(Meaning::routed_expert);
    const double h = scale.row * static_cast<double>(s.rows);
    const double used = scale.row * static_cast<double>(tile.rows);
    const double gap = std::min(2.0, h * 0.1);
    const Rect all{scale.x(tile.expert), bottom - h + gap, scale.bar, h - gap};
    const Rect full{all.x, all.bottom() - std::min(all.h, used), all.w, std::min(all.h, used)};
    if (all.h - full.h > 3)
        draw_hatch(canvas, {all.x, all.y, all.w, all.h - full.h}, Hatch::diagonal,
                   t.ink_faint.alpha(0.35), 8);
    canvas.fill_rect(full, blue);
    const std::int64_t columns = s.column_tiles();
    if (scale.bar / static_cast<double>(columns) >= 4)
        for (std::int64_t c = 1; c < columns; ++c) {
            const double x = all.x + all.w * static_cast<double>(c) / static_cast<double>(columns);
            canvas.line({x, all.y}, {x, all.bottom()}, t.background, 1);
        }
    const bool live = i == s.tile;
    canvas.stroke_rect(all, live ? t.accent : t.ink_faint, live ? 3 : 1);
    canvas.hit(all, {"setting:expert_tile", i, 1, 1, 0, 0});
}

void draw_feet(Canvas& canvas, const ExpertsScene& s, const Scale& scale, double y, double line) {
    const Theme& t = s.theme();
    double last = -1e9, last_load = -1e9;
    for (std::int64_t e = 0; e < s.work.experts; ++e) {
        const std::int64_t load = s.load[static_cast<std::size_t>(e)];
        const bool own = e == s.live().expert;
        const double middle = scale.x(e) + scale.bar / 2;
        const auto put = [&](const std::string& text, double top, const TextStyle& style,
                             double& end) {
            const double half = canvas.text_width(text, style) / 2;
            if (middle - half < end + 3) return;
            canvas.text({middle, top + line / 2 + cap_height(t.small()) / 2}, text, style);
            end = middle + half;
        };
        put(std::to_string(e), y,
            t.text(t.small(), own ? t.accent : t.ink_soft, own ? Weight::bold : Weight::regular,
                   Align::centre),
            last);
        put(format_count(load), y + line,
            t.text(t.small(), load == 0 ? t.ink_faint : t.ink, Weight::bold, Align::centre),
            last_load);
        if (load == 0)
            draw_dashed(canvas,
                        {{scale.x(e), scale.plot.bottom() - 1},
                         {scale.x(e) + scale.bar, scale.plot.bottom() - 1}},
                        t.ink_faint, 1, 3, 3);
    }
}

}  // namespace

void draw_tiles(Canvas& canvas, const ExpertsScene& s, const Rect& area, const Parameter& rows) {
    const Theme& t = s.theme();
    const double u = t.text_scale, line = std::ceil(line_height(t.small()));
    double y = area.y + draw_block_title(canvas, t, area, "Rows of each expert",
                                         "each box a row of work groups, its empty part hatched");
    const bool track = area.h >= 220 * u;
    const double foot = 2 * line + (track ? line + 12 * u : 0);
    const auto style = t.text(t.small(), t.ink_soft);
    const double left =
        std::max(canvas.text_width("expert", style), canvas.text_width("rows", style)) + 8 * u;
    Scale scale;
    scale.plot = {area.x + left, y + 4 * u, area.w - left, area.bottom() - foot - y - 8 * u};
    if (scale.plot.h < 30 * u || scale.plot.w < 60 * u) return;
    std::int64_t most = 1;
    std::vector<std::int64_t> tiles(static_cast<std::size_t>(s.work.experts));
    for (const ExpertTile& tile : s.tiles)
        most = std::max(most, ++tiles[static_cast<std::size_t>(tile.expert)]);
    scale.column = scale.plot.w / static_cast<double>(s.work.experts);
    scale.bar = std::min(scale.column * 0.78, 64 * u);
    scale.row = scale.plot.h / static_cast<double>(most * s.rows);
    std::fill(tiles.begin(), tiles.end(), 0);
    const auto draw = [&](std::int64_t i) {
        const auto e = static_cast<std::size_t>(s.tiles[static_cast<std::size_t>(i)].expert);
        const double bottom = scale.plot.bottom() - scale.row * static_cast<double>(s.rows) *
                                                        static_cast<double>(tiles[e]++);
        draw_one(canvas, s, scale, i, bottom);
    };
    for (std::int64_t i = 0; i < std::ssize(s.tiles); ++i) draw(i);
    canvas.line({scale.plot.x, scale.plot.bottom()}, {scale.plot.right(), scale.plot.bottom()},
                t.hairline, 1);
    y = scale.plot.bottom() + 3 * u;
    text_in(canvas, {area.x, y, left, line}, "expert", style);
    text_in(canvas, {area.x, y + line, left, line}, "rows", style);
    draw_feet(canvas, s, scale, y, line);
    if (!track) return;
    y += 2 * line + 8 * u;
    const double name = canvas.text_width("rows of a tile", style) + 14 * u;
    draw_track(canvas, t, rows,
               {{area.x, y, std::min(area.w, 420 * u), line + 4 * u},
                "rows of a tile",
                static_cast<double>(s.rows),
                !s.as_run(),
                name,
                canvas.text_width("000", style) + 14 * u});
}

}  // namespace sf::gpu
