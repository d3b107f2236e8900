#pragma once

#include "core/config.h"
#include "core/model/weights.h"
#include "core/tensor.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sf {

// ---- config.json
// ---------------------------------------------------------------------------------- Hugging Face
// names. Unknown keys are ignored, unknown *values* (scoring_func, rope_scaling.type, hidden_act,
// attention_bias: true ...) are refused. Throws UserError naming file and field.
ModelConfig parse_config(std::string_view json, const std::string& file);
ModelConfig read_config(const std::filesystem::path& file);
std::string config_json(const ModelConfig& config);

// ---- safetensors
// ----------------------------------------------------------------------------------
enum class StoredType : std::uint8_t { f32, bf16, f16, i64, f64 };

// A memory-mapped safetensors file. Hostile headers are refused before anything is allocated:
// length beyond the file, offsets out of range, overlapping or with gaps, sizes that do not match
// the shape, duplicate names. Throws UserError naming file, tensor and reason.
class SafetensorsFile {
public:
    explicit SafetensorsFile(const std::filesystem::path& file);
    ~SafetensorsFile();
    SafetensorsFile(SafetensorsFile&&) noexcept;
    SafetensorsFile& operator=(SafetensorsFile&&) noexcept;

    struct Entry {
        StoredType type{};
        std::vector<std::int64_t> shape;  // any rank; Shape holds five
        std::size_t begin = 0, end = 0;   // in the data section
    };
    const std::map<std::string, Entry>& entries() const;
    const std::map<std::string, std::string>& metadata() const;
    // Converted to Real or int64. Throws UserError when missing or of more than five dimensions.
    Tensor read(const std::string& name) const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

struct NamedTensor {
    std::string name;
    ConstView value;
    StoredType type = StoredType::f32;  // f32, bf16 (round to nearest even) or i64
};
// Written to a temporary name in the same folder, synced, renamed. Data 8-byte aligned, in the
// order given; the same input gives the same bytes. Throws UserError (unwritable path, full disk).
void write_safetensors(const std::filesystem::path& file, const std::vector<NamedTensor>& tensors,
                       const std::map<std::string, std::string>& metadata);

// ---- checkpoints
// ---------------------------------------------------------------------------------- Every
// parameter of `config` from folder/model.safetensors or the shards of
// folder/model.safetensors.index.json, under Hugging Face's names, checked for dtype and shape.
// Extra tensors are ignored (an MTP module's copies of embedding and head must equal the main ones,
// else refused). Throws UserError naming file, tensor and reason.
WeightsPtr read_weights(const std::filesystem::path& folder, const ModelConfig& config);
void write_weights(const std::filesystem::path& file, const Weights& weights, StoredType type);

// ---- files
// ---------------------------------------------------------------------------------------- The
// whole file; throws UserError when missing, a folder, unreadable or larger than `limit` bytes.
std::string read_file(const std::filesystem::path& file,
                      std::int64_t limit = std::int64_t{1} << 30);
// Temporary name in the same folder, then rename. Throws UserError; leaves nothing behind.
void write_file(const std::filesystem::path& file, std::string_view bytes);

// ids.json: a list of ids or a list of such lists. Throws UserError naming file and reason.
std::vector<std::vector<std::int64_t>> read_ids(const std::filesystem::path& file);

}  // namespace sf
