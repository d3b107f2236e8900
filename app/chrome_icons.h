#pragma once

#include "views/canvas/canvas.h"

#include <cstdint>

namespace sf {

// What stands on the buttons of timeline, clock and panel.
enum class Icon : std::uint8_t { back, play, pause, forward, restart, stop };
void draw_icon(Canvas& canvas, const Rect& r, Icon icon, Colour colour);

}  // namespace sf
