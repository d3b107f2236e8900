#include "views/draw/heat_map.h"
#include "views/draw/number.h"
#include "views/draw/page.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/gpu_measured.h"

#include <algorithm>
#include <array>
#include <cmath>

// Three maps of one result, and the variants of the kernels under them.
namespace sf::gpu {

namespace {

HeatMap map_of(const ResultScene& s, const Rect& area, Cells<double> value,
               const ColourScale& scale) {
    HeatMap map;
    map.area = area;
    map.rows = s.rows;
    map.cols = s.cols;
    map.value = std::move(value);
    map.scale = scale;
    map.target = {"setting:cell", 0, 1, 1, s.cols, 1};
    map.hover_index = s.cell;
    map.numbers = false;
    return map;
}

struct Column {
    std::string title;
    double share;  // of the width
    Align align;
};
const std::array<Column, 5> columns{{{"kernel", 0.18, Align::left},
                                     {"32 bits: max error", 0.27, Align::right},
                                     {"time", 0.14, Align::right},
                                     {"16 bits: max error", 0.27, Align::right},
                                     {"time", 0.14, Align::right}}};

// A variant of the kernels: its two storages side by side, or why it was refused.
struct Row {
    std::string variant, refused;
    const DeviceReport::Run* runs[2] = {nullptr, nullptr};  // 32 bits, 16 bits
};

std::vector<Row> rows_of(const ResultScene& s) {
    std::vector<Row> rows;
    for (const DeviceReport::Run& r : s.part->runs) {
        const std::string variant = name_of(r.variant);
        if (rows.empty() || rows.back().variant != variant) rows.push_back({variant, "", {}});
        rows.back().runs[r.half ? 1 : 0] = &r;
    }
    for (const auto& [variant, why] : s.setup.report.value->device.refused)
        rows.push_back({name_of(variant), why, {}});
    return rows;
}

std::string error_text(const DeviceReport::Run& r) {
    return format_number(r.error, 2) + (r.agrees() ? " ≤ " : " > ") + format_number(r.tolerance, 2);
}

double row_h(const Theme& t) {
    return line_height(t.small()) + 6 * t.text_scale;
}

}  // namespace

void draw_parts(Canvas& canvas, const ResultScene& s, const Rect& area) {
    const Theme& t = s.theme();
    const double u = t.text_scale;
    double x = area.x;
    for (const DeviceReport::Part& p : s.setup.report.value->parts) {
        const bool now = &p == s.part;
        const auto style = t.text(t.small(), now ? t.accent : t.ink_soft,
                                  now ? Weight::bold : Weight::regular, Align::centre);
        const Rect box{x, area.y, canvas.text_width(p.title, style) + 20 * u, area.h};
        if (box.right() > area.right()) return;
        canvas.fill_rect(box, now ? t.accent_soft : t.raised, 5);
        text_in(canvas, box, p.title, style);
        canvas.hit(box,
                   {"command:set gpu.of=" + std::string(p.title == "Attention"       ? "attention"
                                                        : p.title == "Shared expert" ? "shared"
                                                                                     : "experts"),
                    0, 1, 1, 0, 0});
        x = box.right() + 8 * u;
    }
}

void draw_maps(Canvas& canvas, const ResultScene& s, const Rect& area) {
    const Theme& t = s.theme();
    const double u = t.text_scale, line = std::ceil(line_height(t.small()));
    const double gap = 24 * u, w = (area.w - 2 * gap) / 3;
    const bool keys = area.h >= 160 * u;
    const double key = keys ? std::round(t.small() * 0.7) + 4 + line : 0;
    const double head = std::ceil(line_height(t.normal())) + 4, foot = key + line + 14 * u;
    const double h = std::min(area.h - head - foot, 44 * u * static_cast<double>(s.rows));
    if (w < 48 * u || h < 16 * u) return;
    const Tensor &cpu = *s.part->expected, &device = *s.run->value;
    double most = 1e-30, off = 0;
    for (std::int64_t i = 0; i < cpu.size(); ++i) {
        if (std::isfinite(cpu.at(i))) most = std::max(most, std::abs(cpu.at(i)));
        if (std::isfinite(s.difference(i))) off = std::max(off, std::abs(s.difference(i)));
    }
    const ColourScale same = ColourScale::symmetric(most);
    const ColourScale own = ColourScale::symmetric(off > 0 ? off : 1e-30);
    const auto at = [&](int i) { return Rect{area.x + (w + gap) * i, area.y + head, w, h}; };
    const std::int64_t cols = s.cols;
    HeatMap maps[] = {
        map_of(
            s, at(0), [&cpu, cols](std::int64_t r, std::int64_t c) { return cpu.at(r * cols + c); },
            same),
        map_of(
            s, at(1),
            [&device, cols](std::int64_t r, std::int64_t c) { return device.at(r * cols + c); },
            same),
        map_of(
            s, at(2),
            [&s, cols](std::int64_t r, std::int64_t c) { return s.difference(r * cols + c); },
            own)};
    if (s.part->recorded) maps[0].target.node = s.part->node;
    const std::string titles[] = {"CPU", "Device", "Device − CPU"};
    const std::string remarks[] = {s.part->recorded ? "recorded" : "computed anew",
                                   name_of(s.run->variant),
                                   off > 0 ? "a scale of its own" : "0 everywhere"};
    for (int i = 0; i < 3; ++i) {
        HeatMap& map = maps[i];
        draw_block_title(canvas, t, {map.area.x, area.y, w, head}, titles[i], remarks[i]);
        draw_heat_map(canvas, t, map);
        if (keys && i != 1 && (i != 2 || off > 0))
            draw_colour_key(canvas, t, {map.area.x, map.area.bottom() + 5 * u},
                            std::min(w, 240 * u), map.scale);
    }
    const std::string text =
        std::string(s.worst ? "Largest difference" : "Here") + ", row " +
        std::to_string(s.cell / s.cols) + ", column " + std::to_string(s.cell % s.cols) + ": CPU " +
        format_number(cpu.at(s.cell), 7) + ", device " + format_number(device.at(s.cell), 7) +
        ", difference " + format_number(s.difference(s.cell), 2);
    text_in(canvas, {area.x, area.y + head + h + key + 8 * u, area.w, line}, text,
            t.text(t.small(), t.ink));
}

double variants_height(const ResultScene& s) {
    const Theme& t = s.theme();
    return line_height(t.normal()) + 8 + row_h(t) * static_cast<double>(1 + rows_of(s).size());
}

void draw_variants(Canvas& canvas, const ResultScene& s, const Rect& area) {
    const Theme& t = s.theme();
    const double h = row_h(t), pad = 6 * t.text_scale;
    double y = area.y + draw_block_title(canvas, t, area, "Every kernel of this device",
                                         "beside its tolerance; press one to look at it");
    std::array<double, 6> x{area.x};
    for (std::size_t c = 0; c < columns.size(); ++c) x[c + 1] = x[c] + area.w * columns[c].share;
    const auto put = [&](std::size_t c, const std::string& text, Colour colour, Weight weight) {
        text_in(canvas, {x[c] + pad, y, x[c + 1] - x[c] - 2 * pad, h}, text,
                t.text(t.small(), colour, weight, columns[c].align));
    };
    for (std::size_t c = 0; c < columns.size(); ++c)
        put(c, columns[c].title, t.ink_faint, Weight::regular);
    canvas.hit({x[1], y, x[3] - x[1], h}, {"command:set gpu.half=false", 0, 1, 1, 0, 0});
    canvas.hit({x[3], y, x[5] - x[3], h}, {"command:set gpu.half=true", 0, 1, 1, 0, 0});
    y += h;
    canvas.line({area.x, y}, {area.right(), y}, t.hairline, 1);
    for (const Row& row : rows_of(s)) {
        if (y + h > area.bottom() + 1) return;
        canvas.hit({area.x, y, area.w, h},
                   {"command:set gpu.variant=" + row.variant, 0, 1, 1, 0, 0});
        put(0, row.variant, row.refused.empty() ? t.ink : t.ink_faint, Weight::regular);
        const auto refuse = [&](double from, double to, const std::string& why) {
            text_in(canvas, {from + pad, y, to - from - 2 * pad, h}, why,
                    t.text(t.small(), t.ink_faint, Weight::regular, Align::right));
        };
        if (!row.refused.empty()) refuse(x[1], x[5], row.refused);
        for (const std::size_t half : {0U, 1U}) {
            const DeviceReport::Run* r = row.runs[half];
            if (r == nullptr) continue;
            const std::size_t c = 1 + 2 * half;
            const bool shown = r == s.run;
            if (shown) canvas.fill_rect({x[c], y, x[c + 2] - x[c], h}, t.accent_soft, 3);
            if (!r->refused.empty()) {
                refuse(x[c], x[c + 2], r->refused);
                continue;
            }
            const Weight weight = shown ? Weight::bold : Weight::regular;
            put(c, error_text(*r), r->agrees() ? t.ink : t.bad, weight);
            put(c + 1, r->seconds() > 0 ? format_seconds(r->seconds()) : "–", t.ink, weight);
        }
        y += h;
    }
}

}  // namespace sf::gpu
