#pragma once

#include "views/draw/formula_parse.h"

namespace sf::formula {

// One stroke of a formula that has been laid out.
struct Ink {
    enum class Kind : std::uint8_t { text, rule, shape };
    Kind kind = Kind::text;
    std::optional<Meaning> meaning;
    Vec2 at;  // text: its baseline
    std::string text;
    double size = 0, width = 0;
    Weight weight = Weight::regular;
    Rect rect;                  // rule
    std::vector<Vec2> outline;  // shape
};

// Strokes from the left end of a baseline, y down, and the room they take. Knows no canvas.
struct Box {
    double width = 0, ascent = 0, descent = 0;
    double relation = -1;   // where a row's first relation begins; -1: it has none
    double behind = -1;     // where what follows that relation begins
    double half = -1;       // what brackets round it cover from the axis; -1: all of it
    double correction = 0;  // what a slanted end leans over its width
    std::vector<Ink> ink;
};

// At em `size`. `weight` is the surrounding text's: in bold text all is bold. `display`: the limits
// of sums stand above and below them, fractions are not reduced.
Box lay_out(const Part& part, double size, Weight weight, bool display);

// Every part of the box drawn with its left end at `baseline`.
void draw(Canvas& canvas, Vec2 baseline, const Box& box, Colour colour, const Theme* theme);

}  // namespace sf::formula
