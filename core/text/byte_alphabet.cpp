#include "core/text/byte_alphabet.h"

#include <array>
#include <cstddef>

namespace sf {

namespace {

constexpr bool stands_for_itself(unsigned byte) {
    return (byte > 0x20 && byte < 0x7F) || (byte > 0xA0 && byte != 0xAD);
}

struct Alphabet {
    std::array<unsigned, 256> point{};  // code point of a byte
    std::array<int, 0x180> byte{};      // byte of a code point, -1: not in the alphabet
};

constexpr Alphabet make_alphabet() {
    Alphabet a;
    for (int& byte : a.byte) byte = -1;
    unsigned next = 0x100;
    for (unsigned byte = 0; byte < 256; ++byte) {
        a.point[byte] = stands_for_itself(byte) ? byte : next++;
        a.byte[a.point[byte]] = static_cast<int>(byte);
    }
    return a;
}

constexpr Alphabet alphabet = make_alphabet();

}  // namespace

std::string to_byte_alphabet(std::string_view bytes) {
    std::string text;
    for (const char c : bytes) {
        const unsigned point = alphabet.point[static_cast<unsigned char>(c)];
        if (point < 0x80) {
            text += static_cast<char>(point);
        } else {
            text += static_cast<char>(static_cast<unsigned char>(0xC0 | (point >> 6)));
            text += static_cast<char>(static_cast<unsigned char>(0x80 | (point & 0x3F)));
        }
    }
    return text;
}

std::optional<std::string> from_byte_alphabet(std::string_view text) {
    std::string bytes;
    for (std::size_t i = 0; i < text.size(); ++i) {
        unsigned point = static_cast<unsigned char>(text[i]);
        if (point >= 0x80) {
            // The alphabet ends before U+0180: two bytes at most.
            if (point < 0xC2 || point > 0xC5 || i + 1 == text.size()) return std::nullopt;
            const unsigned second = static_cast<unsigned char>(text[++i]);
            if ((second & 0xC0) != 0x80) return std::nullopt;
            point = ((point & 0x1F) << 6) | (second & 0x3F);
        }
        const int byte = alphabet.byte[point];
        if (byte < 0) return std::nullopt;
        bytes += static_cast<char>(static_cast<unsigned char>(byte));
    }
    return bytes;
}

}  // namespace sf
