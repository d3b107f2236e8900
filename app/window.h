#pragma once

#include "app/session.h"

namespace sf {

struct WindowOptions : SessionOptions {
    int width = 1280, height = 800;
};

// Opens the window and returns the exit status when it is closed. Throws DeviceError with one
// sentence when there is no display or no OpenGL 3.3.
int run_window(const WindowOptions& options);

}  // namespace sf
