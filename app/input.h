#pragma once

#include "views/canvas/canvas.h"

#include <cstdint>
#include <string>

namespace sf {

// What a person (or a test) did to the window. Positions are pixels of the framebuffer.
struct InputEvent {
    enum class Kind : std::uint8_t { key, text, mouse_move, mouse_button, wheel, leave };
    Kind kind = Kind::key;
    // key: its name without modifiers: "P", "Right", "Enter", "Space", "F1", "+".
    std::string key = {};
    bool down = true;  // key, mouse_button
    bool ctrl = false, alt = false, shift = false, super = false;
    char32_t character = 0;  // text
    Vec2 at = {};            // mouse_move; wheel: steps right and up
    int button = 0;          // mouse_button: 0 left, 1 right, 2 middle

    bool printable() const;     // the key alone writes a character: it comes as text, too
    std::string chord() const;  // "Ctrl+Shift+S"
};

// The press of "Ctrl+Shift+S", "Right" or "?" as a test writes it; characters become text.
InputEvent key_press(const std::string& chord);
InputEvent text_input(char32_t character);
InputEvent mouse_move(Vec2 at);
InputEvent mouse_button(int button, bool down);
InputEvent mouse_wheel(double up);

}  // namespace sf
