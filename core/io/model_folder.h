#pragma once

#include "core/model/model.h"

#include <filesystem>

namespace sf {

// Throws UserError for a folder that holds something: a model is saved into a new or empty one.
void check_new_folder(const std::filesystem::path& folder);

// What load_model reads back bit for bit: config.json, model.safetensors (F32), and where the model
// has them tokenizer.json and history.safetensors (all records, probes F32), into a new or empty
// folder. Throws UserError (not empty, unwritable, full disk) and then leaves nothing behind.
void save_model(const std::filesystem::path& folder, const Model& model);

}  // namespace sf
