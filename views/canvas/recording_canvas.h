#pragma once

#include "views/canvas/canvas.h"

#include <optional>
#include <string>
#include <vector>

namespace sf {

// One stroke as it was asked for, with the clip that was active.
struct Primitive {
    enum class Kind : std::uint8_t { fill_rect, stroke_rect, polyline, polygon, image, text };
    Kind kind = Kind::fill_rect;
    Rect
        rect;  // of rectangles and images as given; else the bounding box (text: ascent to descent)
    Rect clip;  // what of it can be seen
    Colour colour;
    double width = 0, radius = 0;  // stroke
    bool closed = false;
    std::vector<Vec2> points;
    std::shared_ptr<const Image> image;
    Vec2 baseline;  // text
    std::string text;
    TextStyle style;

    bool operator==(const Primitive& o) const;
    Rect visible() const;  // the part of `rect` inside `clip`; empty: w or h is 0
};

struct Hit {
    Rect rect;  // as given
    Rect clip;
    Target target;
    bool operator==(const Hit&) const = default;
};

// What lies under a point: the node and the flat index of its element.
struct Pick {
    std::string node;
    std::int64_t index = 0;
    std::int64_t row = 0, col = 0;  // of the target's grid
    bool operator==(const Pick&) const = default;
};

// The cell of `hit` under a point, if it is inside.
std::optional<Pick> pick(const Hit& hit, Vec2 point);

// Keeps everything that is drawn, in order: what tests compare with the trace, and where the window
// looks up what the pointer is on (the hits of the last frame).
class RecordingCanvas : public Canvas {
public:
    explicit RecordingCanvas(const Rect& frame);

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
    void hit(const Rect& r, const Target& target) override;

    const Rect& frame() const { return frame_; }
    const std::vector<Primitive>& primitives() const { return primitives_; }
    const std::vector<Hit>& hits() const { return hits_; }
    bool clips_balanced() const { return clips_.size() == 1; }

    // Draws the same on another canvas, clips and hits included.
    void replay(Canvas& canvas) const;
    // Equal recordings draw equal pictures.
    bool operator==(const RecordingCanvas& o) const;

    // The topmost (last) hit that can be seen at the point.
    std::optional<Pick> find(Vec2 point) const;
    // Every text that can be seen, in the order drawn.
    std::vector<std::string> texts() const;
    bool has_text(std::string_view part) const;
    // Pairs of visible texts whose boxes overlap by more than `slack` pixels in both directions, in
    // words. Boxes reach from cap height to descent, so that touching lines do not count.
    std::vector<std::string> overlapping_texts(double slack = 1.0) const;
    // What is drawn outside the frame, in words. Clipped parts do not count.
    std::vector<std::string> outside(double slack = 0.5) const;
    // Visible texts that a clip or the frame cuts, in words.
    std::vector<std::string> cut_texts(double slack = 1.0) const;

private:
    Primitive& add(Primitive::Kind kind, const Rect& r, Colour c);

    Rect frame_;
    std::vector<Rect> clips_;  // intersections; the first is everything
    std::vector<Primitive> primitives_;
    std::vector<Hit> hits_;
};

// Where both are; w and h are 0 when they do not meet.
Rect intersection(const Rect& a, const Rect& b);

}  // namespace sf
