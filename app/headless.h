#pragma once

#include "app/session.h"

#include <memory>
#include <string>

namespace sf {

struct ShotOptions : SessionOptions {
    int width = 1280, height = 720;  // pixels of the picture
    double scale = 1;                // pixels per logical pixel
    std::string theme;               // "light", "dark"; empty: the state's
    int text_percent = 0;            // 0: the state's
};

// The whole window as PNG bytes, drawn on a surfaceless EGL context: runs, carries out `commands`
// (each one waits for the engine), lets moves finish. Throws DeviceError when there is no EGL,
// UserError for a command or a run that failed.
std::string shot_png(const ShotOptions& options);

}  // namespace sf
