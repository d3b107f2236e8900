#include "views/draw/heat_map.h"
#include "views/draw/number.h"
#include "views/draw/plot.h"

#include "views/canvas/recording_canvas.h"

#include <gtest/gtest.h>
#include <cmath>

namespace sf {
namespace {

const Theme theme = Theme::light();

HeatMap map_of(std::int64_t rows, std::int64_t cols) {
    HeatMap map;
    map.area = {50, 50, 600, 400};
    map.rows = rows;
    map.cols = cols;
    map.value = [cols](std::int64_t r, std::int64_t c) {
        return static_cast<double>(r * cols + c);
    };
    map.scale = ColourScale::range(0, static_cast<double>(rows * cols));
    map.target = {"layers.1.scores", 1000, 1, 1, cols, 1};
    return map;
}

const Primitive& image_of(const RecordingCanvas& canvas) {
    for (const auto& p : canvas.primitives())
        if (p.kind == Primitive::Kind::image) return p;
    throw std::runtime_error("no image");
}

TEST(HeatMap, EveryCellShowsHitsAndNamesItsOwnValue) {
    RecordingCanvas canvas({0, 0, 700, 500});
    const auto map = map_of(8, 6);
    draw_heat_map(canvas, theme, map);
    const auto& image = *image_of(canvas).image;
    ASSERT_EQ(image.w, 6);
    ASSERT_EQ(image.h, 8);
    for (std::int64_t r = 0; r < 8; ++r)
        for (std::int64_t c = 0; c < 6; ++c) {
            const double v = map.value(r, c);
            EXPECT_EQ(image.pixels[static_cast<std::size_t>(r * 6 + c)],
                      map.scale.colour(theme, v));
            const Rect cell = heat_map_cell(map, r, c);
            const auto hit = canvas.find(cell.centre());
            ASSERT_TRUE(hit);
            EXPECT_EQ(hit->index, 1000 + r * 6 + c);
            // The number printed in the cell is the cell's.
            int printed = 0;
            for (const auto& p : canvas.primitives())
                if (p.kind == Primitive::Kind::text && cell.contains(p.rect.centre())) {
                    ++printed;
                    EXPECT_EQ(p.text, v == 0 ? "0" : format_fixed(v, 2));
                }
            EXPECT_EQ(printed, 1);
        }
    EXPECT_TRUE(canvas.overlapping_texts().empty());
}

TEST(HeatMap, TheBorderRoundMarkedCellsIsDrawnWhereItIs) {
    const auto lines = [](const HeatMap& map) {
        RecordingCanvas canvas({0, 0, 700, 500});
        draw_heat_map(canvas, theme, map);
        std::vector<Rect> all;
        for (const auto& p : canvas.primitives())
            if (p.kind == Primitive::Kind::polyline) {
                EXPECT_EQ(p.colour, theme.accent);
                all.push_back({p.points[0].x, p.points[0].y, p.points[1].x - p.points[0].x,
                               p.points[1].y - p.points[0].y});
            }
        return all;
    };
    auto map = map_of(8, 6);
    EXPECT_TRUE(lines(map).empty());
    map.changed = [](std::int64_t, std::int64_t) { return false; };
    EXPECT_TRUE(lines(map).empty());
    map.changed = [](std::int64_t r, std::int64_t c) { return r == 2 && c >= 1 && c < 4; };
    const std::vector<Rect> row{
        {150, 150, 300, 0}, {150, 200, 300, 0}, {150, 150, 0, 50}, {450, 150, 0, 50}};
    EXPECT_EQ(lines(map), row);
    // Of cells that are too small, the block that they are in.
    map = map_of(4000, 6000);
    map.numbers = false;
    map.changed = [](std::int64_t r, std::int64_t c) { return r == 2000 && c == 3000; };
    const auto one = lines(map);
    ASSERT_EQ(one.size(), 4U);
    EXPECT_GE(one[0].w, 7);
    EXPECT_LE(one[0].w, 8);
    const Rect cell = heat_map_cell(map, 2000, 3000);
    EXPECT_LE(one[0].x, cell.x);
    EXPECT_GE(one[0].x + one[0].w, cell.right());
    EXPECT_LE(one[0].y, cell.y);
    EXPECT_GE(one[1].y, cell.bottom());
}

TEST(HeatMap, SmallCellsPrintNothingAndManyAreGathered) {
    RecordingCanvas canvas({0, 0, 700, 500});
    auto map = map_of(3000, 4000);
    map.value = [](std::int64_t r, std::int64_t c) { return r == 1234 && c == 2000 ? -9.0 : 0.5; };
    map.scale = ColourScale::symmetric(9);
    draw_heat_map(canvas, theme, map);
    EXPECT_TRUE(canvas.texts().empty());
    const auto& image = *image_of(canvas).image;
    EXPECT_LE(image.w, 2048);
    EXPECT_LE(image.h, 2048);
    // The one large value is not lost.
    int found = 0;
    for (const auto c : image.pixels) found += c == diverging(theme, -1);
    EXPECT_EQ(found, 1);
    EXPECT_EQ(canvas.find({50.001, 50.001})->index, 1000);
    EXPECT_EQ(canvas.find({649.999, 449.999})->index, 1000 + 3000LL * 4000 - 1);
}

TEST(HeatMap, LabelsThinOutAndBlankCellsStayBlank) {
    RecordingCanvas canvas({0, 0, 700, 500});
    auto map = map_of(100, 100);
    map.area.x = 80;
    for (int i = 0; i < 100; ++i) {
        map.row_labels.push_back("r" + std::to_string(i));
        map.col_labels.push_back("c" + std::to_string(i));
    }
    map.past = 0;
    draw_heat_map(canvas, theme, map);
    EXPECT_TRUE(canvas.has_text("r0"));
    EXPECT_LT(canvas.texts().size(), 80u);
    EXPECT_TRUE(canvas.overlapping_texts().empty());
    EXPECT_TRUE(canvas.outside().empty());
    const auto& image = *image_of(canvas).image;
    EXPECT_EQ(image.pixels[99].a, 0);
    EXPECT_EQ(image.pixels[99 * 100].a, 255);
}

TEST(HeatMap, TheHoveredCellIsOutlined) {
    RecordingCanvas canvas({0, 0, 700, 500});
    auto map = map_of(8, 6);
    map.hover_index = 1000 + 3 * 6 + 4;
    draw_heat_map(canvas, theme, map);
    const auto& outline = canvas.primitives().back();
    EXPECT_EQ(outline.kind, Primitive::Kind::stroke_rect);
    EXPECT_EQ(outline.rect.centre(), heat_map_cell(map, 3, 4).centre());
    RecordingCanvas other({0, 0, 700, 500});
    map.hover_index = 5;  // of the node, but not in this map
    draw_heat_map(other, theme, map);
    EXPECT_EQ(other.primitives().size() + 2, canvas.primitives().size());
}

TEST(HeatMap, DegenerateOnesDrawNothingAndDoNotFail) {
    RecordingCanvas canvas({0, 0, 700, 500});
    draw_heat_map(canvas, theme, map_of(0, 5));
    auto flat = map_of(2, 2);
    flat.area.h = 0;
    draw_heat_map(canvas, theme, flat);
    EXPECT_TRUE(canvas.primitives().empty());
    auto bad = map_of(2, 2);
    bad.value = [](std::int64_t, std::int64_t) { return std::nan(""); };
    draw_heat_map(canvas, theme, bad);
    EXPECT_EQ(image_of(canvas).image->pixels[0], theme.bad);
    EXPECT_TRUE(canvas.has_text("NaN"));
}

TEST(Bars, LengthIsTheValueAndTheHitItsIndex) {
    for (const bool horizontal : {false, true}) {
        RecordingCanvas canvas({0, 0, 400, 300});
        Bars bars;
        bars.area = {20, 20, 300, 200};
        bars.values = {1, 0.5, -0.25, 0};
        bars.colour = theme.accent;
        bars.horizontal = horizontal;
        bars.target = {"logits", 7, 1, 1, 0, 1};
        draw_bars(canvas, theme, bars);
        std::vector<Rect> drawn;
        for (const auto& p : canvas.primitives())
            if (p.kind == Primitive::Kind::fill_rect) drawn.push_back(p.rect);
        ASSERT_EQ(drawn.size(), 4u);
        const auto length = [&](std::size_t i) { return horizontal ? drawn[i].w : drawn[i].h; };
        EXPECT_NEAR(length(1) / length(0), 0.5, 1e-9);
        EXPECT_NEAR(length(2) / length(0), 0.25, 1e-9);
        EXPECT_NEAR(length(3), 0, 1e-9);
        for (std::size_t i = 0; i < 3; ++i)
            EXPECT_EQ(canvas.find(drawn[i].centre())->index, 7 + static_cast<std::int64_t>(i));
    }
}

TEST(Plot, TicksAreRoundAndInside) {
    const auto linear = ticks(0.013, 0.98, 5);
    ASSERT_GE(linear.size(), 3u);
    EXPECT_LE(linear.size(), 7u);
    EXPECT_EQ(linear[0].label, "0.2");
    for (const auto& t : linear) EXPECT_TRUE(t.value >= 0.013 && t.value <= 0.98);
    const auto log = ticks(1, 1e6, 4, true);
    ASSERT_GE(log.size(), 3u);
    EXPECT_EQ(log[0].label, "1");
    for (const auto& t : log)
        EXPECT_NEAR(std::log10(t.value), std::round(std::log10(t.value)), 1e-9);
    EXPECT_EQ(ticks(-1, 1, 2)[1].label, "0");
    EXPECT_TRUE(ticks(1, 1, 5).empty());
    EXPECT_TRUE(ticks(0, std::nan(""), 5).empty());
    EXPECT_LT(ticks(0, 1e300, 5).size(), 20u);
    EXPECT_LT(ticks(1e15, 1e15 + 1, 5).size(), 202u);
}

TEST(Plot, PointsLieWhereTheFrameSays) {
    RecordingCanvas canvas({0, 0, 500, 400});
    Plot plot;
    plot.area = {10, 10, 480, 380};
    plot.title = "loss";
    plot.x = {"step", 1, 1000, true};
    Series s{"main", {1, 10, 100, 1000}, {4, 3, 2, 1}, theme.accent};
    plot.series = {s};
    const auto frame = draw_plot(canvas, theme, plot);
    EXPECT_NEAR(frame.at(1, 1).x, frame.data.x, 1e-9);
    EXPECT_NEAR(frame.at(1000, 1).x, frame.data.right(), 1e-9);
    EXPECT_NEAR(frame.at(10, 1).x, frame.data.x + frame.data.w / 3, 1e-9);
    bool found = false;
    for (const auto& p : canvas.primitives())
        if (p.kind == Primitive::Kind::polyline && p.points.size() == 4) {
            found = true;
            for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(p.points[i], frame.at(s.x[i], s.y[i]));
        }
    EXPECT_TRUE(found);
    EXPECT_TRUE(canvas.overlapping_texts().empty());
    EXPECT_TRUE(canvas.outside().empty());
    // Gaps where values are not finite; no data at all; all the same.
    plot.series[0].y[1] = std::nan("");
    draw_plot(canvas, theme, plot);
    plot.series.clear();
    draw_plot(canvas, theme, plot);
    plot.series = {{"flat", {0, 1}, {5, 5}, theme.accent}};
    plot.x = {};
    const auto flat = draw_plot(canvas, theme, plot);
    EXPECT_TRUE(flat.data.contains(flat.at(0.5, 5)));
}

TEST(Histogram, CountsEveryFiniteValueOnce) {
    const std::vector<double> v{-1, -0.5, 0, 0.5, 1, 1, std::nan(""), INFINITY};
    const auto h = histogram(
        8, [&](std::int64_t, std::int64_t i) { return v[static_cast<std::size_t>(i)]; }, 4);
    EXPECT_EQ(h.lo, -1);
    EXPECT_EQ(h.hi, 1);
    EXPECT_EQ(h.not_finite, 2);
    EXPECT_EQ(h.counts, (std::vector<double>{1, 1, 1, 3}));
    const auto extreme = histogram(
        2, [](std::int64_t, std::int64_t i) { return i == 0 ? -1.7e308 : 1.7e308; }, 2);
    EXPECT_EQ(extreme.counts, (std::vector<double>{1, 1}));
    RecordingCanvas canvas({0, 0, 300, 200});
    draw_histogram(canvas, theme, {10, 10, 280, 180}, h, theme.accent);
    EXPECT_TRUE(canvas.outside().empty());
    draw_histogram(canvas, theme, {10, 10, 280, 180}, histogram(0, {}, 5), theme.accent);
}

}  // namespace
}  // namespace sf
