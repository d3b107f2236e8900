#include "core/text/split.h"

#include "core/error.h"

#include <gtest/gtest.h>
#include <ostream>

namespace sf {
namespace {

using Texts = std::vector<std::string>;

Texts cut(const Splitter& splitter, std::string_view text) {
    Pieces pieces;
    splitter.split(text, pieces);
    return {pieces.views.begin(), pieces.views.end()};
}

SplitRule rule(std::string pattern, SplitBehavior behavior = SplitBehavior::isolated,
               bool invert = false, bool literal = false) {
    return {std::move(pattern), literal, behavior, invert, "pattern"};
}

std::string error_of(const PreTokenizer& rules, std::string_view text) {
    try {
        cut(Splitter(rules, "t.json"), text);
    } catch (const UserError& e) {
        return e.what();
    }
    return "";
}

struct Case {
    const char* text;
    Texts pieces;
};
void PrintTo(const Case& c, std::ostream* out) {
    *out << testing::PrintToString(c.text);
}

// The pieces that Hugging Face's library gives for the same expressions.
class DeepSeek : public testing::TestWithParam<Case> {};

TEST_P(DeepSeek, pieces) {
    static const Splitter splitter(
        {{rule(R"(\p{N}{1,3})"), rule("[一-龥぀-ゟ゠-ヿ]+"),
          rule("[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|"
               "[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|"
               "\\s+(?!\\S)|\\s+")},
         false,
         false},
        "deepseek");
    EXPECT_EQ(cut(splitter, GetParam().text), GetParam().pieces);
}

INSTANTIATE_TEST_SUITE_P(
    Table, DeepSeek,
    testing::Values(
        Case{"Hello world", {"Hello", " world"}}, Case{"don't stop", {"don", "'t", " stop"}},
        Case{"1234567 apples", {"123", "456", "7", " apples"}},
        Case{"x=12;", {"x", "=", "12", ";"}}, Case{"你好世界，hello", {"你好世界", "，", "hello"}},
        Case{"カタカナひらがな漢字", {"カタカナひらがな漢字"}},
        Case{"  two   spaces ", {" ", " two", "  ", " spaces", " "}},
        Case{"a\n\n  b\r\n", {"a", "\n\n", " ", " b", "\r\n"}},
        Case{"e\u0301te\u0301 na\u00efve", {"e\u0301te\u0301", " na\u00efve"}},
        Case{"if (x->y) {\n\treturn;\n}",
             {"if", " (", "x", "->", "y", ")", " {\n", "\treturn", ";\n", "}"}},
        Case{"😀😀 ok!?\n", {"😀😀", " ok", "!?\n"}},
        Case{"$9.99 €5", {"$", "9", ".", "99", " €", "5"}},
        Case{"한국어 텍스트", {"한국어", " 텍스트"}}, Case{"٣٤٥٦ x²", {"٣٤٥", "٦", " x", "²"}},
        Case{"https://a.b/c_d", {"https", "://", "a", ".b", "/c", "_d"}},
        Case{"\t\ttabs", {"\t", "\ttabs"}}, Case{" \u3000x", {" ", "\u3000x"}}, Case{"", {}}));

class Ours : public testing::TestWithParam<Case> {};

TEST_P(Ours, pieces) {
    EXPECT_EQ(cut(Splitter(default_pre_tokenizer(), "ours"), GetParam().text), GetParam().pieces);
}

INSTANTIATE_TEST_SUITE_P(Table, Ours,
                         testing::Values(Case{"The cat's 12 mice.",
                                              {"The", " cat", "'", "s", " ", "1", "2", " mice",
                                               "."}},
                                         Case{"  a\n\n  b\n", {" ", " a", "\n\n", " ", " b", "\n"}},
                                         Case{"x=3;\ty", {"x", "=", "3", ";", "\t", "y"}},
                                         Case{"naïve e\u0301", {"naïve", " e\u0301"}},
                                         Case{"你好, 世界!", {"你好", ",", " 世界", "!"}},
                                         Case{"a \n b", {"a", " \n", " b"}}));

TEST(Splitter, behaviors) {
    struct Row {
        SplitBehavior behavior;
        Texts matched, inverted;
    };
    // Hugging Face's own example, and what is between its matches.
    const Row rows[] = {
        {SplitBehavior::isolated,
         {"the", "-", "final", "-", "-", "countdown"},
         {"the", "-", "final", "-", "-", "countdown"}},
        {SplitBehavior::removed, {"the", "final", "countdown"}, {"-", "-", "-"}},
        {SplitBehavior::merged_with_previous,
         {"the-", "final-", "-", "countdown"},
         {"the", "-final", "-", "-countdown"}},
        {SplitBehavior::merged_with_next,
         {"the", "-final", "-", "-countdown"},
         {"the-", "final-", "-", "countdown"}},
        {SplitBehavior::contiguous,
         {"the", "-", "final", "--", "countdown"},
         {"the", "-", "final", "--", "countdown"}},
    };
    for (const auto& row : rows)
        for (const bool literal : {false, true}) {
            const auto pieces = [&](bool invert) {
                const PreTokenizer rules{{rule("-", row.behavior, invert, literal)}, false, false};
                return cut(Splitter(rules, "t"), "the-final--countdown");
            };
            EXPECT_EQ(pieces(false), row.matched) << static_cast<int>(row.behavior);
            EXPECT_EQ(pieces(true), row.inverted) << static_cast<int>(row.behavior);
        }
}

TEST(Splitter, a_literal_is_no_expression) {
    const PreTokenizer rules{{rule("a+", SplitBehavior::isolated, false, true)}, false, false};
    EXPECT_EQ(cut(Splitter(rules, "t"), "aaa+a"), (Texts{"aa", "a+", "a"}));
}

TEST(Splitter, an_empty_match_cuts) {
    EXPECT_EQ(cut(Splitter({{rule("x*")}, false, false}, "t"), "axxb"), (Texts{"a", "xx", "b"}));
    EXPECT_EQ(cut(Splitter({{rule("(?=é)")}, false, false}, "t"), "aéé"), (Texts{"a", "é", "é"}));
}

TEST(Splitter, prefix_space_and_gpt2_words) {
    EXPECT_EQ(cut(Splitter({{}, true, true}, "t"), "it's 12  x"),
              (Texts{" it", "'s", " 12", " ", " x"}));
    EXPECT_EQ(cut(Splitter({{rule(R"(\p{N})")}, true, false}, "t"), "a1 b"),
              (Texts{" a", " 1", " b"}));
}

TEST(Splitter, bytes_that_are_no_text_are_pieces_of_their_own) {
    const Splitter splitter(default_pre_tokenizer(), "t");
    EXPECT_EQ(cut(splitter, "ab\xFF\xC3 cd\xE4\xBD"),
              (Texts{"ab", "\xFF", "\xC3", " cd", "\xE4", "\xBD"}));
    EXPECT_EQ(cut(splitter, std::string_view("a\0b", 3)), (Texts{"a", std::string(1, '\0'), "b"}));
}

TEST(Splitter, bad_expressions_are_named) {
    EXPECT_NE(error_of({{rule("(a")}, false, false}, "").find("t.json: pattern: is not an expr"),
              std::string::npos);
    EXPECT_EQ(error_of({{rule("")}, false, false}, ""), "t.json: pattern: is empty");
    EXPECT_EQ(error_of({{rule("[a-z&&[b]]")}, false, false}, ""),
              "t.json: pattern: && is not supported");
    EXPECT_NE(error_of({{rule("\xFF")}, false, false}, ""), "");
    EXPECT_NE(error_of({{rule(std::string(100'000, 'a'))}, false, false}, ""), "");
    EXPECT_NE(error_of({std::vector(65, rule("a")), false, false}, ""), "");
}

TEST(Splitter, hostile_expressions_end_in_an_error) {
    const std::string text = std::string(40, 'a') + "!";
    for (const char* pattern : {"(a+)+[bc]", "(a|a)*[bc]", "(?:a{0,30}){0,30}[bc]"})
        EXPECT_EQ(error_of({{rule(pattern)}, false, false}, text),
                  "t.json: pattern: the expression takes too many steps on this text")
            << pattern;
    EXPECT_NE(error_of({{rule("(?=(a)\\K)a|(?R)")}, false, false}, text), "");
}

TEST(Splitter, long_runs_are_cut_in_one_go) {
    const Splitter splitter(default_pre_tokenizer(), "t");
    EXPECT_EQ(cut(splitter, std::string(1'000'000, 'a')).size(), 1U);
    EXPECT_EQ(cut(splitter, std::string(1'000'000, ' ') + "a").size(), 2U);
    // More iterations than the just-in-time compiler's stack holds.
    EXPECT_EQ(
        cut(Splitter({{rule("(?:[ab]|c)+")}, false, false}, "t"), std::string(300'000, 'a')).size(),
        1U);
}

}  // namespace
}  // namespace sf
