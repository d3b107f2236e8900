#include "views/draw/colour_map.h"

#include <gtest/gtest.h>
#include <cmath>
#include <limits>
#include <set>

namespace sf {
namespace {

TEST(ColourMap, SequentialGrowsEvenlyLighter) {
    double last = -1;
    for (int i = 0; i <= 255; ++i) {
        const double l = std::cbrt(luminance(sequential(i / 255.0)));
        EXPECT_GE(l, last - 0.004) << i;
        last = std::max(last, l);
    }
    // Equal steps look equal: no tenth of the map holds much more of the lightness than another.
    const double whole = std::cbrt(luminance(sequential(1))) - std::cbrt(luminance(sequential(0)));
    EXPECT_GT(whole, 0.5);
    for (int i = 0; i < 10; ++i) {
        const double step = std::cbrt(luminance(sequential((i + 1) / 10.0))) -
                            std::cbrt(luminance(sequential(i / 10.0)));
        EXPECT_NEAR(step, whole / 10, whole / 25) << i;
    }
}

TEST(ColourMap, DivergingIsCentredAndTellsTheSigns) {
    for (const Theme& theme : {Theme::light(), Theme::dark_theme()}) {
        const Colour zero = diverging(theme, 0);
        EXPECT_LT(contrast(zero, theme.dark ? theme.background : Colour{255, 255, 255, 255}), 1.5);
        for (int i = 1; i <= 10; ++i) {
            const Colour minus = diverging(theme, -i / 10.0), plus = diverging(theme, i / 10.0);
            EXPECT_GT(minus.b, minus.r) << i;
            EXPECT_GT(plus.r, plus.b) << i;
            // Away from the page's colour, alike on both sides.
            EXPECT_GT(contrast(minus, zero), contrast(diverging(theme, -(i - 1) / 10.0), zero));
            EXPECT_GT(contrast(plus, zero), contrast(diverging(theme, (i - 1) / 10.0), zero));
            EXPECT_LT(std::abs(std::cbrt(luminance(minus)) - std::cbrt(luminance(plus))), 0.06);
        }
    }
}

TEST(ColourMap, AScaleIsFittedToTheValues) {
    const auto positive = ColourScale::fit({0.5, 2, 1});
    EXPECT_FALSE(positive.signed_values);
    EXPECT_EQ(positive.lo, 0.5);
    EXPECT_EQ(positive.hi, 2);
    const double inf = std::numeric_limits<double>::infinity(), nan = std::nan("");
    const auto both = ColourScale::fit({-3, nan, 1, -inf});
    EXPECT_TRUE(both.signed_values);
    EXPECT_EQ(both.lo, -3);
    EXPECT_EQ(both.hi, 3);
    const auto theme = Theme::light();
    EXPECT_EQ(both.colour(theme, 0), diverging(theme, 0));
    EXPECT_EQ(both.colour(theme, -inf), diverging(theme, -1));
    EXPECT_EQ(both.colour(theme, nan), theme.bad);
    EXPECT_EQ(positive.colour(theme, 2), sequential(1));
    // One value, none, all zero: a colour all the same.
    ColourScale::fit({7}).colour(theme, 7);
    ColourScale::fit(std::vector<double>{}).colour(theme, 1);
    EXPECT_EQ(ColourScale::symmetric(0).colour(theme, 0), diverging(theme, 0));
}

TEST(ColourMap, InkReadsOnEveryColourOfTheMaps) {
    for (int i = 0; i <= 100; ++i) {
        EXPECT_GE(contrast(ink_on(sequential(i / 100.0)), sequential(i / 100.0)), 4.5) << i;
        for (const Theme& theme : {Theme::light(), Theme::dark_theme()}) {
            const Colour c = diverging(theme, i / 50.0 - 1);
            EXPECT_GE(contrast(ink_on(c), c), 4.5) << i;
        }
    }
}

TEST(Theme, TextReadsOnEveryGround) {
    EXPECT_NEAR(contrast({0, 0, 0, 255}, {255, 255, 255, 255}), 21, 1e-9);
    for (const Theme& t : {Theme::light(), Theme::dark_theme()}) {
        for (const Colour ground : {t.background, t.surface}) {
            for (const Colour ink : {t.ink, t.ink_soft, t.ink_faint, t.accent, t.good, t.bad})
                EXPECT_GE(contrast(ink, ground), 4.5) << t.dark;
            for (int m = 0; m < 12; ++m)  // lines and bars: 3 is asked for shapes, less for norm
                EXPECT_GE(contrast(t.meaning(static_cast<Meaning>(m)), ground), 2.3)
                    << t.dark << " " << m;
        }
        for (const Colour ground : {t.raised, t.accent_soft}) {
            EXPECT_GE(contrast(t.ink, ground), 4.5);
            EXPECT_GE(contrast(t.ink_soft, ground), 4.5);
        }
        for (int m = 0; m < 12; ++m)
            EXPECT_GE(contrast(t.ink, t.meaning_soft(static_cast<Meaning>(m))), 4.5);
    }
}

TEST(Theme, EveryMeaningHasItsOwnColour) {
    for (const Theme& t : {Theme::light(), Theme::dark_theme()}) {
        for (int a = 0; a < 12; ++a)
            for (int b = 0; b < a; ++b) {
                const Colour p = t.meaning(static_cast<Meaning>(a)),
                             q = t.meaning(static_cast<Meaning>(b));
                const int d = std::abs(p.r - q.r) + std::abs(p.g - q.g) + std::abs(p.b - q.b);
                EXPECT_GT(d, 40) << a << " " << b;
            }
        EXPECT_EQ(t.dark, t.text_scale != 1 || t.background.r < 128);
    }
    EXPECT_EQ(Theme::light(2).normal(), 2 * Theme::light().normal());
}

}  // namespace
}  // namespace sf
