#include "core/text/corpus/kinds.h"

#include <algorithm>

namespace sf::corpus {

namespace {

using Words = std::vector<std::string_view>;

const Words& digits() {
    static const Words list{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
    return list;
}

const Words& letters() {
    static const Words list{"a", "b", "c", "d", "e", "f", "g", "h",
                            "i", "j", "k", "l", "m", "n", "o", "p"};
    return list;
}

// The first letters differ.
const Words& animals() {
    static const Words list{"ant", "bear", "cat",  "dog",  "elk", "fox", "goat", "hen",
                            "jay", "lion", "mole", "newt", "owl", "pig", "rat",  "wolf"};
    return list;
}

std::string joined(const Words& words) {
    std::string text;
    for (const auto word : words) text += " " + std::string(word);
    return text;
}

}  // namespace

// "sort 7 3 9 1 -> 1 3 7 9", a line a list; no item stands twice in a list.
void write_sort(Choices& choices, Draft& draft) {
    struct Items {
        const Words& all;
        int most;
    };
    const Items kinds[] = {{digits(), 7}, {letters(), 7}, {animals(), 5}};
    const int lines = choices.range(2, 3);
    for (int i = 0; i < lines; ++i) {
        if (i > 0) draft << "\n";
        const Items& items = kinds[choices.index(std::size(kinds))];
        const int count = choices.range(3, items.most);
        Words left = items.all, list;
        for (int k = 0; k < count; ++k) list.push_back(choices.take(left));
        draft << "sort" << joined(list) << " ->";
        std::sort(list.begin(), list.end());
        draft.answer(joined(list));
    }
}

}  // namespace sf::corpus
