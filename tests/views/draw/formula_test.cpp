#include "views/draw/formula.h"

#include "formulas.h"
#include "views/canvas/cairo_canvas.h"
#include "views/canvas/font.h"
#include "views/canvas/recording_canvas.h"
#include "views/canvas/svg_canvas.h"

#include <gtest/gtest.h>
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>

namespace sf {
namespace {

using Kind = Primitive::Kind;

const TextStyle style{13, Weight::regular, {0, 0, 0, 255}, Align::left};

TextStyle sized(double size) {
    TextStyle s = style;
    s.size = size;
    return s;
}

struct Page : RecordingCanvas {
    Page() : RecordingCanvas({0, 0, 4000, 1000}) {}
    explicit Page(std::string_view markup, const TextStyle& s = style, const FormulaLook& look = {})
        : Page() {
        draw_formula(*this, at, markup, s, look);
    }
    // The only text that reads so.
    const Primitive& text_of(std::string_view text) const {
        const Primitive* found = nullptr;
        for (const auto& p : primitives())
            if (p.kind == Kind::text && p.text == text) {
                EXPECT_EQ(found, nullptr) << text;
                found = &p;
            }
        EXPECT_NE(found, nullptr) << text;
        static const Primitive none;
        return found != nullptr ? *found : none;
    }
    std::vector<Primitive> all(Kind kind) const {
        std::vector<Primitive> found;
        for (const auto& p : primitives())
            if (p.kind == kind) found.push_back(p);
        return found;
    }
    static constexpr Vec2 at{100, 500};
};

// What a primitive really covers.
Rect ink(const Primitive& p) {
    if (p.kind != Kind::text) return p.rect;
    const Rect r = FontSet::standard().ink(p.text, p.style.size, p.style.weight);
    return {p.baseline.x + r.x, p.baseline.y + r.y, r.w, r.h};
}

TEST(Formula, ScriptsAreSmallerAndRaisedOrLowered) {
    const Page page("c^{KV}_t = h");
    const double x = page.text_of("c").baseline.x, y = Page::at.y;
    EXPECT_EQ(x, Page::at.x);
    EXPECT_EQ(page.texts(), (std::vector<std::string>{"c", "KV", "t", "=", "h"}));
    EXPECT_LT(page.text_of("KV").baseline.y, y);
    EXPECT_GT(page.text_of("t").baseline.y, y);
    EXPECT_EQ(page.text_of("h").baseline.y, y);
    EXPECT_LT(page.text_of("KV").style.size, 13);
    // Above each other, and what follows begins behind the longer one.
    EXPECT_EQ(page.text_of("KV").baseline.x, page.text_of("t").baseline.x);
    EXPECT_GE(page.text_of("=").baseline.x, page.text_of("KV").rect.right());
    EXPECT_NEAR(page.text_of("h").rect.right(), x + formula_width(page, "c^{KV}_t = h", style),
                0.5);
    // Variables lean, words and capitals as names do not.
    EXPECT_EQ(page.text_of("c").style.weight, Weight::italic);
    EXPECT_EQ(page.text_of("KV").style.weight, Weight::regular);
    EXPECT_EQ(Page("q^{C}").text_of("C").style.weight, Weight::regular);
    EXPECT_EQ(Page("q_C").text_of("C").style.weight, Weight::italic);
    EXPECT_EQ(Page(R"(\bold{q})").text_of("q").style.weight, Weight::bold);
    // Small, but never too small to read.
    const Page deep("x^{a^{b^{c^d}}}");
    for (const auto& p : deep.primitives()) EXPECT_GE(p.style.size, 7);
}

TEST(Formula, TheFractionsRuleLiesBetweenItsParts) {
    for (const double size : {11.0, 13.0, 18.0, 36.0}) {
        const Page page(R"(a = \frac{b + 1}{2})", sized(size));
        const auto rules = page.all(Kind::fill_rect);
        ASSERT_EQ(rules.size(), 1U);
        const Rect rule = rules[0].rect;
        const Rect over = ink(page.text_of("b")), under = ink(page.text_of("2"));
        EXPECT_LE(over.bottom() + 1, rule.y);
        EXPECT_GE(under.y, rule.bottom() + 1);
        // Sharp: whole pixels.
        EXPECT_EQ(rule.y, std::round(rule.y));
        EXPECT_EQ(rule.h, std::round(rule.h));
        // At the height of the equals sign, as wide as the longer part, the other one centred.
        EXPECT_NEAR(rule.centre().y, ink(page.text_of("=")).centre().y, 1.0);
        EXPECT_LE(rule.x, over.x);
        EXPECT_GE(rule.right(), ink(page.text_of("1")).right());
        EXPECT_NEAR(page.text_of("2").rect.centre().x, rule.centre().x, 0.5);
        EXPECT_EQ(page.text_of("b").style.size, size);
    }
    // A fraction in a fraction is smaller.
    const Page nested(R"(\frac{1}{\frac{2}{3} + 4})");
    EXPECT_LT(nested.text_of("3").style.size, nested.text_of("4").style.size);
}

TEST(Formula, TheRootCoversWhatIsUnderIt) {
    const Page page(R"(\sqrt{\frac{a}{b} + d})", sized(18));
    const auto rules = page.all(Kind::fill_rect);
    ASSERT_EQ(rules.size(), 2U);
    const Rect roof = rules[0].rect;
    const auto signs = page.all(Kind::polygon);
    ASSERT_EQ(signs.size(), 1U);
    for (const char* t : {"a", "b", "+", "d"}) {
        const Rect r = ink(page.text_of(t));
        EXPECT_GE(r.y, roof.bottom() + 1) << t;
        EXPECT_GE(r.x, signs[0].rect.right() - 0.5) << t;
        EXPECT_LE(r.right(), roof.right()) << t;
    }
    EXPECT_NEAR(signs[0].rect.y, roof.y, 1e-9);
    EXPECT_NEAR(signs[0].rect.right(), roof.x, 1.0);
}

TEST(Formula, LimitsStandAboveAndBelowTheirSum) {
    const std::string_view markup = R"(\sum_{i=1}^{n} x_k)";
    const Page page(markup);
    const Rect sum = ink(page.text_of("∑"));
    EXPECT_LE(ink(page.text_of("n")).bottom(), sum.y);
    EXPECT_GE(ink(page.text_of("1")).y, sum.bottom());
    EXPECT_NEAR(page.text_of("n").rect.centre().x, page.text_of("∑").rect.centre().x, 1);
    EXPECT_GT(page.text_of("x").baseline.x, sum.right());
    // In one line beside it, and lower.
    const Page line(markup, style, {nullptr, true});
    EXPECT_GE(line.text_of("n").rect.x, ink(line.text_of("∑")).right());
    EXPECT_LT(formula_size(line, markup, style, {nullptr, true}).height(),
              formula_size(line, markup, style).height());
    const Page op(R"(\op{max}_{s} a)");
    EXPECT_GE(ink(op.text_of("s")).y, Page::at.y);
    EXPECT_NEAR(op.text_of("s").rect.centre().x, op.text_of("max").rect.centre().x, 1);
}

TEST(Formula, BracketsGrowWithWhatTheyHold) {
    EXPECT_TRUE(Page("f(x_i)").all(Kind::polygon).empty());
    const Page page(R"(f(\frac{a}{b})^2)");
    const auto brackets = page.all(Kind::polygon);
    ASSERT_EQ(brackets.size(), 2U);
    for (const auto& b : brackets) {
        EXPECT_LE(b.rect.y, ink(page.text_of("a")).y);
        EXPECT_GE(b.rect.bottom(), ink(page.text_of("b")).bottom());
    }
    EXPECT_LE(brackets[0].rect.right(), ink(page.text_of("a")).x);
    EXPECT_GE(brackets[1].rect.x, ink(page.text_of("a")).right());
    EXPECT_LT(ink(page.text_of("2")).centre().y, ink(page.text_of("a")).bottom());
    // Not for limits, and not without a partner.
    EXPECT_TRUE(Page(R"((\op{max}_s a))").all(Kind::polygon).empty());
    EXPECT_TRUE(Page(R"((\frac{a}{b})").all(Kind::polygon).empty());
    EXPECT_EQ(Page(R"([\matrix{a & b \\ c & d}])").all(Kind::fill_rect).size(), 6U);
}

TEST(Formula, LinesAreAlignedAtTheirRelation) {
    const Page page(R"(a_{7} = \frac{b}{c} \\ ≈ 0.25 + 1 \\ < 2)");
    EXPECT_NEAR(page.text_of("=").baseline.x, page.text_of("≈").baseline.x, 1e-9);
    EXPECT_NEAR(page.text_of("=").baseline.x, page.text_of("<").baseline.x, 1e-9);
    EXPECT_GT(page.text_of("≈").baseline.y, ink(page.text_of("c")).bottom());
    EXPECT_EQ(page.text_of("=").baseline.y, Page::at.y);
}

TEST(Formula, SpacesFollowTheRules) {
    const Page page;
    const auto width = [&](std::string_view m) { return formula_width(page, m, style); };
    EXPECT_EQ(width("a=b"), width("a = b"));
    EXPECT_EQ(width("a+b"), width("a  +  b"));
    EXPECT_LT(width("a+b"), width("a=b") + page.text_width("+", style));
    // A sign is not an operator; scripts have no room.
    EXPECT_LT(width("=−b"), width("a−b"));
    EXPECT_NEAR(width("x_{i=1}"), width("x_{i}") + 0.68 * page.text_width("=1", style), 3.0);
    EXPECT_LT(width("ab"), width("a b"));
    EXPECT_EQ(Page("1,024.5e-3").texts(), (std::vector<std::string>{"1,024.5e-3"}));
    EXPECT_EQ(Page("RMSNorm(42)").texts(), (std::vector<std::string>{"RMSNorm(42)"}));
    // Not a script: nothing to raise.
    EXPECT_EQ(Page("a ^ b").texts(), (std::vector<std::string>{"a", "^", "b"}));
    EXPECT_EQ(Page("a ^ b").text_of("b").style.size, 13);
    // Scripts stand below and behind a prime.
    const Page primed("x'^{2}_t");
    const Rect prime = primed.all(Kind::polygon).at(0).rect;
    EXPECT_LT(primed.text_of("t").rect.x, prime.right());
    EXPECT_GT(ink(primed.text_of("t")).y, prime.bottom());
    EXPECT_GE(primed.text_of("2").rect.x, prime.right());
}

TEST(Formula, ColoursByMeaning) {
    const std::string_view markup = R"(\query{q}·k_{\latent{c}} = \query{0.5} · 2)";
    for (const Theme& theme : {Theme::light(), Theme::dark_theme()}) {
        const Page page(markup, style, {&theme, false});
        EXPECT_EQ(page.text_of("q").colour, theme.meaning_text(Meaning::query));
        EXPECT_EQ(page.text_of("0.5").colour, theme.meaning_text(Meaning::query));
        EXPECT_EQ(page.text_of("c").colour, theme.meaning_text(Meaning::latent));
        EXPECT_EQ(page.text_of("k").colour, style.colour);
    }
    EXPECT_EQ(Page(markup).text_of("q").colour, style.colour);
    EXPECT_EQ(formula_plain(markup), "q·k_c = 0.5 · 2");
}

// Each on its own in light and dark, display and one line, small and large.
TEST(Formula, NothingOverlapsAndAllLiesInsideTheReportedSize) {
    const Theme theme = Theme::light();
    for (const auto markup : model_formulas)
        for (const double size : {11.0, 13.0, 18.0, 26.0, 36.0})
            for (const bool in_line : {false, true}) {
                const FormulaLook look{&theme, in_line};
                const Page page(markup, sized(size), look);
                const std::string what = std::string(markup) + " at " + std::to_string(size);
                EXPECT_EQ(page.overlapping_texts(), std::vector<std::string>{}) << what;
                const auto s = formula_size(page, markup, sized(size), look);
                for (const auto& p : page.primitives()) {
                    const Rect r = ink(p);
                    EXPECT_GE(r.x, Page::at.x - 0.5) << what << p.text;
                    EXPECT_LE(r.right(), Page::at.x + s.width + 0.5) << what << p.text;
                    EXPECT_GE(r.y, Page::at.y - s.ascent - 0.51) << what << p.text;
                    EXPECT_LE(r.bottom(), Page::at.y + s.descent + 0.51) << what << p.text;
                    if (p.kind != Kind::fill_rect || p.rect.h > p.rect.w) continue;
                    for (const auto& q : page.primitives())
                        EXPECT_FALSE(q.kind == Kind::text && ink(q).overlaps(p.rect))
                            << what << ": a rule crosses " << q.text;
                }
                EXPECT_EQ(s.width, formula_width(page, markup, sized(size), look));
            }
}

TEST(Formula, AlignsAndIsPure) {
    for (const auto markup : model_formulas) {
        EXPECT_TRUE(Page(markup) == Page(markup));
        auto right = style;
        right.align = Align::right;
        const Page left(markup), moved(markup, right);
        const double w = formula_width(left, markup, style);
        ASSERT_EQ(left.primitives().size(), moved.primitives().size());
        EXPECT_NEAR(left.primitives()[0].rect.x - w, moved.primitives()[0].rect.x, 0.5) << markup;
    }
}

TEST(Formula, PlainText) {
    EXPECT_EQ(formula_plain("c^{KV}_t = W^{DKV} h_t"), "c^KVₜ = W^DKV hₜ");
    EXPECT_EQ(formula_plain("x^2 + y_{12}"), "x² + y₁₂");
    EXPECT_EQ(formula_plain("o_{t,i}"), "o_t,i");
    EXPECT_EQ(formula_plain("FFN_i^{(s)}(u)"), "FFNᵢ^(s)(u)");
    EXPECT_EQ(formula_plain("x'_t"), "x'ₜ");
    EXPECT_EQ(formula_plain(R"(\frac{a}{b})"), "a / b");
    EXPECT_EQ(formula_plain(R"(\frac{a + b}{c d})"), "(a + b) / (c d)");
    EXPECT_EQ(formula_plain(R"(\frac{a b}{\sqrt{d}} x)"), "(a b / √d) x");
    EXPECT_EQ(formula_plain(R"(\frac{a}{b}^2 = \frac{(a + b)}{exp(x)})"),
              "(a / b)² = (a + b) / exp(x)");
    EXPECT_EQ(formula_plain(R"(\frac{a}{\frac{b}{c}})"), "a / (b / c)");
    EXPECT_EQ(formula_plain(R"(\sqrt{a + b} + \sqrt{d_h})"), "√(a + b) + √d_h");
    EXPECT_EQ(formula_plain(R"(\sum_{i=1}^{n} x_i)"), "Σ_i=1ⁿ xᵢ");
    EXPECT_EQ(formula_plain(R"(\op{max}_j \bold{a}_j \text{ if so})"), "maxⱼ aⱼ  if so");
    EXPECT_EQ(formula_plain(R"([\matrix{a & b \\ c & d}])"), "[a, b; c, d]");
    EXPECT_EQ(formula_plain(R"(a = b \\ = 2)"), "a = b = 2");
    EXPECT_EQ(formula_plain(""), "");
}

TEST(Formula, WhatIsNoMarkupIsDrawnAsItIs) {
    EXPECT_EQ(formula_plain(R"(\foo{a})"), R"(\fooa)");
    EXPECT_EQ(formula_plain(R"(\frac{a})"), R"(\fraca)");
    EXPECT_EQ(formula_plain(R"(\sqrt)"), R"(\sqrt)");
    EXPECT_EQ(formula_plain("a^"), "a^");
    EXPECT_EQ(formula_plain("\\"), "\\");
    const Page page;
    // Pieces put together in every way: always a finite size, never an exception.
    const std::vector<std::string> pieces{
        "{",        "}",        "^",       "_",      "\\",        "&",          R"(\\)", "(",
        ")",        "[",        "'",       " ",      "a",         "\xFF",       "−",     "=",
        R"(\frac)", R"(\sqrt)", R"(\sum)", R"(\op)", R"(\query)", R"(\matrix)", "1e",    "\u0303"};
    std::uint64_t seed = 1;
    for (int round = 0; round < 4000; ++round) {
        std::string markup;
        for (int k = 0; k < round % 24; ++k) {
            seed = seed * 6364136223846793005U + 1442695040888963407U;
            markup += pieces[(seed >> 33) % pieces.size()];
        }
        for (const bool in_line : {false, true}) {
            const auto s = formula_size(page, markup, style, {nullptr, in_line});
            EXPECT_TRUE(std::isfinite(s.width) && std::isfinite(s.height()) && s.width >= 0)
                << markup;
        }
        formula_plain(markup);
        Page drawn;
        draw_formula_lines(drawn, {0, 0}, 60, markup, style, 1e9);
    }
    // Long ones take no time.
    for (const std::string piece :
         {R"(\frac{)", "^{", "(", "{", "a_b^c", R"(\\)", R"(\sqrt{a})", "x = ", R"(\matrix{&)"}) {
        std::string markup;
        while (markup.size() < 100000) markup += piece;
        EXPECT_TRUE(std::isfinite(formula_width(page, markup, style))) << piece;
        formula_plain(markup);
    }
}

TEST(FormulaLines, BreakAtRelationsAndStayInside) {
    const std::string markup =
        R"(h_t = RMSNorm(x_t) = \frac{x_t}{\sqrt{mean(x_t^2) + ε}} + alpha + beta + gamma)";
    for (const double width : {70.0, 120.0, 200.0, 400.0}) {
        Page page;
        const double h = draw_formula_lines(page, {10, 20}, width, markup, style, 1e9);
        EXPECT_EQ(h, draw_formula_lines(page, {}, width, markup, style, 1e9, {}, true));
        EXPECT_EQ(page.overlapping_texts(), std::vector<std::string>{});
        for (const auto& p : page.primitives()) {
            const Rect r = ink(p);
            EXPECT_GE(r.x, 9.5);
            EXPECT_LE(r.right(), 10 + width + 0.5) << width << p.text;
            EXPECT_GE(r.y, 20);
            EXPECT_LE(r.bottom(), 20 + h);
        }
        for (const char* word : {"alpha", "beta", "gamma"}) EXPECT_TRUE(page.has_text(word));
    }
    // The second relation below the first.
    Page page;
    draw_formula_lines(page, {10, 20}, 160, markup, style, 1e9);
    std::vector<Vec2> relations;
    for (const auto& p : page.primitives())
        if (p.text == "=") relations.push_back(p.baseline);
    ASSERT_EQ(relations.size(), 2U);
    EXPECT_EQ(relations[0].x, relations[1].x);
    EXPECT_LT(relations[0].y, relations[1].y);
    // Low room: in one-line form, then what fits.
    Page low;
    const double h = draw_formula_lines(low, {0, 0}, 400, markup, style, 24);
    EXPECT_LE(h, 24);
    EXPECT_TRUE(low.has_text("/"));
    EXPECT_EQ(draw_formula_lines(low, {0, 0}, 400, markup, style, 5), 0);
}

TEST(Formula, MeaningsReadAsText) {
    const auto luminance = [](Colour c) {
        const auto f = [](double v) {
            return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
        };
        return 0.2126 * f(c.r / 255.0) + 0.7152 * f(c.g / 255.0) + 0.0722 * f(c.b / 255.0) + 0.05;
    };
    for (const Theme& theme : {Theme::light(), Theme::dark_theme()})
        for (int m = 0; m < 12; ++m) {
            const double a = luminance(theme.meaning_text(static_cast<Meaning>(m)));
            const double b = luminance(theme.background);
            EXPECT_GE(std::max(a, b) / std::min(a, b), 4.5) << m;
        }
}

TEST(Formula, ItalicReachesEveryCanvas) {
    SvgCanvas svg(100, 40, {255, 255, 255, 255}, {});
    draw_formula(svg, {10, 20}, "x + RMSNorm", style);
    const auto text = svg.finish();
    EXPECT_NE(text.find("font-style=\"italic\""), std::string::npos);
    EXPECT_NE(FontSet::standard().width("a", 100, Weight::italic),
              FontSet::standard().width("a", 100, Weight::regular));
    EXPECT_EQ(FontSet::standard().layout("a", 10, Weight::italic)[0].face, Face::italic);
    EXPECT_EQ(FontSet::standard().layout("⊙", 10, Weight::italic)[0].face, Face::fallback);
}

// For looking at: SF_GALLERY=/tmp/gallery sf_test_views_draw.
TEST(Formula, Page) {
    const char* folder = std::getenv("SF_GALLERY");
    if (folder == nullptr) GTEST_SKIP() << "no SF_GALLERY";
    for (const bool dark : {false, true})
        for (const double size : {13.0, 18.0, 36.0}) {
            const Theme theme = dark ? Theme::dark_theme() : Theme::light();
            RecordingCanvas measure({0, 0, 1, 1});
            const double h = draw_formulas(measure, theme, {24, 24}, size);
            auto canvas =
                CairoCanvas::png(48 + 27 * size, h + 48, 1, theme.background, {"", "", ""});
            draw_formulas(*canvas, theme, {24, 24}, size);
            std::ofstream(std::string(folder) + "/formulas_" + (dark ? "dark" : "light") +
                              std::to_string(std::lround(size)) + ".png",
                          std::ios::binary)
                << canvas->finish();
        }
}

}  // namespace
}  // namespace sf
