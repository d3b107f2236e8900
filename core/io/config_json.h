#pragma once

#include "core/config.h"

#include <filesystem>
#include <string>
#include <string_view>

namespace sf {

// config.json with Hugging Face's names, of model_type deepseek_v3 or deepseek_v2. Unknown keys are
// ignored; unknown *values* (scoring_func, rope_scaling.type, hidden_act, attention_bias: true ...)
// and everything that ModelConfig::problems() names are refused: UserError with file and field.
// Sizes and what routing depends on must be given; n_group and topk_group are 1 without a value.
ModelConfig parse_config(std::string_view json, const std::string& file);
ModelConfig read_config(const std::filesystem::path& file);

// What parse_config reads back as an equal config, numbers bit for bit.
std::string config_json(const ModelConfig& config);

}  // namespace sf
