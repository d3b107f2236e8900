#pragma once

#include "views/draw/theme.h"

struct ImFont;

namespace sf {

// ImGui's widgets in the theme's colours and on its grid; `scale` is pixels per logical pixel.
void style_imgui(const Theme& theme, double scale);

// The embedded fonts in ImGui's atlas, at the theme's normal size. Needs a current GL context.
void load_imgui_fonts(const Theme& theme, double scale);

}  // namespace sf
