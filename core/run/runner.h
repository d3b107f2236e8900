#pragma once

#include "core/backend/backend.h"
#include "core/model/model.h"
#include "core/run/gradients.h"
#include "core/run/trace.h"

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

namespace sf {

struct RunOptions {
    AttentionMode attention = AttentionMode::naive;
    int threads = 1;
    BackendPtr backend;  // computes what it takes; null: the CPU computes all
    // What the trace may hold; large inner values (online-softmax outputs, per-expert rows) are
    // left out first and can be had from `complete`.
    std::int64_t budget_bytes = std::int64_t{512} << 20;
    std::vector<Edit> edits;
    // The run of training: its graph with the losses, and behind the forward pass the backward
    // one. The values are those of a run without, bit for bit. An edited run has no gradients.
    bool gradients = false;
    LossWeights loss;
};

// One forward pass over a batch of equally long sequences, ids (batch, tokens), everything
// recorded. Throws UserError when the ids do not fit the model, an edit names nothing or the
// sequences are too short for gradients.
TracePtr run_trace(const ModelPtr& model, const std::vector<std::vector<std::int64_t>>& ids,
                   const RunOptions& options = {});

// The same trace with these edits: recomputes only what is downstream of them, shares all else but
// the gradients, which it drops.
TracePtr edit_trace(const Trace& trace, const std::vector<Edit>& edits);

// The model of a trace, to run anew; without weights where the trace is a saved one.
std::shared_ptr<Model> model_of(const Trace& trace);

// One tensor that the budget left out, computed from what was kept. Null when weights are missing.
TensorPtr complete(const Trace& trace, NodeId id);

struct SamplingOptions {
    std::int64_t max_new = 32;
    double temperature = 0;  // 0: greedy
    std::int64_t top_k = 0;  // 0: off
    double top_p = 1;        // 1: off
    std::uint64_t seed = 0;
    bool stop_at_eos = false;
    bool distributions = true;  // false: greedy decoding leaves them out, which is faster
    AttentionMode attention = AttentionMode::absorbed;
    int threads = 1;
    BackendPtr backend;  // as in RunOptions
};

// One drawn token with the distribution it was drawn from.
struct Drawn {
    std::int64_t id = 0;
    // (vocab), after temperature, top-k and top-p, sums to 1; empty where not wanted
    std::vector<Real> probabilities;
    double u = 0;  // the uniform number used; 0 when greedy
};

// Draws by these options; `stream` and `index` choose the uniform number.
Drawn sample(std::span<const Real> logits, const SamplingOptions& options, std::string_view stream,
             std::uint64_t index);

struct Generated {
    std::vector<std::int64_t> prompt_ids;
    std::vector<Drawn> drawn;
    std::int64_t cache_bytes = 0;  // counted from the latent cache's buffers at the end
};

// Throws UserError when the prompt does not fit the model or leaves no room for so many new tokens.
void check_room(const Model& model, const std::vector<std::int64_t>& prompt, std::int64_t max_new);

// Decodes with the latent cache. `on_token` (may be empty) is called after each; false stops.
Generated generate(const ModelPtr& model, const std::vector<std::int64_t>& prompt,
                   const SamplingOptions& options,
                   const std::function<bool(const Drawn&)>& on_token = {});

// Prefill of `prefill` tokens, then one at a time through the cache: logits
// (batch, tokens - prefill + 1, vocab), the first entry that of position prefill - 1.
Tensor decode_logits(const ModelPtr& model, const std::vector<std::vector<std::int64_t>>& ids,
                     std::int64_t prefill, AttentionMode attention, int threads = 1,
                     BackendPtr backend = nullptr);

}  // namespace sf
