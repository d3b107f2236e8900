#pragma once

#include "app/controller.h"
#include "views/canvas/recording_canvas.h"

namespace sf {

// What the pointer at `at` is on, in a card beside it: a cell's value, symbol, name, shape, index,
// formula and numbers; a token's id; a step's sentence; what a setting of the view in `pane` (-1:
// none) does. False: nothing is known, nothing drawn.
bool draw_tooltip(Canvas& canvas, const Controller& controller, const Pick& pick, int pane,
                  const Explanation& explanation, Vec2 at, double width, double height);

}  // namespace sf
