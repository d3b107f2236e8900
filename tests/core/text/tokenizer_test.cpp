#include "core/text/tokenizer.h"

#include "core/error.h"
#include "core/random.h"
#include "core/text/one_line.h"

#include <gtest/gtest.h>

namespace sf {
namespace {

TEST(Tokenizer, any_bytes_survive) {
    const auto tokenizer = byte_tokenizer(258);
    std::string all;
    for (int b = 0; b < 256; ++b) all += static_cast<char>(b);
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(all)), all);
    for (std::uint64_t i = 0; i < 200; ++i) {
        std::string text(random_bits(1, i, 0) % 50, '\0');
        for (std::size_t k = 0; k < text.size(); ++k)
            text[k] = static_cast<char>(random_bits(1, i, k + 1) & 0xFF);
        EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text);
    }
}

TEST(Tokenizer, ids_are_bytes) {
    const auto tokenizer = byte_tokenizer(256);
    EXPECT_EQ(tokenizer->encode("aé"), (std::vector<std::int64_t>{97, 0xC3, 0xA9}));
    EXPECT_EQ(tokenizer->vocab_size(), 256);
    EXPECT_TRUE(tokenizer->encode("").empty());
}

TEST(Tokenizer, special_ids_have_no_text) {
    EXPECT_EQ(byte_tokenizer(300)->decode({97, 256, 299, -1, 98}), "ab");
}

TEST(Tokenizer, labels) {
    const auto tokenizer = byte_tokenizer(258);
    EXPECT_EQ(tokenizer->label('a'), "a");
    EXPECT_EQ(tokenizer->label('~'), "~");
    EXPECT_EQ(tokenizer->label(' '), "␣");
    EXPECT_EQ(tokenizer->label('\n'), "⏎");
    EXPECT_EQ(tokenizer->label('\t'), "\\x09");
    EXPECT_EQ(tokenizer->label(0x7F), "\\x7F");
    EXPECT_EQ(tokenizer->label(0xC3), "\\xC3");
    EXPECT_EQ(tokenizer->label(256), "⟨256⟩");
    EXPECT_EQ(tokenizer->label(-1), "⟨-1⟩");
    for (std::int64_t id = 0; id < 258; ++id)
        EXPECT_EQ(first_invalid_utf8(tokenizer->label(id)), std::nullopt) << id;
}

TEST(Tokenizer, too_small_a_vocabulary_is_refused) {
    EXPECT_THROW(byte_tokenizer(255), UserError);
}

struct Utf8 {
    const char* bytes;
    std::optional<std::size_t> invalid;
    const char* repaired;
};

TEST(Utf8, validation_and_repair) {
    const Utf8 cases[] = {
        {"", std::nullopt, ""},
        {"plain", std::nullopt, "plain"},
        {"\xC2\x80 \xDF\xBF", std::nullopt, "\xC2\x80 \xDF\xBF"},
        {"\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF", std::nullopt,
         "\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF"},
        {"\xF0\x90\x80\x80\xF4\x8F\xBF\xBF", std::nullopt, "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"},
        {"a\x80", 1, "a�"},
        {"a\xC3", 1, "a�"},               // cut short
        {"\xC3(", 0, "�("},               // no continuation
        {"\xC0\xAF", 0, "��"},            // overlong
        {"\xE0\x9F\xBF", 0, "���"},       // overlong
        {"\xF0\x8F\xBF\xBF", 0, "����"},  // overlong
        {"x\xED\xA0\x80", 1, "x���"},     // surrogate
        {"\xF4\x90\x80\x80", 0, "����"},  // beyond U+10FFFF
        {"\xF5\x80\x80\x80", 0, "����"},
        {"ok \xE2\x8F\x8E \xFF", 7, "ok ⏎ �"},
        {"\xE2\x8F", 0, "��"},
    };
    for (const auto& c : cases) {
        EXPECT_EQ(first_invalid_utf8(c.bytes), c.invalid) << testing::PrintToString(c.bytes);
        EXPECT_EQ(to_valid_utf8(c.bytes), c.repaired);
        EXPECT_EQ(first_invalid_utf8(to_valid_utf8(c.bytes)), std::nullopt);
    }
}

TEST(OneLine, fits_into_a_sentence) {
    EXPECT_EQ(one_line("name"), "name");
    EXPECT_EQ(one_line("a\nb\x7F"), "a b ");
    EXPECT_EQ(one_line(std::string(10, 'x'), 4), "xxxx…");
    EXPECT_EQ(one_line("aaé", 3), "aa…");  // not through a character
    EXPECT_EQ(one_line("aa⏎b", 4), "aa…");
    EXPECT_EQ(one_line("\xFF"), "�");
}

}  // namespace
}  // namespace sf
