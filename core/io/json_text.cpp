#include "core/io/json_text.h"

#include "core/error.h"
#include "core/text/one_line.h"

#include <set>
#include <utility>
#include <vector>

namespace sf {

namespace {

constexpr int max_depth = 32;

// What the library says without its prefix "[json.exception.parse_error.101] ".
std::string plain(const std::string& what) {
    const auto bracket = what.find("] ");
    return one_line(bracket == std::string::npos ? what : what.substr(bracket + 2), 300);
}

}  // namespace

nlohmann::json parse_json(std::string_view text, const std::string& file) {
    using Event = nlohmann::json::parse_event_t;
    std::vector<std::set<std::string>> keys;  // of the open objects
    const auto watch = [&](int depth, Event event, nlohmann::json& parsed) {
        if (depth > max_depth)
            throw UserError(
                file, "",
                "lists and objects are nested more than " + std::to_string(max_depth) + " deep");
        if (event == Event::object_start) keys.emplace_back();
        if (event == Event::object_end) keys.pop_back();
        if (event == Event::key && !keys.back().insert(parsed.get<std::string>()).second)
            throw UserError(file, one_line(parsed.get_ref<const std::string&>()), "is given twice");
        return true;
    };
    try {
        return nlohmann::json::parse(text.begin(), text.end(), watch);
    } catch (const nlohmann::json::exception& e) {
        throw UserError(file, "", "is not JSON: " + plain(e.what()));
    }
}

std::string json_kind(const nlohmann::json& value) {
    switch (value.type()) {
        case nlohmann::json::value_t::null:
            return "null";
        case nlohmann::json::value_t::object:
            return "an object";
        case nlohmann::json::value_t::array:
            return "a list";
        case nlohmann::json::value_t::string:
            return "a string";
        case nlohmann::json::value_t::boolean:
            return value.get<bool>() ? "true" : "false";
        default:
            return "the number " + value.dump();
    }
}

}  // namespace sf
