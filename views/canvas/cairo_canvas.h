#pragma once

#include "views/canvas/canvas.h"

#include <memory>
#include <string>

namespace sf {

// What an exported picture says about itself.
struct PictureInfo {
    std::string title;        // "Model map"
    std::string description;  // the view's describe(): PNG Description, PDF subject, SVG desc
    std::string command;      // the command line that makes the same picture
};

// PNG and PDF through cairo, with the embedded fonts. The same drawing gives the same bytes. Knows
// no files: the caller writes the bytes (core/io). Throws UserError when the size is refused.
class CairoCanvas : public Canvas {
public:
    // `size` in logical pixels; a PNG has size * scale pixels.
    static std::unique_ptr<CairoCanvas> png(double width, double height, double scale,
                                            Colour background, const PictureInfo& info);
    // One logical pixel is 3/4 point (96 to the inch). Text stays text.
    static std::unique_ptr<CairoCanvas> pdf(double width, double height, Colour background,
                                            const PictureInfo& info);
    ~CairoCanvas() override;

    // The whole file, once everything is drawn. Nothing may be drawn afterwards.
    std::string finish();

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
    void hit(const Rect&, const Target&) override {}  // a picture in a file has no pointer

private:
    struct State;  // keeps cairo out of the header
    explicit CairoCanvas(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

// How often each pixel of a picture is repeated in a file that viewers scale (PDF, SVG), so that
// those which smooth do not blur it, though it is `w` x `h` logical pixels large.
int pixel_repeat(const Image& image, double w, double h);
Image repeat_pixels(const Image& image, int times);

// Pixels (RGBA, not premultiplied) as a PNG file.
std::string encode_png(const Image& image, const PictureInfo& info = {});
// The reverse, for tests and comparisons; throws UserError when it is no PNG.
Image decode_png(std::string_view bytes);

}  // namespace sf
