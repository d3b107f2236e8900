#include "core/model/model.h"

#include "core/error.h"
#include "core/io/checkpoint.h"
#include "core/io/history_io.h"
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
void check_tokenizer(const Tokenizer& tokenizer, const std::string& file, const std::string& beside,
                     const ModelConfig& config) {
    if (tokenizer.vocab_size() > config.vocab_size)
        throw UserError(file, "",
                        "has ids up to " + std::to_string(tokenizer.vocab_size() - 1) + ", but " +
                            beside + " has vocab_size " + std::to_string(config.vocab_size));
}

void read_bytes_as_text(Model& model) {
    if (model.config.vocab_size < bytes_in_vocabulary)
        model.no_text = "has no tokenizer for text (a byte vocabulary needs 256 ids and it has " +
                        std::to_string(model.config.vocab_size) + ")";
    else
        model.tokenizer = byte_tokenizer(model.config.vocab_size);
}

// How it was trained is worth less than the model itself.
template <class Read>
void add_history(Model& model, Read&& read) {
    try {
        model.history = std::make_shared<const History>(read());
    } catch (const UserError& error) {
        model.no_history = std::string(error.what()) + "; the model runs without its history";
    }
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
    model->folder = folder;
    model->config = read_config(folder / "config.json");
    model->weights = read_weights(folder, model->config);
    const auto text = folder / "tokenizer.json", history = folder / "history.safetensors";
    if (std::filesystem::exists(text, error)) {
        model->tokenizer = read_tokenizer(text);
        check_tokenizer(*model->tokenizer, text.string(), (folder / "config.json").string(),
                        model->config);
    } else {
        read_bytes_as_text(*model);
    }
    if (std::filesystem::exists(history, error))
        add_history(*model, [&] { return read_history(history, model->config, model->tokenizer); });
    return model;
}

ModelPtr load_model(const std::string& name, const ModelFiles& files) {
    auto model = std::make_shared<Model>();
    model->name = name;
    model->config = parse_config(files.config, name + "/config.json");
    model->weights = read_weights(name + "/model.safetensors", files.weights, model->config);
    if (files.tokenizer.empty()) {
        read_bytes_as_text(*model);
    } else {
        const std::string file = name + "/tokenizer.json";
        model->tokenizer = parse_tokenizer(files.tokenizer, file);
        check_tokenizer(*model->tokenizer, file, name + "/config.json", model->config);
    }
    if (!files.history.empty())
        add_history(*model, [&] {
            const std::string file = name + "/history.safetensors";
            return read_history(SafetensorsFile(file, files.history), file, "", model->config,
                                model->tokenizer);
        });
    return model;
}

}  // namespace sf
