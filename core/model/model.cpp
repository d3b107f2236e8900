#include "core/model/model.h"

#include "core/error.h"
#include "core/io/checkpoint.h"
#include "core/io/tokenizer_json.h"

#include <system_error>
#include <utility>

namespace sf {

namespace {

constexpr std::int64_t bytes_in_vocabulary = 256;

std::string context_sentence(std::size_t tokens, std::int64_t limit) {
    return "has " + std::to_string(tokens) + " tokens, the model's context holds " +
           std::to_string(limit) + " (max_position_embeddings)";
}

// Fewer ids than the model has are usual: vocabularies are rounded up.
std::shared_ptr<const Tokenizer> fitting_tokenizer(const std::filesystem::path& folder,
                                                   const ModelConfig& config) {
    const std::filesystem::path file = folder / "tokenizer.json";
    auto tokenizer = read_tokenizer(file);
    if (tokenizer->vocab_size() > config.vocab_size)
        throw UserError(file.string(), "",
                        "has ids up to " + std::to_string(tokenizer->vocab_size() - 1) + ", but " +
                            (folder / "config.json").string() + " has vocab_size " +
                            std::to_string(config.vocab_size));
    return tokenizer;
}

}  // namespace

std::vector<std::int64_t> Model::encode(std::string_view prompt) const {
    if (prompt.empty()) throw UserError("prompt: is empty");
    if (const auto offset = first_invalid_utf8(prompt))
        throw UserError("prompt: byte " + std::to_string(*offset) + " is not valid UTF-8");
    if (!tokenizer) throw UserError("prompt: model " + name + " " + no_text + ", give ids instead");
    auto ids = tokenizer->encode(prompt);
    if (static_cast<std::int64_t>(ids.size()) > config.max_position_embeddings)
        throw UserError("prompt: " + context_sentence(ids.size(), config.max_position_embeddings));
    return ids;
}

std::string Model::label(std::int64_t id) const {
    return tokenizer ? tokenizer->label(id) : id_label(id);
}

void Model::check_ids(const std::vector<std::int64_t>& ids, const std::string& source) const {
    if (ids.empty()) throw UserError(source, "", "a sequence is empty");
    if (static_cast<std::int64_t>(ids.size()) > config.max_position_embeddings)
        throw UserError(
            source, "",
            "a sequence " + context_sentence(ids.size(), config.max_position_embeddings));
    for (std::size_t i = 0; i < ids.size(); ++i)
        if (ids[i] < 0 || ids[i] >= config.vocab_size)
            throw UserError(source, "",
                            "id " + std::to_string(ids[i]) + " at position " + std::to_string(i) +
                                " is outside the vocabulary of " +
                                std::to_string(config.vocab_size));
}

ModelPtr preset_model(std::string_view preset, std::uint64_t seed) {
    auto model = std::make_shared<Model>();
    model->name = preset;
    model->config = ModelConfig::preset(preset);
    model->weights = initial_weights(model->config, seed);
    model->tokenizer = byte_tokenizer(model->config.vocab_size);
    return model;
}

ModelPtr load_model(const std::filesystem::path& folder) {
    std::error_code error;
    if (!std::filesystem::is_directory(folder, error))
        throw UserError(folder.string(), "", "is not a folder with a model");
    auto model = std::make_shared<Model>();
    // "models/tiny/" has an empty last part.
    model->name = (folder.has_filename() ? folder : folder.parent_path()).filename().string();
    model->config = read_config(folder / "config.json");
    model->weights = read_weights(folder, model->config);
    if (std::filesystem::exists(folder / "tokenizer.json", error))
        model->tokenizer = fitting_tokenizer(folder, model->config);
    else if (model->config.vocab_size < bytes_in_vocabulary)
        model->no_text = "has no tokenizer for text (a byte vocabulary needs 256 ids and it has " +
                         std::to_string(model->config.vocab_size) + ")";
    else
        model->tokenizer = byte_tokenizer(model->config.vocab_size);
    return model;
}

}  // namespace sf
