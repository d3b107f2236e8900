#include "views/draw/formula_shapes.h"

#include "views/canvas/font.h"

#include <algorithm>
#include <cmath>

namespace sf::formula {

namespace {

constexpr int arc_points = 16;

// A quadratic curve from a to b whose middle is at `middle`.
void arc(std::vector<Vec2>& out, Vec2 a, Vec2 b, Vec2 middle) {
    const Vec2 control = middle * 2 - (a + b) * 0.5;
    for (int i = 0; i <= arc_points; ++i) {
        const double t = static_cast<double>(i) / arc_points, s = 1 - t;
        out.push_back(a * (s * s) + control * (2 * s * t) + b * (t * t));
    }
}

}  // namespace

double axis_height(double size) {
    const Rect minus = FontSet::standard().ink("−", size, Weight::regular);
    return -minus.centre().y;
}

double rule_width(double size) {
    return std::max(1.0, std::round(size * 0.055));
}

Ink rule(double x, double y, double width, double thickness) {
    Ink r;
    r.kind = Ink::Kind::rule;
    r.rect = {x, y, width, thickness};
    return r;
}

Ink prime(double x, double size) {
    Ink shape;
    shape.kind = Ink::Kind::shape;
    for (const Vec2 p : {Vec2{0.065, -0.75}, {0.15, -0.725}, {0.05, -0.45}, {0.01, -0.465}})
        shape.outline.push_back({x + p.x * size, p.y * size});
    return shape;
}

bool can_grow(const Part& b) {
    return b.text == "(" || b.text == ")" || b.text == "[" || b.text == "]";
}

Box grown_bracket(const Part& bracket, double size, double ascent, double descent) {
    Box box;
    box.ascent = ascent, box.descent = descent;
    const bool opens = bracket.atom == Atom::open;
    const double h = ascent + descent, side = 0.07 * size;
    if (bracket.text == "[" || bracket.text == "]") {
        const double t = rule_width(size), arm = std::max(3.0, std::round(0.2 * size));
        box.width = std::ceil(arm + 3 * side);
        const double x = opens ? side : 2 * side;
        box.ink.push_back(rule(opens ? x : x + arm - t, -ascent, t, h));
        box.ink.push_back(rule(x, -ascent, arm, t));
        box.ink.push_back(rule(x, descent - t, arm, t));
        return box;
    }
    // A crescent: thickest in the middle, pointed at the ends.
    const double bulge = 0.14 * size + 0.06 * h;
    const double thick = std::max(1.1, 0.085 * size), thin = std::max(0.7, 0.035 * size);
    box.width = bulge + thick + 2.5 * side;
    const double middle = (descent - ascent) / 2;
    Ink shape;
    shape.kind = Ink::Kind::shape;
    const double end = bulge + thick * 0.4;
    arc(shape.outline, {end, -ascent}, {end, descent}, {0, middle});
    arc(shape.outline, {end + thin, descent}, {end + thin, -ascent}, {thick, middle});
    for (Vec2& p : shape.outline) p.x = opens ? side + p.x : box.width - side - p.x;
    box.ink.push_back(std::move(shape));
    return box;
}

Box under_root(Box body, double size) {
    const double t = rule_width(size), thick = std::max(1.4, 0.095 * size);
    const double thin = std::max(0.9, 0.05 * size);
    const double gap = std::max(2.0, std::round(0.13 * size));
    const double top = -std::ceil(body.ascent + gap) - t;  // of the rule
    const double bottom = std::max(body.descent * 0.8, 0.04 * size);
    const double h = bottom - top;
    const double w = std::round(0.36 * size + 0.14 * h);
    const double tick = bottom - std::min(0.52 * h, 0.62 * size);  // where the down stroke begins
    Ink sign;
    sign.kind = Ink::Kind::shape;
    const double x1 = 0.20 * w, x2 = 0.50 * w;  // top and bottom of the down stroke, its right edge
    sign.outline = {{0, tick + 0.12 * size},
                    {x1, tick},
                    {x2, bottom - 2.2 * thick},
                    {w - thin * 0.5, top},
                    {w + thin * 0.5, top},
                    {w + thin * 0.5, top + t},
                    {x2 + thin * 0.35, bottom},
                    {x2 - thick * 0.55, bottom},
                    {x1 - thick * 0.75, tick + thin * 1.9},
                    {thin * 0.4, tick + 0.12 * size + thin * 1.1}};
    const double pad = 0.06 * size, end = body.width + body.correction + 2 * pad;
    Box box;
    box.width = w + end + 0.04 * size;
    box.ascent = std::max(body.ascent, -top);
    box.descent = std::max(body.descent, bottom);
    box.ink.push_back(std::move(sign));
    box.ink.push_back(rule(w, top, end, t));
    for (Ink& i : body.ink) {
        i.at.x += w + pad;
        i.rect.x += w + pad;
        for (Vec2& p : i.outline) p.x += w + pad;
        box.ink.push_back(std::move(i));
    }
    return box;
}

}  // namespace sf::formula
