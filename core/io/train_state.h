#pragma once

#include "core/train/trainer.h"

#include <filesystem>
#include <memory>

namespace sf {

// The folder of a training run. train_state.safetensors is all that a resumed run reads: F32
// weights, moments and biases, how many steps are done, the data's position, settings, shape,
// tokenizer and history; everything random is a function of seed and position, so these numbers
// are the generator too. It is put in place by one rename, after which the rest is derived from it:
// config.json, tokenizer.json, model.safetensors (Hugging Face's names, BF16, biases F32) and
// history.safetensors.
inline constexpr const char* train_state_name = "train_state.safetensors";

// Throws UserError (full disk, unwritable); what was in the folder before stays whole.
void save_run(const std::filesystem::path& folder, const Trainer& trainer);
// What is derived from the state.
void write_model(const std::filesystem::path& folder, const Trainer& trainer);

struct SavedRun {
    ModelConfig config;
    TrainSettings settings;
    std::shared_ptr<const Tokenizer> tokenizer;
    TrainingText::Source source;
    Trainer::State state;
    History history;
};
// Checks every tensor; throws UserError naming file, tensor or field, and reason.
SavedRun read_run(const std::filesystem::path& folder);

}  // namespace sf
