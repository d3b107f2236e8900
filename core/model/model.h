#pragma once

#include "core/config.h"
#include "core/graph/graph.h"
#include "core/model/weights.h"
#include "core/text/tokenizer.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sf {

// A model that can be run: its shape, one version of its numbers, its tokenizer.
struct Model {
    std::string name;  // folder or preset
    ModelConfig config;
    WeightsPtr weights;
    std::shared_ptr<const Tokenizer> tokenizer;  // null: the vocabulary has no text
    std::string no_text;                         // why there is no tokenizer

    // Ids of a prompt; throws UserError for an empty one, invalid UTF-8, no tokenizer or a prompt
    // longer than max_position_embeddings.
    std::vector<std::int64_t> encode(std::string_view prompt) const;
    std::string label(std::int64_t id) const;
    // Throws UserError naming `source` when an id is outside the vocabulary, a row is empty or
    // longer than the context.
    void check_ids(const std::vector<std::int64_t>& ids, const std::string& source) const;
};
using ModelPtr = std::shared_ptr<const Model>;

ModelPtr preset_model(std::string_view preset, std::uint64_t seed);
// A folder with config.json and model.safetensors or model.safetensors.index.json. Text is read by
// the tokenizer.json beside them, which must fit vocab_size, without one as bytes.
ModelPtr load_model(const std::filesystem::path& folder);

// The named graph of a config (core/model/transformer.cpp).
std::shared_ptr<const Graph> build_graph(const ModelConfig& config,
                                         AttentionMode attention = AttentionMode::naive);
// The same with the losses of training: nll, loss, mtp.k.nll, mtp.k.loss and, where there are
// experts, balance_loss (sequence-wise) and aux_loss of each layer.
std::shared_ptr<const Graph> build_training_graph(const ModelConfig& config,
                                                  AttentionMode attention = AttentionMode::naive);

}  // namespace sf
