#include "core/io/safetensors.h"

#include "core/error.h"
#include "core/io/files.h"
#include "core/io/half.h"
#include "core/io/json_text.h"
#include "core/io/mapped_file.h"
#include "core/text/one_line.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <optional>
#include <set>
#include <utility>

namespace sf {

// The format is little-endian; so is every machine that this is built for.
static_assert(std::endian::native == std::endian::little);

namespace {

using Entry = SafetensorsFile::Entry;
using Json = nlohmann::json;

constexpr std::size_t length_bytes = 8;
constexpr std::uint64_t max_header = 100'000'000;  // the format's own limit
constexpr std::string_view metadata_key = "__metadata__";

std::size_t bytes_of(StoredType type) {
    switch (type) {
        case StoredType::f32:
            return 4;
        case StoredType::bf16:
        case StoredType::f16:
            return 2;
        case StoredType::i64:
        case StoredType::f64:
            return 8;
    }
    return 0;
}

std::optional<StoredType> type_of(const std::string& name) {
    for (const auto type :
         {StoredType::f32, StoredType::bf16, StoredType::f16, StoredType::i64, StoredType::f64})
        if (name == stored_type_name(type)) return type;
    return std::nullopt;
}

// One tensor's part of the header, checked against itself.
Entry read_entry(const std::string& file, const std::string& name, const Json& json) {
    const auto refuse = [&](const std::string& reason) {
        return UserError(file, "tensor " + one_line(name), reason);
    };
    if (!json.is_object()) throw refuse("its header must be an object, got " + json_kind(json));
    const auto part = [&](const char* key) -> const Json& {
        const auto found = json.find(key);
        if (found == json.end()) throw refuse(std::string(key) + " is missing");
        return *found;
    };
    const auto whole = [&](const Json& value, const char* key) {
        if (!value.is_number_unsigned() ||
            value.get<std::uint64_t>() >
                static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
            throw refuse(std::string(key) + " must hold whole numbers from 0, got " +
                         json_kind(value));
        return value.get<std::int64_t>();
    };

    Entry entry;
    const Json& dtype = part("dtype");
    if (!dtype.is_string()) throw refuse("dtype must be a string, got " + json_kind(dtype));
    const auto type = type_of(dtype.get<std::string>());
    if (!type)
        throw refuse("dtype " + one_line(dtype.get<std::string>()) +
                     " is not supported (F32, BF16, F16, F64 and I64 are)");
    entry.type = *type;

    const Json& shape = part("shape");
    if (!shape.is_array()) throw refuse("shape must be a list, got " + json_kind(shape));
    // The product may not overflow even where a later dimension is 0.
    std::uint64_t size = bytes_of(entry.type);
    for (const auto& item : shape) {
        entry.shape.push_back(whole(item, "shape"));
        const auto dim = static_cast<std::uint64_t>(entry.shape.back());
        if (dim != 0 && size > std::numeric_limits<std::uint64_t>::max() / dim)
            throw refuse("shape is absurdly large");
        size *= dim;
    }

    const Json& offsets = part("data_offsets");
    if (!offsets.is_array() || offsets.size() != 2)
        throw refuse("data_offsets must be a list of two numbers");
    entry.begin = static_cast<std::size_t>(whole(offsets[0], "data_offsets"));
    entry.end = static_cast<std::size_t>(whole(offsets[1], "data_offsets"));
    if (entry.end < entry.begin) throw refuse("data_offsets end before they begin");
    if (entry.end - entry.begin != size)
        throw refuse("shape and dtype need " + std::to_string(size) + " bytes, data_offsets hold " +
                     std::to_string(entry.end - entry.begin));
    return entry;
}

std::map<std::string, std::string> read_metadata(const std::string& file, const Json& json) {
    const std::string key(metadata_key);
    if (!json.is_object()) throw UserError(file, key, "must be an object, got " + json_kind(json));
    std::map<std::string, std::string> metadata;
    for (const auto& [name, value] : json.items()) {
        if (!value.is_string())
            throw UserError(file, key + "." + one_line(name),
                            "must be a string, got " + json_kind(value));
        metadata.emplace(name, value.get<std::string>());
    }
    return metadata;
}

// Tensors must cover the data section exactly: no overlap, no gap, nothing beyond.
void check_layout(const std::string& file, const std::map<std::string, Entry>& entries,
                  std::size_t data_bytes) {
    std::vector<const std::pair<const std::string, Entry>*> order;
    for (const auto& item : entries) order.push_back(&item);
    std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
        return std::pair(a->second.begin, a->second.end) <
               std::pair(b->second.begin, b->second.end);
    });
    std::size_t at = 0;
    for (const auto* item : order) {
        const auto& [name, entry] = *item;
        const std::string field = "tensor " + one_line(name);
        if (entry.end > data_bytes)
            throw UserError(file, field,
                            "data_offsets end at byte " + std::to_string(entry.end) +
                                ", the file holds " + std::to_string(data_bytes) + " (truncated?)");
        if (entry.begin != at)
            throw UserError(file, field,
                            std::string(entry.begin < at ? "overlaps another tensor"
                                                         : "leaves a gap before it") +
                                " at byte " + std::to_string(entry.begin));
        at = entry.end;
    }
    if (at != data_bytes)
        throw UserError(file, "", std::to_string(data_bytes - at) + " bytes belong to no tensor");
}

template <class Stored, class Target, class Convert>
void convert(const char* from, std::vector<Target>& to, Convert&& convert_one) {
    for (std::size_t i = 0; i < to.size(); ++i) {
        Stored stored;
        std::memcpy(&stored, from + i * sizeof(Stored), sizeof(Stored));
        to[i] = convert_one(stored);
    }
}

}  // namespace

std::string_view stored_type_name(StoredType type) {
    switch (type) {
        case StoredType::f32:
            return "F32";
        case StoredType::bf16:
            return "BF16";
        case StoredType::f16:
            return "F16";
        case StoredType::i64:
            return "I64";
        case StoredType::f64:
            return "F64";
    }
    return "";
}

struct SafetensorsFile::Impl {
    explicit Impl(const std::filesystem::path& path) : file(path.string()), bytes(path) {}
    Impl(std::string name, std::string_view in_memory) : file(std::move(name)), bytes(in_memory) {}
    std::string file;
    MappedFile bytes;
    std::size_t data_begin = 0;
    std::map<std::string, Entry> entries;
    std::map<std::string, std::string> metadata;
};

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path)
    : impl_(std::make_unique<Impl>(path)) {
    read_header();
}

SafetensorsFile::SafetensorsFile(const std::string& name, std::string_view bytes)
    : impl_(std::make_unique<Impl>(name, bytes)) {
    read_header();
}

void SafetensorsFile::read_header() {
    const std::string& file = impl_->file;
    const std::size_t size = impl_->bytes.size();
    if (size < length_bytes)
        throw UserError(file, "",
                        "is not a safetensors file: " + std::to_string(size) + " bytes long");
    std::uint64_t header = 0;
    std::memcpy(&header, impl_->bytes.data(), length_bytes);
    if (header > size - length_bytes || header > max_header)
        throw UserError(file, "header length",
                        std::to_string(header) + " bytes, the file has " +
                            std::to_string(size - length_bytes) +
                            " (truncated, or no safetensors)");
    const Json json =
        parse_json({impl_->bytes.data() + length_bytes, static_cast<std::size_t>(header)}, file);
    if (!json.is_object())
        throw UserError(file, "header", "must be an object, got " + json_kind(json));
    for (const auto& [name, value] : json.items()) {
        if (name == metadata_key)
            impl_->metadata = read_metadata(file, value);
        else
            impl_->entries.emplace(name, read_entry(file, name, value));
    }
    impl_->data_begin = length_bytes + static_cast<std::size_t>(header);
    check_layout(file, impl_->entries, size - impl_->data_begin);
}

SafetensorsFile::~SafetensorsFile() = default;
SafetensorsFile::SafetensorsFile(SafetensorsFile&&) noexcept = default;
SafetensorsFile& SafetensorsFile::operator=(SafetensorsFile&&) noexcept = default;

const std::map<std::string, Entry>& SafetensorsFile::entries() const {
    return impl_->entries;
}

const std::map<std::string, std::string>& SafetensorsFile::metadata() const {
    return impl_->metadata;
}

Tensor SafetensorsFile::read(const std::string& name) const {
    const auto found = impl_->entries.find(name);
    if (found == impl_->entries.end())
        throw UserError(impl_->file, "tensor " + one_line(name), "is missing");
    const Entry& entry = found->second;
    if (entry.shape.size() > Shape::max_rank)
        throw UserError(impl_->file, "tensor " + one_line(name),
                        "has " + std::to_string(entry.shape.size()) + " dimensions, at most " +
                            std::to_string(Shape::max_rank) + " are supported");
    Shape shape;
    for (const auto dim : entry.shape) shape.push(dim);
    Tensor tensor(shape, entry.type == StoredType::i64 ? DType::i64 : DType::real);
    const char* from = impl_->bytes.data() + impl_->data_begin + entry.begin;
    const auto real = [](auto value) { return static_cast<Real>(value); };
    switch (entry.type) {
        case StoredType::f32:
            convert<float>(from, tensor.real, real);
            break;
        case StoredType::f64:
            convert<double>(from, tensor.real, real);
            break;
        case StoredType::bf16:
            convert<std::uint16_t>(from, tensor.real,
                                   [&](std::uint16_t v) { return real(from_bf16(v)); });
            break;
        case StoredType::f16:
            convert<std::uint16_t>(from, tensor.real,
                                   [&](std::uint16_t v) { return real(from_f16(v)); });
            break;
        case StoredType::i64:
            convert<std::int64_t>(from, tensor.ints, [](std::int64_t v) { return v; });
            break;
    }
    return tensor;
}

namespace {

void write_values(FileWriter& out, const NamedTensor& tensor) {
    const auto count = static_cast<std::size_t>(tensor.value.size());
    if (tensor.type == StoredType::i64) {
        out.write(tensor.value.ints, count * sizeof(std::int64_t));
        return;
    }
    // In pieces, so that a large tensor is not in memory twice.
    constexpr std::size_t piece = 1 << 16;
    std::vector<char> buffer;
    for (std::size_t begin = 0; begin < count; begin += piece) {
        const std::size_t n = std::min(piece, count - begin);
        buffer.resize(n * bytes_of(tensor.type));
        for (std::size_t i = 0; i < n; ++i) {
            const auto value = static_cast<float>(tensor.value.real[begin + i]);
            if (tensor.type == StoredType::f32) {
                std::memcpy(buffer.data() + i * sizeof value, &value, sizeof value);
            } else {
                const std::uint16_t half = to_bf16(value);
                std::memcpy(buffer.data() + i * sizeof half, &half, sizeof half);
            }
        }
        out.write(buffer.data(), buffer.size());
    }
}

std::string header_of(const std::vector<NamedTensor>& tensors,
                      const std::map<std::string, std::string>& metadata) {
    nlohmann::ordered_json header = nlohmann::ordered_json::object();
    if (!metadata.empty()) header[std::string(metadata_key)] = metadata;
    std::set<std::string_view> names{metadata_key};
    std::uint64_t at = 0;
    for (const auto& tensor : tensors) {
        if (!names.insert(tensor.name).second)
            throw ShapeError(tensor.name, "is given twice to a safetensors file");
        // An empty view has no pointer to tell its type by.
        const bool fits = tensor.value.size() == 0 ||
                          (tensor.type == StoredType::i64) == (tensor.value.dtype() == DType::i64);
        if (!fits || tensor.type == StoredType::f16 || tensor.type == StoredType::f64)
            throw ShapeError(tensor.name,
                             "cannot be written as " + std::string(stored_type_name(tensor.type)));
        auto shape = nlohmann::ordered_json::array();
        for (int i = 0; i < tensor.value.shape.rank; ++i) shape.push_back(tensor.value.shape[i]);
        const std::uint64_t end =
            at + static_cast<std::uint64_t>(tensor.value.size()) * bytes_of(tensor.type);
        header[tensor.name] = {{"dtype", stored_type_name(tensor.type)},
                               {"shape", std::move(shape)},
                               {"data_offsets", {at, end}}};
        at = end;
    }
    std::string text =
        header.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    text.append((length_bytes - text.size() % length_bytes) % length_bytes, ' ');
    return text;
}

}  // namespace

void write_safetensors(const std::filesystem::path& file, const std::vector<NamedTensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
    const std::string header = header_of(tensors, metadata);
    const std::uint64_t length = header.size();
    FileWriter out(file);
    out.write(&length, sizeof length);
    out.write(header);
    for (const auto& tensor : tensors) write_values(out, tensor);
    out.commit();
}

}  // namespace sf
