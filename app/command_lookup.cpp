#include "app/command_table.h"
#include "core/error.h"

namespace sf {

const AppCommand* find_command(std::string_view id) {
    for (const AppCommand& command : command_table())
        if (command.id == id) return &command;
    return nullptr;
}

std::string command_of_key(std::string_view chord) {
    for (const AppCommand& command : command_table())
        for (const KeyBinding& key : command.keys)
            if (key.chord == chord)
                return key.argument.empty() ? command.id : command.id + " " + key.argument;
    return {};
}

void carry_out(Controller& controller, std::string_view line) {
    const auto space = line.find(' ');
    const std::string_view id = line.substr(0, space);
    const AppCommand* command = find_command(id);
    if (!command)
        throw UserError("command", std::string(id),
                        "there is no such command; ? lists the keys, "
                        "Ctrl+P finds a command");
    std::string_view argument = space == std::string_view::npos ? "" : line.substr(space + 1);
    if (command->argument.empty() && !argument.empty())
        throw UserError("command", command->id, "takes no argument");
    command->run(controller, argument);
}

}  // namespace sf
