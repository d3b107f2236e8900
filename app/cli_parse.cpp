#include "app/cli_parse.h"

#include "core/error.h"

#include <array>
#include <charconv>
#include <limits>
#include <system_error>

namespace sf::cli {

namespace {

template <class Number>
bool read_whole(std::string_view word, Number& value) {
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    return error == std::errc() && end == word.data() + word.size();
}

[[noreturn]] void refuse(std::string_view option, std::string_view word,
                         const std::string& wanted) {
    throw UserError(std::string(option) + ": '" + std::string(word) + "' is not " + wanted);
}

}  // namespace

std::string short_number(double value) {
    std::array<char, 32> text{};
    const auto result = std::to_chars(text.data(), text.data() + text.size(), value);
    return {text.data(), result.ptr};
}

std::int64_t parse_integer(std::string_view option, const std::string& word, std::int64_t low,
                           std::int64_t high) {
    std::int64_t value = 0;
    if (!read_whole(word, value) || value < low || value > high)
        refuse(option, word,
               "a whole number from " + std::to_string(low) + " to " + std::to_string(high));
    return value;
}

std::uint64_t parse_seed(std::string_view option, const std::string& word) {
    std::uint64_t value = 0;
    if (!read_whole(word, value))
        refuse(option, word,
               "a whole number from 0 to " +
                   std::to_string(std::numeric_limits<std::uint64_t>::max()));
    return value;
}

double parse_real(std::string_view option, const std::string& word, double low, double high) {
    double value = 0;
    // The comparison is false for NaN.
    if (!read_whole(word, value) || !(value >= low && value <= high))
        refuse(option, word, "a number from " + short_number(low) + " to " + short_number(high));
    return value;
}

PixelSize parse_size(std::string_view option, const std::string& word) {
    const std::size_t cross = word.find('x');
    PixelSize size;
    const auto side = [](std::string_view text, int& value) {
        return read_whole(text, value) && value >= 64 && value <= 16384;
    };
    const std::string_view text = word;
    if (cross == std::string::npos || !side(text.substr(0, cross), size.width) ||
        !side(text.substr(cross + 1), size.height))
        refuse(option, word, "WIDTHxHEIGHT with both from 64 to 16384, as in 1280x720");
    return size;
}

std::string parse_choice(std::string_view option, const std::string& word,
                         std::initializer_list<const char*> choices) {
    std::string known;
    for (const char* choice : choices) {
        if (word == choice) return word;
        known += (known.empty() ? "" : ", ") + std::string(choice);
    }
    refuse(option, word, "one of " + known);
}

std::int64_t integer_or(const Text& text, std::string_view option, std::int64_t low,
                        std::int64_t high, std::int64_t standard) {
    return text.given ? parse_integer(option, text.value, low, high) : standard;
}

double real_or(const Text& text, std::string_view option, double low, double high,
               double standard) {
    return text.given ? parse_real(option, text.value, low, high) : standard;
}

std::string choice_or(const Text& text, std::string_view option,
                      std::initializer_list<const char*> choices, const char* standard) {
    return text.given ? parse_choice(option, text.value, choices) : standard;
}

}  // namespace sf::cli
