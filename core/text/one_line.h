#pragma once

#include <string>
#include <string_view>

namespace sf {

// Text from a file as it may stand in a sentence: valid UTF-8, no control characters, cut short
// with "…" after `limit` bytes.
std::string one_line(std::string_view text, std::size_t limit = 120);

}  // namespace sf
