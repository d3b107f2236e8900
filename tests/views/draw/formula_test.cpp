#include "views/draw/formula.h"

#include "formulas.h"
#include "views/canvas/cairo_canvas.h"
#include "views/canvas/recording_canvas.h"

#include <gtest/gtest.h>
#include <cmath>
#include <cstdlib>
#include <fstream>

namespace sf {
namespace {

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
                CairoCanvas::png(48 + 40 * size, h + 48, 1, theme.background, {"", "", ""});
            draw_formulas(*canvas, theme, {24, 24}, size);
            std::ofstream(std::string(folder) + "/formulas_" + (dark ? "dark" : "light") +
                              std::to_string(std::lround(size)) + ".png",
                          std::ios::binary)
                << canvas->finish();
        }
}

}  // namespace
}  // namespace sf
