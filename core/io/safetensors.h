#pragma once

#include "core/tensor.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sf {

enum class StoredType : std::uint8_t { f32, bf16, f16, i64, f64 };
std::string_view stored_type_name(StoredType type);  // "F32", "BF16", ...

// A memory-mapped safetensors file. Hostile headers are refused before anything is allocated:
// length beyond the file, offsets out of range, overlapping or with gaps, sizes that do not match
// the shape, duplicate names. Throws UserError naming file, tensor and reason.
class SafetensorsFile {
public:
    explicit SafetensorsFile(const std::filesystem::path& file);
    // The same of bytes in memory, which must outlive it; `name` stands in messages.
    SafetensorsFile(const std::string& name, std::string_view bytes);
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
    void read_header();
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

struct NamedTensor {
    std::string name;
    ConstView value;
    StoredType type = StoredType::f32;  // f32, bf16 (round to nearest even) or i64
};
// Written to a temporary name in the same folder, synced, renamed. The data section begins at a
// multiple of 8 bytes, tensors follow without gaps in the order given; the same input gives the
// same bytes. Throws UserError (unwritable path, full disk), ShapeError when a name is given twice
// or a type does not fit.
void write_safetensors(const std::filesystem::path& file, const std::vector<NamedTensor>& tensors,
                       const std::map<std::string, std::string>& metadata);

}  // namespace sf
