#include "core/text/corpus_file.h"

#include "core/text/tokenizer.h"
#include "tests/core/io/scratch.h"

#include <gtest/gtest.h>

namespace sf {
namespace {

using test::Scratch;
using test::user_error;

std::string lines(int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += "line number " + std::to_string(i) + "\n";
    return text;
}

TEST(CorpusFile, the_last_tenth_is_held_out_from_a_line_on) {
    Scratch folder;
    const std::string text = lines(1000);
    const CorpusFile file = read_corpus_file(folder.with("a.txt", text));
    EXPECT_EQ(std::string(file.train()) + std::string(file.held_out()), text);
    EXPECT_EQ(file.train().back(), '\n');
    EXPECT_TRUE(file.held_out().starts_with("line number 9"));
    EXPECT_NEAR(static_cast<double>(file.held_out().size()), static_cast<double>(text.size()) / 10,
                20);
}

TEST(CorpusFile, without_lines_it_is_cut_before_a_word) {
    std::string text;
    for (int i = 0; i < 100; ++i) text += "some words ";
    const CorpusFile file(text);
    EXPECT_TRUE(file.held_out().starts_with(" some words") ||
                file.held_out().starts_with(" words some"));
    EXPECT_EQ(file.train().size() + file.held_out().size(), text.size());
}

TEST(CorpusFile, without_words_it_is_cut_between_characters) {
    for (const std::string& character :
         {std::string("x"), std::string("é"), std::string("字"), std::string("😀")})
        for (std::size_t count = 2; count < 60; ++count) {
            std::string text;
            for (std::size_t i = 0; i < count; ++i) text += character;
            const CorpusFile file(text);
            ASSERT_FALSE(file.train().empty() || file.held_out().empty());
            ASSERT_EQ(first_invalid_utf8(file.train()), std::nullopt);
            ASSERT_EQ(first_invalid_utf8(file.held_out()), std::nullopt);
            ASSERT_LE(file.held_out().size(), text.size() / 10 + character.size());
        }
}

TEST(CorpusFile, every_short_text_is_cut_into_two) {
    for (const std::string text :
         {"ab", "a ", " a", "a\n", "\n\n", "  ", "é\n", "\né", "a b c d e f g"}) {
        const CorpusFile file(text);
        EXPECT_FALSE(file.train().empty() || file.held_out().empty()) << text;
        EXPECT_EQ(std::string(file.train()) + std::string(file.held_out()), text);
    }
}

TEST(CorpusFile, copies_and_moves_keep_the_text) {
    CorpusFile first("short");
    const CorpusFile copy = first;
    const CorpusFile moved = std::move(first);
    EXPECT_EQ(copy.text(), "short");
    EXPECT_EQ(moved.train(), copy.train());
}

TEST(CorpusFile, a_byte_order_mark_is_left_out) {
    Scratch folder;
    EXPECT_EQ(read_corpus_file(folder.with("a.txt", "\xEF\xBB\xBFhello")).text(), "hello");
    EXPECT_EQ(read_corpus_file(folder.with("b.txt", "\r\nx")).text(), "\r\nx");
}

TEST(CorpusFile, what_is_no_text_is_refused_by_name) {
    Scratch folder;
    const auto sentence = [&](const std::string& name, std::string_view bytes) {
        const auto file = folder.with(name, bytes);
        const std::string said = user_error([&] { read_corpus_file(file); });
        EXPECT_TRUE(said.starts_with(file.string() + ": ")) << said;
        return said.substr(std::min(said.size(), file.string().size() + 2));
    };
    EXPECT_EQ(sentence("empty", ""), "is empty");
    EXPECT_EQ(sentence("mark", "\xEF\xBB\xBF"), "is empty");
    EXPECT_EQ(sentence("one", "é"),
              "is a single character, and a part of the text must be held out");
    EXPECT_EQ(sentence("latin", "caf\xE9 noir"), "is not UTF-8 text: byte 3 begins no character");
    EXPECT_EQ(sentence("cut", "caf\xC3"), "is not UTF-8 text: byte 3 begins no character");
    EXPECT_EQ(sentence("zero", std::string_view("ab\0cd", 5)), "is not text: byte 2 is zero");
    EXPECT_EQ(sentence("both", std::string_view("\xFF\0", 2)),
              "is not UTF-8 text: byte 0 begins no character");
    EXPECT_EQ(sentence("zero first", std::string_view("a\0\xFF", 3)),
              "is not text: byte 1 is zero");
}

TEST(CorpusFile, what_cannot_be_read_is_refused_by_name) {
    Scratch folder;
    EXPECT_EQ(user_error([&] { read_corpus_file(folder / "no.txt"); }),
              (folder / "no.txt").string() + ": no such file");
    EXPECT_EQ(user_error([&] { read_corpus_file(folder.path()); }),
              folder.path().string() + ": is a folder, not a file");
    folder.with("big", "123456");
    EXPECT_EQ(user_error([&] { read_corpus_file(folder / "big", 5); }),
              (folder / "big").string() + ": is larger than 5 bytes");
    EXPECT_EQ(read_corpus_file(folder / "big", 6).text(), "123456");
}

}  // namespace
}  // namespace sf
