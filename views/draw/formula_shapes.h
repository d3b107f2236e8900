#pragma once

#include "views/draw/formula_layout.h"

namespace sf::formula {

// Where fractions' rules, minus signs and the middle of brackets lie, above the baseline.
double axis_height(double size);
// Of rules and of the thin strokes of drawn signs, in whole pixels.
double rule_width(double size);

// Signs that are as tall as what they stand by, from `ascent` above to `descent` below the
// baseline. For "(", "[" and their closes; others keep their size.
Box grown_bracket(const Part& bracket, double size, double ascent, double descent);
bool can_grow(const Part& bracket);

// The root sign with its rule over `body`, body included.
Box under_root(Box body, double size);

// The stroke of x', `prime_step` of the size wide.
constexpr double prime_step = 0.15;
Ink prime(double x, double size);

// A rule whose thickness is whole pixels.
Ink rule(double x, double y, double width, double thickness);

}  // namespace sf::formula
