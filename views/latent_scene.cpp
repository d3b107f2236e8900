#include "views/latent_scene.h"

#include "views/draw/number.h"
#include "views/draw/shapes.h"
#include "views/place.h"

#include <algorithm>
#include <cmath>

namespace sf::latent_kv {

namespace {

// Finds the tensors; says in words what is not there.
void find_tensors(Scene& s) {
    std::vector<std::pair<const char*, const Tensor**>> wanted{
        {"attn_in", &s.h}, {"q", &s.q}, {"scores", &s.scores}, {"heads", &s.out}};
    if (s.mla)
        wanted.insert(wanted.end(),
                      {{"kv_latent", &s.latent}, {"k_pe", &s.k_pe}, {"cache_latent", &s.latents}});
    else
        wanted.insert(wanted.end(), {{"k_rotated", &s.key}, {"v", &s.values}});
    for (const auto& [name, tensor] : wanted) {
        *tensor = fitting_tensor(*s.trace, s.prefix + name);
        if (*tensor == nullptr && s.missing.empty())
            s.missing = "This trace does not hold " + s.prefix + name +
                        ": run the text with the model itself to see what it caches.";
    }
    if (!s.missing.empty()) return;
    s.probs = fitting_tensor(*s.trace, s.prefix + "attn_probs");
    s.kv = s.mla ? fitting_tensor(*s.trace, s.prefix + "kv") : nullptr;
    s.q_latent = fitting_tensor(*s.trace, s.prefix + "q_absorbed");
    s.attn_latent = fitting_tensor(*s.trace, s.prefix + "attn_latent");
    if (s.mla)
        s.up = s.trace->find("model.layers." + std::to_string(s.layer) +
                             ".self_attn.kv_b_proj.weight");
    s.tokens = s.q->shape[1];
    s.keys = s.scores->shape[3];
    s.past = s.keys - s.tokens;
    if (s.tokens < 1 || s.past < 0) s.missing = "The text is too short for this layer.";
}

bool wants_ways(const Scene& s) {
    return s.choices.show == "cache" && s.mla && s.up != nullptr;
}
bool wants_rank(const Scene& s) {
    return s.choices.show == "rank" && s.mla && s.trace->weights != nullptr;
}

}  // namespace

Scene make_scene(const Frame& frame) {
    Scene s;
    s.frame = &frame;
    s.trace = frame.trace;
    s.theme = frame.theme;
    s.choices = read_choices(frame);
    if (s.trace == nullptr || s.trace->extent.tokens < 1) {
        s.missing = "Nothing has run yet.";
        return s;
    }
    const ModelConfig& c = s.model = s.trace->graph->config;
    s.mla = c.mla();
    s.layer = s.choices.layer >= 0 ? s.choices.layer : layer_at_cursor(frame);
    s.prefix = layer_prefix(c, s.layer);
    s.heads = c.num_attention_heads;
    s.head = std::min(s.choices.head, s.heads - 1);
    s.groups = s.mla ? s.heads : c.num_key_value_heads;
    s.nope = c.qk_nope_head_dim;
    s.rope = c.qk_rope_head_dim;
    s.value = c.v_head_dim;
    s.rank = s.mla ? c.kv_lora_rank : 0;
    // Costly results are of the first sequence.
    s.batch = s.choices.show == "rank"
                  ? 0
                  : std::clamp<std::int64_t>(frame.cursor.batch, 0, s.trace->extent.batch - 1);
    find_tensors(s);
    if (!s.missing.empty()) return s;
    const std::int64_t last = s.tokens - 1;
    s.t = std::min(frame.cursor.token >= 0 ? frame.cursor.token : last, last);
    if (s.choices.show == "cache") s.counts = result_of<CacheCounts>(frame, cache_counts(*s.trace));
    if (wants_ways(s))
        s.ways = result_of<LayerWays>(frame, layer_ways(*s.trace, s.prefix, s.layer, s.batch));
    if (wants_rank(s)) {
        s.curve = result_of<RankCurve>(frame, rank_curve(*s.trace));
        if (!s.all_kept()) s.cut = result_of<RankRun>(frame, rank_run(*s.trace, s.kept_rank()));
    }
    return s;
}

std::vector<Need> needs(const Scene& s) {
    std::vector<Need> all;
    if (!s.missing.empty()) return all;
    if (wants_ways(s)) all.push_back(layer_ways(*s.trace, s.prefix, s.layer, s.batch));
    if (s.choices.show == "cache") all.push_back(cache_counts(*s.trace));
    // What the handle is on first, the whole curve takes longer.
    if (wants_rank(s) && !s.all_kept()) all.push_back(rank_run(*s.trace, s.kept_rank()));
    if (wants_rank(s)) all.push_back(rank_curve(*s.trace));
    return all;
}

std::size_t Scene::at_rank() const {
    const auto& ranks = curve.value->rank;
    const auto apart = [&](std::int64_t r) { return std::abs(r - kept_rank()); };
    return static_cast<std::size_t>(
        std::min_element(ranks.begin(), ranks.end(),
                         [&](std::int64_t a, std::int64_t b) { return apart(a) < apart(b); }) -
        ranks.begin());
}

std::int64_t Scene::kept() const {
    const auto widths = cache_widths(model);
    return widths[0] + widths[1];
}

std::string Scene::token_text(std::int64_t token) const {
    return quoted_token(*trace, batch, token);
}

Strip Scene::row_of(const Tensor* tensor, const char* name, std::int64_t first,
                    std::int64_t count) const {
    Strip s{{}, node(name), first};
    for (std::int64_t i = 0; i < count; ++i) s.values.push_back(tensor->at(first + i));
    return s;
}

Strip Scene::input() const {
    return row_of(h, "attn_in", (batch * tokens + t) * model.hidden_size, model.hidden_size);
}
Strip Scene::latent_row() const {
    return row_of(latent, "kv_latent", (batch * tokens + t) * rank, rank);
}
Strip Scene::rope_row() const {
    return row_of(k_pe, "k_pe", (batch * tokens + t) * rope, rope);
}

Strip Scene::key_of(std::int64_t i) const {
    if (!mla) {
        const std::int64_t wide = nope + rope;
        return row_of(key, "k_rotated", ((batch * tokens + t) * groups + i) * wide, wide);
    }
    if (kv != nullptr)
        return row_of(kv, "kv", ((batch * keys + past + t) * heads + i) * (nope + value), nope);
    Strip s;
    for (std::int64_t k = 0; k < nope && up != nullptr; ++k) {
        double sum = 0;
        for (std::int64_t j = 0; j < rank; ++j)
            sum += up->at((i * (nope + value) + k) * rank + j) *
                   latent->at((batch * tokens + t) * rank + j);
        s.values.push_back(sum);
    }
    return s;
}

Strip Scene::value_of(std::int64_t i) const {
    if (!mla) return row_of(values, "v", ((batch * tokens + t) * groups + i) * value, value);
    if (kv != nullptr)
        return row_of(kv, "kv", ((batch * keys + past + t) * heads + i) * (nope + value) + nope,
                      value);
    Strip s;
    for (std::int64_t k = 0; k < value && up != nullptr; ++k) {
        double sum = 0;
        for (std::int64_t j = 0; j < rank; ++j)
            sum += up->at((i * (nope + value) + nope + k) * rank + j) *
                   latent->at((batch * tokens + t) * rank + j);
        s.values.push_back(sum);
    }
    return s;
}

Strip Scene::query_of(std::int64_t i) const {
    return row_of(q, "q", ((batch * tokens + t) * heads + i) * (nope + rope), nope);
}

Strip Scene::absorbed_of(std::int64_t i) const {
    if (q_latent != nullptr)
        return row_of(q_latent, "q_absorbed", ((batch * tokens + t) * heads + i) * rank, rank);
    Strip s;
    if (up == nullptr) return s;
    s.values.assign(static_cast<std::size_t>(rank), 0);
    for (std::int64_t k = 0; k < nope; ++k) {
        const double x = q->at(((batch * tokens + t) * heads + i) * (nope + rope) + k);
        for (std::int64_t j = 0; j < rank; ++j)
            s.values[static_cast<std::size_t>(j)] +=
                x * up->at((i * (nope + value) + k) * rank + j);
    }
    return s;
}

Strip Scene::attended_of(std::int64_t i) const {
    if (attn_latent != nullptr)
        return row_of(attn_latent, "attn_latent", ((batch * tokens + t) * heads + i) * rank, rank);
    Strip s;
    if (probs == nullptr) return s;
    s.values.assign(static_cast<std::size_t>(rank), 0);
    for (std::int64_t k = -past; k <= t; ++k) {
        const double a = probs->at(score_index(i, t, k));
        for (std::int64_t j = 0; j < rank; ++j)
            s.values[static_cast<std::size_t>(j)] +=
                a * latents->at((batch * keys + past + k) * rank + j);
    }
    return s;
}

Strip Scene::output_of(std::int64_t i) const {
    return row_of(out, "heads", ((batch * tokens + t) * heads + i) * value, value);
}

// ---- shapes -------------------------------------------------------------------------------------

ModelConfig shaped(const Scene& s) {
    ModelConfig c = s.model;
    const Choices& by = s.choices;
    if (by.heads > 0) c.num_attention_heads = by.heads;
    if (by.head_width > 0) c.qk_nope_head_dim = c.v_head_dim = by.head_width;
    if (by.rope_width > 0) c.qk_rope_head_dim = by.rope_width;
    if (by.latent > 0) c.kv_lora_rank = by.latent;
    return c;
}

std::string kind_name(const AttentionKind& kind) {
    return kind.name == "GQA" ? "GQA, " + format_count(kind.groups) + " groups" : kind.name;
}

std::string kind_text(const ModelConfig& c) {
    if (c.mla())
        return "MLA " + format_count(c.kv_lora_rank) + " + " + format_count(c.qk_rope_head_dim);
    const std::int64_t groups = c.num_key_value_heads;
    const std::string name = groups == c.num_attention_heads ? "MHA "
                             : groups == 1                   ? "MQA "
                                                             : "GQA ";
    const std::string widths =
        c.qk_head_dim() == c.v_head_dim
            ? "2 × " + format_count(c.v_head_dim)
            : "(" + format_count(c.qk_head_dim()) + " + " + format_count(c.v_head_dim) + ")";
    return name + format_count(groups) + " × " + widths;
}

double saving(const ModelConfig& a, double bits_a, const ModelConfig& b, double bits_b) {
    return 1 - cache_bytes(a, 1, bits_a) / cache_bytes(b, 1, bits_b);
}

std::int64_t own_kind(const Scene& s) {
    if (s.counts.value == nullptr) return -1;
    const auto& kinds = s.counts.value->kinds;
    for (std::size_t i = 0; i < kinds.size(); ++i)
        if (kinds[i].key_value_heads == (s.mla ? 0 : s.model.num_key_value_heads))
            return static_cast<std::int64_t>(i);
    return -1;
}

}  // namespace sf::latent_kv
