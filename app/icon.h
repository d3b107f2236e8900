#pragma once

#include "views/canvas/canvas.h"

namespace sf {

// The program's icon, drawn by our own canvas: a stack of layers and a step.
Image app_icon(int size);

}  // namespace sf
