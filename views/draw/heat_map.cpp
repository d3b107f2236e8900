#include "views/draw/heat_map.h"

#include "views/draw/number.h"
#include "views/draw/text.h"

#include <algorithm>
#include <cmath>

namespace sf {

namespace {

constexpr std::int64_t most_pixels = 2048;  // a side of the picture

// As many decimals as the largest value of the map needs to show two digits, the same in all cells.
struct CellText {
    int decimals = 2;
    bool plain = true;  // fixed decimals; else powers of ten

    explicit CellText(const ColourScale& scale) {
        const double most = std::max(std::abs(scale.lo), std::abs(scale.hi));
        if (!(most > 0) || !std::isfinite(most)) return;
        const int e = static_cast<int>(std::floor(std::log10(most)));
        decimals = e >= 3 ? 0 : e == 2 ? 1 : e >= 0 ? 2 : std::min(1 - e, 6);
        plain = e >= -4 && e < 7;
    }
    std::string operator()(double v) const {
        if (!std::isfinite(v) || !plain) return format_number(v, 2);
        return v == 0 ? "0" : format_fixed(v, decimals);
    }
};

double stronger(double a, double b) {
    return std::isnan(a) || std::abs(a) >= std::abs(b) ? a : b;
}

// Puts the first n of the row's cells together in place, for `width` pixels a whole row. Returns
// how many pixels they make.
std::size_t narrow(std::vector<double>& row, std::size_t n, std::size_t width) {
    std::size_t pixels = 0;
    for (std::size_t c = 0; c < n; ++pixels) {
        double v = row[c++];
        for (const auto end = std::min(n, (pixels + 1) * row.size() / width); c < end; ++c)
            v = stronger(v, row[c]);
        row[pixels] = v;
    }
    return pixels;
}

std::shared_ptr<const Image> picture(const Theme& theme, const HeatMap& map) {
    // As many pixels as can be told apart at twice the logical size, and never more than cells.
    const auto side = [](std::int64_t cells, double extent) {
        const auto seen = static_cast<std::int64_t>(std::ceil(extent * 2));
        return std::clamp<std::int64_t>(cells, 1, std::clamp<std::int64_t>(seen, 1, most_pixels));
    };
    auto image = std::make_shared<Image>();
    const std::int64_t h = side(map.rows, map.area.h), w = side(map.cols, map.area.w);
    image->w = static_cast<int>(w);
    image->h = static_cast<int>(h);
    const Painter paint(theme, map.scale);
    const Colour clear{theme.background.r, theme.background.g, theme.background.b, 0};
    image->pixels.resize(static_cast<std::size_t>(w * h), clear);
    const auto cols = static_cast<std::size_t>(map.cols);
    std::vector<double> row(cols), best(cols);
    for (std::int64_t y = 0; y < h; ++y) {
        // Of the cells that a pixel covers it shows the one largest in magnitude, NaN before all.
        const std::int64_t r0 = y * map.rows / h, r1 = std::max(r0 + 1, (y + 1) * map.rows / h);
        std::size_t pixels = 0;
        for (std::int64_t r = r0; r < r1; ++r) {
            auto n = static_cast<std::size_t>(map.filled(r));
            map.value.read(r, 0, std::span(row).first(n));
            if (w < map.cols) n = narrow(row, n, static_cast<std::size_t>(w));
            if (r == r0) {
                row.swap(best);
            } else {
                for (std::size_t x = 0; x < pixels; ++x) best[x] = stronger(best[x], row[x]);
                std::copy(row.begin() + static_cast<std::ptrdiff_t>(pixels),
                          row.begin() + static_cast<std::ptrdiff_t>(n),
                          best.begin() + static_cast<std::ptrdiff_t>(pixels));
            }
            pixels = n;
        }
        std::transform(best.begin(), best.begin() + static_cast<std::ptrdiff_t>(pixels),
                       image->pixels.begin() + y * w, paint);
    }
    return image;
}

void numbers(Canvas& canvas, const Theme& theme, const HeatMap& map) {
    const double cell_w = map.area.w / static_cast<double>(map.cols);
    const double cell_h = map.area.h / static_cast<double>(map.rows);
    const double size = map.number_size > 0 ? map.number_size : theme.small();
    if (cell_h < size * 1.35 || cell_w < size * 2) return;
    auto style = theme.text(size, theme.ink, Weight::regular, Align::centre);
    const CellText cell_text(map.scale);
    // All or none: a grid in which some cells lack their number misleads.
    double widest = 0;
    for (std::int64_t r = 0; r < map.rows; ++r)
        for (std::int64_t c = 0; c < map.filled(r); ++c)
            widest = std::max(widest, canvas.text_width(cell_text(map.value(r, c)), style));
    if (widest > cell_w - size * 0.45) return;  // neighbours must read as two numbers
    for (std::int64_t r = 0; r < map.rows; ++r)
        for (std::int64_t c = 0; c < map.filled(r); ++c) {
            const double v = map.value(r, c);
            style.colour = ink_on(map.scale.colour(theme, v));
            const Vec2 middle = heat_map_cell(map, r, c).centre();
            canvas.text({middle.x, middle.y + cap_height(size) / 2}, cell_text(v), style);
        }
}

// Every how many-th label is drawn so that they do not touch.
std::int64_t label_step(double cell, double needed) {
    std::int64_t step = 1;
    while (cell * static_cast<double>(step) < needed) {
        const std::string digits = std::to_string(step);
        step = digits[0] == '2' ? step / 2 * 5 : step * 2;  // 1, 2, 5, 10, 20, 50 ...
        if (step > (std::int64_t{1} << 40)) break;
    }
    return step;
}

void labels(Canvas& canvas, const Theme& theme, const HeatMap& map) {
    const double size = theme.small();
    const double cell_w = map.area.w / static_cast<double>(map.cols);
    const double cell_h = map.area.h / static_cast<double>(map.rows);
    if (!map.row_labels.empty()) {
        const auto style = theme.text(size, theme.ink_soft, Weight::regular, Align::right);
        const auto step = label_step(cell_h, line_height(size));
        for (std::int64_t r = 0; r < map.rows; r += step) {
            if (r >= static_cast<std::int64_t>(map.row_labels.size())) break;
            const Rect cell = heat_map_cell(map, r, 0);
            canvas.text({map.area.x - 6, cell.y + cell.h / 2 + cap_height(size) / 2},
                        map.row_labels[static_cast<std::size_t>(r)], style);
        }
    }
    if (!map.col_labels.empty()) {
        const auto style = theme.text(size, theme.ink_soft, Weight::regular, Align::centre);
        double widest = 0;
        for (const auto& l : map.col_labels) widest = std::max(widest, canvas.text_width(l, style));
        const auto step = label_step(cell_w, widest + 4);
        for (std::int64_t c = 0; c < map.cols; c += step) {
            if (c >= static_cast<std::int64_t>(map.col_labels.size())) break;
            const Rect cell = heat_map_cell(map, 0, c);
            canvas.text({cell.x + cell.w / 2, map.area.y - 6},
                        map.col_labels[static_cast<std::size_t>(c)], style);
        }
    }
}

// The border round the cells that are marked, in lines as long as they go. Of cells too small to be
// outlined one by one, blocks are.
void outline_marked(Canvas& canvas, const Theme& theme, const HeatMap& map) {
    constexpr double least = 7;  // pixels a side
    const auto blocks = [](std::int64_t cells, double extent) {
        return std::clamp<std::int64_t>(static_cast<std::int64_t>(extent / least), 1, cells);
    };
    const std::int64_t rows = blocks(map.rows, map.area.h), cols = blocks(map.cols, map.area.w);
    std::vector<char> marked(static_cast<std::size_t>(rows * cols));
    const auto row = std::make_unique<bool[]>(static_cast<std::size_t>(map.cols));
    for (std::int64_t r = 0; r < map.rows; ++r) {
        map.changed.read(r, 0, {row.get(), static_cast<std::size_t>(map.cols)});
        for (std::int64_t c = 0; c < map.cols; ++c)
            if (row[static_cast<std::size_t>(c)])
                marked[static_cast<std::size_t>(r * rows / map.rows * cols + c * cols / map.cols)] =
                    1;
    }
    const auto at = [&](std::int64_t r, std::int64_t c) {
        return r >= 0 && c >= 0 && r < rows && c < cols &&
               marked[static_cast<std::size_t>(r * cols + c)] != 0;
    };
    // Where a block begins: at its first cell.
    const auto begin = [](std::int64_t block, std::int64_t n, std::int64_t cells, double extent) {
        const std::int64_t first = (block * cells + n - 1) / n;
        return static_cast<double>(first) * extent / static_cast<double>(cells);
    };
    const auto lines = [&](std::int64_t across, std::int64_t along, bool level) {
        for (std::int64_t a = 0; a <= across; ++a) {
            std::int64_t from = -1;
            for (std::int64_t b = 0; b <= along; ++b) {
                const bool border =
                    b < along && (level ? at(a - 1, b) != at(a, b) : at(b, a - 1) != at(b, a));
                if (border && from < 0) from = b;
                if (border || from < 0) continue;
                const auto point = [&](std::int64_t end) {
                    return Vec2{map.area.x + begin(level ? end : a, cols, map.cols, map.area.w),
                                map.area.y + begin(level ? a : end, rows, map.rows, map.area.h)};
                };
                canvas.polyline({point(from), point(b)}, theme.accent, 1.5);
                from = -1;
            }
        }
    };
    lines(rows, cols, true);
    lines(cols, rows, false);
}

void hover(Canvas& canvas, const Theme& theme, const HeatMap& map) {
    if (map.hover_index < 0 || map.target.node.empty()) return;
    const Target& t = map.target;
    // Strides may be anything, so the cell is looked up row by row.
    for (std::int64_t r = 0; r < map.rows; ++r) {
        const std::int64_t rest = map.hover_index - t.first - r * t.row_stride;
        const std::int64_t c = t.col_stride == 0 ? 0 : rest / t.col_stride;
        if (c < 0 || c >= map.cols || c * t.col_stride != rest) continue;
        const Rect cell = heat_map_cell(map, r, c);
        const Rect seen{cell.x - 1, cell.y - 1, std::max(cell.w, 3.0) + 2,
                        std::max(cell.h, 3.0) + 2};
        canvas.stroke_rect(seen, theme.background, 3);
        canvas.stroke_rect(seen, theme.ink, 1.5);
        return;
    }
}

}  // namespace

std::int64_t HeatMap::filled(std::int64_t row) const {
    return past ? std::clamp<std::int64_t>(row + *past + 1, 0, cols) : cols;
}

Rect heat_map_cell(const HeatMap& map, std::int64_t row, std::int64_t col) {
    const double w = map.area.w / static_cast<double>(map.cols);
    const double h = map.area.h / static_cast<double>(map.rows);
    return {map.area.x + w * static_cast<double>(col), map.area.y + h * static_cast<double>(row), w,
            h};
}

void draw_heat_map(Canvas& canvas, const Theme& theme, const HeatMap& map) {
    if (map.rows <= 0 || map.cols <= 0 || map.area.w <= 0 || map.area.h <= 0 || !map.value) return;
    canvas.image(map.area, picture(theme, map));
    if (map.numbers) numbers(canvas, theme, map);
    if (map.frame) canvas.stroke_rect(map.area, theme.hairline, 1);
    if (map.changed) outline_marked(canvas, theme, map);
    labels(canvas, theme, map);
    if (!map.target.node.empty()) {
        Target target = map.target;
        target.rows = map.rows;
        target.cols = map.cols;
        canvas.hit(map.area, target);
    }
    hover(canvas, theme, map);
}

HeatMapMargins heat_map_margins(const Canvas& canvas, const Theme& theme, const HeatMap& map) {
    HeatMapMargins m;
    const auto style = theme.text(theme.small(), theme.ink_soft);
    for (const auto& l : map.row_labels)
        m.left = std::max(m.left, std::ceil(canvas.text_width(l, style)) + 6);
    if (!map.col_labels.empty()) m.top = std::ceil(cap_height(theme.small())) + 8;
    return m;
}

double draw_colour_key(Canvas& canvas, const Theme& theme, Vec2 top_left, double width,
                       const ColourScale& scale) {
    const double size = theme.small(), band = std::round(size * 0.7);
    constexpr int steps = 128;
    auto image = std::make_shared<Image>();
    image->w = steps;
    image->h = 1;
    const double lo = scale.lo, hi = scale.hi;
    for (int i = 0; i < steps; ++i)
        image->pixels.push_back(scale.colour(theme, lo + (hi - lo) * i / (steps - 1)));
    const Rect r{top_left.x, top_left.y, width, band};
    canvas.image(r, image);
    canvas.stroke_rect(r, theme.hairline, 1);
    const double baseline = r.bottom() + 4 + cap_height(size);
    const auto style = [&](Align a) {
        return theme.text(size, theme.ink_faint, Weight::regular, a);
    };
    const std::string left = format_number(lo, 3), right = format_number(hi, 3);
    const double wl = canvas.text_width(left, style(Align::left));
    const double wr = canvas.text_width(right, style(Align::left));
    if (wl + wr + 8 <= width) canvas.text({r.x, baseline}, left, style(Align::left));
    canvas.text({r.right(), baseline}, right, style(Align::right));
    if (scale.signed_values && std::max(wl, wr) + 16 < width / 2)
        canvas.text({r.x + width / 2, baseline}, "0", style(Align::centre));
    return band + 4 + line_height(size);
}

}  // namespace sf
