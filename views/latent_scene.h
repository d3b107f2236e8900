#pragma once

#include "core/config.h"
#include "core/known_shapes.h"
#include "core/run/cache_count.h"
#include "core/run/latent_rank.h"
#include "core/run/timeline.h"
#include "views/latent_ways.h"
#include "views/result.h"
#include "views/view.h"

#include <cstdint>
#include <string>
#include <vector>

// The view "Latent KV": what one picture of it is made of.
namespace sf::latent_kv {

// The settings as they are read, held to their ranges.
struct Choices {
    std::string show = "cache";  // "cache", "rank" or "shapes": the page
    std::int64_t layer = -1, head = 0;
    std::int64_t rank = 0;  // directions kept; 0: all
    bool absorb = false;
    double bits = 16;             // of a cached number, in what is computed
    std::int64_t context = 4096;  // tokens, in what is computed
    std::int64_t heads = 0, head_width = 0, rope_width = 0, latent = 0;  // by hand; 0: the model's
};
std::vector<Parameter> parameters(const Frame& frame);
Choices read_choices(const Frame& frame);

// Some numbers of a token in a row, and where the trace has them.
struct Strip {
    std::vector<double> values;
    std::string node;        // empty: not in the trace, computed with its weights
    std::int64_t first = 0;  // flat index of the first
};

// One attention layer and one token of it.
struct Scene {
    const Frame* frame = nullptr;
    const Trace* trace = nullptr;
    const Theme* theme = nullptr;
    Choices choices;
    std::string missing;  // why nothing can be drawn, a sentence; else empty

    ModelConfig model;
    std::string prefix;  // "layers.1." or "mtp.1."
    std::int64_t layer = 0, batch = 0, head = 0;
    std::int64_t tokens = 0, keys = 0, past = 0;  // rows of the layer, of its cache, cached before
    std::int64_t t = 0;                           // the token, a row of this run
    std::int64_t heads = 0, groups = 0, nope = 0, rope = 0, value = 0, rank = 0;
    bool mla = true;
    const Tensor *h = nullptr, *q = nullptr, *scores = nullptr, *probs = nullptr, *out = nullptr;
    const Tensor *latent = nullptr, *k_pe = nullptr, *latents = nullptr;      // mla
    const Tensor *kv = nullptr, *q_latent = nullptr, *attn_latent = nullptr;  // by its way
    const Tensor *key = nullptr, *values = nullptr;                           // gqa
    const Tensor* up = nullptr;  // [W^UK; W^UV] of each head, (heads (nope + value), rank)

    Result<CacheCounts> counts;
    Result<LayerWays> ways;
    Result<RankCurve> curve;
    Result<RankRun> cut;

    std::string node(const char* name) const { return prefix + name; }
    std::string token_text(std::int64_t token) const;  // “cat”
    // Directions of the latent that are left.
    std::int64_t kept_rank() const { return choices.rank > 0 ? choices.rank : rank; }
    bool all_kept() const { return kept_rank() >= rank; }
    // Of the curve, at the computed rank nearest to the kept one: beyond 64 not every one is.
    std::size_t at_rank() const;
    // Numbers that a layer keeps of a token; the others of the same heads and widths.
    std::int64_t kept() const;
    std::int64_t multi_head() const { return heads * (nope + rope + value); }
    std::int64_t score_index(std::int64_t head_, std::int64_t token, std::int64_t key_) const {
        return ((batch * heads + head_) * tokens + token) * keys + past + key_;
    }

    // The followed token's numbers; no values where neither trace nor weights have them.
    Strip input() const;
    Strip latent_row() const;
    Strip rope_row() const;
    Strip key_of(std::int64_t head_) const;       // k^C, of a head or (gqa) a group, rotated there
    Strip value_of(std::int64_t head_) const;     // v^C
    Strip query_of(std::int64_t head_) const;     // q^C
    Strip absorbed_of(std::int64_t head_) const;  // q^C W^UK, in the latent's width
    Strip attended_of(std::int64_t head_) const;  // sum of α c^KV
    Strip output_of(std::int64_t head_) const;    // o

private:
    Strip row_of(const Tensor* tensor, const char* name, std::int64_t first,
                 std::int64_t count) const;
};
Scene make_scene(const Frame& frame);
std::vector<Need> needs(const Scene& scene);

ModelConfig shaped(const Scene& scene);            // the model with the widths set by hand
std::string kind_name(const AttentionKind& kind);  // "GQA, 2 groups"
std::string kind_text(const ModelConfig& config);  // "MLA 512 + 64", "GQA 8 × 128"
// What the first saves against the second, 0..1, each at its own bits a number.
double saving(const ModelConfig& a, double bits_a, const ModelConfig& b, double bits_b);
// Which of the counted kinds is the model's own; -1: none.
std::int64_t own_kind(const Scene& scene);

// In words (latent_words.cpp).
std::string headline(const Scene& scene);
std::string facts(const Scene& scene);
std::string description(const Scene& scene);
// "DeepSeek-V2 takes 82.2 % less than DeepSeek 67B ..."
std::string famous_quotient();
std::string one_decimal(double fraction);  // "82.2 %"
std::string times(double factor);          // "4 ×"
// What must hold (latent_checks.cpp).
std::vector<Invariant> checks(const Scene& scene);

}  // namespace sf::latent_kv
