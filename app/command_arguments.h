#pragma once

#include "app/command_table.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace sf {

// What follows a command's name, as a value; throw UserError naming the command.
std::int64_t whole_number(const char* command, std::string_view text);
// "on", "off" or nothing for the other one.
bool switched(const char* command, std::string_view text, bool now);

// The rows of the table that steer a training run.
std::vector<AppCommand> training_commands();
// Those of runs to compare with.
std::vector<AppCommand> run_commands();
// Those that save and copy, and what is always at hand.
std::vector<AppCommand> keeping_commands();

}  // namespace sf
