#include "core/text/tokenizer.h"

#include "core/error.h"

#include <algorithm>

namespace sf {

namespace {

constexpr std::int64_t byte_count = 256;
constexpr std::string_view replacement_character = "\xEF\xBF\xBD";

class ByteTokenizer : public Tokenizer {
public:
    explicit ByteTokenizer(std::int64_t vocab_size) : vocab_size_(vocab_size) {}

    std::int64_t vocab_size() const override { return vocab_size_; }

    std::vector<std::int64_t> encode(std::string_view text) const override {
        std::vector<std::int64_t> ids;
        ids.reserve(text.size());
        for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
        return ids;
    }

    std::string decode(const std::vector<std::int64_t>& ids) const override {
        std::string text;
        text.reserve(ids.size());
        for (const auto id : ids)
            if (id >= 0 && id < byte_count)
                text += static_cast<char>(static_cast<unsigned char>(id));
        return text;
    }

    std::string label(std::int64_t id) const override {
        if (id < 0 || id >= byte_count) return id_label(id);
        const char byte = static_cast<char>(static_cast<unsigned char>(id));
        return text_label(std::string_view(&byte, 1));
    }

private:
    std::int64_t vocab_size_;
};

}  // namespace

std::unique_ptr<Tokenizer> byte_tokenizer(std::int64_t vocab_size) {
    if (vocab_size < byte_count)
        throw UserError("vocab_size: a byte vocabulary needs at least 256 ids, got " +
                        std::to_string(vocab_size));
    return std::make_unique<ByteTokenizer>(vocab_size);
}

std::string id_label(std::int64_t id) {
    return "⟨" + std::to_string(id) + "⟩";
}

std::string text_label(std::string_view bytes) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string label;
    for (std::size_t i = 0; i < bytes.size();) {
        const std::size_t length = utf8_length(bytes, i);
        const auto byte = static_cast<unsigned char>(bytes[i]);
        // U+0080 to U+009F are control characters too.
        const bool control =
            byte < 0x20 || byte == 0x7F ||
            (length == 2 && byte == 0xC2 && static_cast<unsigned char>(bytes[i + 1]) < 0xA0);
        if (byte == '\n') {
            label += "⏎";
        } else if (byte == ' ') {
            label += "␣";
        } else if (length > 0 && !control) {
            label += bytes.substr(i, length);
        } else {
            for (std::size_t k = 0; k < std::max<std::size_t>(length, 1); ++k) {
                const auto shown = static_cast<unsigned char>(bytes[i + k]);
                label += std::string("\\x") + digits[shown / 16] + digits[shown % 16];
            }
        }
        i += std::max<std::size_t>(length, 1);
    }
    return label;
}

// Unicode 15, table 3-7.
std::size_t utf8_length(std::string_view bytes, std::size_t at) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[at + i]); };
    const unsigned lead = byte(0);
    if (lead < 0x80) return 1;
    std::size_t length = 0;
    unsigned low = 0x80, high = 0xBF;  // of the second byte
    if (lead >= 0xC2 && lead <= 0xDF) {
        length = 2;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
        length = 3;
        if (lead == 0xE0) low = 0xA0;   // shorter forms exist
        if (lead == 0xED) high = 0x9F;  // surrogates
    } else if (lead >= 0xF0 && lead <= 0xF4) {
        length = 4;
        if (lead == 0xF0) low = 0x90;
        if (lead == 0xF4) high = 0x8F;  // beyond U+10FFFF
    }
    if (length == 0 || bytes.size() - at < length) return 0;
    if (byte(1) < low || byte(1) > high) return 0;
    for (std::size_t i = 2; i < length; ++i)
        if (byte(i) < 0x80 || byte(i) > 0xBF) return 0;
    return length;
}

std::optional<std::size_t> first_invalid_utf8(std::string_view bytes) {
    for (std::size_t i = 0; i < bytes.size();) {
        const std::size_t length = utf8_length(bytes, i);
        if (length == 0) return i;
        i += length;
    }
    return std::nullopt;
}

std::string to_valid_utf8(std::string_view bytes) {
    std::string text;
    text.reserve(bytes.size());
    for (std::size_t i = 0; i < bytes.size();) {
        const std::size_t length = utf8_length(bytes, i);
        if (length == 0) {
            text += replacement_character;
            ++i;
        } else {
            text += bytes.substr(i, length);
            i += length;
        }
    }
    return text;
}

}  // namespace sf
