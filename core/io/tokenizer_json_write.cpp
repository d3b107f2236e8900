#include "core/io/json_text.h"
#include "core/io/tokenizer_json.h"
#include "core/text/byte_alphabet.h"

#include <algorithm>
#include <utility>

namespace sf {

namespace {

using Json = nlohmann::json;

const char* behavior_name(SplitBehavior behavior) {
    switch (behavior) {
        case SplitBehavior::isolated:
            return "Isolated";
        case SplitBehavior::removed:
            return "Removed";
        case SplitBehavior::merged_with_previous:
            return "MergedWithPrevious";
        case SplitBehavior::merged_with_next:
            return "MergedWithNext";
        case SplitBehavior::contiguous:
            break;
    }
    return "Contiguous";
}

Json pre_tokenizer_json(const PreTokenizer& rules) {
    Json steps = Json::array();
    for (const auto& rule : rules.rules)
        steps.push_back({{"type", "Split"},
                         {"pattern", {{rule.literal ? "String" : "Regex", rule.pattern}}},
                         {"behavior", behavior_name(rule.behavior)},
                         {"invert", rule.invert}});
    steps.push_back({{"type", "ByteLevel"},
                     {"add_prefix_space", rules.add_prefix_space},
                     {"trim_offsets", true},
                     {"use_regex", rules.gpt2_words}});
    return {{"type", "Sequence"}, {"pretokenizers", std::move(steps)}};
}

// A tokenizer of another kind: every id its own text, nothing merged.
BpeParts parts_of(const Tokenizer& tokenizer) {
    if (const BpeParts* parts = bpe_parts(tokenizer)) return *parts;
    BpeParts parts;
    for (std::int64_t id = 0; id < tokenizer.vocab_size(); ++id)
        parts.tokens.push_back(tokenizer.decode({id}));
    return parts;
}

}  // namespace

std::string tokenizer_json(const Tokenizer& tokenizer) {
    const BpeParts parts = parts_of(tokenizer);
    std::vector<std::string> names;
    names.reserve(parts.tokens.size());
    for (const auto& token : parts.tokens) names.push_back(to_byte_alphabet(token));
    Json added = Json::array();
    for (const auto& token : parts.added) {
        names[static_cast<std::size_t>(token.id)] = token.text;
        added.push_back({{"id", token.id},
                         {"content", token.text},
                         {"single_word", false},
                         {"lstrip", token.lstrip},
                         {"rstrip", token.rstrip},
                         {"normalized", token.normalized},
                         {"special", token.special}});
    }
    Json vocab = Json::object(), merges = Json::array();
    for (std::size_t id = 0; id < names.size(); ++id)
        if (!names[id].empty()) vocab[names[id]] = id;
    // Every version reads "a b"; lists only where an added token brings a space of its own.
    const auto name = [&](std::int32_t id) { return names[static_cast<std::size_t>(id)]; };
    const bool spaced =
        std::any_of(parts.merges.begin(), parts.merges.end(), [&](const BpeMerge& merge) {
            return (name(merge.left) + name(merge.right)).find(' ') != std::string::npos;
        });
    for (const auto& merge : parts.merges)
        merges.push_back(spaced ? Json{name(merge.left), name(merge.right)}
                                : Json(name(merge.left) + " " + name(merge.right)));
    const Json decoder = {{"type", "ByteLevel"},
                          {"add_prefix_space", true},
                          {"trim_offsets", true},
                          {"use_regex", true}};
    const Json json = {{"version", "1.0"},
                       {"truncation", nullptr},
                       {"padding", nullptr},
                       {"added_tokens", std::move(added)},
                       {"normalizer", nullptr},
                       {"pre_tokenizer", pre_tokenizer_json(parts.pre_tokenizer)},
                       {"post_processor", nullptr},
                       {"decoder", decoder},
                       {"model",
                        {{"type", "BPE"},
                         {"dropout", nullptr},
                         {"unk_token", nullptr},
                         {"continuing_subword_prefix", nullptr},
                         {"end_of_word_suffix", nullptr},
                         {"fuse_unk", false},
                         {"byte_fallback", false},
                         {"ignore_merges", parts.ignore_merges},
                         {"vocab", std::move(vocab)},
                         {"merges", std::move(merges)}}}};
    return json.dump(1);
}

}  // namespace sf
