#include "views/canvas/svg_canvas.h"

#include "views/canvas/font.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace sf {

namespace {

// Three decimals are more than a printer shows; no exponents, no "-0".
std::string num(double v) {
    if (!std::isfinite(v)) return "0";
    std::array<char, 400> buffer{};
    std::snprintf(buffer.data(), buffer.size(), "%.3f", v);
    std::string text = buffer.data();
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
    return text == "-0" ? "0" : text;
}

std::string paint(const char* name, Colour c) {
    std::array<char, 16> hex{};
    std::snprintf(hex.data(), hex.size(), "#%02x%02x%02x", c.r, c.g, c.b);
    std::string text = std::string(" ") + name + "=\"" + hex.data() + "\"";
    if (c.a < 255) text += std::string(" ") + name + "-opacity=\"" + num(c.a / 255.0) + "\"";
    return text;
}

std::string attribute(const char* name, double v) {
    return std::string(" ") + name + "=\"" + num(v) + "\"";
}

std::string base64(std::string_view bytes) {
    static constexpr std::string_view signs =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        unsigned word = 0;
        for (std::size_t k = 0; k < 3; ++k)
            word =
                word << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
        for (std::size_t k = 0; k < 4; ++k)
            out += i + k <= bytes.size() ? signs[word >> (18 - 6 * k) & 63] : '=';
    }
    return out;
}

}  // namespace

std::string xml_escape(std::string_view utf8) {
    std::string out;
    for (const char c : printable(utf8)) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            case '\'':
                out += "&#39;";
                break;
            default:
                out += c;
        }
    }
    return out;
}

SvgCanvas::SvgCanvas(double width, double height, Colour background, const PictureInfo& info) {
    out_ =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\""
        " xmlns:xlink=\"http://www.w3.org/1999/xlink\"" +
        attribute("width", width) + attribute("height", height) + " viewBox=\"0 0 " + num(width) +
        " " + num(height) + "\" role=\"img\">\n";
    if (!info.title.empty()) out_ += "<title>" + xml_escape(info.title) + "</title>\n";
    if (!info.description.empty()) out_ += "<desc>" + xml_escape(info.description) + "</desc>\n";
    if (!info.command.empty()) out_ += "<metadata>" + xml_escape(info.command) + "</metadata>\n";
    out_ += "<style>text{font-family:'" + FontSet::family(Face::regular) + "','" +
            FontSet::family(Face::fallback) +
            "',sans-serif;white-space:pre;font-kerning:none;font-variant-ligatures:none}"
            "polyline,polygon{stroke-linejoin:round}</style>\n";
    fill_rect({0, 0, width, height}, background);
}

std::string SvgCanvas::finish() {
    for (; open_ > 0; --open_) out_ += "</g>\n";
    out_ += "</svg>\n";
    return std::move(out_);
}

void SvgCanvas::rect(const Rect& r, double radius, const std::string& how) {
    out_ += "<rect" + attribute("x", r.x) + attribute("y", r.y) +
            attribute("width", std::max(0.0, r.w)) + attribute("height", std::max(0.0, r.h));
    const double k = std::min({radius, r.w / 2, r.h / 2});
    if (k > 0) out_ += attribute("rx", k);
    out_ += how + "/>\n";
}

void SvgCanvas::points(const std::vector<Vec2>& points) {
    out_ += " points=\"";
    for (std::size_t i = 0; i < points.size(); ++i)
        out_ += (i > 0 ? " " : "") + num(points[i].x) + "," + num(points[i].y);
    out_ += "\"";
}

void SvgCanvas::fill_rect(const Rect& r, Colour c, double radius) {
    rect(r, radius, paint("fill", c));
}

void SvgCanvas::stroke_rect(const Rect& r, Colour c, double width, double radius) {
    rect(r, radius, " fill=\"none\"" + paint("stroke", c) + attribute("stroke-width", width));
}

void SvgCanvas::polyline(const std::vector<Vec2>& at, Colour c, double width, bool closed) {
    if (at.size() < 2) return;
    out_ += closed ? "<polygon" : "<polyline";
    points(at);
    out_ += " fill=\"none\"" + paint("stroke", c) + attribute("stroke-width", width) + "/>\n";
}

void SvgCanvas::fill_polygon(const std::vector<Vec2>& at, Colour c) {
    if (at.size() < 3) return;
    out_ += "<polygon";
    points(at);
    out_ += paint("fill", c) + "/>\n";
}

void SvgCanvas::image(const Rect& r, const std::shared_ptr<const Image>& image) {
    if (!image || image->w <= 0 || image->h <= 0 || r.w <= 0 || r.h <= 0) return;
    // xlink:href for readers of SVG 1.1; browsers take both.
    out_ += "<image" + attribute("x", r.x) + attribute("y", r.y) + attribute("width", r.w) +
            attribute("height", r.h) +
            " preserveAspectRatio=\"none\" style=\"image-rendering:pixelated\" "
            "xlink:href=\"data:image/png;base64," +
            base64(encode_png(repeat_pixels(*image, pixel_repeat(*image, r.w, r.h)))) + "\"/>\n";
}

void SvgCanvas::text(Vec2 baseline, std::string_view utf8, const TextStyle& style) {
    if (utf8.empty() || style.size <= 0) return;
    const double w = text_width(utf8, style);
    out_ += "<text" + attribute("x", baseline.x) + attribute("y", baseline.y) +
            attribute("font-size", style.size);
    if (style.weight == Weight::bold) out_ += " font-weight=\"600\"";
    if (style.weight == Weight::italic) out_ += " font-style=\"italic\"";
    if (style.align != Align::left)
        out_ += style.align == Align::centre ? " text-anchor=\"middle\"" : " text-anchor=\"end\"";
    // The place that the layout gave it, whatever font the reader has.
    if (w > 0) out_ += attribute("textLength", w) + " lengthAdjust=\"spacingAndGlyphs\"";
    out_ += " xml:space=\"preserve\"" + paint("fill", style.colour) + ">" + xml_escape(utf8) +
            "</text>\n";
}

void SvgCanvas::push_clip(const Rect& r) {
    const std::string id = "c" + std::to_string(++clips_);
    out_ += "<clipPath id=\"" + id + "\">";
    rect(r, 0, "");
    out_ += "</clipPath>\n<g clip-path=\"url(#" + id + ")\">\n";
    ++open_;
}

void SvgCanvas::pop_clip() {
    out_ += "</g>\n";
    --open_;
}

double SvgCanvas::text_width(std::string_view utf8, const TextStyle& style) const {
    return FontSet::standard().width(utf8, style.size, style.weight);
}

}  // namespace sf
