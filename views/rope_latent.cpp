#include "views/draw/formula.h"
#include "views/draw/heat_map.h"
#include "views/draw/number.h"
#include "views/draw/page.h"
#include "views/draw/plot.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/rope_draw.h"

#include <algorithm>
#include <cmath>

namespace sf::rope {

namespace {

void draw_matrix(Canvas& canvas, const Theme& t, const Rect& area, const LatentFold& f,
                 const std::vector<float>& m, const ColourScale& scale, const std::string& title,
                 const std::string& remark) {
    const double top = draw_block_title(canvas, t, area, title, remark);
    const Rect room{area.x, area.y + top, area.w, area.h - top};
    const double cell = std::min(room.w / static_cast<double>(f.shown_cols),
                                 room.h / static_cast<double>(f.shown_rows));
    HeatMap map;
    map.rows = f.shown_rows;
    map.cols = f.shown_cols;
    map.area = {room.x, room.y, cell * static_cast<double>(f.shown_cols),
                cell * static_cast<double>(f.shown_rows)};
    map.value = [&](std::int64_t r, std::int64_t c) {
        return static_cast<double>(m[static_cast<std::size_t>(r * f.shown_cols + c)]);
    };
    map.scale = scale;
    map.numbers = false;
    draw_heat_map(canvas, t, map);
}

void draw_change(Canvas& canvas, const Scene& s, const LatentFold& f, const Rect& area) {
    const Theme& t = *s.theme;
    const double u = t.text_scale;
    std::int64_t reach =
        std::clamp<std::int64_t>(2 * s.tokens, 32, std::max<std::int64_t>(32, s.choices.trained));
    reach = std::max(reach, s.distance() + s.distance() / 4);
    Rect rest = area;
    const double title =
        draw_block_title(canvas, t, area, "Change against distance 0", "|M(d) − M(0)| / |M(0)|");
    rest.y += title, rest.h -= title;
    Plot plot;
    plot.area = rest;
    plot.x = {"distance t − s", 0, static_cast<double>(reach), false};
    Series line{"", {}, {}, t.meaning(Meaning::latent), 2};
    constexpr int samples = 96;
    double most = 0;
    for (int i = 0; i <= samples; ++i) {
        line.x.push_back(static_cast<double>(reach) * i / samples);
        line.y.push_back(f.change(line.x.back()));
        most = std::max(most, line.y.back());
    }
    plot.y = {"", 0, std::max(1.0, most * 1.08), false};
    plot.series.push_back(std::move(line));
    const PlotFrame frame = draw_plot(canvas, t, plot);
    if (frame.data.w < 10 || frame.data.h < 10) return;
    const auto d = static_cast<double>(s.distance());
    const Vec2 p = frame.at(d, f.change(d));
    canvas.line({p.x, frame.data.y}, {p.x, frame.data.bottom()}, t.accent, 1.5);
    draw_circle(canvas, p, 4 * u, t.meaning(Meaning::latent));
    draw_circle(canvas, {p.x, frame.data.bottom()}, 4 * u, t.accent);
    const double half = frame.data.w / static_cast<double>(reach) / 2;
    canvas.hit({frame.data.x - half, frame.data.y, frame.data.w + 2 * half, frame.data.h + 8 * u},
               {"setting:distance", 0, 1, reach + 1, 0, 1});
}

void draw_reason(Canvas& canvas, const Scene& s, const LatentFold& f, const Rect& area) {
    const Theme& t = *s.theme;
    const double u = t.text_scale;
    double y = area.y + draw_block_title(canvas, t, area, "Why the path is decoupled") + 2 * u;
    const auto ink = t.text(t.normal(), t.ink), soft = t.text(t.normal(), t.ink_soft);
    const std::string formula = "M(t−s) = W^{UQ⊤} R(t−s) W^{UK}";
    if (formula_width(canvas, formula, ink) <= area.w && y + 24 * u <= area.bottom()) {
        draw_formula(canvas, {area.x, y + line_height(t.normal())}, formula, ink);
        y += 28 * u;
    }
    const std::string words =
        "Without R the model folds W_UK into the query once, " + format_count(f.rows) + " × " +
        format_count(f.cols) +
        " numbers a head, and reads the cached latent as it is. With R between them there is "
        "another matrix for every distance. So the latent stays unrotated, and " +
        format_count(s.rope()) + " numbers beside it, shared by all heads, carry the position.";
    if (y < area.bottom()) paragraph(canvas, {area.x, y}, area.w, words, soft, area.bottom() - y);
}

}  // namespace

void draw_latent(Canvas& canvas, const Scene& s, const Rect& area) {
    const Theme& t = *s.theme;
    const double u = t.text_scale, gap = 32 * u;
    if (s.grouped) {
        paragraph(canvas, {area.x, area.y}, std::min(area.w, 640 * u), nothing_to_fold(s),
                  t.text(t.normal(), t.ink_soft), area.h);
        return;
    }
    const LatentFold f = latent_fold(s);
    if (!f.kept) {
        const std::string words =
            s.nope < 2 ? "The keys of this model have no content part that could be rotated."
                       : "A saved trace holds no weights: open the model and run the same text to "
                         "see W_UQᵀ R(t−s) W_UK.";
        paragraph(canvas, {area.x, area.y}, std::min(area.w, 560 * u), words,
                  t.text(t.normal(), t.ink_soft), area.h);
        return;
    }
    const std::vector<float> zero = f.matrix(0), now = f.matrix(static_cast<double>(s.distance()));
    // A few large numbers would leave the rest pale: the scale ends at three times the usual size.
    double squares = 0;
    for (const float v : zero) squares += static_cast<double>(v) * static_cast<double>(v);
    const double usual = std::sqrt(squares / static_cast<double>(zero.size()));
    const ColourScale scale = ColourScale::symmetric(std::max(3 * usual, 1e-30));
    const std::string part = f.shown_rows < f.rows || f.shown_cols < f.cols
                                 ? "first " + format_count(f.shown_rows) + " × " +
                                       format_count(f.shown_cols) + " of " + format_count(f.rows) +
                                       " × " + format_count(f.cols)
                                 : format_count(f.rows) + " × " + format_count(f.cols);
    std::vector<float> apart = now;
    for (std::size_t i = 0; i < apart.size(); ++i) apart[i] -= zero[i];
    const std::string distance = format_count(s.distance());
    const std::string change =
        "changed by " + format_percent(f.change(static_cast<double>(s.distance())));
    struct Map {
        const std::vector<float>* matrix;
        std::string title, remark;
    };
    std::vector<Map> maps{{&zero, "At distance 0", part},
                          {&now, "At distance " + distance, change},
                          {&apart, "Their difference", ""}};
    // Least important first out: the difference, the curve and the reason, the map at 0.
    const double wide = area.w / u, high = area.h / u;
    if (wide < 1040) maps.pop_back();
    if (wide < 420) maps.erase(maps.begin());
    const bool below = wide < 760 && high >= 360, right = !below && wide >= 560;
    const auto n = static_cast<double>(maps.size());
    const double maps_h = below ? std::round(area.h * 0.58) : area.h;
    const double beside = std::max((wide >= 760 ? 280 : 200) * u, area.w * 0.26);
    const double room = right ? area.w - gap - beside : area.w;
    const double most = (room - (n - 1) * gap) / n;
    const double top = line_height(t.normal()) + 4;
    const double key = std::round(t.small() * 0.7) + 4 + line_height(t.small()) + 8 * u;
    if (maps_h - key - top < 48 * u) return;
    const double cell = std::min(most / static_cast<double>(f.shown_cols),
                                 (maps_h - key - top) / static_cast<double>(f.shown_rows));
    // A narrow map keeps the room of its title.
    const double each =
        std::clamp(cell * static_cast<double>(f.shown_cols), std::min(176 * u, most), most);
    double x = area.x;
    for (const Map& m : maps) {
        draw_matrix(canvas, t, {x, area.y, each, maps_h - key}, f, *m.matrix, scale, m.title,
                    m.remark);
        x += each + gap;
    }
    const double foot = area.y + top + cell * static_cast<double>(f.shown_rows);
    draw_colour_key(canvas, t, {area.x, foot + 8 * u}, std::min(160 * u, each), scale);
    if (right) {
        const double w = area.right() - x, left = x - gap - area.x;
        // The reason stands below the maps where they leave room, else below the curve.
        const bool under = area.bottom() - foot - key >= 120 * u && left >= 400 * u;
        const double reason = under ? 0 : std::min(area.h * 0.5, 208 * u);
        const double plot = std::min(area.h - reason - 16 * u, under ? area.h : 320 * u);
        if (under) {
            const double y = foot + key + 16 * u;
            draw_reason(canvas, s, f, {area.x, y, std::min(left, 640 * u), area.bottom() - y});
        }
        if (plot >= 96 * u) draw_change(canvas, s, f, {x, area.y, w, plot});
        if (!under) {
            const double y = plot >= 96 * u ? area.y + plot + 16 * u : area.y;
            draw_reason(canvas, s, f, {x, y, w, area.bottom() - y});
        }
    } else if (below) {
        const double y = foot + key + 16 * u;
        draw_change(canvas, s, f, {area.x, y, area.w, area.bottom() - y});
    }
}

}  // namespace sf::rope
