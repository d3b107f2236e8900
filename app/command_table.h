#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sf {

class Controller;

// A key that carries out a command: a chord ("Ctrl+P", "Shift+Right", "Space", "?") and the
// argument that it gives.
struct KeyBinding {
    std::string chord;
    std::string argument = {};
};

// One thing that the window can do. The one list that serves keys, palette, key overlay, `shot
// --do` and tests.
struct AppCommand {
    std::string id;        // "next-operation"
    std::string title;     // "Next operation"
    std::string argument;  // what comes after the id: "TEXT"; empty: nothing
    std::string group;     // heading in the key overlay
    std::vector<KeyBinding> keys;
    std::string help;  // one sentence
    void (*run)(Controller& controller, std::string_view argument) = nullptr;
};

const std::vector<AppCommand>& command_table();

const AppCommand* find_command(std::string_view id);  // null when there is none

// The line "id argument" that a key stands for; empty when it stands for nothing.
std::string command_of_key(std::string_view chord);

// Carries out "step 12", "prompt the cat sat". Throws UserError naming the command.
void carry_out(Controller& controller, std::string_view line);

}  // namespace sf
