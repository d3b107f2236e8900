#include "core/io/tokenizer_json.h"

#include "core/io/json_text.h"
#include "core/random.h"
#include "tests/core/io/scratch.h"

#include <gtest/gtest.h>
#include <functional>
#include <ostream>

namespace sf {
namespace {

using test::Scratch;
using test::user_error;
using Ids = std::vector<std::int64_t>;
using Json = nlohmann::json;

constexpr const char* text =
    "the cat sat on the mat, the cat's hat. 12 34 你好 été\n\n  the cat sat on the mat.\n";

std::shared_ptr<const Tokenizer> trained(std::int64_t bos = 256, std::int64_t eos = 257) {
    const std::vector<std::string_view> documents{text};
    return train_bpe(documents, {270, bos, eos, "corpus.txt"});
}

// A file as others write it: vocabulary a, b, c, Ġ, ab, Ġab and two added tokens.
Json small() {
    return Json::parse(R"({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": [
            {"id": 6, "content": "<|eos|>", "single_word": false, "lstrip": false,
             "rstrip": false, "normalized": false, "special": true},
            {"id": 7, "content": "<｜User｜>", "single_word": false, "lstrip": false,
             "rstrip": false, "normalized": false, "special": false}],
        "normalizer": {"type": "Sequence", "normalizers": []},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": "\\p{N}{1,3}"}, "behavior": "Isolated",
             "invert": false},
            {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
             "use_regex": false}]},
        "post_processor": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false,
                           "use_regex": true},
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true,
                    "use_regex": true},
        "model": {"type": "BPE", "dropout": null, "unk_token": null,
                  "continuing_subword_prefix": null, "end_of_word_suffix": "",
                  "fuse_unk": false, "byte_fallback": false,
                  "vocab": {"a": 0, "b": 1, "c": 2, "Ġ": 3, "ab": 4, "Ġab": 5},
                  "merges": ["a b", ["Ġ", "ab"]]}})");
}

Ids encoded(const Json& json, std::string_view prompt) {
    return parse_tokenizer(json.dump(), "tokenizer.json")->encode(prompt);
}

TEST(TokenizerJson, reads_what_others_write) {
    const auto tokenizer = parse_tokenizer(small().dump(), "t");
    EXPECT_EQ(tokenizer->vocab_size(), 8);
    EXPECT_EQ(tokenizer->encode("cab ab"), (Ids{2, 4, 5}));
    EXPECT_EQ(tokenizer->encode("<｜User｜>a<|eos|>"), (Ids{7, 0, 6}));
    EXPECT_EQ(tokenizer->decode({7, 0, 5, 6}), "<｜User｜>a ab");
    EXPECT_EQ(tokenizer->label(5), "␣ab");
}

TEST(TokenizerJson, written_and_read_gives_the_same) {
    for (const auto& tokenizer :
         {trained(), trained(0, 1), trained(269, 100), parse_tokenizer(small().dump(), "t")}) {
        const auto again = parse_tokenizer(tokenizer_json(*tokenizer), "again");
        BpeParts a = *bpe_parts(*tokenizer), b = *bpe_parts(*again);
        for (auto* parts : {&a, &b})
            for (auto& rule : parts->pre_tokenizer.rules) rule.field.clear();
        EXPECT_EQ(a, b);
        for (std::uint64_t i = 0; i < 300; ++i) {
            std::string some = std::string(text).substr(random_bits(1, i, 0) % 50);
            for (std::uint64_t k = 0; k < 5; ++k)
                some[random_bits(1, i, k + 1) % some.size()] =
                    static_cast<char>(random_bits(2, i, k) & 0xFF);
            EXPECT_EQ(tokenizer->encode(some), again->encode(some));
        }
        EXPECT_EQ(tokenizer_json(*tokenizer), tokenizer_json(*again));
    }
}

TEST(TokenizerJson, every_pre_tokenizer_survives) {
    for (const char* behavior :
         {"Isolated", "Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous"})
        for (const bool invert : {false, true})
            for (const bool regex : {false, true}) {
                Json json = small();
                auto& steps = json["pre_tokenizer"]["pretokenizers"];
                steps[0] = {{"type", "Split"},
                            {"pattern", {{"String", "a.c"}}},
                            {"behavior", behavior},
                            {"invert", invert}};
                steps[1]["use_regex"] = regex;
                steps[1]["add_prefix_space"] = regex;
                const auto first = parse_tokenizer(json.dump(), "t");
                const PreTokenizer& rules = bpe_parts(*first)->pre_tokenizer;
                ASSERT_EQ(rules.rules.size(), 1U);
                EXPECT_TRUE(rules.rules[0].literal);
                EXPECT_EQ(rules.rules[0].invert, invert);
                EXPECT_EQ(rules.gpt2_words, regex);
                EXPECT_EQ(rules.add_prefix_space, regex);
                const auto again = parse_tokenizer(tokenizer_json(*first), "again");
                EXPECT_EQ(rules, bpe_parts(*again)->pre_tokenizer) << behavior;
            }
}

TEST(TokenizerJson, a_byte_tokenizer_can_be_written) {
    const auto again = parse_tokenizer(tokenizer_json(*byte_tokenizer(258)), "t");
    EXPECT_EQ(again->encode("aé\xFF"), (Ids{'a', 0xC3, 0xA9, 0xFF}));
}

TEST(TokenizerJson, forms_that_mean_the_same) {
    const Ids expected = encoded(small(), "ab cab 12");
    const std::vector<std::function<void(Json&)>> changes = {
        [](Json& j) { j.erase("normalizer"); },
        [](Json& j) { j["normalizer"] = nullptr; },
        [](Json& j) { j["post_processor"] = nullptr; },
        [](Json& j) { j["model"].erase("type"); },
        [](Json& j) { j["model"]["merges"][1] = "Ġ ab"; },
        [](Json& j) { j["added_tokens"] = nullptr; },
        // Encoding gives the ids of the text alone.
        [](Json& j) {
            j["post_processor"] = {
                {"type", "Sequence"},
                {"processors", {{{"type", "ByteLevel"}}, {{"type", "TemplateProcessing"}}}}};
        },
    };
    for (std::size_t i = 0; i < changes.size(); ++i) {
        Json json = small();
        changes[i](json);
        EXPECT_EQ(encoded(json, "ab cab 12"), expected) << i;
    }
}

TEST(TokenizerJson, gpt2s_and_digits) {
    Json json = small();
    json["pre_tokenizer"] = {{"type", "ByteLevel"}, {"add_prefix_space", true}};
    EXPECT_EQ(encoded(json, "ab"), (Ids{5}));
    json["pre_tokenizer"]["add_prefix_space"] = false;
    EXPECT_EQ(encoded(json, "ab"), (Ids{4}));
    json = small();
    json["model"]["vocab"] = {{"1", 0}, {"11", 1}, {"a", 2}, {"b", 3}, {"Ġ", 4}, {"ab", 5}};
    json["model"]["merges"] = {"1 1", "a b"};
    auto& step = json["pre_tokenizer"]["pretokenizers"][0];
    step = {{"type", "Digits"}, {"individual_digits", true}};
    EXPECT_EQ(encoded(json, "ab11"), (Ids{5, 0, 0}));
    step["individual_digits"] = false;
    EXPECT_EQ(encoded(json, "ab11"), (Ids{5, 1}));
}

TEST(TokenizerJson, ids_without_text_are_gaps) {
    Json json = small();
    json["added_tokens"][1]["id"] = 20;
    const auto tokenizer = parse_tokenizer(json.dump(), "t");
    EXPECT_EQ(tokenizer->vocab_size(), 21);
    EXPECT_EQ(tokenizer->label(12), "⟨12⟩");
    EXPECT_EQ(tokenizer->decode({12, 0}), "a");
    EXPECT_EQ(parse_tokenizer(tokenizer_json(*tokenizer), "again")->vocab_size(), 21);
}

TEST(TokenizerJson, an_added_token_may_be_in_the_vocabulary) {
    Json json = small();
    json["model"]["vocab"]["<|eos|>"] = 6;
    json["model"]["vocab"]["<｜User｜>"] = 7;  // not in the byte alphabet
    EXPECT_EQ(encoded(json, "<｜User｜>a<|eos|>"), (Ids{7, 0, 6}));
    json["added_tokens"].erase(1);
    EXPECT_NE(user_error([&] { encoded(json, ""); }).find("model.vocab: \"<｜User｜>\" has a char"),
              std::string::npos);
}

struct Bad {
    const char* pointer;  // what is replaced
    const char* value;    // "-": removed
    const char* sentence;
};
void PrintTo(const Bad& b, std::ostream* out) {
    *out << b.pointer << " " << b.value;
}
class Refused : public testing::TestWithParam<Bad> {};

TEST_P(Refused, names_file_and_field) {
    Json json = small();
    const Json::json_pointer pointer(GetParam().pointer);
    if (std::string_view(GetParam().value) == "-")
        json[pointer.parent_pointer()].erase(pointer.back());
    else
        json[pointer] = Json::parse(GetParam().value);
    const std::string sentence =
        user_error([&] { parse_tokenizer(json.dump(), "tokenizer.json")->encode("ab"); });
    EXPECT_TRUE(sentence.starts_with("tokenizer.json: " + std::string(GetParam().sentence)))
        << sentence;
}

INSTANTIATE_TEST_SUITE_P(
    Fields, Refused,
    testing::Values(
        Bad{"/model", "-", "model: is missing"}, Bad{"/model", "[]", "model: must be an object"},
        Bad{"/model/type", "\"WordPiece\"", "model.type: WordPiece is not supported, only BPE"},
        Bad{"/model/dropout", "0.1", "model.dropout: the number 0.1 is not supported, only null"},
        Bad{"/model/continuing_subword_prefix", "\"##\"",
            "model.continuing_subword_prefix: \"##\" is not supported"},
        Bad{"/model/end_of_word_suffix", "\"</w>\"",
            "model.end_of_word_suffix: \"</w>\" is not supported"},
        Bad{"/model/byte_fallback", "true", "model.byte_fallback: true is not supported"},
        Bad{"/model/ignore_merges", "1", "model.ignore_merges: must be true or false"},
        Bad{"/model/unk_token", "\"a\"", "model.unk_token: is not supported where"},
        Bad{"/model/vocab", "{}", "model.merges[0]: \"a\" is not in model.vocab"},
        Bad{"/model/vocab/c", "0", "model.vocab.\"c\": has the id of another token, 0"},
        Bad{"/model/vocab/c", "-1", "model.vocab.\"c\": an id must be a whole number"},
        Bad{"/model/vocab/c", "1.5", "model.vocab.\"c\": an id must be a whole number"},
        Bad{"/model/vocab/c", "4000000000", "model.vocab.\"c\": an id must be a whole number"},
        Bad{"/model/vocab/你", "9", "model.vocab: \"你\" has a character that stands for no byte"},
        Bad{"/model/vocab/", "9", "model.vocab: has an empty token"},
        Bad{"/model/merges", "{}", "model.merges: must be a list"},
        Bad{"/model/merges/0", "\"ab\"", "model.merges[0]: must be two tokens with a space"},
        Bad{"/model/merges/0", "\"a b c\"", "model.merges[0]: must be two tokens with a space"},
        Bad{"/model/merges/0", "[\"a\"]", "model.merges[0]: must be a string or a list of two"},
        Bad{"/model/merges/0", "\"a x\"", "model.merges[0]: \"x\" is not in model.vocab"},
        Bad{"/model/merges/0", "\"a c\"", "model.merges[0]: \"ac\" is not in model.vocab"},
        Bad{"/model/merges/1", "\"a b\"", "model.merges[1]: merges a pair that was merged before"},
        Bad{"/added_tokens", "{}", "added_tokens: must be a list"},
        Bad{"/added_tokens/0", "1", "added_tokens[0]: must be an object"},
        Bad{"/added_tokens/0/id", "-", "added_tokens[0].id: is missing"},
        Bad{"/added_tokens/0/id", "2", "added_tokens[0].id: 2 is another token's in model.vocab"},
        Bad{"/added_tokens/1/id", "6", "added_tokens[1].id: 6 is added twice"},
        Bad{"/added_tokens/1/content", "\"<|eos|>\"",
            "added_tokens[1].content: \"<|eos|>\" is added twice"},
        Bad{"/added_tokens/1/content", "\"ab\"",
            "added_tokens[1].id: 7 is not the id of \"ab\" in model.vocab, 4"},
        Bad{"/added_tokens/1/content", "\"\"", "added_tokens[1].content: must have 1 to 256 bytes"},
        Bad{"/added_tokens/1/single_word", "true",
            "added_tokens[1].single_word: true is not supported"},
        Bad{"/truncation", "{\"max_length\": 4}", "truncation: an object is not supported"},
        Bad{"/padding", "{}", "padding: an object is not supported, only null"},
        Bad{"/normalizer", "{\"type\": \"NFC\"}", "normalizer.type: NFC is not supported"},
        Bad{"/normalizer/normalizers/0", "{\"type\": \"NFC\"}",
            "normalizer.normalizers: Sequence is not supported, only null or an empty Sequence"},
        Bad{"/pre_tokenizer", "null", "pre_tokenizer: must be an object, got null"},
        Bad{"/pre_tokenizer", "{\"type\": \"Whitespace\"}",
            "pre_tokenizer.type: Whitespace is not supported, only Sequence, Split,"},
        Bad{"/pre_tokenizer/pretokenizers", "[]", "pre_tokenizer: has no ByteLevel"},
        Bad{"/pre_tokenizer/pretokenizers/2", "{\"type\": \"Digits\"}",
            "pre_tokenizer.pretokenizers[2].type: nothing may follow ByteLevel"},
        Bad{"/pre_tokenizer/pretokenizers/0/pattern", "{\"Regex\": \"a(\"}",
            "pre_tokenizer.pretokenizers[0].pattern.Regex: is not an expression"},
        Bad{"/pre_tokenizer/pretokenizers/0/pattern", "{\"Regex\": \"a\", \"String\": \"a\"}",
            "pre_tokenizer.pretokenizers[0].pattern: must have either Regex or String"},
        Bad{"/pre_tokenizer/pretokenizers/0/behavior", "\"Mixed\"",
            "pre_tokenizer.pretokenizers[0].behavior: \"Mixed\" is not a behavior"},
        Bad{"/pre_tokenizer/pretokenizers/0/invert", "0",
            "pre_tokenizer.pretokenizers[0].invert: must be true or false"},
        Bad{"/post_processor", "{\"type\": \"BertProcessing\"}",
            "post_processor.type: BertProcessing is not supported"},
        Bad{"/decoder", "null", "decoder: must be an object, got null"},
        Bad{"/decoder/type", "\"WordPiece\"", "decoder.type: WordPiece is not supported"}));

TEST(TokenizerJson, what_is_no_json_is_refused) {
    for (const char* bad : {"", "[]", "{}", "{\"model\": ", "\xFF", "{\"a\": 1, \"a\": 2}"})
        EXPECT_NE(user_error([&] { parse_tokenizer(bad, "t.json"); }).find("t.json: "),
                  std::string::npos)
            << bad;
    Scratch folder;
    EXPECT_NE(user_error([&] { read_tokenizer(folder / "nowhere.json"); }), "");
}

}  // namespace
}  // namespace sf
