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

// What the two parts of the roof are; returns the room that they take.
std::vector<Rect> draw_roof_names(Canvas& canvas, const CostScene& s, const PlotFrame& f) {
    const Theme& t = s.theme();
    const double u = t.text_scale, line = line_height(t.small());
    const auto soft = t.text(t.small(), t.ink_soft);
    const double top = s.roof().flops_per_second / 1e9;
    std::vector<Rect> taken;
    for (const KernelCost& k : s.kernels)
        if (k.timed()) {
            const Vec2 p = f.at(k.intensity(), k.rate() / 1e9);
            taken.push_back({p.x - 6 * u, p.y - 6 * u, 12 * u, 12 * u});
        }
    const auto put = [&](const std::string& text, double x, double y) {
        const Rect box{x, y, canvas.text_width(text, soft), line};
        if (box.x < f.data.x || box.right() > f.data.right() || box.y < f.data.y ||
            std::any_of(taken.begin(), taken.end(), [&](const Rect& r) { return r.overlaps(box); }))
            return;
        text_in(canvas, {box.x, box.y, box.w + 2, box.h}, text, soft);
        taken.push_back(box);
    };
    const Vec2 ridge = f.at(s.ridge(), top);
    const std::string peak = "multiply-adds: " + rate_text(s.roof().flops_per_second);
    put(peak, f.data.right() - canvas.text_width(peak, soft) - 4 * u, ridge.y - line - 4 * u);
    const std::string copies =
        "copies: " + format_number(s.roof().copy_bytes_per_second / 1e9, 3) + " GB/s";
    const double at = std::sqrt(f.x.lo * s.ridge());
    const Vec2 middle = f.at(at, s.roof_at(at) / 1e9);
    for (int i = 0; i <= 60; ++i) {
        const double x = f.x.lo * std::pow(f.x.hi / f.x.lo, i / 60.0);
        const Vec2 p = f.at(x, s.roof_at(x) / 1e9);
        taken.push_back({p.x - 3 * u, p.y - 3 * u, 6 * u, 6 * u});
    }
    put(copies, middle.x - canvas.text_width(copies, soft) - 12 * u, middle.y - line - 2 * u);
    return taken;
}

// Each timed kernel, named where there is room, and how far below the roof it is.
void draw_points(Canvas& canvas, const CostScene& s, const PlotFrame& f, std::vector<Rect> taken) {
    const Theme& t = s.theme();
    const double u = t.text_scale, line = line_height(t.small());
    const auto free = [&](const Rect& box) {
        return box.x >= f.data.x && box.right() <= f.data.right() && box.y >= f.data.y &&
               box.bottom() <= f.data.bottom() &&
               std::none_of(taken.begin(), taken.end(),
                            [&](const Rect& r) { return r.overlaps(box); });
    };
    std::vector<Vec2> points;
    for (const KernelCost& k : s.kernels) {
        points.push_back(k.timed() ? f.at(k.intensity(), k.rate() / 1e9) : Vec2{});
        if (!k.timed()) continue;
        const Vec2 p = points.back();
        const Vec2 roof = f.at(k.intensity(), s.roof_at(k.intensity()) / 1e9);
        if (roof.y >= p.y) continue;
        draw_dashed(canvas, {p, roof}, s.colour(k).alpha(0.7), 1, 2, 3);
        taken.push_back({p.x - 2, roof.y, 4, p.y - roof.y - 6 * u});
    }
    const auto style = t.text(t.small(), t.ink, Weight::bold);
    for (std::size_t i = 0; i < s.kernels.size(); ++i) {
        const KernelCost& k = s.kernels[i];
        if (!k.timed()) continue;
        const Vec2 p = points[i];
        draw_circle(canvas, p, 6 * u, t.background);
        draw_circle(canvas, p, 5 * u, s.colour(k));
        const std::string number = std::to_string(i + 1);
        const auto put = [&](const std::string& text) {
            const double w = canvas.text_width(text, style);
            for (const Vec2 off : {Vec2{9 * u, -line / 2},
                                   {-9 * u - w, -line / 2},
                                   {-w / 2, 8 * u},
                                   {-w / 2, -8 * u - line}}) {
                const Rect box{p.x + off.x, p.y + off.y, w, line};
                if (!free(box)) continue;
                text_in(canvas, {box.x, box.y, box.w + 2, box.h}, text, style);
                taken.push_back(box);
                return true;
            }
            return false;
        };
        if (!put(number + "  " + k.kernel)) put(number);
    }
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
        if (k.timed()) timed.push_back(&k);
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
    Series roof{"", {lo, s.ridge(), hi}, {s.roof_at(lo) / 1e9, top, top}, t.ink, 2};
    plot.series = {roof};
    const PlotFrame f = draw_plot(canvas, t, plot);
    if (f.data.w < 40 || f.data.h < 40) return;
    const double ridge = f.at(s.ridge(), top).x;
    draw_dashed(canvas, {{ridge, f.at(s.ridge(), top).y}, {ridge, f.data.bottom()}}, t.ink_faint,
                1);
    draw_points(canvas, s, f, draw_roof_names(canvas, s, f));
}

}  // namespace sf::gpu
