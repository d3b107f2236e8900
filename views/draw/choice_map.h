#pragma once

#include "views/canvas/canvas.h"
#include "views/draw/theme.h"

#include <cstdint>
#include <functional>
#include <string>

namespace sf {

// Who chose what: a row a token, a column an expert (or group), filled where it was chosen. Whole
// numbers that name things are not a ramp of colour.
struct ChoiceMap {
    Rect area;
    std::int64_t rows = 0, cols = 0, choices = 0;  // choices: of each row
    std::function<std::int64_t(std::int64_t row, std::int64_t k)> chosen;
    std::function<std::int64_t(std::int64_t row, std::int64_t k)> index;  // flat, for hits
    std::int64_t group = 0;  // columns of one group, separated by a line; 0: no groups
    double gap = 0;          // between rows
    bool numbers = false;    // prints the chosen in its cell, where that is large enough
    Colour colour;
    std::string node;  // for hits
    std::int64_t hover_index = -1, selected_index = -1;
};
void draw_choice_map(Canvas& canvas, const Theme& theme, const ChoiceMap& map);

}  // namespace sf
