#include "app/chrome_icons.h"

#include <cmath>
#include <numbers>
#include <vector>

namespace sf {

namespace {

using Shape = std::vector<Vec2>;  // in parts of the button

Shape box(double left, double top, double right, double bottom) {
    return {{left, top}, {right, top}, {right, bottom}, {left, bottom}};
}

std::vector<Shape> shapes(Icon icon) {
    switch (icon) {
        case Icon::back:
            return {box(0.30, 0.28, 0.38, 0.72), {{0.68, 0.28}, {0.40, 0.5}, {0.68, 0.72}}};
        case Icon::play:
            return {{{0.36, 0.25}, {0.72, 0.5}, {0.36, 0.75}}};
        case Icon::pause:
            return {box(0.32, 0.28, 0.44, 0.72), box(0.56, 0.28, 0.68, 0.72)};
        case Icon::forward:
            return {{{0.32, 0.28}, {0.60, 0.5}, {0.32, 0.72}}, box(0.62, 0.28, 0.70, 0.72)};
        case Icon::restart:
            return {{{0.50, 0.14}, {0.72, 0.28}, {0.50, 0.42}}};
        case Icon::stop:
            return {box(0.32, 0.32, 0.68, 0.68)};
    }
    return {};
}

}  // namespace

void draw_icon(Canvas& canvas, const Rect& r, Icon icon, Colour colour) {
    for (const Shape& shape : shapes(icon)) {
        Shape points;
        for (const Vec2 p : shape) points.push_back({r.x + p.x * r.w, r.y + p.y * r.h});
        canvas.fill_polygon(points, colour);
    }
    if (icon != Icon::restart) return;
    // Three quarters of a turn that end at the arrow's head.
    Shape arc;
    constexpr int pieces = 18;
    for (int i = 0; i <= pieces; ++i) {
        const double a = std::numbers::pi * (1.5 * i / pieces);
        arc.push_back(
            {r.x + r.w * (0.5 + 0.24 * std::cos(a)), r.y + r.h * (0.52 + 0.24 * std::sin(a))});
    }
    canvas.polyline(arc, colour, std::max(1.2, r.w * 0.08));
}

}  // namespace sf
