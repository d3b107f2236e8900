#pragma once

#include "views/canvas/canvas.h"

#include <array>
#include <vector>

namespace sf {

// A simple polygon, convex or not, in either direction, as triangles of its corners' indices (ear
// clipping). Repeated and collinear points are fine; a polygon that crosses itself gives some
// triangles, never a hang.
std::vector<std::array<std::uint32_t, 3>> triangulate(const std::vector<Vec2>& polygon);

// Twice the signed area; positive when it runs clockwise on the screen (y down).
double signed_area(const std::vector<Vec2>& polygon);

}  // namespace sf
