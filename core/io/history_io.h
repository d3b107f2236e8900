#pragma once

#include "core/io/safetensors.h"
#include "core/run/history.h"
#include "core/text/tokenizer.h"

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace sf {

// A history as tensors: step, tokens (I64, (n)), loss, balance_loss, grad_norm, lr, gamma, lambda,
// alpha, tokens_per_second, heldout_loss, bigram_loss, floor (F32, (n)), mtp_loss (n, depths), load
// (I64) and bias (n, layers, experts), and probe.STEP.NODE for what is_probe_node names; and texts
// of metadata: `about` and, where the model wrote at kept steps, `written`. All names begin with
// `prefix`, so that they may lie in a file beside others.
// With probes as F32 reading gives back every bit.
struct HistoryTensors {
    std::vector<NamedTensor> tensors;
    std::map<std::string, std::string> metadata;
    std::vector<TensorPtr> owned;  // what the tensors' views point into
};
HistoryTensors history_tensors(const History& history, const std::string& prefix = "",
                               StoredType probes = StoredType::f32);

bool has_history(const SafetensorsFile& tensors, const std::string& prefix = "");
// The history of a model of this config. Probes come back without weights, their tokens labelled
// by the tokenizer (null: "⟨17⟩"). Throws UserError naming `file`, tensor or field, and reason.
History read_history(const SafetensorsFile& tensors, const std::string& file,
                     const std::string& prefix, const ModelConfig& config,
                     const std::shared_ptr<const Tokenizer>& tokenizer);

// A file of its own, small enough to be shipped with a model: at most `records` records and
// shipped_probes probes, these as BF16. `micro` with 10 probes: under 2 MB.
inline constexpr std::size_t shipped_records = 256, shipped_probes = 10;
void write_history(const std::filesystem::path& file, const History& history,
                   std::size_t records = shipped_records);
History read_history(const std::filesystem::path& file, const ModelConfig& config,
                     const std::shared_ptr<const Tokenizer>& tokenizer = nullptr);

}  // namespace sf
