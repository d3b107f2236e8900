#pragma once

#include "views/experts_scene.h"

#include <vector>

// What must hold of what is on screen, with the measured figures.
namespace sf::experts {

// Of the router, over all tokens of the run.
std::vector<Invariant> token_checks(const Scene& scene);

}  // namespace sf::experts
