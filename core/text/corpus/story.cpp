#include "core/text/corpus/kinds.h"
#include "core/text/corpus/words.h"

#include <algorithm>
#include <array>
#include <utility>

namespace sf::corpus {

namespace {

struct Thing {
    std::string colour, name;
    std::string text() const { return colour + " " + name; }
};

struct Question {
    std::string ask, answer;
};

// One story. The order of who is where and has what is what the questions are about.
class Story {
public:
    Story(Choices& choices, Draft& draft) : choices_(choices), draft_(draft) {}

    void write() {
        // So that every name stands behind a space and is the same token wherever it is.
        draft_ << "Today";
        switch (choices_.index(4)) {
            case 0:
                meeting();
                break;
            case 1:
                search();
                break;
            case 2:
                birthday();
                break;
            default:
                belongings();
        }
        const int most = std::min(6, static_cast<int>(questions_.size()));
        for (int left = choices_.range(2, most); left > 0; --left) {
            const Question question = choices_.take(questions_);
            draft_ << " " << question.ask << "?";
            draft_.answer(question.answer);
            draft_ << ".";
        }
    }

private:
    Thing new_thing() {
        const std::string colour = choices_.pick(colours);
        return {colour, choices_.take(things_)};
    }

    void ask_holder(const Thing& thing, const Person& holder) {
        questions_.push_back({"Who has the " + thing.name, " " + holder.name});
    }
    void ask_colour(const Thing& thing) {
        questions_.push_back(
            {"What colour is the " + thing.name, " The " + thing.name + " is " + thing.colour});
    }
    void ask_place(const std::string& who, const std::string& place) {
        questions_.push_back({"Where is " + who, " " + who + " is at the " + place});
    }

    // "Today Mia has a red kite. Ben has a blue ball. Eva has a green hat."
    void belongings() {
        const int owners = choices_.range(2, 3);
        for (int i = 0; i < owners; ++i) {
            const Person a = choices_.take(people_);
            const Thing thing = new_thing();
            draft_ << " " << a.name << " has a " << thing.text() << ".";
            questions_.push_back(
                {"What does " + a.name + " have", " " + a.name + " has a " + thing.text()});
            ask_holder(thing, a);
            ask_colour(thing);
        }
    }

    // "Today Mia has a red kite. She walks to the lake. There she meets Ben. ..."
    void meeting() {
        const Person a = choices_.take(people_);
        const Thing thing = new_thing();
        const std::string place = choices_.take(places_);
        const char* verb = choices_.pick(std::array{"walks", "runs", "goes"});
        const Person b = choices_.take(people_);
        draft_ << " " << a.name << " has a " << thing.text() << ". " << (a.she ? "She " : "He ")
               << verb << " to the " << place << ". There " << (a.she ? "she" : "he") << " meets "
               << b.name << ".";
        const bool both = choices_.chance(0.5);
        Thing other;
        if (both) {
            other = new_thing();
            draft_ << " " << b.name << " has a " << other.text() << ".";
        }

        bool a_has_thing = true, a_has_other = false;
        // A pronoun only where it cannot be misread.
        const std::string subject = a.she == b.she ? a.name : a.she ? "She" : "He";
        switch (choices_.index(both ? 5 : 3)) {
            case 0:
                draft_ << " They play with the " << thing.name << ".";
                break;
            case 1:
                draft_ << " " << subject << " gives the " << thing.name << " to " << b.name << ".";
                a_has_thing = false;
                break;
            case 2:
                draft_ << " " << subject << " lends " << b.name << " the " << thing.name
                       << ". Later " << b.name << " gives it back.";
                break;
            case 3:
                draft_ << " They swap.";
                std::swap(a_has_thing, a_has_other);
                break;
            default:
                draft_ << " " << b.name << " gives the " << other.name << " to " << a.name << ".";
                a_has_other = true;
        }

        std::string place_a = place, place_b = place;
        const std::size_t leaves = choices_.index(3);  // nobody, a, b
        if (leaves > 0) {
            const std::string next = choices_.take(places_);
            (leaves == 1 ? place_a : place_b) = next;
            draft_ << " Then " << (leaves == 1 ? a : b).name << " goes to the " << next << ".";
        }

        ask_holder(thing, a_has_thing ? a : b);
        ask_colour(thing);
        ask_place(a.name, place_a);
        ask_place(b.name, place_b);
        if (both) {
            ask_holder(other, a_has_other ? a : b);
            ask_colour(other);
        }
    }

    // "Today Tom has lost his green hat. He looks at the school, but it is not there. ..."
    void search() {
        const Person a = choices_.take(people_);
        const Thing thing = new_thing();
        const std::string he = a.she ? "She" : "He";
        draft_ << " " << a.name << " has lost " << (a.she ? "her " : "his ") << thing.text() << ".";
        const int misses = choices_.range(1, 2);
        for (int i = 0; i < misses; ++i)
            draft_ << " " << he << " looks at the " << choices_.take(places_)
                   << ", but it is not there.";
        const std::string place = choices_.take(places_);
        draft_ << " Then " << (a.she ? "she" : "he") << " goes to the " << place << ".";
        Person holder = a;
        if (choices_.chance(0.4)) {
            draft_ << " There it is.";
        } else {
            const Person b = choices_.take(people_);
            draft_ << " There " << b.name << " has it.";
            holder = b;
            if (choices_.chance(0.5)) {
                draft_ << " " << b.name << " gives it back.";
                holder = a;
            }
            ask_place(b.name, place);
        }
        ask_holder(thing, holder);
        ask_colour(thing);
        ask_place(a.name, place);
    }

    // "Today Eva is 7. Tom gives a red ball. Leo gives a blue book. ..."
    void birthday() {
        const Person a = choices_.take(people_);
        const int age = choices_.range(5, 9);
        draft_ << " " << a.name << " is " << age << ".";
        const int guests = choices_.range(2, 3);
        std::vector<std::string> gifts;
        for (int i = 0; i < guests; ++i) {
            const Person b = choices_.take(people_);
            const Thing thing = new_thing();
            draft_ << " " << b.name << " gives a " << thing.text() << ".";
            gifts.push_back(thing.name);
            questions_.push_back({"Who gives the " + thing.name, " " + b.name});
            questions_.push_back(
                {"What does " + b.name + " give", " " + b.name + " gives a " + thing.text()});
            ask_holder(thing, a);
            ask_colour(thing);
        }
        const std::string best = choices_.pick(gifts);
        draft_ << " " << (a.she ? "She" : "He") << " likes the " << best << " best.";
        questions_.push_back({"What does " + a.name + " like best", " The " + best});
        questions_.push_back({"How old is " + a.name, " " + std::to_string(age)});
    }

    Choices& choices_;
    Draft& draft_;
    std::vector<Person> people_ = people();
    std::vector<std::string> places_ = places(), things_ = things();
    std::vector<Question> questions_;
};

}  // namespace

void write_story(Choices& choices, Draft& draft) {
    Story(choices, draft).write();
}

}  // namespace sf::corpus
