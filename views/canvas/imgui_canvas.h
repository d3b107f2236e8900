#pragma once

#include "views/canvas/canvas.h"
#include "views/canvas/glyph_atlas.h"

#include <imgui.h>
#include <vector>

namespace sf {

// Where pixels become textures; the program implements it with GL.
class TextureSource {
public:
    virtual ~TextureSource() = default;
    // Sampled without smoothing. Views make a new Image every time they draw, so a cache goes by
    // content, not by address.
    virtual ImTextureID texture(const std::shared_ptr<const Image>& image) = 0;
    // Coverage as alpha over white. Pages go on changing while the frame is built: whatever
    // version is current has to be uploaded before the frame is rendered. Pages stay where they
    // are.
    virtual ImTextureID glyph_page(const GlyphAtlas::Page& page) = 0;
};

// Draws into a list of Dear ImGui, with the glyphs and the text layout of the other canvases.
// A logical pixel is `scale` of ImGui's units, which are `pixel_ratio` device pixels each; the
// picture's (0, 0) lies at `origin`. Shapes share the glyphs' pages, so a picture takes few draw
// calls; each shape is written in pieces that fit 16-bit indices. Give the list back as it was by
// destroying the canvas before using the list otherwise.
class ImGuiCanvas : public Canvas {
public:
    ImGuiCanvas(ImDrawList& list, Vec2 origin, double scale, double pixel_ratio, GlyphAtlas& atlas,
                TextureSource& textures);
    ~ImGuiCanvas() override;
    ImGuiCanvas(const ImGuiCanvas&) = delete;
    ImGuiCanvas& operator=(const ImGuiCanvas&) = delete;

    void fill_rect(const Rect& r, Colour c, double radius = 0) override;
    void stroke_rect(const Rect& r, Colour c, double width = 1, double radius = 0) override;
    void polyline(const std::vector<Vec2>& points, Colour c, double width = 1,
                  bool closed = false) override;
    void fill_polygon(const std::vector<Vec2>& points, Colour c) override;
    void image(const Rect& r, const std::shared_ptr<const Image>& image) override;
    void text(Vec2 baseline, std::string_view utf8, const TextStyle& style) override;
    void push_clip(const Rect& r) override;
    void pop_clip() override;
    double text_width(std::string_view utf8, const TextStyle& style) const override;
    void hit(const Rect&, const Target&) override {}  // the recording of the frame knows the hits

private:
    // Below, points are device pixels.
    Vec2 device(Vec2 p) const;
    ImVec2 out(Vec2 device) const;
    void use(ImTextureID texture);
    void stroke(const std::vector<Vec2>& points, Colour c, double width, bool closed);
    void fill(std::vector<Vec2> points, Colour c);
    void rect_fill(const Rect& device, Colour c);

    ImDrawList& list_;
    Vec2 origin_;
    double scale_, ratio_;
    GlyphAtlas& atlas_;
    TextureSource& textures_;
    ImTextureID current_{};
    bool pushed_ = false;
    ImTextureID page_{};  // the glyph page that shapes are drawn with
};

}  // namespace sf
