#include "core/text/corpus/kinds.h"
#include "core/text/corpus/words.h"

namespace sf::corpus {

// "List: Mia red kite, Ben blue ball. Ben blue ball, Mia red kite. kite red Mia, ball blue Ben."
// Once more in another order, and once backwards. What has been told once can be looked up, from
// either end: the densest practice in it that a text can give.
void write_recall(Choices& choices, Draft& draft) {
    struct Record {
        std::string name, colour, thing;
    };
    auto names = people();
    auto what = things();
    std::vector<Record> records;
    const int count = choices.range(2, 5);
    draft << "List:";
    for (int i = 0; i < count; ++i) {
        const std::string name = choices.take(names).name, colour = choices.pick(colours);
        records.push_back({name, colour, choices.take(what)});
        const Record& r = records.back();
        draft << (i > 0 ? ", " : " ") << r.name << " " << r.colour << " " << r.thing;
    }
    draft << ".";
    for (const bool backwards : {false, true}) {
        std::vector<Record> left = records;
        for (int i = 0; i < count; ++i) {
            const Record r = choices.take(left);
            draft << (i > 0 ? ", " : " ") << (backwards ? r.thing : r.name);
            draft.answer(" " + r.colour + " " + (backwards ? r.name : r.thing));
        }
        draft << ".";
    }
}

}  // namespace sf::corpus
