#include "core/text/split.h"

#include "core/error.h"
#include "core/text/tokenizer.h"

#include <algorithm>
#include <limits>
#include <new>
#include <utility>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace sf {

namespace {

constexpr std::size_t max_rules = 64;
constexpr std::size_t max_pattern_bytes = 16 * 1024;
// An expression may go back this often, and once more for each byte of a long text. Memory in KiB.
constexpr std::size_t base_steps = 1'000'000, steps_per_byte = 16;
constexpr std::uint32_t heap_limit = 256 * 1024;

constexpr std::string_view gpt2_expression =
    R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

struct FreeCode {
    void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct FreeMatchData {
    void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
struct FreeMatchContext {
    void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};
struct FreeCompileContext {
    void operator()(pcre2_compile_context* context) const { pcre2_compile_context_free(context); }
};
using CodePtr = std::unique_ptr<pcre2_code, FreeCode>;
using MatchDataPtr = std::unique_ptr<pcre2_match_data, FreeMatchData>;
using MatchContextPtr = std::unique_ptr<pcre2_match_context, FreeMatchContext>;
using CompileContextPtr = std::unique_ptr<pcre2_compile_context, FreeCompileContext>;

std::string message_of(int error) {
    PCRE2_UCHAR buffer[256] = {};
    pcre2_get_error_message(error, buffer, sizeof buffer);
    return reinterpret_cast<const char*>(buffer);
}

CodePtr compile(const SplitRule& rule, const std::string& file) {
    if (rule.pattern.empty()) throw UserError(file, rule.field, "is empty");
    if (rule.pattern.size() > max_pattern_bytes)
        throw UserError(file, rule.field,
                        "is longer than " + std::to_string(max_pattern_bytes) + " bytes");
    // Oniguruma's classes have intersections and \h is a hexadecimal digit: not what PCRE2 reads.
    if (!rule.literal)
        for (const char* foreign : {"&&", "\\h", "\\H"})
            if (rule.pattern.find(foreign) != std::string::npos)
                throw UserError(file, rule.field, std::string(foreign) + " is not supported");
    // Oniguruma's ^ and $ stand at every line.
    const std::uint32_t options =
        PCRE2_UTF |
        (rule.literal ? PCRE2_LITERAL : PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C);
    const CompileContextPtr context(pcre2_compile_context_create(nullptr));
    if (!context) throw std::bad_alloc();
    pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
    int error = 0;
    PCRE2_SIZE offset = 0;
    CodePtr code(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(rule.pattern.data()),
                               rule.pattern.size(), options, &error, &offset, context.get()));
    if (!code)
        throw UserError(file, rule.field,
                        "is not an expression that can be used: " + message_of(error) +
                            " (at byte " + std::to_string(offset) + ")");
    // Where there is no just-in-time compiler the interpreter gives the same matches.
    pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE);
    return code;
}

struct Stretch {
    std::size_t begin = 0, end = 0;
    bool match = false;
};

// The stretches of one piece, as pieces; `put(begin, end)` gets them in order.
template <class Put>
void arrange(const std::vector<Stretch>& stretches, SplitBehavior behavior, Put&& put) {
    const auto n = stretches.size();
    std::size_t begin = 0;  // of the piece that is being collected
    for (std::size_t i = 0; i < n; ++i) {
        const Stretch& now = stretches[i];
        const bool next_match = i + 1 < n && stretches[i + 1].match;
        bool open = false;  // the next stretch belongs to this piece
        switch (behavior) {
            case SplitBehavior::isolated:
            case SplitBehavior::removed:
                break;
            case SplitBehavior::contiguous:
                open = i + 1 < n && next_match == now.match;
                break;
            // Of several matches in a row only the first joins the piece before ...
            case SplitBehavior::merged_with_previous:
                open = next_match && !now.match;
                break;
            // ... and only the last the piece behind.
            case SplitBehavior::merged_with_next:
                open = now.match && i + 1 < n && !next_match;
                break;
        }
        if (open) continue;
        if (!(behavior == SplitBehavior::removed && now.match) && now.end > begin)
            put(begin, now.end);
        begin = now.end;
    }
}

}  // namespace

struct Splitter::Expression {
    SplitRule rule;
    CodePtr code;
};

namespace {

// Matching one expression again and again, with buffers of its own.
class Matcher {
public:
    Matcher(const pcre2_code* code, const SplitRule& rule, const std::string& file)
        : code_(code),
          rule_(rule),
          file_(file),
          data_(pcre2_match_data_create_from_pattern(code, nullptr)),
          context_(pcre2_match_context_create(nullptr)) {
        if (!data_ || !context_) throw std::bad_alloc();
        pcre2_set_heap_limit(context_.get(), heap_limit);
    }

    // `text` is valid UTF-8 and not empty.
    const std::vector<Stretch>& stretches(std::string_view text) {
        const std::size_t limit = base_steps + steps_per_byte * text.size();
        pcre2_set_match_limit(context_.get(), static_cast<std::uint32_t>(std::min<std::size_t>(
                                                  limit, std::numeric_limits<int>::max())));
        stretches_.clear();
        std::size_t done = 0;  // everything before it is in stretches_
        for (std::size_t at = 0; at <= text.size();) {
            if (!find(text, at)) break;
            const PCRE2_SIZE* found = pcre2_get_ovector_pointer(data_.get());
            const std::size_t begin = found[0], end = found[1];
            // \K can put the beginning anywhere.
            if (begin < done || end < begin) fail("matches what it matched before");
            if (begin > done) stretches_.push_back({done, begin, rule_.invert});
            const bool again = begin == end && begin == done && !stretches_.empty();
            if (!again) stretches_.push_back({begin, end, !rule_.invert});
            done = end;
            // After an empty match the search goes on behind the next character.
            at = end > begin ? end : end + (end < text.size() ? utf8_length(text, end) : 1);
        }
        if (done < text.size()) stretches_.push_back({done, text.size(), rule_.invert});
        return stretches_;
    }

private:
    [[noreturn]] void fail(const std::string& reason) const {
        throw UserError(file_, rule_.field, "the expression " + reason);
    }

    bool find(std::string_view text, std::size_t from) {
        const auto attempt = [&](std::uint32_t options) {
            return pcre2_match(code_, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from,
                               options | PCRE2_NO_UTF_CHECK, data_.get(), context_.get());
        };
        int result = attempt(0);
        // The interpreter keeps its notes on the heap, where there is more room.
        if (result == PCRE2_ERROR_JIT_STACKLIMIT) result = attempt(PCRE2_NO_JIT);
        if (result == PCRE2_ERROR_NOMATCH) return false;
        if (result == PCRE2_ERROR_MATCHLIMIT || result == PCRE2_ERROR_DEPTHLIMIT ||
            result == PCRE2_ERROR_HEAPLIMIT)
            fail("takes too many steps on this text");
        if (result < 0) fail("cannot be used on this text: " + message_of(result));
        return true;
    }

    const pcre2_code* code_;
    const SplitRule& rule_;
    const std::string& file_;
    MatchDataPtr data_;
    MatchContextPtr context_;
    std::vector<Stretch> stretches_;
};

}  // namespace

PreTokenizer default_pre_tokenizer() {
    PreTokenizer rules;
    rules.rules.push_back({R"(\p{N})", false, SplitBehavior::isolated, false, "digits"});
    rules.rules.push_back({R"( ?[\p{L}\p{M}]+| ?[^\s\p{L}\p{M}\p{N}]+|[\r\n]+|\s+(?!\S)|\s+)",
                           false, SplitBehavior::isolated, false, "words"});
    return rules;
}

Splitter::Splitter(PreTokenizer rules, std::string file)
    : rules_(std::move(rules)), file_(std::move(file)) {
    if (rules_.rules.size() > max_rules)
        throw UserError(file_, "pre_tokenizer",
                        "has more than " + std::to_string(max_rules) + " steps");
    for (const auto& rule : rules_.rules)
        expressions_.push_back(Expression{rule, compile(rule, file_)});
    if (rules_.gpt2_words) {
        const SplitRule words{std::string(gpt2_expression), false, SplitBehavior::isolated, false,
                              "pre_tokenizer"};
        expressions_.push_back(Expression{words, compile(words, file_)});
    }
}

Splitter::~Splitter() = default;

void Splitter::split(std::string_view text, Pieces& pieces) const {
    std::vector<Matcher> matchers;
    matchers.reserve(expressions_.size());
    for (const auto& expression : expressions_)
        matchers.emplace_back(expression.code.get(), expression.rule, file_);

    std::vector<std::string_view> now, next;
    const auto cut = [&](std::size_t rule) {
        next.clear();
        for (const std::string_view piece : now)
            arrange(matchers[rule].stretches(piece), expressions_[rule].rule.behavior,
                    [&](std::size_t begin, std::size_t end) {
                        next.push_back(piece.substr(begin, end - begin));
                    });
        now.swap(next);
    };
    const auto stretch = [&](std::string_view valid) {
        if (valid.empty()) return;
        now.assign(1, valid);
        for (std::size_t rule = 0; rule < rules_.rules.size(); ++rule) cut(rule);
        if (rules_.add_prefix_space)
            for (auto& piece : now)
                if (piece.front() != ' ')
                    piece = pieces.owned.emplace_back(" " + std::string(piece));
        if (rules_.gpt2_words) cut(rules_.rules.size());
        pieces.views.insert(pieces.views.end(), now.begin(), now.end());
    };
    std::size_t begin = 0;
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t length = utf8_length(text, i);
        if (length == 0) {
            stretch(text.substr(begin, i - begin));
            pieces.views.push_back(text.substr(i, 1));
            begin = i + 1;
        }
        i += std::max<std::size_t>(length, 1);
    }
    stretch(text.substr(begin));
}

}  // namespace sf
