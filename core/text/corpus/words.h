#pragma once

#include <array>
#include <string>
#include <vector>

// What stories and lists are about.
namespace sf::corpus {

struct Person {
    std::string name;
    bool she = false;
};
std::vector<Person> people();
std::vector<std::string> places();  // all with "at the"
std::vector<std::string> things();  // all with "a", as the colours before them
inline constexpr std::array colours{"red", "blue", "green", "white"};

}  // namespace sf::corpus
