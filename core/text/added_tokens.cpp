#include "core/text/added_tokens.h"

#include "core/text/bpe.h"

#include <algorithm>
#include <array>

namespace sf {

namespace {

// Unicode's White_Space, in UTF-8.
constexpr std::array<std::string_view, 25> white_space = {
    "\t",           "\n",           "\v",           "\f",           "\r",           " ",
    "\xC2\x85",     "\xC2\xA0",     "\xE1\x9A\x80", "\xE2\x80\x80", "\xE2\x80\x81", "\xE2\x80\x82",
    "\xE2\x80\x83", "\xE2\x80\x84", "\xE2\x80\x85", "\xE2\x80\x86", "\xE2\x80\x87", "\xE2\x80\x88",
    "\xE2\x80\x89", "\xE2\x80\x8A", "\xE2\x80\xA8", "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F",
    "\xE3\x80\x80"};

std::size_t spaces_at_end(std::string_view text) {
    std::string_view rest = text;
    const auto space = [&](std::string_view s) { return rest.ends_with(s); };
    for (auto it = white_space.begin(); it != white_space.end();) {
        it = std::find_if(white_space.begin(), white_space.end(), space);
        if (it != white_space.end()) rest.remove_suffix(it->size());
    }
    return text.size() - rest.size();
}

std::size_t spaces_at_start(std::string_view text) {
    std::string_view rest = text;
    const auto space = [&](std::string_view s) { return rest.starts_with(s); };
    for (auto it = white_space.begin(); it != white_space.end();) {
        it = std::find_if(white_space.begin(), white_space.end(), space);
        if (it != white_space.end()) rest.remove_prefix(it->size());
    }
    return text.size() - rest.size();
}

}  // namespace

AddedTokens::AddedTokens(const std::vector<AddedToken>& tokens) {
    for (const auto& token : tokens)
        if (!token.text.empty())
            sorted_.push_back({token.text, token.id, token.lstrip, token.rstrip});
    std::sort(sorted_.begin(), sorted_.end(),
              [](const Token& a, const Token& b) { return a.text < b.text; });
    first_byte_.assign(256, false);
    for (const auto& token : sorted_)
        first_byte_[static_cast<unsigned char>(token.text.front())] = true;
}

std::optional<AddedTokens::Found> AddedTokens::find(std::string_view text, std::size_t from) const {
    if (sorted_.empty()) return std::nullopt;
    for (std::size_t begin = from; begin < text.size(); ++begin) {
        if (!first_byte_[static_cast<unsigned char>(text[begin])]) continue;
        // The tokens that agree with the text so far are neighbours; each byte leaves fewer.
        auto low = sorted_.begin(), high = sorted_.end();
        const Token* longest = nullptr;
        for (std::size_t depth = 0; low != high && begin + depth < text.size(); ++depth) {
            const auto byte = static_cast<unsigned char>(text[begin + depth]);
            // A token that ends here sorts before all that go on.
            const auto next = [&](const Token& t) {
                return depth < t.text.size() ? static_cast<unsigned char>(t.text[depth]) : -1;
            };
            low = std::partition_point(low, high, [&](const Token& t) { return next(t) < byte; });
            high = std::partition_point(low, high, [&](const Token& t) { return next(t) <= byte; });
            if (low != high && low->text.size() == depth + 1) longest = &*low;
        }
        if (!longest) continue;
        Found found{begin, begin + longest->text.size(), longest->id};
        if (longest->lstrip) found.begin -= spaces_at_end(text.substr(from, begin - from));
        if (longest->rstrip) found.end += spaces_at_start(text.substr(found.end));
        return found;
    }
    return std::nullopt;
}

}  // namespace sf
