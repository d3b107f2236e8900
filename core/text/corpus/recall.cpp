#include "core/text/corpus/kinds.h"
#include "core/text/corpus/words.h"

namespace sf::corpus {

namespace {

struct Record {
    std::string name, colour, thing;
};

std::vector<Record> new_records(int count, Choices& choices) {
    auto names = people();
    auto what = things();
    std::vector<Record> records;
    for (; count > 0; --count) {
        const std::string name = choices.take(names).name, colour = choices.pick(colours);
        records.push_back({name, colour, choices.take(what)});
    }
    return records;
}

// "List: Mia red kite, Ben blue ball. Ben blue ball, Mia red kite. kite red Mia, ball blue Ben."
// Once more in another order, and once backwards.
void write_list(Choices& choices, Draft& draft) {
    const std::vector<Record> records = new_records(choices.range(2, 5), choices);
    draft << "List:";
    for (const Record& r : records)
        draft << (&r == &records.front() ? " " : ", ") << r.name << " " << r.colour << " "
              << r.thing;
    draft << ".";
    for (const bool backwards : {false, true}) {
        std::vector<Record> left = records;
        while (!left.empty()) {
            draft << (left.size() < records.size() ? ", " : " ");
            const Record r = choices.take(left);
            draft << (backwards ? r.thing : r.name);
            draft.answer(" " + r.colour + " " + (backwards ? r.name : r.thing));
        }
        draft << ".";
    }
}

// "Told: Mia has a red kite. Ben has a blue ball. The ball Ben has is blue. Who has the ball? Ben.
// What does Mia have? Mia has a red kite." First what has no word between what is known and what
// is to be found, then questions.
void write_told(Choices& choices, Draft& draft) {
    const std::vector<Record> records = new_records(choices.range(2, 4), choices);
    draft << "Told:";
    for (const Record& r : records)
        draft << " " << r.name << " has a " << r.colour << " " << r.thing << ".";
    const auto some = [&](const auto& write) {
        std::vector<Record> left = records;
        for (auto n = choices.range(1, static_cast<int>(left.size())); n > 0; --n)
            write(choices.take(left));
    };
    some([&](const Record& r) {
        draft << " The " << r.thing;
        draft.answer(" " + r.name);
        draft << " has is";
        draft.answer(" " + r.colour);
        draft << ".";
    });
    some([&](const Record& r) {
        if (choices.chance(0.5)) {
            draft << " Who has the " << r.thing << "?";
            draft.answer(" " + r.name);
        } else {
            draft << " What does " << r.name << " have?";
            draft.answer(" " + r.name + " has a " + r.colour + " " + r.thing);
        }
        draft << ".";
    });
}

}  // namespace

// What has been told once can be looked up, from either end: the densest practice in it that a text
// can give.
void write_recall(Choices& choices, Draft& draft) {
    if (choices.chance(0.5))
        write_list(choices, draft);
    else
        write_told(choices, draft);
}

}  // namespace sf::corpus
