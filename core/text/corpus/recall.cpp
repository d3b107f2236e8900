#include "core/text/corpus/kinds.h"
#include "core/text/corpus/words.h"

namespace sf::corpus {

// "List: Mia red kite, Ben blue ball, Eva green hat. Eva green hat, Mia red kite, Ben blue ball."
// Once more in yet another order. What has been told once can be looked up: the densest practice in
// it that a text can give.
void write_recall(Choices& choices, Draft& draft) {
    auto names = people();
    auto what = things();
    std::vector<std::string> records;
    const int count = choices.range(3, 5);
    draft << "List:";
    for (int i = 0; i < count; ++i) {
        const std::string name = choices.take(names).name, colour = choices.pick(colours);
        records.push_back(" " + name + " " + colour + " " + choices.take(what));
        draft << (i > 0 ? "," : "") << records.back();
    }
    draft << ".";
    for (int again = 0; again < 2; ++again) {
        std::vector<std::string> left = records;
        for (int i = 0; i < count; ++i) {
            const std::string record = choices.take(left);
            const std::size_t name = record.find(' ', 1);
            draft << (i > 0 ? "," : "") << record.substr(0, name);
            draft.answer(record.substr(name));
        }
        draft << ".";
    }
}

}  // namespace sf::corpus
