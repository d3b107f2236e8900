#include "core/text/corpus/kinds.h"

#include <array>

namespace sf::corpus {

namespace {

struct Pair {
    const char* open;
    const char* close;
};

constexpr std::array<Pair, 5> pairs{{{"\"", "\""}, {"(", ")"}, {"[", "]"}, {"{", "}"}, {"<", ">"}}};
constexpr std::array words{"sun",  "moon", "star", "rain", "snow", "wind", "tree", "leaf",
                           "bird", "fish", "frog", "bear", "rose", "seed", "sand", "fire"};
constexpr int max_depth = 5;
constexpr int max_pairs = 8;  // a line

// One line. A pair holds a word (the outermost does not), a pair, or two pairs with a comma
// between. So it must close behind a word and behind its second pair; behind its first it may,
// which is not asked for. Quotes do not stand inside quotes, or nobody could tell whether they open
// or close.
class Line {
public:
    Line(Choices& choices, Draft& draft) : choices_(choices), draft_(draft) {}

    void pair(int depth, bool quoted) {
        const std::size_t first = quoted ? 1 : 0;
        const std::size_t which = first + choices_.index(pairs.size() - first);
        draft_ << (pairs_ == 0 ? "" : " ") << pairs[which].open;
        ++pairs_;
        quoted = quoted || which == 0;
        bool must_close = true;
        const bool deep = depth == max_depth || pairs_ == max_pairs;
        if (deep || (depth > 1 && choices_.chance(0.45))) {
            draft_ << " " << choices_.pick(words);
        } else {
            pair(depth + 1, quoted);
            must_close = pairs_ < max_pairs && choices_.chance(0.4);
            if (must_close) {
                draft_ << " ,";
                pair(depth + 1, quoted);
            }
        }
        const std::string close = std::string(" ") + pairs[which].close;
        if (must_close)
            draft_.answer(close);
        else
            draft_ << close;
    }

private:
    Choices& choices_;
    Draft& draft_;
    int pairs_ = 0;
};

}  // namespace

// ( [ sun ] , { < moon > } )
void write_brackets(Choices& choices, Draft& draft) {
    const int lines = choices.range(2, 4);
    for (int i = 0; i < lines; ++i) {
        if (i > 0) draft << "\n";
        Line(choices, draft).pair(1, false);
    }
}

}  // namespace sf::corpus
