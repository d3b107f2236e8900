#include "views/canvas/font.h"

#include "views/canvas/cairo_canvas.h"
#include "views/canvas/recording_canvas.h"
#include "views/canvas/svg_canvas.h"

#include <gtest/gtest.h>
#include <thread>

namespace sf {
namespace {

const FontSet& fonts() {
    return FontSet::standard();
}

TEST(Font, EverySignThatViewsUseHasAPicture) {
    constexpr std::u32string_view signs =
        U"→←↑↓↔√Σ⊙∞∈␣⏎⟨⟩₀₉ₜᵢ⁰⁹⁻ⁿᵗ·×−≈≤≥≠αβγλθΔ∇∂∑∏‖∥∝σ⊕⊗⋅…«»‘’“”ЖяÀÿ▲●■◆↦ℝ⇥\u202F\uFFFD";
    for (const char32_t c : signs)
        for (const auto weight : {Weight::regular, Weight::bold})
            EXPECT_TRUE(fonts().has(c, weight)) << "U+" << std::hex << static_cast<unsigned>(c);
}

TEST(Font, FiguresAreTabular) {
    for (const auto weight : {Weight::regular, Weight::bold}) {
        const double zero = fonts().width("0", 100, weight);
        EXPECT_GT(zero, 10);
        for (char c = '1'; c <= '9'; ++c)
            EXPECT_EQ(fonts().width(std::string(1, c), 100, weight), zero);
    }
}

TEST(Font, WidthGrowsWithSizeAndTextWithoutHinting) {
    const double one = fonts().width("latent", 10, Weight::regular);
    EXPECT_NEAR(fonts().width("latent", 37.3, Weight::regular), 3.73 * one, 1e-9);
    EXPECT_NEAR(fonts().width("latent→latent", 10, Weight::regular),
                2 * one + fonts().width("→", 10, Weight::regular), 1e-9);
    EXPECT_EQ(fonts().width("", 10, Weight::regular), 0);
    EXPECT_GT(fonts().width("latent", 10, Weight::bold), one);
}

TEST(Font, LayoutPartitionsTheBytesAndAgreesWithTheWidth) {
    const std::string text = "ab→\xC3\x28Ж\xF0\x9F\x98\x80z\n";
    const auto run = fonts().layout(text, 20, Weight::regular);
    std::size_t bytes = 0;
    for (const auto& g : run) {
        EXPECT_NEAR(g.x, fonts().width(text.substr(0, bytes), 20, Weight::regular), 1e-9);
        bytes += g.bytes;
    }
    EXPECT_EQ(bytes, text.size());
    EXPECT_EQ(run[2].face, Face::fallback);  // the arrow
}

TEST(Font, AnyBytesBecomeValidText) {
    EXPECT_EQ(printable("a\xFF"
                        "b"),
              "a\uFFFDb");
    EXPECT_EQ(printable("\xC0\x80"), "\uFFFD\uFFFD");            // overlong
    EXPECT_EQ(printable("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");  // a surrogate
    EXPECT_EQ(printable("\xE2\x82"), "\uFFFD\uFFFD");            // cut short
    EXPECT_EQ(printable(std::string("\0\t\x7F", 3)), "\u2400\u2409\u2421");
    EXPECT_EQ(printable("Grüße → ∞"), "Grüße → ∞");
    for (int a = 0; a < 256; ++a)
        for (int b = 0; b < 256; b += 3) {
            const std::string two{static_cast<char>(a), static_cast<char>(b)};
            EXPECT_EQ(printable(printable(two)), printable(two));
            // What is shown instead is as wide as what was asked for.
            EXPECT_NEAR(fonts().width(two, 10, Weight::regular),
                        fonts().width(printable(two), 10, Weight::regular), 1e-9);
        }
}

TEST(Font, AllCanvasesMeasureTheSame) {
    const RecordingCanvas recording({0, 0, 100, 100});
    const auto png = CairoCanvas::png(100, 100, 2, {255, 255, 255}, {});
    const auto pdf = CairoCanvas::pdf(100, 100, {255, 255, 255}, {});
    const SvgCanvas svg(100, 100, {255, 255, 255}, {});
    for (const char* text : {"the cat sat", "√d → ∞", "0.123", ""})
        for (const double size : {7.5, 13.0, 61.0})
            for (const auto weight : {Weight::regular, Weight::bold}) {
                const TextStyle style{size, weight, {}, Align::left};
                const double w = recording.text_width(text, style);
                EXPECT_EQ(png->text_width(text, style), w);
                EXPECT_EQ(pdf->text_width(text, style), w);
                EXPECT_EQ(svg.text_width(text, style), w);
            }
}

TEST(Font, ManyThreadsMayMeasure) {
    std::vector<double> widths(4);
    std::vector<std::thread> threads;
    for (auto& w : widths)
        threads.emplace_back([&w] {
            for (int i = 0; i < 1000; ++i) w = fonts().width("h_t → c^{KV}", 13, Weight::bold);
        });
    for (auto& t : threads) t.join();
    for (const double w : widths) EXPECT_EQ(w, widths[0]);
}

}  // namespace
}  // namespace sf
