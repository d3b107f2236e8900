#pragma once

#include "views/draw/formula_parse.h"

namespace sf::formula {

// What each part of a row is where it stands: a binary operator with nothing to its left or right
// is a sign ("−ln P").
std::vector<Atom> atoms_of(const std::vector<Part>& row);

// Between two neighbours, of the size: by TeX's rules; `spaced` (the markup has a space there)
// parts factors and words. In scripts most of it is left out.
double space_between(const Part& a, Atom x, const Part& b, Atom y, bool spaced, bool script);

}  // namespace sf::formula
