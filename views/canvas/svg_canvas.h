#pragma once

#include "views/canvas/cairo_canvas.h"
#include "views/canvas/canvas.h"

#include <string>

namespace sf {

// An SVG file whose text stays text (cairo would turn it into outlines): <title> and <desc>, real
// <text> with the width it was laid out for, images embedded with hard pixels.
class SvgCanvas : public Canvas {
public:
    SvgCanvas(double width, double height, Colour background, const PictureInfo& info);

    // The whole file, once everything is drawn.
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
    void hit(const Rect&, const Target&) override {}

private:
    void rect(const Rect& r, double radius, const std::string& paint);
    void points(const std::vector<Vec2>& points);

    std::string out_;
    int clips_ = 0, open_ = 0;
};

// Text as it may stand in XML, between tags or in quotes.
std::string xml_escape(std::string_view utf8);

}  // namespace sf
