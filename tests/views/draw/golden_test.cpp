#include "gallery.h"

#include "views/canvas/cairo_canvas.h"

#include <gtest/gtest.h>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace sf {
namespace {

// Pictures by pixels, last of all tests: they notice what nobody thought of asking. After a change
// that is meant, SF_UPDATE_GOLDEN=1 writes them anew; look at them before committing.
class Golden : public testing::TestWithParam<bool> {};

TEST_P(Golden, TheVocabularyLooksAsItDid) {
    const bool dark = GetParam();
    const Theme theme = dark ? Theme::dark_theme() : Theme::light();
    const Rect page{0, 0, 1280, 760};
    auto canvas = CairoCanvas::png(page.w, page.h, 1, theme.background, {});
    draw_gallery(*canvas, theme, page);
    const auto bytes = canvas->finish();
    const std::string name = dark ? "vocabulary_dark" : "vocabulary_light";
    const auto file = std::filesystem::path(SF_SOURCE_DIR) / "tests/golden" / (name + ".png");
    if (std::getenv("SF_UPDATE_GOLDEN") != nullptr) {
        std::ofstream(file, std::ios::binary) << bytes;
        GTEST_SKIP() << "written: " << file;
    }
    std::ifstream in(file, std::ios::binary);
    ASSERT_TRUE(in) << file;
    std::stringstream golden;
    golden << in.rdbuf();
    const Image now = decode_png(bytes), then = decode_png(golden.str());
    ASSERT_EQ(now.w, then.w);
    ASSERT_EQ(now.h, then.h);
    // Other releases of cairo and FreeType round the edges of shapes differently.
    constexpr int slack = 40;
    Image diff = then;
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < now.pixels.size(); ++i) {
        const Colour a = now.pixels[i], b = then.pixels[i];
        const int d = std::max({std::abs(a.r - b.r), std::abs(a.g - b.g), std::abs(a.b - b.b)});
        const auto grey = static_cast<std::uint8_t>(200 + (b.r + b.g + b.b) / 14);
        diff.pixels[i] = d > slack ? Colour{220, 0, 0, 255} : Colour{grey, grey, grey, 255};
        wrong += d > slack;
    }
    if (wrong > 50) {
        const auto folder = std::filesystem::temp_directory_path();
        std::ofstream(folder / (name + "_now.png"), std::ios::binary) << bytes;
        std::ofstream(folder / (name + "_diff.png"), std::ios::binary) << encode_png(diff);
        ADD_FAILURE() << wrong << " pixels differ; see " << folder / (name + "_diff.png")
                      << " beside " << file;
    }
}

INSTANTIATE_TEST_SUITE_P(Themes, Golden, testing::Bool());

}  // namespace
}  // namespace sf
