#include "views/draw/number.h"

#include <gtest/gtest.h>
#include <cmath>
#include <limits>

namespace sf {
namespace {

TEST(Number, SignificantDigitsWithATrueMinus) {
    EXPECT_EQ(format_number(0.123456), "0.1235");
    EXPECT_EQ(format_number(-0.5), "−0.5000");
    EXPECT_EQ(format_number(3), "3");
    EXPECT_EQ(format_number(12.345, 3), "12.3");
    EXPECT_EQ(format_number(0), "0");
    EXPECT_EQ(format_number(-0.0), "0");
    EXPECT_EQ(format_number(0.99999), "1.000");
    EXPECT_EQ(format_number(12345), "12\u202F345");
    EXPECT_EQ(format_number(1234.5678, 6), "1234.57");
}

TEST(Number, PowersOfTenOnlyWhenNeeded) {
    EXPECT_EQ(format_number(0.00012346), "0.0001235");
    EXPECT_EQ(format_number(1.234e-7, 3), "1.23×10⁻⁷");
    EXPECT_EQ(format_number(-6.02e23, 3), "−6.02×10²³");
    EXPECT_EQ(format_number(9.9999e-6, 3), "1.00×10⁻⁵");
}

TEST(Number, WhatIsNotFiniteSaysSo) {
    const double inf = std::numeric_limits<double>::infinity();
    EXPECT_EQ(format_number(-inf), "−∞");
    EXPECT_EQ(format_fixed(inf, 2), "∞");
    EXPECT_EQ(format_percent(std::nan("")), "NaN");
    for (const double v : {5e-324, -5e-324, 1.7e308, -1.7e308}) {
        EXPECT_FALSE(format_number(v).empty());
        EXPECT_LT(format_fixed(v, 3).size(), 32u);
        EXPECT_LT(format_short(v).size(), 320u);
    }
}

TEST(Number, FixedNeverSaysMinusZero) {
    EXPECT_EQ(format_fixed(-0.004, 2), "0.00");
    EXPECT_EQ(format_fixed(-0.006, 2), "−0.01");
    EXPECT_EQ(format_fixed(1e6, 1), "1\u202F000\u202F000.0");
}

TEST(Number, UnitsAndPercent) {
    EXPECT_EQ(format_percent(0.371), "37 %");
    EXPECT_EQ(format_percent(0.0042), "0.42 %");
    EXPECT_EQ(format_percent(1), "100 %");
    EXPECT_EQ(format_percent(0), "0 %");
    EXPECT_EQ(format_percent(1e-7), "<0.01 %");
    EXPECT_EQ(format_count(1234567), "1\u202F234\u202F567");
    EXPECT_EQ(format_count(-5), "−5");
    EXPECT_EQ(format_short(671e9), "671B");
    EXPECT_EQ(format_short(1200), "1.2k");
    EXPECT_EQ(format_short(999999), "1M");
    EXPECT_EQ(format_short(42), "42");
    EXPECT_EQ(format_bytes(1536), "1.5 KiB");
    EXPECT_EQ(format_bytes(12), "12 B");
    EXPECT_EQ(format_seconds(0.00123), "1.23 ms");
    EXPECT_EQ(format_seconds(2), "2 s");
    EXPECT_EQ(format_seconds(0.9999e-3), "1 ms");
}

}  // namespace
}  // namespace sf
