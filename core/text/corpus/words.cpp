#include "core/text/corpus/words.h"

namespace sf::corpus {

std::vector<Person> people() {
    return {{"Mia", true},  {"Eva", true},  {"Anna", true}, {"Ida", true},
            {"Ben", false}, {"Tom", false}, {"Leo", false}, {"Max", false}};
}

std::vector<std::string> places() {
    return {"lake", "river", "market", "school", "farm", "museum"};
}

std::vector<std::string> things() {
    return {"kite", "ball", "book", "hat", "cup", "boat"};
}

}  // namespace sf::corpus
