#pragma once

#include "views/draw/colour_map.h"
#include "views/draw/formula.h"
#include "views/draw/heat_map.h"
#include "views/draw/number.h"
#include "views/draw/plot.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"

#include <cmath>
#include <string>
#include <vector>

namespace sf {

// Every item of the vocabulary on one page: what the tests draw on all canvases.
inline void draw_gallery(Canvas& canvas, const Theme& theme, const Rect& page) {
    const double s = theme.text_scale, gap = 24;
    const Rect area = page.inset(gap);
    double x = area.x, y = area.y;
    const auto heading = [&](const std::string& text) {
        canvas.text({x, y + theme.normal()}, text,
                    theme.text(theme.normal(), theme.ink, Weight::bold));
        y += theme.normal() * 1.9;
    };
    canvas.text({x, y + theme.large()}, "Vocabulary of the views",
                theme.text(theme.large(), theme.ink, Weight::bold));
    y += theme.large() * 1.9;
    const double top = y;
    const double col = (area.w - 2 * gap) / 3;

    heading("Tokens");
    std::vector<Chip> chips;
    for (const char* t : {"the", " cat", " sat", "\n", " on", " the", " mat", " naïve", "Ж"})
        chips.push_back({token_label(t), chips.size() == 2, chips.size() == 1,
                         theme.meaning(Meaning::query), static_cast<std::int64_t>(chips.size())});
    draw_chips(canvas, theme, {x, y}, col, chips);
    y += chip_height(theme) + 16;

    heading("Formulas");
    for (const char* f :
         {"c^{KV}_t = RMSNorm(W^{DKV} h_t)",
          "o_{t,i} = Σ_{j≤t} softmax_j(q_{t,i}^T k_{j,i} / √d_h) v_{j,i}",
          "h'_t = u_t + Σ_{i=1}^{N_s} FFN_i^{(s)}(u_t) + Σ_{i=1}^{N_r} g_{i,t} FFN_i^{(r)}(u_t)"}) {
        const auto style = theme.text(theme.normal(), theme.ink);
        auto fitted = style;
        fitted.size = std::min(style.size, style.size * col / formula_width(canvas, f, style));
        draw_formula(canvas, {x, y + theme.normal()}, f, fitted);
        y += theme.normal() * 2;
    }

    heading("Legend and paragraph");
    std::vector<LegendEntry> legend;
    const char* names[] = {"query",    "key",           "value",         "latent",
                           "position", "shared expert", "routed expert", "MTP",
                           "residual", "norm",          "embedding",     "head"};
    for (int i = 0; i < 12; ++i)
        legend.push_back(
            {names[i], theme.meaning(static_cast<Meaning>(i)), hatch_of(static_cast<Meaning>(i))});
    y += draw_legend(canvas, theme, {x, y}, col, legend) + 8;
    for (int i = 0; i < 12; ++i) {
        const double w = col / 12;
        const Rect r{x + w * i, y, w - 3, 28 * s};
        canvas.fill_rect(r, theme.meaning_soft(static_cast<Meaning>(i)), 3);
        canvas.fill_rect({r.x, r.bottom() - 5, r.w, 5}, theme.meaning(static_cast<Meaning>(i)));
        text_in(canvas, r, std::string(1, names[i][0]),
                theme.text(theme.small(), theme.ink, Weight::regular, Align::centre));
    }
    y += 28 * s + 10;
    y +=
        paragraph(canvas, {x, y}, col,
                  "Token 3 “sat” reads 54 % of its value from “cat” (position 2). The latent holds "
                  "32 + 8 numbers a token, 5.1 × fewer than keys and values would take.",
                  theme.text(theme.normal(), theme.ink_soft));
    y += 10;
    for (const auto& [colour, text] :
         {std::pair{theme.good, "● logits = forward pass, max error 0"},
          std::pair{theme.bad, "▲ rows sum to 1: 0.98"}}) {
        canvas.text({x, y + theme.small()}, text, theme.text(theme.small(), colour));
        y += theme.small() * 1.6;
    }

    x += col + gap, y = top;
    heading("Heat maps");
    HeatMap scores;
    scores.rows = scores.cols = 6;
    scores.value = [](std::int64_t r, std::int64_t c) {
        return std::exp(-0.4 * static_cast<double>((r - c) * (r - c) % 7)) /
               (1.0 + static_cast<double>(r));
    };
    scores.past = 0;
    scores.row_labels = scores.col_labels = {"the", "␣cat", "␣sat", "␣on", "␣the", "␣mat"};
    scores.target = {"layers.0.attn_probs", 0, 1, 1, 6, 1};
    scores.hover_index = 13;
    scores.scale = ColourScale::range(0, 1);
    const auto m = heat_map_margins(canvas, theme, scores);
    scores.area = {x + m.left, y + m.top, col - m.left, 150 * std::sqrt(s)};
    draw_heat_map(canvas, theme, scores);
    y = scores.area.bottom() + 8;
    y += draw_colour_key(canvas, theme, {x + m.left, y}, col - m.left, scores.scale) + 8;
    HeatMap latent;
    latent.rows = 12, latent.cols = 64;
    latent.value = [](std::int64_t r, std::int64_t c) {
        return std::sin(static_cast<double>(r * 13 + c * 7)) * (1 + 0.1 * static_cast<double>(r));
    };
    latent.scale = ColourScale::symmetric(2);
    latent.area = {x, y, col, 84};
    latent.target = {"layers.0.kv_latent", 0, 1, 1, 64, 1};
    draw_heat_map(canvas, theme, latent);
    y = latent.area.bottom() + 8;
    y += draw_colour_key(canvas, theme, {x, y}, col, latent.scale) + 10;

    heading("Arrows and ribbons");
    const Rect a{x, y, 80 * s, 30 * s}, b{x + col - 80 * s, y + 40 * s, 80 * s, 30 * s};
    draw_panel(canvas, theme, a);
    draw_panel(canvas, theme, b, true);
    const auto label = theme.text(theme.small(), theme.ink, Weight::regular, Align::centre);
    text_in(canvas, a, "MLA", label);
    text_in(canvas, b, "MoE", label);
    draw_ribbon(canvas, a.right() + 4, a.y + 2, a.y + 12, b.x - 4, b.y + 14, b.y + 28,
                theme.meaning(Meaning::routed_expert).alpha(0.45));
    draw_ribbon(canvas, a.right() + 4, a.y + 16, a.y + 28, b.x - 4, b.y + 2, b.y + 6,
                theme.meaning(Meaning::shared_expert).alpha(0.45));
    draw_arrow(canvas, elbow({a.right(), a.y + 15 * s}, {b.x, b.y + 15 * s}), {theme.ink_soft});
    draw_arrow(canvas,
               {{a.centre().x, a.bottom()},
                {a.centre().x, b.bottom() + 12},
                {b.centre().x, b.bottom() + 12},
                {b.centre().x, b.bottom() + 2}},
               {theme.accent, 2});
    draw_dashed(canvas, {{a.right() + 8, a.y + 4}, {b.right(), a.y + 4}}, theme.ink_faint, 1);
    draw_ring(canvas, {b.right() - 14, a.y + 18}, 8, theme.meaning(Meaning::query), 2);
    draw_circle(canvas, {b.right() - 40, a.y + 18}, 8, theme.meaning(Meaning::key));
    y = b.bottom() + 28;
    heading("Sparkline and hatches");
    std::vector<double> curve;
    for (int i = 0; i < 80; ++i)
        curve.push_back(i == 40 ? std::nan("") : std::sin(i * 0.25) * std::exp(-i * 0.03));
    draw_sparkline(canvas, {x, y, col, 36}, curve, theme.meaning(Meaning::residual));
    y += 48;
    for (int i = 0; i < 6; ++i) {
        const double w = col / 6;
        draw_swatch(canvas, {x + w * i, y, w - 8, 36}, theme.meaning(static_cast<Meaning>(i)),
                    static_cast<Hatch>(i));
    }

    x += col + gap, y = top;
    heading("Bars");
    Bars bars;
    bars.area = {x, y, col, 5 * theme.small() * 1.7};
    bars.values = {0.413, 0.221, 0.102, 0.0571, 0.0093};
    bars.labels = {"␣mat", "␣floor", "␣roof", "␣chair", "⏎"};
    bars.colour = theme.accent;
    bars.horizontal = bars.numbers = true;
    bars.target = {"logits", 0, 1, 1, 0, 1};
    bars.hover_index = 1;
    draw_bars(canvas, theme, bars);
    y = bars.area.bottom() + 12;
    Bars signs;
    signs.area = {x, y, col, 70};
    for (int i = 0; i < 32; ++i) signs.values.push_back(std::sin(i * 0.7) * (1 - i / 40.0));
    signs.colour = theme.meaning(Meaning::latent);
    draw_bars(canvas, theme, signs);
    y = signs.area.bottom() + 12;

    heading("Plot");
    Plot plot;
    plot.area = {x, y, col, area.bottom() - y - 120 * std::sqrt(s)};
    plot.x = {"step", 1, 1000, true};
    plot.y.label = "loss (nats)";
    Series one{"main", {}, {}, theme.meaning(Meaning::query)},
        two{"MTP 1", {}, {}, theme.meaning(Meaning::mtp)};
    two.dashed = true;
    for (int i = 1; i <= 1000; i += 7) {
        one.x.push_back(i), two.x.push_back(i);
        one.y.push_back(1.5 + 4 * std::pow(i, -0.35) + 0.05 * std::sin(i));
        two.y.push_back(2.1 + 3.6 * std::pow(i, -0.33));
    }
    plot.series = {one, two};
    draw_plot(canvas, theme, plot);
    y = plot.area.bottom() + 12;
    heading("Histogram");
    const auto h = histogram(
        2000,
        [](std::int64_t, std::int64_t i) {
            const double u = std::fmod(static_cast<double>(i) * 0.61803398875, 1.0),
                         v = std::fmod(static_cast<double>(i) * 0.7548776662, 1.0);
            return std::sqrt(-2 * std::log(u + 1e-9)) * std::cos(6.2831853 * v);
        },
        40);
    draw_histogram(canvas, theme, {x, y, col, area.bottom() - y}, h, theme.meaning(Meaning::value));
}

}  // namespace sf
