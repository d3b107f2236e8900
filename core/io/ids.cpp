#include "core/io/ids.h"

#include "core/error.h"
#include "core/io/files.h"
#include "core/io/json_text.h"

#include <limits>
#include <utility>

namespace sf {

namespace {

constexpr std::int64_t max_file_bytes = std::int64_t{64} << 20;

std::vector<std::int64_t> row_of(const nlohmann::json& list, const std::string& file,
                                 const std::string& place) {
    std::vector<std::int64_t> row;
    row.reserve(list.size());
    for (const auto& item : list) {
        const std::string where = place + "position " + std::to_string(row.size());
        if (!item.is_number_integer())
            throw UserError(file, where,
                            std::string("an id must be a whole number, got ") + json_kind(item));
        if (item.is_number_unsigned()
                ? item.get<std::uint64_t>() >
                      static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())
                : item.get<std::int64_t>() < 0)
            throw UserError(file, where,
                            "an id must not be negative or beyond 64 bits, got " + item.dump());
        row.push_back(item.get<std::int64_t>());
    }
    return row;
}

}  // namespace

std::vector<std::vector<std::int64_t>> parse_ids(std::string_view text, const std::string& file) {
    const nlohmann::json json = parse_json(text, file);
    if (!json.is_array())
        throw UserError(file, "", std::string("must be a list of ids, got ") + json_kind(json));
    if (json.empty()) throw UserError(file, "", "the list of ids is empty");
    std::vector<std::vector<std::int64_t>> rows;
    if (!json.front().is_array()) {
        rows.push_back(row_of(json, file, ""));
        return rows;
    }
    for (const auto& item : json) {
        const std::string place = "sequence " + std::to_string(rows.size());
        if (!item.is_array())
            throw UserError(
                file, place,
                std::string("must be a list like the first one, got ") + json_kind(item));
        if (item.empty()) throw UserError(file, place, "is empty");
        rows.push_back(row_of(item, file, place + ", "));
    }
    return rows;
}

std::vector<std::vector<std::int64_t>> read_ids(const std::filesystem::path& file) {
    return parse_ids(read_file(file, max_file_bytes), file.string());
}

}  // namespace sf
