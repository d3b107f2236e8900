#pragma once

#include "app/cli_arguments.h"

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

// Words to values; all throw UserError "--option: 'word' is not ..., use ...".
namespace sf::cli {

std::int64_t parse_integer(std::string_view option, const std::string& word, std::int64_t low,
                           std::int64_t high);
std::uint64_t parse_seed(std::string_view option, const std::string& word);
double parse_real(std::string_view option, const std::string& word, double low, double high);
// "1280x720", both sides 64..16384.
struct PixelSize {
    int width = 0, height = 0;
};
PixelSize parse_size(std::string_view option, const std::string& word);
std::string parse_choice(std::string_view option, const std::string& word,
                         std::initializer_list<const char*> choices);

// The option's value, or `standard` when it was not given.
std::int64_t integer_or(const Text& text, std::string_view option, std::int64_t low,
                        std::int64_t high, std::int64_t standard);
double real_or(const Text& text, std::string_view option, double low, double high, double standard);
std::string choice_or(const Text& text, std::string_view option,
                      std::initializer_list<const char*> choices, const char* standard);

// 0.25 rather than 0.250000.
std::string short_number(double value);

}  // namespace sf::cli
