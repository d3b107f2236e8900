#pragma once

#include "core/config.h"
#include "core/model/weights.h"
#include "core/run/derived.h"
#include "core/run/trace.h"

#include <cstdint>
#include <string>
#include <vector>

namespace sf {

// How much the rank of the latent carries. What heads read of c^KV is M c^KV with M = [W^UK; W^UV]
// (kv_b_proj.weight; DeepSeek-V2, eqs. 10 and 11). With M = U Σ Vᵀ, keeping the r strongest
// directions of the latent is reading M V_r V_rᵀ c^KV: cached would be the r numbers V_rᵀ c^KV.

// Singular values, largest first, of what makes keys and values from what a layer reads: of
// [W^UK; W^UV] (d_c of them) for MLA, of [W^K; W^V] (hidden_size of them) for gqa.
std::vector<double> key_value_spectrum(const Weights& weights, const ModelConfig& config,
                                       std::int64_t layer);

// The weights with the r strongest directions of every layer's latent left, also of MTP modules;
// 1 <= r <= kv_lora_rank. With all of them M V Vᵀ is M but for rounding. Throws UserError for a
// model without latents.
WeightsPtr with_latent_rank(const Weights& weights, const ModelConfig& config, std::int64_t r);

// The run of a trace again with r directions; its first sequence only. With r = kv_lora_rank the
// weights are the model's own, so it is the trace's run, bit for bit.
struct RankRun : DerivedValue {
    std::int64_t rank = 0;
    TracePtr run;
};
Need rank_run(const Trace& trace, std::int64_t r);

// Every rank (beyond 64 evenly chosen ones) on the trace's first sequence.
struct RankCurve : DerivedValue {
    std::vector<std::vector<double>> spectrum;  // (layers)(d_c)
    std::vector<std::int64_t> rank;             // ascending, the last is kv_lora_rank
    // Of the next-token distributions, mean over positions: KL(model || truncated) in nats, and
    // the share of positions with the same most probable token.
    std::vector<double> divergence, agreement;
    // Largest difference of a logit between M V Vᵀ with all directions and M.
    double full_error = 0;
    double largest_logit = 0;
};
Need rank_curve(const Trace& trace);

}  // namespace sf
