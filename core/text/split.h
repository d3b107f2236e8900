#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sf {

// What becomes of the places that an expression matches.
enum class SplitBehavior : std::uint8_t {
    isolated,              // a piece each
    removed,               // dropped
    merged_with_previous,  // the end of the piece before
    merged_with_next,      // the beginning of the piece behind
    contiguous,            // neighbouring matches are one piece
};

struct SplitRule {
    std::string pattern;
    bool literal = false;  // the pattern stands for itself
    SplitBehavior behavior = SplitBehavior::isolated;
    bool invert = false;  // what is between the matches counts as matched
    std::string field;    // where it came from, for errors: "pre_tokenizer.pattern"
    bool operator==(const SplitRule&) const = default;
};

// How text is cut before merging, as in a tokenizer.json: the rules in turn, then ByteLevel's
// steps.
struct PreTokenizer {
    std::vector<SplitRule> rules;
    bool add_prefix_space = false;  // before every piece that begins with something else
    bool gpt2_words = false;        // then GPT-2's expression
    bool operator==(const PreTokenizer&) const = default;
};

// Ours: every digit alone, words with their leading space, punctuation, line ends.
PreTokenizer default_pre_tokenizer();

// Pieces in order. They point into the text, or into `owned` where a space was put before.
struct Pieces {
    std::vector<std::string_view> views;
    std::deque<std::string> owned;
};

// The compiled expressions (PCRE2, Unicode classes). Const and shareable between threads.
// Unlike Oniguruma's (Hugging Face), \s has U+180E, and \p{Han} has the script's extensions.
class Splitter {
public:
    // Throws UserError naming `file`, the rule's field and what is wrong with its expression.
    Splitter(PreTokenizer rules, std::string file);
    ~Splitter();
    const PreTokenizer& rules() const { return rules_; }

    // Appends the pieces of `text`, none of them empty. Bytes that are not UTF-8 are pieces of
    // their own, the text between them is cut as if it stood alone. Throws UserError naming file
    // and field when an expression takes too many steps on this text.
    void split(std::string_view text, Pieces& pieces) const;

private:
    struct Expression;
    PreTokenizer rules_;
    std::string file_;
    std::vector<Expression> expressions_;
};

}  // namespace sf
