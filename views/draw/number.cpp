#include "views/draw/number.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace sf {

namespace {

constexpr const char* minus = "\u2212";
constexpr const char* narrow_space = "\u202F";

std::string print(double v, int decimals) {
    std::array<char, 64> buffer{};
    std::snprintf(buffer.data(), buffer.size(), "%.*f", decimals, v);
    return buffer.data();
}

// A C number as a reader's: true minus, groups of thousands before the point.
std::string finish(std::string digits) {
    const bool negative = !digits.empty() && digits[0] == '-';
    if (negative) digits.erase(0, 1);
    const auto point = std::min(digits.find('.'), digits.size());
    std::string out;
    for (std::size_t i = 0; i < digits.size(); ++i) {
        if (i > 0 && i < point && point > 4 && (point - i) % 3 == 0) out += narrow_space;
        out += digits[i];
    }
    const bool zero = digits.find_first_of("123456789") == std::string::npos;
    return (negative && !zero ? minus : "") + out;
}

std::string superscript(int n) {
    static constexpr std::array<const char*, 10> signs{"⁰", "¹", "²", "³", "⁴",
                                                       "⁵", "⁶", "⁷", "⁸", "⁹"};
    std::string out = n < 0 ? "⁻" : "";
    for (const char c : std::to_string(std::abs(n)))
        out += signs[static_cast<std::size_t>(c - '0')];
    return out;
}

std::string not_finite(double v) {
    return std::isnan(v) ? "NaN" : v > 0 ? "∞" : std::string(minus) + "∞";
}

// The decimal exponent after rounding to `digits` significant digits.
int exponent(double v, int digits) {
    std::array<char, 64> buffer{};
    std::snprintf(buffer.data(), buffer.size(), "%.*e", digits - 1, v);
    const std::string text = buffer.data();
    return std::atoi(text.c_str() + text.find('e') + 1);
}

std::string with_unit(double v, const char* unit) {
    const int digits = 3;
    const int decimals = std::clamp(digits - 1 - exponent(v, digits), 0, 2);
    std::string text = print(v, decimals);
    if (text.find('.') != std::string::npos) {
        text.erase(text.find_last_not_of('0') + 1);
        if (text.back() == '.') text.pop_back();
    }
    return finish(text) + unit;
}

}  // namespace

std::string format_number(double v, int digits) {
    if (!std::isfinite(v)) return not_finite(v);
    if (v == 0) return "0";
    digits = std::clamp(digits, 1, 17);
    const int e = exponent(v, digits);
    if (e < -4 || e >= std::max(digits, 7)) {
        const double mantissa = v / std::pow(10.0, e);
        // 10^-320 cannot be divided out in one step; such numbers read as zero to any reader.
        if (!std::isfinite(mantissa)) return "0";
        return finish(print(mantissa, digits - 1)) + "×10" + superscript(e);
    }
    std::string text = print(v, std::max(0, digits - 1 - e));
    // Whole numbers are counts more often than measurements: "3", not "3.000".
    if (v == std::round(v) && text.find('.') != std::string::npos) text = print(v, 0);
    return finish(text);
}

std::string format_fixed(double v, int decimals) {
    if (!std::isfinite(v)) return not_finite(v);
    if (std::abs(v) >= 1e15) return format_number(v, 4);
    return finish(print(v, decimals));
}

std::string format_percent(double fraction) {
    if (!std::isfinite(fraction)) return not_finite(fraction);
    const double p = fraction * 100;
    const double size = std::abs(p);
    if (size > 0 && size < 0.01) return (p < 0 ? std::string(minus) : "") + "<0.01 %";
    const int decimals = size == 0 || size >= 99.95 ? 0 : size < 1 ? 2 : size < 10 ? 1 : 0;
    return finish(print(p, decimals)) + " %";
}

std::string format_count(std::int64_t n) {
    return finish(std::to_string(n));
}

std::string format_short(double v) {
    if (!std::isfinite(v)) return not_finite(v);
    static constexpr std::array<const char*, 5> units{"", "k", "M", "B", "T"};
    std::size_t unit = 0;
    while (std::abs(v) >= 999.5 && unit + 1 < units.size()) {
        v /= 1000;
        ++unit;
    }
    if (unit == 0) return format_number(v, 3);
    return with_unit(v, units[unit]);
}

std::string format_bytes(std::int64_t bytes) {
    static constexpr std::array<const char*, 5> units{" B", " KiB", " MiB", " GiB", " TiB"};
    double v = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (std::abs(v) >= 1023.5 && unit + 1 < units.size()) {
        v /= 1024;
        ++unit;
    }
    if (unit == 0) return finish(std::to_string(bytes)) + units[0];
    return with_unit(v, units[unit]);
}

std::string format_seconds(double s) {
    if (!std::isfinite(s)) return not_finite(s);
    if (s == 0) return "0 s";
    const double size = std::abs(s);
    if (size >= 0.9995) return with_unit(s, " s");
    if (size >= 0.9995e-3) return with_unit(s * 1e3, " ms");
    if (size >= 0.9995e-6) return with_unit(s * 1e6, " µs");
    return with_unit(s * 1e9, " ns");
}

}  // namespace sf
