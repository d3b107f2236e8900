#include "app/command_arguments.h"

#include "core/error.h"

#include <charconv>
#include <string>

namespace sf {

std::int64_t whole_number(const char* command, std::string_view text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size())
        throw UserError(command, "", "'" + std::string(text) + "' is not a whole number");
    return value;
}

bool switched(const char* command, std::string_view text, bool now) {
    if (text.empty()) return !now;
    if (text == "on") return true;
    if (text == "off") return false;
    throw UserError(command, "", "takes 'on' or 'off', not '" + std::string(text) + "'");
}

}  // namespace sf
