#include "core/known_shapes.h"
#include "views/draw/number.h"
#include "views/latent_scene.h"

#include <algorithm>
#include <cmath>

// What must hold of the picture, with the measured figures. The formulas stand here a second time,
// from the config's fields alone.
namespace sf::latent_kv {

namespace {

std::string error_text(double e) {
    return e == 0 ? "0" : format_number(e, 2);
}

// What a person set by hand between queries and head outputs follows from neither way.
bool set_in_between(const Scene& s) {
    for (const Edit& e : s.trace->edits)
        for (const char* name :
             {"kv", "q_absorbed", "scores", "attn_probs", "attn_latent", "heads"})
            if (e.node == s.node(name)) return true;
    return false;
}

Invariant both_ways(const Scene& s, const LayerWays& w) {
    const std::string name = "expanded = absorbed, scores and head outputs";
    if (set_in_between(s)) return {name, true, "not compared, a value in between was set by hand"};
    return {name, w.holds(),
            "max error " + error_text(w.score_error) + " and " + error_text(w.output_error) +
                ", tolerance " + format_number(w.score_allowed, 2) + " and " +
                format_number(w.output_allowed, 2)};
}

// Numbers that a token takes in all layers: latent and rope key, or groups of keys and values.
std::int64_t by_formula(const ModelConfig& c) {
    const std::int64_t head = c.qk_nope_head_dim + c.qk_rope_head_dim + c.v_head_dim;
    return c.num_hidden_layers * (c.attention_kind == "mla" ? c.kv_lora_rank + c.qk_rope_head_dim
                                                            : c.num_key_value_heads * head);
}

Invariant counted(const Scene& s, const CacheCounts& counts) {
    const std::int64_t own = own_kind(s);
    Invariant i{s.mla ? "counted bytes = tokens · layers · (d_c + d_h^R) · 4"
                      : "counted bytes = tokens · layers · groups · (key + value) · 4",
                true, ""};
    std::int64_t wrong = 0, compared = 0;
    for (const CacheCount& k : counts.kinds)
        for (std::size_t t = 0; t < k.bytes.size(); ++t, ++compared)
            if (k.bytes[t] != static_cast<std::int64_t>(t + 1) * by_formula(k.config) *
                                  static_cast<std::int64_t>(sizeof(Real)))
                ++wrong;
    const auto tokens = static_cast<std::size_t>(s.trace->extent.tokens);
    if (own < 0) return {i.name, false, "this model's own kind was not counted"};
    const CacheCount& mine = counts.kinds[static_cast<std::size_t>(own)];
    const std::int64_t right =
        by_formula(s.model) * s.trace->extent.tokens * static_cast<std::int64_t>(sizeof(Real));
    i.holds = wrong == 0 && mine.bytes.size() == tokens && mine.bytes.back() == right;
    i.figure = format_count(mine.bytes.empty() ? 0 : mine.bytes.back()) + " B counted, " +
               format_count(right) + " B by the formula; " + format_count(wrong) + " of " +
               format_count(compared) + " counts of all kinds differ";
    return i;
}

// What the picture says of MHA and MLA against the formulas' quotient.
Invariant ratio(const Scene& s, const CacheCounts& counts) {
    const CacheCount &mha = counts.kinds.front(), &mla = counts.kinds.back();
    const auto at = static_cast<std::size_t>(
        std::min<std::int64_t>(s.t, static_cast<std::int64_t>(mha.bytes.size()) - 1));
    const double quotient = static_cast<double>(mha.bytes[at]) / static_cast<double>(mla.bytes[at]);
    const double right = static_cast<double>(s.heads * (s.nope + s.rope + s.value)) /
                         static_cast<double>(mla.config.kv_lora_rank + s.rope);
    return {"compression = quotient of the two counts", std::abs(quotient - right) <= 1e-12 * right,
            format_count(mha.bytes[at]) + " / " + format_count(mla.bytes[at]) + " = " +
                format_number(quotient, 5) + ", by the widths " + format_number(right, 5)};
}

Invariant all_directions(const RankCurve& c) {
    // Rounding of the product M V Vᵀ, carried through all layers.
    const double allowed = 2e-4 * std::max(c.largest_logit, 1e-30);
    return {"all directions kept = the model", c.full_error <= allowed,
            "max error of a logit " + error_text(c.full_error) + ", tolerance " +
                format_number(allowed, 2)};
}

Invariant shapes(const Scene& s) {
    Invariant i{"bytes of every shape = its formula", true, ""};
    std::vector<ModelConfig> all{s.model};
    for (const KnownShape& k : known_shapes()) all.push_back(k.config);
    for (const AttentionKind& k : attention_kinds(shaped(s))) all.push_back(k.config);
    double worst = 0;
    const auto tokens = static_cast<double>(s.choices.context);
    for (const ModelConfig& c : all) {
        const double right = static_cast<double>(by_formula(c)) * tokens * s.choices.bits / 8;
        const double e = std::abs(cache_bytes(c, tokens, s.choices.bits) / right - 1);
        if (!(e <= worst)) worst = std::isnan(e) ? INFINITY : e;
    }
    i.holds = worst <= 1e-12;
    i.figure = format_count(static_cast<std::int64_t>(all.size())) + " shapes, max difference " +
               error_text(worst);
    return i;
}

}  // namespace

std::vector<Invariant> checks(const Scene& s) {
    std::vector<Invariant> all;
    if (!s.missing.empty()) return all;
    if (s.ways.value != nullptr) all.push_back(both_ways(s, *s.ways.value));
    if (s.counts.value != nullptr && !s.counts.value->kinds.empty()) {
        all.push_back(counted(s, *s.counts.value));
        all.push_back(ratio(s, *s.counts.value));
    }
    if (s.curve.value != nullptr) all.push_back(all_directions(*s.curve.value));
    if (s.choices.show == "shapes") all.push_back(shapes(s));
    return all;
}

}  // namespace sf::latent_kv
