#include "core/io/model_folder.h"

#include "core/error.h"
#include "core/io/checkpoint.h"
#include "core/io/history_io.h"
#include "core/io/tokenizer_json.h"

#include <system_error>

namespace sf {

namespace fs = std::filesystem;

namespace {

void write_all(const fs::path& folder, const Model& model) {
    write_file(folder / "config.json", config_json(model.config));
    if (model.tokenizer) write_file(folder / "tokenizer.json", tokenizer_json(*model.tokenizer));
    if (model.history) {
        const HistoryTensors history = history_tensors(*model.history);
        write_safetensors(folder / "history.safetensors", history.tensors, history.metadata);
    }
    write_weights(folder / "model.safetensors", *model.weights, StoredType::f32);
}

}  // namespace

void check_new_folder(const fs::path& folder) {
    std::error_code error;
    if (fs::exists(folder, error) &&
        !(fs::is_directory(folder, error) && fs::is_empty(folder, error)))
        throw UserError(folder.string(), "",
                        "is not an empty folder, a run is saved into a new one");
}

void save_model(const fs::path& folder, const Model& model) {
    check_new_folder(folder);
    std::error_code error;
    const bool made = fs::create_directories(folder, error);
    if (error) throw UserError(folder.string(), "", "cannot be made: " + error.message());
    try {
        write_all(folder, model);
    } catch (...) {
        for (const char* name :
             {"config.json", "tokenizer.json", "history.safetensors", "model.safetensors"})
            fs::remove(folder / name, error);
        if (made) fs::remove(folder, error);
        throw;
    }
}

}  // namespace sf
