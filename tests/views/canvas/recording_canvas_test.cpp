#include "views/canvas/recording_canvas.h"

#include <gtest/gtest.h>

namespace sf {
namespace {

const TextStyle style{12, Weight::regular, {0, 0, 0, 255}, Align::left};

void draw(Canvas& canvas) {
    canvas.fill_rect({10, 10, 50, 20}, {1, 2, 3}, 4);
    canvas.stroke_rect({10, 10, 50, 20}, {1, 2, 3}, 2, 4);
    canvas.polyline({{0, 0}, {10, 5}, {20, 0}}, {9, 9, 9}, 1.5, true);
    {
        const ClipScope clip(canvas, {0, 0, 40, 40});
        canvas.fill_polygon({{0, 0}, {100, 0}, {0, 100}}, {5, 5, 5});
        const ClipScope inner(canvas, {20, 20, 40, 40});
        canvas.text({22, 35}, "the cat", style);
        canvas.hit({0, 0, 80, 80}, {"layers.0.q", 100, 4, 2, 10, 1});
    }
    auto image = std::make_shared<Image>();
    image->w = 2, image->h = 1;
    image->pixels = {{1, 1, 1}, {2, 2, 2}};
    canvas.image({60, 60, 20, 10}, image);
}

TEST(Recording, ReplayGivesAnEqualRecording) {
    RecordingCanvas one({0, 0, 100, 100}), two({0, 0, 100, 100}), replayed({0, 0, 100, 100});
    draw(one);
    draw(two);  // another Image object of the same pixels
    one.replay(replayed);
    EXPECT_TRUE(one == two);
    EXPECT_TRUE(one == replayed);
    EXPECT_TRUE(one.clips_balanced());
    two.fill_rect({0, 0, 1, 1}, {});
    EXPECT_FALSE(one == two);
}

TEST(Recording, ClipsAreIntersected) {
    RecordingCanvas canvas({0, 0, 100, 100});
    draw(canvas);
    ASSERT_EQ(canvas.primitives().size(), 6u);
    EXPECT_EQ(canvas.primitives()[4].clip, (Rect{20, 20, 20, 20}));
    EXPECT_EQ(canvas.primitives()[3].clip, (Rect{0, 0, 40, 40}));
}

TEST(Recording, AHitKnowsTheFlatIndexOfTheCell) {
    RecordingCanvas canvas({0, 0, 100, 100});
    canvas.hit({10, 20, 40, 80}, {"layers.0.q", 100, 4, 2, 10, 1});
    const auto p = canvas.find({35, 75});  // column 1, row 2
    ASSERT_TRUE(p);
    EXPECT_EQ(*p, (Pick{"layers.0.q", 100 + 2 * 10 + 1, 2, 1}));
    EXPECT_EQ(canvas.find({10, 20})->index, 100);
    EXPECT_EQ(canvas.find({49.999, 99.999})->index, 131);
    EXPECT_FALSE(canvas.find({50, 30}));
    EXPECT_FALSE(canvas.find({9.9, 30}));
}

TEST(Recording, TheTopmostVisibleHitCounts) {
    RecordingCanvas canvas({0, 0, 100, 100});
    canvas.hit({0, 0, 100, 100}, {"below", 0, 1, 1, 0, 0});
    canvas.push_clip({0, 0, 50, 50});
    canvas.hit({0, 0, 100, 100}, {"above", 0, 1, 1, 0, 0});
    canvas.pop_clip();
    EXPECT_EQ(canvas.find({10, 10})->node, "above");
    EXPECT_EQ(canvas.find({60, 60})->node, "below");
}

TEST(Recording, FindsOverlapsCutsAndWhatIsOutside) {
    RecordingCanvas canvas({0, 0, 100, 100});
    canvas.text({10, 50}, "one", style);
    canvas.text({10, 70}, "two", style);
    EXPECT_TRUE(canvas.overlapping_texts().empty());
    EXPECT_TRUE(canvas.outside().empty());
    EXPECT_TRUE(canvas.cut_texts().empty());
    canvas.text({15, 54}, "three", style);
    EXPECT_EQ(canvas.overlapping_texts().size(), 1u);
    canvas.text({90, 90}, "outside", style);
    EXPECT_EQ(canvas.outside().size(), 1u);
    canvas.line({-5, 10}, {-5, 30}, {});  // without width
    EXPECT_EQ(canvas.outside().size(), 2u);
    canvas.push_clip({0, 0, 100, 20});
    canvas.line({-5, 50}, {-5, 70}, {});  // clipped away altogether
    canvas.pop_clip();
    EXPECT_EQ(canvas.outside().size(), 2u);
    canvas.push_clip({0, 0, 20, 100});
    canvas.text({5, 20}, "a long text", style);
    canvas.pop_clip();
    EXPECT_EQ(canvas.cut_texts().size(), 2u);
    EXPECT_TRUE(canvas.has_text("long"));
}

}  // namespace
}  // namespace sf
