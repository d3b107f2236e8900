#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sf {

struct AddedToken;

// Finds added tokens in text: the leftmost, of those that begin there the longest.
class AddedTokens {
public:
    AddedTokens() = default;
    explicit AddedTokens(const std::vector<AddedToken>& tokens);

    struct Found {
        std::size_t begin = 0, end = 0;  // with the white space that it takes along
        std::int64_t id = 0;
    };
    // The first one from `from` on.
    std::optional<Found> find(std::string_view text, std::size_t from) const;

private:
    struct Token {
        std::string text;
        std::int64_t id = 0;
        bool lstrip = false, rstrip = false;
    };
    std::vector<Token> sorted_;     // by text
    std::vector<bool> first_byte_;  // (256) some token begins with it
};

}  // namespace sf
