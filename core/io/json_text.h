#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace sf {

// JSON from a file that nobody vouches for. Throws UserError naming file and reason: not JSON (with
// the byte), invalid UTF-8, nested too deeply, a key given twice, a number that does not fit.
nlohmann::json parse_json(std::string_view text, const std::string& file);

// For sentences: "a string", "a list", "null", "the number 3.5".
std::string json_kind(const nlohmann::json& value);

}  // namespace sf
