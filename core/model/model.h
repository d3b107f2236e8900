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

class History;

// A model that can be run: its shape, one version of its numbers, its tokenizer, how it was
// trained.
struct Model {
    std::string name;              // folder or preset
    std::filesystem::path folder;  // that it was loaded from; empty: from none
    ModelConfig config;
    WeightsPtr weights;
    std::shared_ptr<const Tokenizer> tokenizer;  // null: the vocabulary has no text
    std::string no_text;                         // why there is no tokenizer
    std::shared_ptr<const History> history;      // of its training; null: none was kept
    std::string no_history;  // why one that lies beside it is not used, a sentence

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
// the tokenizer.json beside them, which must fit vocab_size, without one as bytes. A damaged
// history.safetensors is left out and said in `no_history`: the model runs without.
ModelPtr load_model(const std::filesystem::path& folder);

// The same from files in memory, empty where there is none.
struct ModelFiles {
    std::string_view config, weights, tokenizer, history;
};
ModelPtr load_model(const std::string& name, const ModelFiles& files);

// The named graph of a config (core/model/transformer.cpp).
std::shared_ptr<const Graph> build_graph(const ModelConfig& config,
                                         AttentionMode attention = AttentionMode::naive);
// The same with the losses of training: nll, loss, mtp.k.nll, mtp.k.loss and, where there are
// experts, balance_loss (sequence-wise) and aux_loss of each layer.
std::shared_ptr<const Graph> build_training_graph(const ModelConfig& config,
                                                  AttentionMode attention = AttentionMode::naive);
// MTP module k alone, for drafting: ids are the tokens k places on, "mtp.k.previous" the hidden
// states of depth k - 1 (of this depth itself when it is applied again), with parallel modules
// those of depth 0, and the ids count only; mtp.k.hidden and mtp.k.logits are what it gives.
std::shared_ptr<const Graph> build_draft_graph(const ModelConfig& config, std::int64_t k,
                                               AttentionMode attention);

}  // namespace sf
