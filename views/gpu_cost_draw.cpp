#include "views/draw/number.h"
#include "views/draw/page.h"
#include "views/draw/plot.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/gpu_measured.h"

#include <algorithm>
#include <array>
#include <cmath>

// The kernels as a table, and under the roof of the device.
namespace sf::gpu {

namespace {

struct Column {
    const char* title;
    double share;  // of the width, when all are shown
    int rank;      // the highest go first where there is no room
};
constexpr std::array<Column, 9> columns{{{"kernel", 0.25, 0},
                                         {"work groups", 0.1, 1},
                                         {"invocations", 0.11, 3},
                                         {"shared", 0.09, 5},
                                         {"FLOP", 0.08, 2},
                                         {"bytes", 0.1, 4},
                                         {"time", 0.09, 0},
                                         {"GFLOP/s", 0.09, 1},
                                         {"of the roof", 0.09, 2}}};

std::array<std::string, 9> cells_of(const CostScene& s, const KernelCost& k, std::size_t number) {
    const double share = s.share(k);
    return {std::to_string(number + 1) + "  " + k.part + ": " + k.kernel,
            format_count(k.groups),
            format_count(k.invocations),
            k.shared_bytes > 0 ? format_bytes(k.shared_bytes) : "none",
            format_short(k.flops),
            format_bytes(static_cast<std::int64_t>(k.bytes)),
            k.seconds > 0 ? format_seconds(k.seconds) : "–",
            k.rate() > 0 ? format_number(k.rate() / 1e9, 3) : "–",
            share > 0 ? format_percent(share) : "–"};
}

double row_h(const Theme& t) {
    return line_height(t.small()) + 6 * t.text_scale;
}

}  // namespace

double kernels_height(const CostScene& s) {
    return row_h(s.theme()) * static_cast<double>(s.kernels.size() + 1) + 2;
}

void draw_kernels(Canvas& canvas, const CostScene& s, const Rect& area) {
    const Theme& t = s.theme();
    const double u = t.text_scale, h = row_h(t);
    // As many columns as have room at this size of text.
    int rank = 5;
    const auto width_of = [&](int most) {
        double all = 0;
        for (const Column& c : columns)
            if (c.rank <= most) all += c.share;
        return all;
    };
    while (rank > 0 && area.w < width_of(rank) * 1000 * u) --rank;
    const double scale = area.w / width_of(rank);
    double y = area.y;
    const auto put = [&](const std::array<std::string, 9>& cells, Colour colour, Weight weight,
                         double indent) {
        double x = area.x;
        for (std::size_t c = 0; c < columns.size(); ++c) {
            if (columns[c].rank > rank) continue;
            const double w = columns[c].share * scale;
            const double left = c == 0 ? indent : 0;
            text_in(canvas, {x + left, y, w - left - (c == 0 ? 0 : 4 * u), h}, cells[c],
                    t.text(t.small(), colour, weight, c == 0 ? Align::left : Align::right));
            x += w;
        }
        y += h;
    };
    std::array<std::string, 9> head;
    for (std::size_t c = 0; c < columns.size(); ++c) head[c] = columns[c].title;
    put(head, t.ink_faint, Weight::regular, 18 * u);
    canvas.line({area.x, y}, {area.right(), y}, t.hairline, 1);
    for (std::size_t i = 0; i < s.kernels.size(); ++i) {
        if (y + h > area.bottom() + 1) return;
        draw_circle(canvas, {area.x + 6 * u, y + h / 2}, 4.5 * u, s.colour(s.kernels[i]));
        put(cells_of(s, s.kernels[i], i), t.ink, Weight::regular, 18 * u);
    }
}

void draw_roofline(Canvas& canvas, const CostScene& s, const Rect& area) {
    const Theme& t = s.theme();
    const double u = t.text_scale;
    const double head = draw_block_title(canvas, t, area, "Under the roof of this device",
                                         "left of the ridge memory limits, right of it arithmetic");
    std::vector<const KernelCost*> timed;
    for (const KernelCost& k : s.kernels)
        if (k.rate() > 0 && k.intensity() > 0) timed.push_back(&k);
    const Rect rest{area.x, area.y + head, area.w, area.h - head};
    if (rest.h < 80 * u || rest.w < 140 * u) return;
    if (timed.empty() || !s.has_roof()) {
        const std::string why =
            timed.empty() ? "No kernel was timed." : "The roof of this device was not measured.";
        paragraph(canvas, {rest.x, rest.y}, rest.w, why, t.text(t.normal(), t.ink_soft), rest.h);
        return;
    }
    double lo = s.ridge() / 4, hi = s.ridge() * 4, low = s.roof().flops_per_second;
    for (const KernelCost* k : timed) {
        lo = std::min(lo, k->intensity() / 2);
        hi = std::max(hi, k->intensity() * 2);
        low = std::min(low, k->rate() / 3);
    }
    low = std::min(low, s.roof_at(lo) / 2) / 1e9;
    const double top = s.roof().flops_per_second / 1e9;
    Plot plot;
    plot.area = rest;
    plot.x = {"FLOP per byte", lo, hi, true};
    plot.y = {"GFLOP/s", low, top * 3, true};
    Series roof{"the roof", {lo, s.ridge(), hi}, {s.roof_at(lo) / 1e9, top, top}, t.ink, 2};
    plot.series = {roof};
    const PlotFrame f = draw_plot(canvas, t, plot);
    if (f.data.w < 40 || f.data.h < 40) return;
    const double ridge = f.at(s.ridge(), top).x;
    draw_dashed(canvas, {{ridge, f.at(s.ridge(), top).y}, {ridge, f.data.bottom()}}, t.ink_faint,
                1);
    const double line = line_height(t.small());
    std::vector<Rect> taken;
    for (std::size_t i = 0; i < s.kernels.size(); ++i) {
        const KernelCost& k = s.kernels[i];
        if (!(k.rate() > 0) || !(k.intensity() > 0)) continue;
        const Vec2 p = f.at(k.intensity(), k.rate() / 1e9);
        const Vec2 under = f.at(k.intensity(), s.roof_at(k.intensity()) / 1e9);
        if (under.y < p.y) draw_dashed(canvas, {p, under}, s.colour(k).alpha(0.6), 1, 2, 3);
        draw_circle(canvas, p, 6 * u, t.background);
        draw_circle(canvas, p, 5 * u, s.colour(k));
        const std::string text = std::to_string(i + 1);
        const auto style = t.text(t.small(), t.ink, Weight::bold);
        const double w = canvas.text_width(text, style);
        for (const Vec2 off : {Vec2{8 * u, -line / 2},
                               {-8 * u - w, -line / 2},
                               {-w / 2, 7 * u},
                               {-w / 2, -7 * u - line}}) {
            const Rect box{p.x + off.x, p.y + off.y, w, line};
            const bool free = std::none_of(taken.begin(), taken.end(),
                                           [&](const Rect& r) { return r.overlaps(box); });
            if (!free || box.x < f.data.x || box.right() > f.data.right() || box.y < f.data.y ||
                box.bottom() > f.data.bottom())
                continue;
            text_in(canvas, box, text, style);
            taken.push_back(box);
            break;
        }
    }
}

}  // namespace sf::gpu
