#pragma once

#include "core/config.h"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace sf {

// config.json with Hugging Face's names, of model_type deepseek_v3 or deepseek_v2. Unknown keys are
// ignored; unknown *values* (scoring_func, rope_scaling.type, hidden_act, attention_bias: true ...)
// and everything that ModelConfig::problems() names are refused: UserError with file and field.
// Sizes and what routing depends on must be given; n_group and topk_group are 1 without a value.
ModelConfig parse_config(std::string_view json, const std::string& file);
ModelConfig read_config(const std::filesystem::path& file);

// What parse_config reads back as an equal config, numbers bit for bit.
std::string config_json(const ModelConfig& config);

// Sets one field from text, by its name in config.json ("hidden_size", "rope_scaling.factor"; the
// q_lora_rank "null" is none). False when the model has no such field. UserError naming field and
// value when the text is not of the field's type. What depends on other fields is left to
// problems(), which the caller asks once when all fields are set.
bool set_model_field(ModelConfig& config, std::string_view name, std::string_view value,
                     const std::string& source = "--set");
std::vector<std::string> model_fields();

// Each of them with its value as set_model_field takes it.
struct ModelField {
    std::string name, value;
    bool operator==(const ModelField&) const = default;
};
std::vector<ModelField> model_field_values(const ModelConfig& config);

}  // namespace sf
