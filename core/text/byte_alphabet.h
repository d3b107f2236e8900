#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sf {

// GPT-2's alphabet: one printable character for every byte, so that any bytes can stand in JSON.
// Printable Latin-1 stands for itself, the others are U+0100, U+0101, ... in order.
std::string to_byte_alphabet(std::string_view bytes);
// nullopt when a character is not in the alphabet.
std::optional<std::string> from_byte_alphabet(std::string_view text);

}  // namespace sf
