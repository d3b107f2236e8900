#include "app/input.h"

#include "views/canvas/font.h"

namespace sf {

bool InputEvent::printable() const {
    std::size_t end = 0;
    next_utf8(key, end);
    return end == key.size() && !ctrl && !alt && !super;
}

std::string InputEvent::chord() const {
    std::string name;
    if (ctrl) name += "Ctrl+";
    if (alt) name += "Alt+";
    if (shift) name += "Shift+";
    return name + key;
}

InputEvent key_press(const std::string& chord) {
    InputEvent event;
    std::size_t at = 0;
    for (;;) {
        const auto plus = chord.find('+', at);
        if (plus == std::string::npos || plus + 1 >= chord.size()) break;
        const std::string modifier = chord.substr(at, plus - at);
        if (modifier == "Ctrl")
            event.ctrl = true;
        else if (modifier == "Alt")
            event.alt = true;
        else if (modifier == "Shift")
            event.shift = true;
        else
            break;
        at = plus + 1;
    }
    event.key = chord.substr(at);
    if (!event.printable()) return event;
    std::size_t begin = 0;
    return text_input(next_utf8(event.key, begin));
}

InputEvent text_input(char32_t character) {
    InputEvent event;
    event.kind = InputEvent::Kind::text;
    event.character = character;
    return event;
}

InputEvent mouse_move(Vec2 at) {
    InputEvent event;
    event.kind = InputEvent::Kind::mouse_move;
    event.at = at;
    return event;
}

InputEvent mouse_button(int button, bool down) {
    InputEvent event;
    event.kind = InputEvent::Kind::mouse_button;
    event.button = button;
    event.down = down;
    return event;
}

InputEvent mouse_wheel(double up) {
    InputEvent event;
    event.kind = InputEvent::Kind::wheel;
    event.at = {0, up};
    return event;
}

}  // namespace sf
