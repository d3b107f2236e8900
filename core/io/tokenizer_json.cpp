#include "core/io/tokenizer_json.h"

#include "core/error.h"
#include "core/io/files.h"
#include "core/io/json_text.h"
#include "core/text/byte_alphabet.h"
#include "core/text/one_line.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace sf {

namespace {

using Json = nlohmann::json;

constexpr std::int64_t max_file_bytes = std::int64_t{128} << 20;
constexpr std::int64_t max_vocab = 1 << 20;
constexpr std::size_t max_added_bytes = 256;

std::string in_quotes(const std::string& text) {
    return "\"" + one_line(text) + "\"";
}

// An object of the file, with its name for errors.
class Fields {
public:
    Fields(const Json& json, std::string name, const std::string& file)
        : json_(json), name_(std::move(name)), file_(file) {
        if (!json.is_object()) refuse("", "must be an object, got " + json_kind(json));
    }

    std::string path(const std::string& key) const {
        return key.empty() || name_.empty() ? name_ + key : name_ + "." + key;
    }
    [[noreturn]] void refuse(const std::string& key, const std::string& reason) const {
        throw UserError(file_, path(key), reason);
    }
    // Null when it is not there.
    const Json& get(const std::string& key) const {
        static const Json null;
        const auto found = json_.find(key);
        return found == json_.end() ? null : *found;
    }
    const Json& need(const std::string& key) const {
        if (!json_.contains(key)) refuse(key, "is missing");
        return json_[key];
    }
    bool flag(const std::string& key, bool otherwise) const {
        const Json& value = get(key);
        if (value.is_null()) return otherwise;
        if (!value.is_boolean()) refuse(key, "must be true or false, got " + json_kind(value));
        return value.get<bool>();
    }
    std::string text(const std::string& key) const {
        const Json& value = need(key);
        if (!value.is_string()) refuse(key, "must be a string, got " + json_kind(value));
        return value.get<std::string>();
    }
    const Json& list(const std::string& key) const {
        const Json& value = need(key);
        if (!value.is_array()) refuse(key, "must be a list, got " + json_kind(value));
        return value;
    }
    Fields object(const std::string& key) const { return {need(key), path(key), file_}; }
    Fields item(const std::string& key, std::size_t i) const {
        return {list(key)[i], path(key) + "[" + std::to_string(i) + "]", file_};
    }
    std::int64_t id(const std::string& key, const Json& value) const {
        if (!value.is_number_unsigned() ||
            value.get<std::uint64_t>() >= static_cast<std::uint64_t>(max_vocab))
            refuse(key, "an id must be a whole number from 0 to " + std::to_string(max_vocab - 1) +
                            ", got " + json_kind(value));
        return value.get<std::int64_t>();
    }
    void only_null(const std::string& key) const {
        if (!get(key).is_null()) refuse(key, json_kind(get(key)) + " is not supported, only null");
    }
    const Json& json() const { return json_; }
    const std::string& file() const { return file_; }

private:
    const Json& json_;
    std::string name_;
    const std::string& file_;
};

// `type` must be one of these.
[[noreturn]] void refuse_type(const Fields& fields, const std::string& type, const char* known) {
    fields.refuse("type", one_line(type) + " is not supported, only " + known);
}

// model.vocab as it is written: tokens, their ids.
using Vocab = std::unordered_map<std::string, std::int32_t>;

Vocab read_vocab(const Fields& model, BpeParts& parts) {
    const Fields vocab = model.object("vocab");
    Vocab ids;
    std::int64_t largest = -1;
    std::unordered_map<std::int64_t, const std::string*> taken;
    for (const auto& [token, value] : vocab.json().items()) {
        const std::int64_t id = vocab.id(in_quotes(token), value);
        if (token.empty()) vocab.refuse("", "has an empty token");
        const auto [other, free] = taken.emplace(id, &token);
        if (!free)
            vocab.refuse(in_quotes(token), "has the id of another token, " + std::to_string(id));
        ids.emplace(token, static_cast<std::int32_t>(id));
        largest = std::max(largest, id);
    }
    parts.tokens.resize(static_cast<std::size_t>(largest + 1));
    return ids;
}

void read_added(const Fields& root, const Vocab& vocab, BpeParts& parts) {
    if (root.get("added_tokens").is_null()) return;
    std::unordered_set<std::int64_t> vocab_ids, ids;
    for (const auto& [token, id] : vocab) vocab_ids.insert(id);
    std::unordered_set<std::string> texts;
    const std::size_t count = root.list("added_tokens").size();
    for (std::size_t i = 0; i < count; ++i) {
        const Fields item = root.item("added_tokens", i);
        AddedToken token;
        token.id = item.id("id", item.need("id"));
        token.text = item.text("content");
        token.special = item.flag("special", false);
        token.lstrip = item.flag("lstrip", false);
        token.rstrip = item.flag("rstrip", false);
        token.normalized = item.flag("normalized", !token.special);
        if (item.flag("single_word", false)) item.refuse("single_word", "true is not supported");
        if (token.text.empty() || token.text.size() > max_added_bytes)
            item.refuse("content", "must have 1 to " + std::to_string(max_added_bytes) +
                                       " bytes, got " + std::to_string(token.text.size()));
        if (!texts.insert(token.text).second)
            item.refuse("content", in_quotes(token.text) + " is added twice");
        if (!ids.insert(token.id).second)
            item.refuse("id", std::to_string(token.id) + " is added twice");
        const auto known = vocab.find(token.text);
        if (known == vocab.end() && vocab_ids.contains(token.id))
            item.refuse("id", std::to_string(token.id) + " is another token's in model.vocab");
        if (known != vocab.end() && known->second != token.id)
            item.refuse("id", std::to_string(token.id) + " is not the id of " +
                                  in_quotes(token.text) + " in model.vocab, " +
                                  std::to_string(known->second));
        const auto at = static_cast<std::size_t>(token.id);
        parts.tokens.resize(std::max(parts.tokens.size(), at + 1));
        parts.tokens[at] = token.text;
        parts.added.push_back(std::move(token));
    }
}

// The bytes of all tokens that were not added.
void read_bytes(const Fields& model, const Vocab& vocab, BpeParts& parts) {
    std::array<bool, 256> covered{};
    for (const auto& [token, id] : vocab) {
        std::string& text = parts.tokens[static_cast<std::size_t>(id)];
        if (text.empty()) {
            const auto bytes = from_byte_alphabet(token);
            if (!bytes)
                model.refuse("vocab", in_quotes(token) +
                                          " has a character that stands for no byte, and it is "
                                          "not in added_tokens");
            text = *bytes;
        }
        if (text.size() == 1) covered[static_cast<unsigned char>(text[0])] = true;
    }
    // Where every byte has a token nothing is unknown.
    const bool all = std::find(covered.begin(), covered.end(), false) == covered.end();
    if (!all && !model.get("unk_token").is_null())
        model.refuse("unk_token", "is not supported where model.vocab lacks some of the 256 bytes");
}

void read_merges(const Fields& model, const Vocab& vocab, BpeParts& parts) {
    const Json& list = model.list("merges");
    parts.merges.reserve(list.size());
    std::unordered_set<std::uint64_t> seen;
    for (std::size_t i = 0; i < list.size(); ++i) {
        const Json& item = list[i];
        const auto refuse = [&](const std::string& reason) {
            model.refuse("merges[" + std::to_string(i) + "]", reason);
        };
        std::string left, right;
        if (item.is_string()) {
            const std::string both = item.get<std::string>();
            const auto space = both.find(' ');
            if (space == std::string::npos || both.find(' ', space + 1) != std::string::npos)
                refuse("must be two tokens with a space between, got " + in_quotes(both));
            left = both.substr(0, space);
            right = both.substr(space + 1);
        } else if (item.is_array() && item.size() == 2 && item[0].is_string() &&
                   item[1].is_string()) {
            left = item[0].get<std::string>();
            right = item[1].get<std::string>();
        } else {
            refuse("must be a string or a list of two strings, got " + json_kind(item));
        }
        const auto id_of = [&](const std::string& token) {
            const auto found = vocab.find(token);
            if (found == vocab.end()) refuse(in_quotes(token) + " is not in model.vocab");
            return found->second;
        };
        const BpeMerge merge{id_of(left), id_of(right), id_of(left + right)};
        const auto key =
            (static_cast<std::uint64_t>(static_cast<std::uint32_t>(merge.left)) << 32) |
            static_cast<std::uint32_t>(merge.right);
        if (!seen.insert(key).second) refuse("merges a pair that was merged before");
        parts.merges.push_back(merge);
    }
}

void read_model(const Fields& root, BpeParts& parts) {
    const Fields model = root.object("model");
    // Old files leave the type out.
    if (!model.get("type").is_null() && model.text("type") != "BPE")
        refuse_type(model, model.text("type"), "BPE");
    model.only_null("dropout");
    for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"})
        if (!model.get(key).is_null() && model.text(key) != "")
            model.refuse(key, in_quotes(model.text(key)) + " is not supported, only null");
    if (model.flag("byte_fallback", false)) model.refuse("byte_fallback", "true is not supported");
    parts.ignore_merges = model.flag("ignore_merges", false);
    const Vocab vocab = read_vocab(model, parts);
    read_added(root, vocab, parts);
    if (parts.tokens.empty()) model.refuse("vocab", "is empty");
    read_bytes(model, vocab, parts);
    read_merges(model, vocab, parts);
}

SplitBehavior read_behavior(const Fields& step) {
    const std::string name = step.text("behavior");
    if (name == "Isolated") return SplitBehavior::isolated;
    if (name == "Removed") return SplitBehavior::removed;
    if (name == "MergedWithPrevious") return SplitBehavior::merged_with_previous;
    if (name == "MergedWithNext") return SplitBehavior::merged_with_next;
    if (name == "Contiguous") return SplitBehavior::contiguous;
    step.refuse("behavior", in_quotes(name) + " is not a behavior of Split");
}

SplitRule read_split(const Fields& step) {
    const Fields pattern = step.object("pattern");
    SplitRule rule;
    rule.literal = pattern.json().contains("String");
    const char* kind = rule.literal ? "String" : "Regex";
    if (pattern.json().size() != 1 || !pattern.json().contains(kind))
        pattern.refuse("", "must have either Regex or String");
    rule.pattern = pattern.text(kind);
    rule.field = pattern.path(kind);
    rule.behavior = read_behavior(step);
    rule.invert = step.flag("invert", false);
    return rule;
}

// One step of the pre-tokenizer; true when it was ByteLevel, which must be the last.
bool read_step(const Fields& step, PreTokenizer& rules) {
    const std::string type = step.text("type");
    if (type == "Split") {
        rules.rules.push_back(read_split(step));
    } else if (type == "Digits") {
        const bool each = step.flag("individual_digits", false);
        rules.rules.push_back({R"(\p{N})", false,
                               each ? SplitBehavior::isolated : SplitBehavior::contiguous, false,
                               step.path("")});
    } else if (type == "ByteLevel") {
        rules.add_prefix_space = step.flag("add_prefix_space", true);
        rules.gpt2_words = step.flag("use_regex", true);
        return true;
    } else {
        refuse_type(step, type, "Sequence, Split, Digits and ByteLevel");
    }
    return false;
}

void read_pre_tokenizer(const Fields& root, PreTokenizer& rules) {
    const Fields top = root.object("pre_tokenizer");
    bool byte_level = false;
    if (top.text("type") == "Sequence") {
        const std::size_t steps = top.list("pretokenizers").size();
        for (std::size_t i = 0; i < steps; ++i) {
            const Fields step = top.item("pretokenizers", i);
            if (byte_level) step.refuse("type", "nothing may follow ByteLevel");
            byte_level = read_step(step, rules);
        }
    } else {
        byte_level = read_step(top, rules);
    }
    if (!byte_level) top.refuse("", "has no ByteLevel: only byte-level vocabularies are supported");
}

void check_normalizer(const Fields& root) {
    if (root.get("normalizer").is_null()) return;
    const Fields normalizer = root.object("normalizer");
    const std::string type = normalizer.text("type");
    if (type != "Sequence" || !normalizer.list("normalizers").empty())
        normalizer.refuse(type == "Sequence" ? "normalizers" : "type",
                          one_line(type) + " is not supported, only null or an empty Sequence");
}

// Neither changes the ids of the text itself.
void check_post_processor(const Fields& step) {
    const std::string type = step.text("type");
    if (type == "Sequence") {
        const std::size_t steps = step.list("processors").size();
        for (std::size_t i = 0; i < steps; ++i) check_post_processor(step.item("processors", i));
    } else if (type != "ByteLevel" && type != "TemplateProcessing") {
        refuse_type(step, type, "Sequence, ByteLevel and TemplateProcessing");
    }
}

}  // namespace

std::shared_ptr<const Tokenizer> parse_tokenizer(std::string_view text, const std::string& file) {
    const Json json = parse_json(text, file);
    const Fields root(json, "", file);
    BpeParts parts;
    for (const char* key : {"truncation", "padding"}) root.only_null(key);
    check_normalizer(root);
    read_pre_tokenizer(root, parts.pre_tokenizer);
    if (!root.get("post_processor").is_null()) check_post_processor(root.object("post_processor"));
    const Fields decoder = root.object("decoder");
    if (decoder.text("type") != "ByteLevel")
        refuse_type(decoder, decoder.text("type"), "ByteLevel");
    read_model(root, parts);
    return bpe_tokenizer(std::move(parts), file);
}

std::shared_ptr<const Tokenizer> read_tokenizer(const std::filesystem::path& file) {
    return parse_tokenizer(read_file(file, max_file_bytes), file.string());
}

}  // namespace sf
