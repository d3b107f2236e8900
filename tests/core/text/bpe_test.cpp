#include "core/text/bpe.h"

#include "core/error.h"
#include "core/random.h"
#include "core/text/byte_alphabet.h"

#include <gtest/gtest.h>
#include <algorithm>
#include <map>
#include <set>

namespace sf {
namespace {

using Ids = std::vector<std::int64_t>;
using TokenizerPtr = std::shared_ptr<const Tokenizer>;

constexpr const char* story =
    "Once upon a time there was a cat. The cat sat on the mat, and the cat saw the rat.\n"
    "\"Come here,\" said the cat. \"I cannot,\" said the rat, \"there is a hat on the mat.\"\n"
    "They were there 12 days; then the cat's hat was on the rat. 你好，你好！ été été.\n"
    "They were there 12 days; the cat sat upon a time, and cannot come here once it saw you.\n"
    "\"Once there was time,\" said they, \"a cat cannot come.\" Then they saw days upon days.\n";

TokenizerPtr trained(std::string_view text, std::int64_t vocab_size, std::int64_t bos = 256,
                     std::int64_t eos = 257) {
    const std::vector<std::string_view> documents{text};
    return train_bpe(documents, {vocab_size, bos, eos, "corpus.txt"});
}

std::string random_text(std::uint64_t i, std::size_t longest) {
    std::string text(random_bits(7, i, 0) % (longest + 1), '\0');
    for (std::size_t k = 0; k < text.size(); ++k)
        text[k] = static_cast<char>(random_bits(7, i, k + 1) & 0xFF);
    return text;
}

template <class Action>
std::string error_of(Action&& action) {
    try {
        action();
    } catch (const UserError& e) {
        return e.what();
    }
    return "";
}

// Every merge by looking for the best one in the whole piece, as the definition says.
Ids plain_encode(const BpeParts& parts, std::string_view text) {
    Pieces pieces;
    Splitter(parts.pre_tokenizer, "t").split(text, pieces);
    Ids ids;
    for (const auto piece : pieces.views) {
        Ids now;
        for (const char c : piece)
            now.push_back(std::find(parts.tokens.begin(), parts.tokens.end(), std::string(1, c)) -
                          parts.tokens.begin());
        for (std::size_t m = 0; m < parts.merges.size(); ++m) {
            const BpeMerge& merge = parts.merges[m];
            bool merged = false;
            for (std::size_t i = 0; i + 1 < now.size(); ++i)
                if (now[i] == merge.left && now[i + 1] == merge.right) {
                    now[i] = merge.product;
                    now.erase(now.begin() + static_cast<std::ptrdiff_t>(i) + 1);
                    merged = true;
                }
            if (merged) m = static_cast<std::size_t>(-1);
        }
        ids.insert(ids.end(), now.begin(), now.end());
    }
    return ids;
}

TEST(Bpe, learns_the_most_frequent_pair_first) {
    const auto tokenizer = trained("low low low lower lowest slow", 262);
    const BpeParts& parts = *bpe_parts(*tokenizer);
    // l+o and o+w occur 6 times each: the lower ids go first. Then lo+w; " low" beats the rest.
    EXPECT_EQ(parts.merges,
              (std::vector<BpeMerge>{
                  {'l', 'o', 258}, {258, 'w', 259}, {' ', 259, 260}, {260, 'e', 261}}));
    EXPECT_EQ(tokenizer->encode("low slow"), (Ids{259, ' ', 's', 259}));
    EXPECT_EQ(tokenizer->encode(" lower"), (Ids{261, 'r'}));
}

TEST(Bpe, counts_pieces_of_all_documents) {
    const std::vector<std::string_view> documents{"xy", "ab", "xy", "ab", "xy"};
    const auto tokenizer = train_bpe(documents, {260, 256, 257, "c"});
    EXPECT_EQ(tokenizer->encode("xyab"), (Ids{258, 259}));
    // Nothing is counted across the end of a document or of a piece.
    EXPECT_NE(error_of([&] { train_bpe(documents, {261, 256, 257, "c"}); }), "");
}

TEST(Bpe, special_ids_stand_where_they_are_wanted) {
    struct Row {
        std::int64_t bos, eos;
    };
    const auto usual = trained(story, 300);
    for (const Row row : {Row{256, 257}, Row{0, 1}, Row{299, 298}, Row{10, 270}, Row{1, 299}}) {
        const auto tokenizer = trained(story, 300, row.bos, row.eos);
        EXPECT_EQ(tokenizer->vocab_size(), 300);
        EXPECT_EQ(tokenizer->label(row.bos), "<|bos|>");
        EXPECT_EQ(tokenizer->label(row.eos), "<|eos|>");
        EXPECT_EQ(tokenizer->decode({row.bos, row.eos}), "");
        // The same bytes and merges in the same order around them.
        std::vector<std::string> tokens, expected;
        for (std::int64_t id = 0; id < 300; ++id) {
            if (id != row.bos && id != row.eos) tokens.push_back(tokenizer->decode({id}));
            if (id != 256 && id != 257) expected.push_back(usual->decode({id}));
        }
        EXPECT_EQ(tokens, expected);
    }
    EXPECT_EQ(usual->encode("<|bos|>a<|eos|>"), (Ids{256, 'a', 257}));
}

TEST(Bpe, the_same_text_gives_the_same_tokenizer) {
    EXPECT_EQ(*bpe_parts(*trained(story, 320)), *bpe_parts(*trained(story, 320)));
    EXPECT_NE(*bpe_parts(*trained(story, 320)), *bpe_parts(*trained(story, 319)));
}

TEST(Bpe, any_bytes_survive) {
    for (const auto& [bos, eos] : {std::pair{256, 257}, std::pair{0, 1}}) {
        const auto tokenizer = trained(story, 328, bos, eos);
        std::string pairs;
        for (int a = 0; a < 256; ++a) {
            const std::string one(1, static_cast<char>(a));
            EXPECT_EQ(tokenizer->decode(tokenizer->encode(one)), one) << a;
            for (int b = 0; b < 256; ++b) {
                const std::string two = one + static_cast<char>(b);
                ASSERT_EQ(tokenizer->decode(tokenizer->encode(two)), two) << a << " " << b;
                pairs += two;
            }
        }
        EXPECT_EQ(tokenizer->decode(tokenizer->encode(pairs)), pairs);
        for (std::uint64_t i = 0; i < 500; ++i) {
            const std::string text = random_text(i, 60);
            EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text);
        }
        for (const char* text :
             {story, "", "你好，世界", "👨‍👩‍👧 🏳️‍🌈", "e\u0301\u0302 a\u0300",
              "\u200b\ufeff\u2028", "\r\n \t\v\f", "١٢٣ x² Ⅷ"})
            EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text);
    }
}

TEST(Bpe, agrees_with_the_definition) {
    const auto tokenizer = trained(story, 326);
    const BpeParts& parts = *bpe_parts(*tokenizer);
    const std::string all = story;
    EXPECT_EQ(tokenizer->encode(all), plain_encode(parts, all));
    for (std::uint64_t i = 0; i < 200; ++i) {
        // Shuffled pieces of the story, joined so that merges overlap.
        std::string text;
        for (std::uint64_t k = 0; k < 8; ++k)
            text +=
                all.substr(random_bits(3, i, 2 * k) % all.size(), random_bits(3, i, 2 * k + 1) % 5);
        EXPECT_EQ(tokenizer->encode(text), plain_encode(parts, text)) << text;
    }
    EXPECT_LT(tokenizer->encode(all).size(), all.size() * 2 / 3);
}

TEST(Bpe, options_that_do_not_fit_are_named) {
    EXPECT_NE(
        error_of([] { trained(story, 257); }).find("corpus.txt: vocab_size: must be from 258"),
        std::string::npos);
    EXPECT_NE(error_of([] { trained(story, std::int64_t{1} << 40); }), "");
    EXPECT_NE(error_of([] { trained(story, -1); }), "");
    EXPECT_EQ(error_of([] { trained(story, 300, 300, 1); }),
              "corpus.txt: bos_id: 300 is outside the vocabulary of 300");
    EXPECT_EQ(error_of([] { trained(story, 300, 1, -1); }),
              "corpus.txt: eos_id: -1 is outside the vocabulary of 300");
    EXPECT_EQ(error_of([] { trained(story, 300, 5, 5); }),
              "corpus.txt: eos_id: must not be bos_id too, 5");
}

TEST(Bpe, too_little_text_names_what_it_yields) {
    EXPECT_EQ(
        error_of([] { trained("ab ab ab", 300); }),
        "corpus.txt: vocab_size: the text yields a vocabulary of 260 ids at most, not of 300");
    EXPECT_EQ(trained("ab ab ab", 260)->encode("ab ab"), (Ids{258, 259}));
    EXPECT_EQ(
        error_of([] { trained("", 300, 0, 299); }),
        "corpus.txt: vocab_size: the text yields a vocabulary of 258 ids at most, not of 300");
    EXPECT_EQ(trained("", 258)->encode("abc"), (Ids{'a', 'b', 'c'}));
}

TEST(Bpe, labels) {
    const auto tokenizer = trained("the the the\n\n\n\n x\n\n x 你好 你好 é! é!", 271);
    std::set<std::string> labels;
    for (std::int64_t id = 0; id < 271; ++id) {
        labels.insert(tokenizer->label(id));
        EXPECT_EQ(first_invalid_utf8(tokenizer->label(id)), std::nullopt) << id;
    }
    EXPECT_EQ(labels.size(), 271U);
    for (const char* label : {"the", "␣the", "⏎", "⏎⏎", "␣", "\\x00", "\\x09", "\\xC3", "␣é", "a",
                              "<|bos|>", "<|eos|>"})
        EXPECT_TRUE(labels.contains(label)) << label;
    EXPECT_EQ(tokenizer->label(271), "⟨271⟩");
    EXPECT_EQ(tokenizer->label(-1), "⟨-1⟩");
    EXPECT_EQ(text_label(" a\nb\xC3 \xC2\x85\xE2\x80"), "␣a⏎b\\xC3␣\\xC2\\x85\\xE2\\x80");
}

TEST(Bpe, ids_outside_have_no_text) {
    const auto tokenizer = trained(story, 300);
    EXPECT_EQ(tokenizer->decode({-1, 'a', 300, 256, std::int64_t{1} << 40, 'b'}), "ab");
}

BpeParts with_added(std::vector<AddedToken> added) {
    BpeParts parts = *bpe_parts(*trained(story, 280));
    for (auto& token : added) {
        token.id = static_cast<std::int64_t>(parts.tokens.size());
        parts.tokens.push_back(token.text);
        parts.added.push_back(token);
    }
    return parts;
}

TEST(Bpe, added_tokens_are_found_before_the_text_is_cut) {
    const auto tokenizer = bpe_tokenizer(with_added({{0, "<a>", true, false, false, false},
                                                     {0, "<a><b>", false, false, false, false},
                                                     {0, "cat", false, false, false, true},
                                                     {0, "<l>", false, true, false, false},
                                                     {0, "<r>", false, false, true, false},
                                                     {0, "xcaty", false, false, false, false}}),
                                         "t");
    EXPECT_EQ(tokenizer->encode("z<a>"), (Ids{'z', 280}));
    EXPECT_EQ(tokenizer->encode("<a><b>"), (Ids{281}));  // the longest
    EXPECT_EQ(tokenizer->encode("<a><c"), (Ids{280, '<', 'c'}));
    EXPECT_EQ(tokenizer->encode("zcatz"), (Ids{'z', 282, 'z'}));
    EXPECT_EQ(tokenizer->encode("xcaty"), (Ids{285}));  // before the normalized ones
    EXPECT_EQ(tokenizer->encode("z \n\u3000<l> z"), (Ids{'z', 283, ' ', 'z'}));
    EXPECT_EQ(tokenizer->encode("z <r>\t\u2003z"), (Ids{'z', ' ', 284, 'z'}));
    EXPECT_EQ(tokenizer->encode("<r>  <l>"), (Ids{284, 283}));
    EXPECT_EQ(tokenizer->decode({280, 281, 282, 285}), "<a><b>catxcaty");  // 280 is special
    EXPECT_EQ(tokenizer->label(280), "<a>");
}

TEST(Bpe, bytes_without_a_token_are_left_out) {
    BpeParts parts;
    parts.tokens = {"a", "b", "", "ab"};
    parts.merges = {{0, 1, 3}};
    const auto tokenizer = bpe_tokenizer(parts, "t");
    EXPECT_EQ(tokenizer->encode("xaxbx"), (Ids{3}));
    EXPECT_EQ(tokenizer->encode("ba"), (Ids{1, 0}));
    EXPECT_EQ(tokenizer->label(2), "⟨2⟩");
}

TEST(Bpe, ignore_merges_takes_whole_pieces) {
    BpeParts parts;
    parts.tokens = {"a", "b", "c", "ab", "abc"};
    parts.merges = {{0, 1, 3}};
    EXPECT_EQ(bpe_tokenizer(parts, "t")->encode("abc"), (Ids{3, 2}));
    parts.ignore_merges = true;
    EXPECT_EQ(bpe_tokenizer(parts, "t")->encode("abc"), (Ids{4}));
    EXPECT_EQ(bpe_tokenizer(parts, "t")->encode("abcc"), (Ids{3, 2, 2}));
}

TEST(Bpe, a_long_run_is_not_quadratic) {
    const auto tokenizer = trained("aaaaaaaaaaaaaaaa aaaaaaaaaaaaaaaa", 262);
    const std::string text(1'000'000, 'a');
    const auto ids = tokenizer->encode(text);
    EXPECT_LT(ids.size(), 300'000U);
    EXPECT_EQ(tokenizer->decode(ids), text);
    EXPECT_EQ(trained(text, 264)->decode(trained(text, 264)->encode(text)), text);
}

TEST(ByteAlphabet, one_printable_character_a_byte) {
    std::string all;
    for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
    const std::string text = to_byte_alphabet(all);
    EXPECT_EQ(first_invalid_utf8(text), std::nullopt);
    EXPECT_EQ(from_byte_alphabet(text), all);
    EXPECT_EQ(to_byte_alphabet(" a\n\x7F\xAD\xFF"), "ĠaĊġŃÿ");
    for (const char* foreign : {" ", "\n", "\u00ad", "\u0144", "你", "\xC3", "\xFF"})
        EXPECT_EQ(from_byte_alphabet(foreign), std::nullopt) << foreign;
}

}  // namespace
}  // namespace sf
