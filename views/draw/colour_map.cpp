#include "views/draw/colour_map.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace sf {

namespace {

struct Lab {
    double l = 0, a = 0, b = 0;
};

double to_linear(double v) {
    return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
}

double to_srgb(double v) {
    return v <= 0.0031308 ? v * 12.92 : 1.055 * std::pow(v, 1 / 2.4) - 0.055;
}

// OKLab (B. Ottosson, 2020): equal distances look about equal.
Lab to_lab(Colour c) {
    const double r = to_linear(c.r / 255.0), g = to_linear(c.g / 255.0), b = to_linear(c.b / 255.0);
    const double l = std::cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
    const double m = std::cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
    const double s = std::cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
    return {0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s,
            1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s,
            0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s};
}

Colour from_lab(const Lab& c) {
    const auto cube = [](double v) { return v * v * v; };
    const double l = cube(c.l + 0.3963377774 * c.a + 0.2158037573 * c.b);
    const double m = cube(c.l - 0.1055613458 * c.a - 0.0638541728 * c.b);
    const double s = cube(c.l - 0.0894841775 * c.a - 1.2914855480 * c.b);
    const auto byte = [](double v) {
        return static_cast<std::uint8_t>(std::clamp(to_srgb(std::max(0.0, v)), 0.0, 1.0) * 255 +
                                         0.5);
    };
    return {byte(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
            byte(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
            byte(-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s), 255};
}

double blend(double a, double b, double t) {
    return a + (b - a) * t;
}

constexpr std::size_t steps = 256;
using Table = std::array<Colour, steps>;

// Lightness and both colour axes run through the control points; lightness evenly.
template <std::size_t n>
Table make_table(const std::array<Lab, n>& points) {
    Table table;
    for (std::size_t i = 0; i < steps; ++i) {
        const double t = static_cast<double>(i) / (steps - 1) * (n - 1);
        const auto k = std::min(static_cast<std::size_t>(t), n - 2);
        const double f = t - static_cast<double>(k);
        // Catmull-Rom through the neighbours, so that hue turns without corners.
        const auto& p0 = points[k == 0 ? 0 : k - 1];
        const auto& p1 = points[k];
        const auto& p2 = points[k + 1];
        const auto& p3 = points[std::min(k + 2, n - 1)];
        const auto curve = [f](double a, double b, double c, double d) {
            return b +
                   0.5 * f * (c - a + f * (2 * a - 5 * b + 4 * c - d + f * (3 * (b - c) + d - a)));
        };
        table[i] =
            from_lab({blend(points[0].l, points[n - 1].l, static_cast<double>(i) / (steps - 1)),
                      curve(p0.a, p1.a, p2.a, p3.a), curve(p0.b, p1.b, p2.b, p3.b)});
    }
    return table;
}

// Hue (degrees) and chroma at a lightness.
constexpr double degree = 3.14159265358979 / 180;
Lab lch(double l, double chroma, double hue) {
    return {l, chroma * std::cos(hue * degree), chroma * std::sin(hue * degree)};
}

// Night blue over teal and green to a light yellow.
const Table& sequential_table() {
    static const Table table = make_table(
        std::array<Lab, 6>{lch(0.26, 0.075, 285), lch(0.39, 0.105, 268), lch(0.52, 0.090, 228),
                           lch(0.65, 0.105, 175), lch(0.79, 0.150, 130), lch(0.93, 0.160, 103)});
    return table;
}

// From a strong end below zero over the page's neighbourhood to a strong end above: evenly in
// lightness, chroma ahead of it so that small values show their sign.
using SignedTable = std::array<Colour, 2 * steps - 1>;
SignedTable diverging_table(bool dark) {
    const Lab middle = to_lab(dark ? Theme::dark_theme().raised : Colour{246, 246, 246, 255});
    SignedTable table;
    for (std::size_t side = 0; side < 2; ++side) {
        const double hue = side == 0 ? 250 : (dark ? 45 : 32);
        const Lab end = lch(dark ? 0.74 : 0.42, dark ? 0.135 : 0.145, hue);
        for (std::size_t i = 0; i < steps; ++i) {
            const double s = static_cast<double>(i) / (steps - 1), c = std::pow(s, 0.85);
            table[side == 0 ? steps - 1 - i : steps - 1 + i] = from_lab(
                {blend(middle.l, end.l, s), blend(middle.a, end.a, c), blend(middle.b, end.b, c)});
        }
    }
    return table;
}

}  // namespace

Colour mix(Colour a, Colour b, double t) {
    const auto one = [t](std::uint8_t x, std::uint8_t y) {
        return static_cast<std::uint8_t>(std::clamp(blend(x, y, t), 0.0, 255.0) + 0.5);
    };
    return {one(a.r, b.r), one(a.g, b.g), one(a.b, b.b), one(a.a, b.a)};
}

double luminance(Colour c) {
    return 0.2126 * to_linear(c.r / 255.0) + 0.7152 * to_linear(c.g / 255.0) +
           0.0722 * to_linear(c.b / 255.0);
}

double contrast(Colour a, Colour b) {
    const double x = luminance(a) + 0.05, y = luminance(b) + 0.05;
    return std::max(x, y) / std::min(x, y);
}

Colour ink_on(Colour background) {
    constexpr Colour dark{0, 0, 0, 255}, light{255, 255, 255, 255};
    return contrast(background, dark) >= contrast(background, light) ? dark : light;
}

Colour sequential(double t) {
    const double place = std::clamp(std::isnan(t) ? 0 : t, 0.0, 1.0) * (steps - 1);
    return sequential_table()[static_cast<std::size_t>(place + 0.5)];
}

namespace {

const SignedTable& signed_table(bool dark) {
    static const auto light_table = diverging_table(false), dark_table = diverging_table(true);
    return dark ? dark_table : light_table;
}

}  // namespace

Colour diverging(const Theme& theme, double t) {
    return Painter(theme, ColourScale::symmetric(1))(std::isnan(t) ? 0 : t);
}

Painter::Painter(const Theme& theme, const ColourScale& scale) : bad_(theme.bad) {
    const double limit = std::max(std::abs(scale.lo), std::abs(scale.hi));
    const double lo = scale.signed_values ? -limit : scale.lo;
    const double hi = scale.signed_values ? limit : scale.hi;
    const std::size_t last = scale.signed_values ? 2 * steps - 2 : steps - 1;
    table_ = scale.signed_values ? signed_table(theme.dark).data() : sequential_table().data();
    lo_ = lo;
    last_ = hi > lo ? static_cast<double>(last) : 0;
    factor_ = hi > lo ? last_ / 2 / (hi / 2 - lo / 2) : 0;
    if (!(hi > lo)) table_ += (last + 1) / 2;
}

Colour ColourScale::colour(const Theme& theme, double v) const {
    return Painter(theme, *this)(v);
}

ColourScale ColourScale::fit(std::int64_t rows, std::int64_t cols, const Cells<double>& values) {
    FiniteRange all;
    each_run(rows, cols, values, [&](std::span<const double> run) { all.add(run); });
    const auto [lo, hi, others] = all;
    if (lo > hi) return range(0, 1);
    return lo < 0 ? symmetric(std::max(-lo, hi)) : range(lo, hi);
}

ColourScale ColourScale::fit(const std::vector<double>& values) {
    return fit(1, static_cast<std::int64_t>(values.size()),
               [&](std::int64_t, std::int64_t i) { return values[static_cast<std::size_t>(i)]; });
}

}  // namespace sf
