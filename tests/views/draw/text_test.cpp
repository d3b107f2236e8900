#include "views/draw/text.h"

#include "views/canvas/recording_canvas.h"
#include "views/draw/flow.h"
#include "views/draw/shapes.h"

#include <gtest/gtest.h>

namespace sf {
namespace {

const TextStyle style{13, Weight::regular, {0, 0, 0, 255}, Align::left};

struct Page : RecordingCanvas {
    Page() : RecordingCanvas({0, 0, 1000, 1000}) {}
    const Primitive& text_at(std::size_t i) const { return primitives().at(i); }
};

TEST(Text, ElideCutsWholeCharactersToTheWidth) {
    const Page page;
    EXPECT_EQ(elide(page, "short", style, 100), "short");
    for (double w = 0; w < 120; w += 0.7) {
        const auto cut = elide(page, "Größenänderung → ∞", style, w);
        EXPECT_LE(page.text_width(cut, style), w + 0.02);
        EXPECT_EQ(cut.find("\uFFFD"), std::string::npos);
        EXPECT_TRUE(cut.empty() || cut == "Größenänderung → ∞" || cut.ends_with("…")) << cut;
    }
    EXPECT_EQ(elide(page, "x", style, 0), "");
}

TEST(Text, WrapKeepsAllWordsAndTheWidth) {
    const Page page;
    const std::string text = "Token 7 goes to experts 3, 12 and Donaudampfschifffahrtsgesellschaft";
    for (const double w : {5.0, 40.0, 100.0, 1000.0}) {
        std::string joined;
        for (const auto& line : wrap(page, text, style, w)) {
            EXPECT_TRUE(w < 20 || page.text_width(line, style) <= w + 0.01) << line;
            for (const char c : line)
                if (c != ' ') joined += c;
        }
        std::string letters;
        for (const char c : text)
            if (c != ' ') letters += c;
        EXPECT_EQ(joined, letters);
    }
    EXPECT_EQ(wrap(page, "a\n\nb", style, 100), (std::vector<std::string>{"a", "", "b"}));
    EXPECT_EQ(wrap(page, "", style, 100).size(), 1u);
}

TEST(Text, ParagraphMeasuresWhatItDraws) {
    Page page;
    const std::string text = "one two three four five six seven eight nine ten";
    const double h = paragraph(page, {10, 20}, 90, text, style);
    EXPECT_EQ(h, paragraph_height(page, 90, text, style));
    EXPECT_GT(page.primitives().size(), 2u);
    for (const auto& p : page.primitives()) {
        EXPECT_GE(p.rect.y, 20 - 1e-9);
        EXPECT_LE(p.rect.bottom(), 20 + h + 1e-9);
    }
    Page shorter;
    paragraph(shorter, {10, 20}, 90, text, style, 2 * line_height(13));
    ASSERT_EQ(shorter.primitives().size(), 2u);
    EXPECT_NE(shorter.texts()[1].find("…"), std::string::npos);
    EXPECT_TRUE(shorter.overlapping_texts().empty());
}

TEST(Chips, ShowUnprintableTokens) {
    EXPECT_EQ(token_label(" the cat\n"), "␣the␣cat⏎");
    EXPECT_EQ(token_label("\xFF"), "\uFFFD");
    EXPECT_EQ(token_label(std::string("\0", 1)), "\u2400");
}

TEST(Chips, TheChosenOneStaysInSight) {
    const auto theme = Theme::light();
    for (std::size_t chosen = 0; chosen < 60; chosen += 7) {
        Page page;
        std::vector<Chip> chips;
        for (std::size_t i = 0; i < 60; ++i) {
            Chip chip;
            chip.text = "token" + std::to_string(i);
            chip.chosen = i == chosen;
            chip.index = static_cast<std::int64_t>(i);
            chips.push_back(chip);
        }
        const auto places = draw_chips(page, theme, {10, 10}, 500, chips);
        EXPECT_GT(places[chosen].w, 0);
        for (const auto& r : places)
            if (r.w > 0) {
                EXPECT_GE(r.x, 10);
                EXPECT_LE(r.right(), 510);
            }
        EXPECT_EQ(page.find(places[chosen].centre()),
                  (Pick{"token", static_cast<std::int64_t>(chosen), 0, 0}));
        EXPECT_TRUE(page.overlapping_texts().empty());
    }
}

TEST(Arrows, EndAtTheirTip) {
    Page page;
    draw_arrow(page, elbow({10, 10}, {100, 60}), {{0, 0, 0, 255}, 1.5, 6, 9});
    ASSERT_EQ(page.primitives().size(), 2u);
    EXPECT_EQ(page.primitives()[1].points[0], (Vec2{100, 60}));
    EXPECT_LE(page.primitives()[0].rect.right(), 100);
    const auto path = rounded_path(elbow({0, 0}, {100, 100}), 8);
    EXPECT_EQ(point_along(path, 0), (Vec2{0, 0}));
    EXPECT_EQ(point_along(path, 1), (Vec2{100, 100}));
    EXPECT_NEAR(point_along(path, 0.5).x, 50, 1e-9);
    EXPECT_NEAR(point_along(path, 0.5).y, 50, 0.5);
    draw_arrow(page, {}, {});
    draw_arrow(page, {{5, 5}, {5, 5}}, {});
}

TEST(Hatch, StaysInside) {
    for (const auto hatch :
         {Hatch::diagonal, Hatch::counter, Hatch::cross, Hatch::level, Hatch::dots}) {
        RecordingCanvas page({10, 10, 33, 17});
        draw_hatch(page, {10, 10, 33, 17}, hatch, {0, 0, 0, 255});
        EXPECT_GT(page.primitives().size(), 2u);
        EXPECT_EQ(page.outside(0.01), std::vector<std::string>{});
    }
}

TEST(TextFlow, RunsOnInLinesOfTheWidthAndEndsInDots) {
    TextStyle bold = style;
    bold.weight = Weight::bold;
    const std::string first = "Who has the ball and the", second = " hat? Leo has the hat.";
    for (const double width : {60.0, 90.0, 1000.0}) {
        Page page;
        TextFlow measured(page, {10, 20}, width, 1000, true);
        measured.add(first, style);
        measured.add(second, bold);
        EXPECT_TRUE(page.primitives().empty());
        TextFlow flow(page, {10, 20}, width, 1000);
        flow.add(first, style);
        flow.add(second, bold);
        EXPECT_EQ(flow.height(), measured.height());
        std::string letters;
        double lowest = 0;
        for (const Primitive& p : page.primitives()) {
            EXPECT_GE(p.rect.x, 9.5);
            EXPECT_LE(p.rect.right(), 10 + width + 0.5) << p.text;
            EXPECT_EQ(p.style.weight == Weight::bold, letters.size() >= 19) << p.text;
            lowest = std::max(lowest, p.rect.bottom());
            for (const char c : p.text)
                if (c != ' ') letters += c;
        }
        EXPECT_EQ(letters, "Whohastheballandthehat?Leohasthehat.") << width;
        EXPECT_LE(lowest, 20 + flow.height());
        EXPECT_EQ(flow.height() > line_height(13) * 1.5, width < 1000);
    }
    Page page;
    TextFlow flow(page, {0, 0}, 60, 2.1 * line_height(13));
    flow.add(first + second, style);
    EXPECT_EQ(page.primitives().back().text, "…");
    EXPECT_LE(flow.height(), 2.1 * line_height(13));
}

}  // namespace
}  // namespace sf
