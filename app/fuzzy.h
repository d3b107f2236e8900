#pragma once

#include <string_view>

namespace sf {

// How well `text` answers `query`: its letters in order, more for the beginnings of words and for
// runs, less for long texts; 0 when it does not. Case is ignored; words of the query may be apart.
int fuzzy_score(std::string_view query, std::string_view text);

}  // namespace sf
