#pragma once

#include "views/experts_scene.h"

#include <cstdint>
#include <string>
#include <vector>

// The view "Experts" in words, from live values.
namespace sf::experts {

std::string counted(std::int64_t n, const std::string& one, const std::string& many);
// "3", "3 and 12", "3, 5 and 12".
std::string listed(const std::vector<std::int64_t>& numbers);
// Where one is: layer, token, rule; that another layer was asked for; what was set by hand.
std::vector<std::string> place_words(const Scene& scene);

std::string token_headline(const Scene& scene);
std::string token_facts(const Scene& scene);
std::string token_description(const Scene& scene);

}  // namespace sf::experts
