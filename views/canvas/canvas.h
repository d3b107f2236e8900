#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sf {

struct Vec2 {
    double x = 0, y = 0;
    Vec2 operator+(Vec2 o) const { return {x + o.x, y + o.y}; }
    Vec2 operator-(Vec2 o) const { return {x - o.x, y - o.y}; }
    Vec2 operator*(double s) const { return {x * s, y * s}; }
    bool operator==(const Vec2&) const = default;
};

struct Rect {
    double x = 0, y = 0, w = 0, h = 0;
    double right() const { return x + w; }
    double bottom() const { return y + h; }
    Vec2 centre() const { return {x + w / 2, y + h / 2}; }
    bool contains(Vec2 p) const { return p.x >= x && p.x < x + w && p.y >= y && p.y < y + h; }
    Rect inset(double d) const { return {x + d, y + d, w - 2 * d, h - 2 * d}; }
    bool overlaps(const Rect& o) const {
        return x < o.right() && o.x < right() && y < o.bottom() && o.y < bottom();
    }
    bool operator==(const Rect&) const = default;
};

struct Colour {
    std::uint8_t r = 0, g = 0, b = 0, a = 255;
    Colour alpha(double f) const {
        return {r, g, b, static_cast<std::uint8_t>(static_cast<double>(a) * f + 0.5)};
    }
    bool operator==(const Colour&) const = default;
};

// A picture of w x h pixels, drawn as one quad with hard edges between pixels (heat maps).
struct Image {
    int w = 0, h = 0;
    std::vector<Colour> pixels;  // row-major
};

// Italic is for the variables of formulas.
enum class Weight : std::uint8_t { regular, bold, italic };
constexpr int weight_count = 3;
enum class Align : std::uint8_t { left, centre, right };

struct TextStyle {
    double size = 13;  // pixels of the em at scale 1, text scale already applied
    Weight weight = Weight::regular;
    Colour colour;
    Align align = Align::left;  // of x
};

// What lies under the pointer: a node's name and a grid of its elements (never a pointer).
// Cell (r, c) of the grid is flat index `first + r * row_stride + c * col_stride`.
//
// "setting:NAME" or "setting:A,B" sets declared settings by press and drag. Whole numbers are a
// track: NAME becomes the index of the cell under the pointer, A and B its row and column (of a
// logarithmic setting the columns go evenly from its smallest value to its largest). Real
// ones are a handle: `cols` pixels to the right take A through its whole range, `rows` pixels
// upwards B; with strides, the index counts millionths of the value, also beyond the rectangle. A
// double click sets them back. A name with a value, "C=-1", is set to it. Cells drawn over a track
// keep their hover and their second click.
struct Target {
    std::string node;  // "layers.2.kv_latent"; or "token", "step", "view", "setting:<names>"
    std::int64_t first = 0;
    std::int64_t rows = 1, cols = 1;
    std::int64_t row_stride = 0, col_stride = 0;
    bool operator==(const Target&) const = default;
};

// The few strokes that every view is made of. Coordinates are logical pixels, y down; text is
// placed by its baseline. Implementations: recording (tests), cairo (PNG, PDF), SVG, Dear ImGui
// (window).
class Canvas {
public:
    virtual ~Canvas() = default;

    virtual void fill_rect(const Rect& r, Colour c, double radius = 0) = 0;
    virtual void stroke_rect(const Rect& r, Colour c, double width = 1, double radius = 0) = 0;
    virtual void polyline(const std::vector<Vec2>& points, Colour c, double width = 1,
                          bool closed = false) = 0;
    virtual void fill_polygon(const std::vector<Vec2>& points, Colour c) = 0;  // any simple polygon
    virtual void image(const Rect& r, const std::shared_ptr<const Image>& image) = 0;
    virtual void text(Vec2 baseline, std::string_view utf8, const TextStyle& style) = 0;
    virtual void push_clip(const Rect& r) = 0;
    virtual void pop_clip() = 0;

    // The same in every implementation, so that one layout serves all (views/canvas/font).
    virtual double text_width(std::string_view utf8, const TextStyle& style) const = 0;

    // Says what a region shows, for hover and click, and for the tests that compare what is
    // displayed with what was computed.
    virtual void hit(const Rect& r, const Target& target) = 0;

    void line(Vec2 a, Vec2 b, Colour c, double width = 1) { polyline({a, b}, c, width); }
};

// Keeps clip pushes and pops in pairs.
class ClipScope {
public:
    ClipScope(Canvas& canvas, const Rect& r) : canvas_(canvas) { canvas_.push_clip(r); }
    ~ClipScope() { canvas_.pop_clip(); }
    ClipScope(const ClipScope&) = delete;
    ClipScope& operator=(const ClipScope&) = delete;

private:
    Canvas& canvas_;
};

}  // namespace sf
