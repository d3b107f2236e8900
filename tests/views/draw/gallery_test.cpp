#include "gallery.h"

#include "views/canvas/cairo_canvas.h"
#include "views/canvas/recording_canvas.h"

#include <gtest/gtest.h>
#include <cstdlib>
#include <fstream>

namespace sf {
namespace {

struct Page {
    bool dark;
    int percent;
};
void PrintTo(const Page& p, std::ostream* out) {
    *out << (p.dark ? "dark" : "light") << p.percent;
}

class Gallery : public testing::TestWithParam<Page> {
protected:
    Theme theme() const {
        const double s = GetParam().percent / 100.0;
        return GetParam().dark ? Theme::dark_theme(s) : Theme::light(s);
    }
    // Larger text needs a larger page.
    Rect page() const {
        return GetParam().percent > 150 ? Rect{0, 0, 1920, 1200} : Rect{0, 0, 1280, 760};
    }
};

TEST_P(Gallery, NothingOverlapsOrLeavesThePage) {
    RecordingCanvas canvas(page());
    draw_gallery(canvas, theme(), page());
    EXPECT_TRUE(canvas.clips_balanced());
    EXPECT_EQ(canvas.overlapping_texts(), std::vector<std::string>{});
    EXPECT_EQ(canvas.outside(), std::vector<std::string>{});
    EXPECT_EQ(canvas.cut_texts(), std::vector<std::string>{});
}

TEST_P(Gallery, TheSameDrawingGivesTheSameBytes) {
    const auto draw = [&](const std::string& kind) {
        auto canvas = kind == "png" ? CairoCanvas::png(page().w, page().h, 1, theme().background,
                                                       {"Gallery", "All", ""})
                                    : CairoCanvas::pdf(page().w, page().h, theme().background,
                                                       {"Gallery", "All", ""});
        draw_gallery(*canvas, theme(), page());
        return canvas->finish();
    };
    const auto png = draw("png");
    EXPECT_EQ(png, draw("png"));
    EXPECT_EQ(draw("pdf"), draw("pdf"));
    // For looking at: SF_GALLERY=/tmp/gallery sf_test_views_draw.
    if (const char* folder = std::getenv("SF_GALLERY")) {
        const auto name = std::string(folder) + "/" + testing::PrintToString(GetParam());
        std::ofstream(name + ".png", std::ios::binary) << png;
        std::ofstream(name + ".pdf", std::ios::binary) << draw("pdf");
    }
}

INSTANTIATE_TEST_SUITE_P(Pages, Gallery,
                         testing::Values(Page{false, 100}, Page{true, 100}, Page{false, 200},
                                         Page{true, 200}, Page{false, 75}),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace sf
