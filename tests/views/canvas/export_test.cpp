#include "views/canvas/cairo_canvas.h"
#include "views/canvas/svg_canvas.h"

#include "core/error.h"

#include <gtest/gtest.h>
#include <unistd.h>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace sf {
namespace {

constexpr Colour white{255, 255, 255, 255};
const PictureInfo info{"Model map", "Token 7 «cat» & <b> → expert 3\x01", "stepformer figure map"};

void draw(Canvas& canvas) {
    canvas.fill_rect({10, 10, 40, 20}, {255, 0, 0, 255});
    canvas.fill_rect({60, 10, 40, 20}, {0, 0, 255, 128}, 6);
    canvas.stroke_rect({10, 40, 40, 20}, {0, 128, 0, 255}, 2);
    canvas.polyline({{60, 60}, {80, 40}, {100, 60}}, {0, 0, 0, 255}, 1.5, true);
    canvas.fill_polygon({{110, 10}, {150, 10}, {130, 20}, {150, 40}, {110, 40}}, {9, 99, 9, 255});
    auto image = std::make_shared<Image>();
    image->w = 2, image->h = 2;
    image->pixels = {{255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {0, 0, 0, 0}};
    canvas.image({160, 10, 20, 20}, image);
    const ClipScope clip(canvas, {0, 60, 200, 40});
    canvas.text({10, 80}, "the cat <&> \"sat\"",
                {12, Weight::regular, {0, 0, 0, 255}, Align::left});
    canvas.text({190, 95}, "logits √d → ∞", {12, Weight::bold, {0, 0, 0, 255}, Align::right});
    canvas.text({100, 95}, std::string("a\x02\xFF", 3), {9, Weight::regular, {}, Align::centre});
}

std::string png(double scale = 1) {
    auto canvas = CairoCanvas::png(200, 100, scale, white, info);
    draw(*canvas);
    return canvas->finish();
}

std::string pdf() {
    auto canvas = CairoCanvas::pdf(200, 100, white, info);
    draw(*canvas);
    return canvas->finish();
}

std::string svg() {
    SvgCanvas canvas(200, 100, white, info);
    draw(canvas);
    return canvas.finish();
}

// What a tool prints about the file; "no tool" where it is not installed.
std::string tool(const std::string& name, const std::string& arguments, const std::string& bytes) {
    if (std::system(("command -v " + name + " >/dev/null 2>&1").c_str()) != 0) return "no tool";
    const auto file = std::filesystem::temp_directory_path() /
                      ("sf_export_" + std::to_string(::getpid()) + "_" + name);
    std::ofstream(file, std::ios::binary) << bytes;
    std::string command = name + " " + arguments + " 2>&1";
    command.replace(command.find('@'), 1, file.string());
    std::string out;
    FILE* pipe = popen(command.c_str(), "r");
    for (int c = fgetc(pipe); c != EOF; c = fgetc(pipe)) out += static_cast<char>(c);
    const int status = pclose(pipe);
    std::filesystem::remove(file);
    return status == 0 ? out : "failed: " + out;
}

Colour at(const Image& image, int x, int y) {
    return image.pixels[static_cast<std::size_t>(y * image.w + x)];
}

TEST(Export, PngHasTheSizeThePixelsAndTheText) {
    const auto one = decode_png(png());
    EXPECT_EQ(one.w, 200);
    EXPECT_EQ(one.h, 100);
    EXPECT_EQ(at(one, 30, 20), (Colour{255, 0, 0, 255}));
    EXPECT_EQ(at(one, 5, 5), white);
    EXPECT_EQ(at(one, 80, 20), (Colour{127, 127, 255, 255}));  // half blue over white, in sRGB
    EXPECT_EQ(at(one, 10, 50), (Colour{0, 128, 0, 255}));      // a stroke on whole pixels
    EXPECT_EQ(at(one, 140, 20), white);                        // the polygon is concave
    EXPECT_EQ(at(one, 115, 30), (Colour{9, 99, 9, 255}));
    // Hard pixels of the image; the clear one shows the page.
    EXPECT_EQ(at(one, 169, 19), (Colour{255, 0, 0, 255}));
    EXPECT_EQ(at(one, 170, 19), (Colour{0, 255, 0, 255}));
    EXPECT_EQ(at(one, 169, 20), (Colour{0, 0, 255, 255}));
    EXPECT_EQ(at(one, 171, 21), white);
    const auto two = decode_png(png(2));
    EXPECT_EQ(two.w, 400);
    EXPECT_EQ(two.h, 200);
    for (const char* note : {"Description", "Token 7 «cat»", "Model map", "stepformer figure map"})
        EXPECT_NE(png().find(note), std::string::npos) << note;
}

TEST(Export, EncodedPixelsComeBack) {
    Image image;
    image.w = 3, image.h = 2;
    for (int i = 0; i < 6; ++i)
        image.pixels.push_back({static_cast<std::uint8_t>(i * 40), 7, 200,
                                static_cast<std::uint8_t>(i == 2 ? 100 : 255)});
    const auto back = decode_png(encode_png(image));
    EXPECT_EQ(back.w, 3);
    EXPECT_EQ(back.h, 2);
    EXPECT_EQ(back.pixels, image.pixels);
}

TEST(Export, DamagedPngIsTheUsersError) {
    const auto good = png();
    EXPECT_THROW(decode_png("no picture"), UserError);
    EXPECT_THROW(decode_png(std::string_view(good).substr(0, good.size() / 2)), UserError);
}

TEST(Export, TheSameDrawingGivesTheSameBytes) {
    EXPECT_EQ(png(), png());
    EXPECT_EQ(pdf(), pdf());
    EXPECT_EQ(svg(), svg());
    EXPECT_NE(pdf().find("20000101"), std::string::npos);  // not the time of day
}

TEST(Export, AbsurdSizesAreRefused) {
    for (const double size : {0.0, -5.0, 1e9, std::nan(""), 20000.0}) {
        EXPECT_THROW(CairoCanvas::png(size, 100, 1, white, {}), UserError) << size;
        EXPECT_THROW(CairoCanvas::pdf(100, size, white, {}), UserError) << size;
    }
    EXPECT_THROW(CairoCanvas::png(1000, 1000, 1e6, white, {}), UserError);
}

TEST(Export, PdfTextIsSearchable) {
    const auto text = tool("pdftotext", "@ -", pdf());
    if (text == "no tool") GTEST_SKIP() << "pdftotext is not installed";
    EXPECT_NE(text.find("the cat <&> \"sat\""), std::string::npos) << text;
    EXPECT_NE(text.find("logits √d → ∞"), std::string::npos) << text;
    const auto about = tool("pdfinfo", "@", pdf());
    EXPECT_NE(about.find("Model map"), std::string::npos) << about;
    EXPECT_NE(about.find("Token 7 «cat»"), std::string::npos) << about;
}

TEST(Export, SvgIsWellFormedAndKeepsItsText) {
    const auto picture = svg();
    EXPECT_NE(picture.find("<desc>Token 7 «cat» &amp; &lt;b&gt; → expert 3\u2401</desc>"),
              std::string::npos);
    EXPECT_NE(picture.find(">the cat &lt;&amp;&gt; &quot;sat&quot;</text>"), std::string::npos);
    EXPECT_NE(picture.find("textLength="), std::string::npos);
    for (const char c : picture) EXPECT_TRUE(static_cast<unsigned char>(c) >= 32 || c == '\n');
    // Every tag that opens closes.
    std::vector<std::string> open;
    for (std::size_t i = picture.find("<svg"); (i = picture.find('<', i)) != std::string::npos;
         ++i) {
        const std::size_t end = picture.find('>', i);
        ASSERT_NE(end, std::string::npos);
        const std::string tag = picture.substr(i + 1, end - i - 1);
        const std::string name = tag.substr(0, tag.find_first_of(" />", 1));
        if (tag[0] == '/') {
            ASSERT_FALSE(open.empty());
            EXPECT_EQ("/" + open.back(), tag);
            open.pop_back();
        } else if (tag.back() != '/') {
            open.push_back(name);
        }
    }
    EXPECT_TRUE(open.empty());
    const auto lint = tool("xmllint", "--noout @", picture);
    EXPECT_TRUE(lint == "no tool" || lint.empty()) << lint;
}

TEST(Export, AnyBytesCanBeEscaped) {
    std::string all;
    for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
    all += "\xEF\xBF\xBE\xEF\xBF\xBF";  // U+FFFE and U+FFFF, which XML forbids
    const auto safe = xml_escape(all);
    EXPECT_EQ(safe.find_first_of("<>\"'"), std::string::npos);
    EXPECT_EQ(safe.find("\xEF\xBF\xBE"), std::string::npos);
    for (const char c : safe) EXPECT_GE(static_cast<unsigned char>(c), 32);
}

}  // namespace
}  // namespace sf
