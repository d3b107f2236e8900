#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sf {

// Text to ids and back. Any text survives: decode(encode(text)) == text, byte for byte, but where
// it spells a special token (that is the token) or a file's tokenizer adds or removes text itself.
class Tokenizer {
public:
    virtual ~Tokenizer() = default;
    virtual std::int64_t vocab_size() const = 0;
    virtual std::vector<std::int64_t> encode(std::string_view text) const = 0;
    // The bytes of the ids; ids without text (special ones) give nothing.
    virtual std::string decode(const std::vector<std::int64_t>& ids) const = 0;
    // How one id reads on a chip: printable text, "\xC3" for a byte that is no character, "⏎" for
    // a newline, "␣" for a space, "<|bos|>" for a special id, "⟨256⟩" where there is no text.
    virtual std::string label(std::int64_t id) const = 0;
};

// id = byte; ids from 256 on have no text. Throws UserError when vocab_size < 256.
std::unique_ptr<Tokenizer> byte_tokenizer(std::int64_t vocab_size);

// Labels for a vocabulary that has no text at all: "⟨17⟩".
std::string id_label(std::int64_t id);
// The bytes of one id on a chip, in Tokenizer::label's way.
std::string text_label(std::string_view bytes);

// Length of the valid UTF-8 sequence at `at` < bytes.size(), 0 when there is none.
std::size_t utf8_length(std::string_view bytes, std::size_t at);
// Offset of the first byte that is not UTF-8 (overlong forms and surrogates refused), or nullopt.
std::optional<std::size_t> first_invalid_utf8(std::string_view bytes);
// Every invalid byte replaced by U+FFFD.
std::string to_valid_utf8(std::string_view bytes);

}  // namespace sf
