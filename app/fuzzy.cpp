#include "app/fuzzy.h"

#include <algorithm>

namespace sf {

namespace {

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool word_start(std::string_view text, std::size_t i) {
    if (i == 0) return true;
    const char before = text[i - 1];
    return before == ' ' || before == '.' || before == '-' || before == '_';
}

// One attempt from a fixed first letter: the next letter is taken where it comes first.
int score_from(std::string_view query, std::string_view text, std::size_t start) {
    int score = 0;
    int run = 0;
    std::size_t at = start;
    for (const char q : query) {
        if (q == ' ') {
            run = 0;
            continue;
        }
        const std::size_t before = at;
        while (at < text.size() && lower(text[at]) != lower(q)) ++at;
        if (at == text.size()) return 0;
        run = at == before ? run + 1 : 1;
        score += 10 + 6 * std::min(run, 8) + (word_start(text, at) ? 14 : 0);
        ++at;
    }
    return score;
}

}  // namespace

int fuzzy_score(std::string_view query, std::string_view text) {
    const std::size_t first = query.find_first_not_of(' ');
    if (first == std::string_view::npos) return 1;
    int best = 0;
    for (std::size_t i = 0; i < text.size(); ++i)
        if (lower(text[i]) == lower(query[first]))
            best = std::max(best, score_from(query.substr(first), text, i));
    if (best == 0) return 0;
    return std::max(1, best * 4 - static_cast<int>(std::min<std::size_t>(text.size(), 200)));
}

}  // namespace sf
