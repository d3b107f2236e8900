#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace sf {

// ids.json: a list of ids, or a list of such lists (a batch, possibly ragged). Throws UserError
// naming file and reason: not JSON, empty, mixed, not whole numbers, negative. Whether an id is in
// the vocabulary is the model's to say (Model::check_ids).
std::vector<std::vector<std::int64_t>> parse_ids(std::string_view json, const std::string& file);
std::vector<std::vector<std::int64_t>> read_ids(const std::filesystem::path& file);

}  // namespace sf
