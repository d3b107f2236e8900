#pragma once

#include "views/view.h"

#include <string>

namespace sf {

// A whole-number setting to drag in the picture: its name, a track, its value. `label` and
// `figure`: the widths of name and value, the same for all tracks under each other.
struct Track {
    Rect area;
    std::string name;
    double value = 0;
    bool set = false;  // another than the default: lit
    double label = 0, figure = 0;
};
void draw_track(Canvas& canvas, const Theme& theme, const Parameter& parameter, const Track& track);

}  // namespace sf
