#include "views/canvas/imgui_canvas.h"

#include "../draw/gallery.h"

#include "views/canvas/cairo_canvas.h"
#include "views/canvas/imgui_compat.h"
#include "views/canvas/triangulate.h"

#include <gtest/gtest.h>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>

namespace sf {
namespace {

// Textures as numbers, and what they hold.
class Textures : public TextureSource {
public:
    ImTextureID texture(const std::shared_ptr<const Image>& image) override {
        images_.push_back(image);
        return compat::texture_id(1000 + static_cast<unsigned>(images_.size()));
    }
    ImTextureID glyph_page(const GlyphAtlas::Page& page) override {
        pages_[page.id] = &page;
        return compat::texture_id(1 + static_cast<unsigned>(page.id));
    }
    // Colour times texture at (u, v), 0..255; images without smoothing.
    std::array<double, 4> sample(ImTextureID id, double u, double v) const {
        for (const auto& [number, page] : pages_)
            if (compat::texture_id(1 + static_cast<unsigned>(number)) == id) {
                constexpr int side = GlyphAtlas::page_size;
                const int x = std::clamp(static_cast<int>(u * side), 0, side - 1);
                const int y = std::clamp(static_cast<int>(v * side), 0, side - 1);
                return {255, 255, 255,
                        static_cast<double>(page->alpha[static_cast<std::size_t>(y * side + x)])};
            }
        for (unsigned i = 0; i < images_.size(); ++i)
            if (compat::texture_id(1001 + i) == id) {
                const auto& m = *images_[i];
                const int x = std::clamp(static_cast<int>(u * m.w), 0, m.w - 1);
                const int y = std::clamp(static_cast<int>(v * m.h), 0, m.h - 1);
                const Colour c = m.pixels[static_cast<std::size_t>(y * m.w + x)];
                return {static_cast<double>(c.r), static_cast<double>(c.g),
                        static_cast<double>(c.b), static_cast<double>(c.a)};
            }
        return {};
    }

private:
    std::map<int, const GlyphAtlas::Page*> pages_;
    std::vector<std::shared_ptr<const Image>> images_;
};

// A draw list without a window, and a small rasteriser that does what a GPU does with it.
class ImGuiPicture : public testing::Test {
protected:
    void SetUp() override {
        context_ = ImGui::CreateContext();
        ImGui::GetIO().BackendFlags |= ImGuiBackendFlags_RendererHasVtxOffset;
    }
    void TearDown() override { ImGui::DestroyContext(context_); }

    template <typename Draw>
    Image render(double w, double h, double ratio, Colour background, const Draw& draw) {
        ImDrawList list(ImGui::GetDrawListSharedData());
        list.Flags = ImDrawListFlags_AllowVtxOffset;
        list.AddDrawCmd();
        list.PushClipRect({0, 0}, {static_cast<float>(w), static_cast<float>(h)});
        Textures textures;
        {
            ImGuiCanvas canvas(list, {0, 0}, 1, ratio, atlas_, textures);
            draw(canvas);
        }
        list.PopClipRect();
        draw_calls_ = list.CmdBuffer.Size;
        vertices_ = list.VtxBuffer.Size;
        Image image;
        image.w = static_cast<int>(w * ratio);
        image.h = static_cast<int>(h * ratio);
        image.pixels.assign(static_cast<std::size_t>(image.w * image.h), background);
        for (const auto& cmd : list.CmdBuffer)
            for (unsigned i = 0; i + 2 < cmd.ElemCount; i += 3) {
                const ImDrawVert* v[3];
                for (unsigned k = 0; k < 3; ++k)
                    v[k] = &list.VtxBuffer[static_cast<int>(
                        cmd.VtxOffset + list.IdxBuffer[static_cast<int>(cmd.IdxOffset + i + k)])];
                triangle(image, v, cmd, ratio, textures);
            }
        return image;
    }

    static void triangle(Image& image, const ImDrawVert* const v[3], const ImDrawCmd& cmd,
                         double ratio, const Textures& textures) {
        double x[3], y[3];
        for (int k = 0; k < 3; ++k)
            x[k] = static_cast<double>(v[k]->pos.x) * ratio,
            y[k] = static_cast<double>(v[k]->pos.y) * ratio;
        const double area = (x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0]);
        if (area == 0) return;
        const auto clip = [&](float e) { return std::lround(static_cast<double>(e) * ratio); };
        const long x0 = std::max(
            {0L, clip(cmd.ClipRect.x), std::lround(std::floor(std::min({x[0], x[1], x[2]})))});
        const long y0 = std::max(
            {0L, clip(cmd.ClipRect.y), std::lround(std::floor(std::min({y[0], y[1], y[2]})))});
        const long x1 = std::min({static_cast<long>(image.w), clip(cmd.ClipRect.z),
                                  std::lround(std::ceil(std::max({x[0], x[1], x[2]})))});
        const long y1 = std::min({static_cast<long>(image.h), clip(cmd.ClipRect.w),
                                  std::lround(std::ceil(std::max({y[0], y[1], y[2]})))});
        for (long py = y0; py < y1; ++py)
            for (long px = x0; px < x1; ++px) {
                const double cx = static_cast<double>(px) + 0.5, cy = static_cast<double>(py) + 0.5;
                double b[3];
                bool inside = true;
                for (int k = 0; k < 3; ++k) {
                    const int i = (k + 1) % 3, j = (k + 2) % 3;
                    b[k] = ((x[j] - x[i]) * (cy - y[i]) - (cx - x[i]) * (y[j] - y[i])) / area;
                    // Top-left rule: an edge belongs to one of its two triangles.
                    const double ex = (x[j] - x[i]) * (area > 0 ? 1 : -1),
                                 ey = (y[j] - y[i]) * (area > 0 ? 1 : -1);
                    inside = inside &&
                             (b[k] > 1e-9 || (b[k] > -1e-9 && (ey < 0 || (ey == 0 && ex > 0))));
                }
                if (!inside) continue;
                double u = 0, t = 0, c[4] = {0, 0, 0, 0};
                for (int k = 0; k < 3; ++k) {
                    u += b[k] * static_cast<double>(v[k]->uv.x),
                        t += b[k] * static_cast<double>(v[k]->uv.y);
                    for (int q = 0; q < 4; ++q) c[q] += b[k] * (v[k]->col >> (8 * q) & 255);
                }
                const auto s = textures.sample(cmd.GetTexID(), u, t);
                const double a = c[3] / 255 * s[3] / 255;
                Colour& out = image.pixels[static_cast<std::size_t>(py * image.w + px)];
                const auto blend = [&](std::uint8_t below, double over) {
                    return static_cast<std::uint8_t>(below + (over - below) * a + 0.5);
                };
                out = {blend(out.r, c[0] * s[0] / 255), blend(out.g, c[1] * s[1] / 255),
                       blend(out.b, c[2] * s[2] / 255), 255};
            }
    }

    GlyphAtlas atlas_;
    ImGuiContext* context_ = nullptr;
    int draw_calls_ = 0, vertices_ = 0;
};

// How unlike two pictures are: the mean difference of a channel, and the share of pixels that
// differ by more than a third.
struct Difference {
    double mean = 0, far = 0;
};
Difference compare(const Image& a, const Image& b) {
    Difference d;
    for (std::size_t i = 0; i < a.pixels.size(); ++i) {
        const Colour p = a.pixels[i], q = b.pixels[i];
        const int most = std::max({std::abs(p.r - q.r), std::abs(p.g - q.g), std::abs(p.b - q.b)});
        d.mean += most;
        d.far += most > 85;
    }
    d.mean /= static_cast<double>(a.pixels.size());
    d.far /= static_cast<double>(a.pixels.size());
    return d;
}

TEST_F(ImGuiPicture, TheWindowLooksLikeTheExportedPicture) {
    for (const bool dark : {false, true}) {
        const auto theme = dark ? Theme::dark_theme() : Theme::light();
        const Rect page{0, 0, 1280, 760};
        const auto window = render(page.w, page.h, 1, theme.background,
                                   [&](Canvas& c) { draw_gallery(c, theme, page); });
        auto cairo = CairoCanvas::png(page.w, page.h, 1, theme.background, {});
        draw_gallery(*cairo, theme, page);
        const auto file = decode_png(cairo->finish());
        const auto d = compare(window, file);
        EXPECT_LT(d.mean, 0.8);
        EXPECT_LT(d.far, 0.002);
        if (const char* folder = std::getenv("SF_GALLERY"))
            std::ofstream(std::string(folder) + (dark ? "/imgui_dark.png" : "/imgui_light.png"),
                          std::ios::binary)
                << encode_png(window);
        // One texture for shapes and text: few changes.
        EXPECT_LT(draw_calls_, 40);
    }
}

TEST_F(ImGuiPicture, ShapesCoverWhatTheyShould) {
    const Colour white{255, 255, 255, 255}, black{0, 0, 0, 255};
    const auto at = [](const Image& m, int x, int y) {
        return m.pixels[static_cast<std::size_t>(y * m.w + x)];
    };
    const auto image = render(100, 100, 1, white, [&](Canvas& c) {
        c.fill_rect({10, 10, 20, 20}, black);
        c.fill_rect({40.5, 10, 20, 20}, black);
        c.line({0, 50}, {100, 50}, black, 1);
        const ClipScope clip(c, {0, 60, 100, 20});
        c.fill_polygon({{10, 60}, {90, 60}, {50, 70}, {90, 95}, {10, 95}}, black);
    });
    EXPECT_EQ(at(image, 10, 10), black);
    EXPECT_EQ(at(image, 29, 29), black);
    EXPECT_EQ(at(image, 9, 20), white);
    EXPECT_EQ(at(image, 30, 20), white);
    EXPECT_NEAR(at(image, 40, 20).r, 128, 2);
    EXPECT_NEAR(at(image, 60, 20).r, 128, 2);
    EXPECT_EQ(at(image, 50, 50), black);
    EXPECT_EQ(at(image, 50, 49), white);
    EXPECT_EQ(at(image, 50, 51), white);
    EXPECT_EQ(at(image, 20, 75), black);
    EXPECT_EQ(at(image, 80, 70), white);  // the notch
    EXPECT_EQ(at(image, 20, 85), white);  // clipped
}

TEST_F(ImGuiPicture, LargeShapesFitSixteenBitIndices) {
    const Colour black{0, 0, 0, 255};
    std::vector<Vec2> curve, area;
    for (int i = 0; i < 60000; ++i) curve.push_back({i / 600.0, 50 + 40 * std::sin(i * 0.001)});
    for (int i = 0; i < 9000; ++i) area.push_back({i / 90.0, 50 + 20 * std::sin(i * 0.01)});
    area.push_back({100, 100});
    area.push_back({0, 100});
    const auto image = render(100, 100, 1, {255, 255, 255, 255}, [&](Canvas& c) {
        c.polyline(curve, {200, 0, 0, 255}, 1);
        c.fill_polygon(area, black);
    });
    EXPECT_GT(vertices_, 65536);
    EXPECT_EQ(image.pixels[99 * 100 + 50], black);
    EXPECT_EQ(image.pixels[5 * 100 + 99], (Colour{255, 255, 255, 255}));
}

TEST_F(ImGuiPicture, ZoomingThroughManySizesKeepsTheAtlasSmall) {
    Textures textures;
    for (int frame = 0; frame < 400; ++frame) {
        atlas_.begin_frame();
        for (std::uint32_t g = 30; g < 110; ++g) {
            const auto glyph = atlas_.glyph(Face::regular, g, 8 + frame * 0.37, 0.3);
            if (glyph.page == nullptr) continue;
            EXPECT_LE(glyph.x + glyph.w, GlyphAtlas::page_size);
            EXPECT_LE(glyph.y + glyph.h, GlyphAtlas::page_size);
        }
    }
    EXPECT_LE(atlas_.pages().size(), 10u);
    // A glyph that is asked for again lies where it did.
    const auto a = atlas_.glyph(Face::bold, 50, 20, 0.6), b = atlas_.glyph(Face::bold, 50, 20, 0.7);
    EXPECT_EQ(a.page, b.page);
    EXPECT_EQ(a.x, b.x);
    // Enormous text is scaled, not refused.
    EXPECT_GT(atlas_.glyph(Face::regular, 50, 4000, 0).scale, 10);
}

double covered(const std::vector<Vec2>& p) {
    double sum = 0;
    for (const auto& t : triangulate(p)) sum += std::abs(signed_area({p[t[0]], p[t[1]], p[t[2]]}));
    return sum;
}

TEST(Triangulate, CoversConcavePolygonsExactlyInBothDirections) {
    std::vector<std::vector<Vec2>> shapes{
        {{0, 0}, {4, 0}, {4, 4}, {2, 1}, {0, 4}},
        {{0, 0}, {10, 0}, {10, 10}, {5, 10}, {5, 5}, {0, 5}},
        {{0, 0}, {2, 0}, {4, 0}, {4, 4}, {4, 4}, {0, 4}},  // collinear, repeated
    };
    std::vector<Vec2> star;
    for (int i = 0; i < 400; ++i) {
        const double r = i % 2 == 0 ? 10 : 4, a = i * 3.14159265358979 / 200;
        star.push_back({r * std::cos(a), r * std::sin(a)});
    }
    shapes.push_back(star);
    for (auto shape : shapes) {
        EXPECT_NEAR(covered(shape), std::abs(signed_area(shape)), 1e-9);
        std::reverse(shape.begin(), shape.end());
        EXPECT_NEAR(covered(shape), std::abs(signed_area(shape)), 1e-9);
    }
    // Crossing itself: some triangles, an end.
    EXPECT_LE(triangulate({{0, 0}, {4, 4}, {4, 0}, {0, 4}}).size(), 2u);
    EXPECT_TRUE(triangulate({{0, 0}, {1, 1}}).empty());
}

}  // namespace
}  // namespace sf
