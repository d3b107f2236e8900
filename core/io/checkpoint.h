#pragma once

#include "core/config.h"
#include "core/io/config_json.h"
#include "core/io/files.h"
#include "core/io/ids.h"
#include "core/io/safetensors.h"
#include "core/model/weights.h"

#include <filesystem>
#include <string>
#include <string_view>

namespace sf {

// Every parameter of `config` from folder/model.safetensors or the shards of
// folder/model.safetensors.index.json, under Hugging Face's names, checked for dtype, shape and
// finite values. Extra tensors are ignored (an MTP module's copies of embedding and head must equal
// the main ones, else refused). Throws UserError naming file, tensor and reason.
WeightsPtr read_weights(const std::filesystem::path& folder, const ModelConfig& config);
// The same from the bytes of one safetensors file in memory; `name` stands in messages.
WeightsPtr read_weights(const std::string& name, std::string_view bytes, const ModelConfig& config);

// As one file; `type` is f32 or bf16, a router's bias stays F32. The file remembers the training
// step.
void write_weights(const std::filesystem::path& file, const Weights& weights, StoredType type);

}  // namespace sf
