#include "core/io/checkpoint.h"

#include "core/error.h"
#include "core/io/json_text.h"
#include "core/text/one_line.h"

#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

namespace sf {

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t max_index_bytes = std::int64_t{100} << 20;
constexpr const char* single_name = "model.safetensors";
constexpr const char* index_name = "model.safetensors.index.json";
constexpr const char* step_key = "trained_step";

// A checkpoint's tensors by name, wherever they lie. Shards are opened when first needed.
class Checkpoint {
public:
    explicit Checkpoint(const fs::path& folder) : folder_(folder) {
        std::error_code error;
        if (fs::exists(folder / single_name, error)) {
            list_file_ = (folder / single_name).string();
            const auto& file = open(single_name);
            for (const auto& [name, entry] : file.entries()) where_.emplace(name, single_name);
        } else if (fs::exists(folder / index_name, error)) {
            read_index();
        } else {
            throw UserError(folder.string(), "",
                            std::string("holds neither ") + single_name + " nor " + index_name);
        }
    }

    // One file in memory; `name` stands in messages.
    Checkpoint(const std::string& name, std::string_view bytes) : list_file_(name) {
        const auto& file = open_.emplace(single_name, SafetensorsFile(name, bytes)).first->second;
        for (const auto& [tensor, entry] : file.entries()) where_.emplace(tensor, single_name);
    }

    bool has(const std::string& name) const { return where_.contains(name); }

    TensorPtr read(const std::string& name, const Shape& shape) {
        const auto found = where_.find(name);
        if (found == where_.end()) throw UserError(list_file_, "tensor " + name, "is missing");
        const std::string& shard = found->second;
        const auto& file = open(shard);
        const auto refuse = [&](const std::string& reason) {
            return UserError((folder_ / shard).string(), "tensor " + name, reason);
        };
        const auto entry = file.entries().find(name);
        if (entry == file.entries().end())
            throw refuse(std::string("is missing (") + index_name + " says that it is there)");
        if (entry->second.type == StoredType::i64)
            throw refuse("dtype I64, a weight must be F32, BF16, F16 or F64");
        if (std::vector<std::int64_t>(shape.dim.begin(), shape.dim.begin() + shape.rank) !=
            entry->second.shape)
            throw refuse("shape " + shape_text(entry->second.shape) + ", the config needs " +
                         to_string(shape));
        auto tensor = std::make_shared<Tensor>(file.read(name));
        for (std::size_t i = 0; i < tensor->real.size(); ++i)
            if (!std::isfinite(tensor->real[i]))
                throw refuse("value " + std::to_string(i) + " is not a finite number");
        return tensor;
    }

    std::int64_t trained_step() {
        if (where_.empty()) return 0;
        const auto& metadata = open(where_.begin()->second).metadata();
        const auto found = metadata.find(step_key);
        std::int64_t step = 0;
        if (found == metadata.end()) return 0;
        const std::string& text = found->second;
        const auto end = text.data() + text.size();
        const auto result = std::from_chars(text.data(), end, step);
        if (result.ec != std::errc{} || result.ptr != end || step < 0)
            throw UserError(list_file_, step_key,
                            "must be a whole number from 0, got \"" + one_line(text) + "\"");
        return step;
    }

private:
    static std::string shape_text(const std::vector<std::int64_t>& dims) {
        std::string text = "(";
        for (const auto d : dims) text += (text.size() > 1 ? ", " : "") + std::to_string(d);
        return text + ")";
    }

    const SafetensorsFile& open(const std::string& shard) {
        const auto found = open_.find(shard);
        if (found != open_.end()) return found->second;
        return open_.emplace(shard, SafetensorsFile(folder_ / shard)).first->second;
    }

    void read_index() {
        list_file_ = (folder_ / index_name).string();
        const auto json = parse_json(read_file(folder_ / index_name, max_index_bytes), list_file_);
        const auto map = json.is_object() ? json.find("weight_map") : json.end();
        if (!json.is_object() || map == json.end() || !map->is_object())
            throw UserError(list_file_, "weight_map", "must be an object of tensors and files");
        for (const auto& [name, shard] : map->items()) {
            const std::string field = "weight_map." + one_line(name);
            if (!shard.is_string())
                throw UserError(list_file_, field,
                                "must be a file's name, got " + json_kind(shard));
            const auto& text = shard.get_ref<const std::string&>();
            // A checkpoint may not reach outside its folder.
            if (text.empty() || text == "." || text == ".." ||
                text.find_first_of(std::string_view("/\\:\0", 4)) != std::string::npos)
                throw UserError(
                    list_file_, field,
                    "must be a plain file name inside the folder, got \"" + one_line(text) + "\"");
            where_.emplace(name, text);
        }
    }

    fs::path folder_;
    std::string list_file_;                     // the file that lists all tensors
    std::map<std::string, std::string> where_;  // tensor to shard
    std::map<std::string, SafetensorsFile> open_;
};

// Released checkpoints repeat embedding and head in each MTP module; the model shares them.
void check_copy(Checkpoint& checkpoint, const Weights& weights, const fs::path& folder,
                const std::string& copy, const std::string& original) {
    if (!checkpoint.has(copy)) return;
    const Tensor& main = weights.at(original);
    if (checkpoint.read(copy, main.shape)->real != main.real)
        throw UserError(folder.string(), "tensor " + copy,
                        "differs from " + original + ", which it must repeat");
}

WeightsPtr read_all(Checkpoint& checkpoint, const fs::path& folder, const ModelConfig& config) {
    auto weights = std::make_shared<Weights>();
    weights->trained_step = checkpoint.trained_step();
    for (const auto& spec : parameters(config))
        weights->tensors.emplace(spec.name, checkpoint.read(spec.name, spec.shape));
    const std::string embedding = "model.embed_tokens.weight";
    const std::string head = config.tie_word_embeddings ? embedding : "lm_head.weight";
    for (std::int64_t k = 0; k < config.num_nextn_predict_layers; ++k) {
        const std::string prefix =
            "model.layers." + std::to_string(config.num_hidden_layers + k) + ".";
        check_copy(checkpoint, *weights, folder, prefix + "embed_tokens.weight", embedding);
        check_copy(checkpoint, *weights, folder, prefix + "shared_head.head.weight", head);
    }
    return weights;
}

}  // namespace

WeightsPtr read_weights(const fs::path& folder, const ModelConfig& config) {
    Checkpoint checkpoint(folder);
    return read_all(checkpoint, folder, config);
}

WeightsPtr read_weights(const std::string& name, std::string_view bytes,
                        const ModelConfig& config) {
    Checkpoint checkpoint(name, bytes);
    return read_all(checkpoint, name, config);
}

void write_weights(const fs::path& file, const Weights& weights, StoredType type) {
    std::vector<NamedTensor> tensors;
    for (const auto& [name, tensor] : weights.tensors)
        // The bias adds up small steps: 16 bits would lose them.
        tensors.push_back({name, tensor->view(),
                           name.ends_with(".e_score_correction_bias") ? StoredType::f32 : type});
    write_safetensors(file, tensors,
                      {{"format", "pt"}, {step_key, std::to_string(weights.trained_step)}});
}

}  // namespace sf
