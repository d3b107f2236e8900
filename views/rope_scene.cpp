#include "views/rope_scene.h"

#include "core/ops/rope.h"
#include "views/draw/shapes.h"
#include "views/place.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace sf::rope {

Vec2 rotated(Vec2 v, double angle) {
    const double c = std::cos(angle), s = std::sin(angle);
    return {v.x * c - v.y * s, v.x * s + v.y * c};
}

double length_of(Vec2 v) {
    return std::hypot(v.x, v.y);
}

Vec2 Scene::raw_query(std::int64_t token, std::int64_t pair, std::int64_t of_head) const {
    const std::int64_t at =
        ((batch * tokens + token) * heads + of_head) * (nope + rope()) + nope + 2 * pair;
    return {q->at(at), q->at(at + 1)};
}

Vec2 Scene::raw_key(std::int64_t token, std::int64_t pair, std::int64_t of_group) const {
    const std::int64_t at = ((batch * tokens + token) * groups + of_group) * (k_in_begin + rope()) +
                            k_in_begin + 2 * pair;
    return {k_in->at(at), k_in->at(at + 1)};
}

double Scene::content_at(std::int64_t token, std::int64_t key) const {
    const std::int64_t row = (batch * tokens + token) * heads + head;
    const std::int64_t column = batch * keys + past + key;
    double sum = 0;
    if (kv != nullptr) {
        const std::int64_t a = row * (nope + rope());
        const std::int64_t b = grouped ? (column * groups + group) * (nope + rope())
                                       : (column * heads + head) * (nope + value);
        for (std::int64_t i = 0; i < nope; ++i) sum += q->at(a + i) * kv->at(b + i);
    } else if (q_latent != nullptr && latents != nullptr) {
        for (std::int64_t i = 0; i < rank; ++i)
            sum += q_latent->at(row * rank + i) * latents->at(column * rank + i);
    } else {
        return std::numeric_limits<double>::quiet_NaN();
    }
    return sum * scale;
}

double Scene::pair_part(std::int64_t pair, double distance) const {
    const auto i = static_cast<std::size_t>(pair);
    const Vec2 a = rotated(q_raw[i], distance * theta[i]), b = k_raw[i];
    return scale * (a.x * b.x + a.y * b.y);
}

double Scene::position_part(double distance) const {
    double sum = 0;
    for (std::int64_t i = 0; i < pairs; ++i) sum += pair_part(i, distance);
    return sum;
}

double Scene::position_at(std::int64_t key) const {
    if (key == s) return position;
    double sum = 0;
    for (std::int64_t i = 0; i < pairs; ++i) {
        const auto k = static_cast<std::size_t>(i);
        const Vec2 a = rotated(q_raw[k], static_cast<double>(t - key) * theta[k]);
        const Vec2 b = raw_key(key, i);
        sum += a.x * b.x + a.y * b.y;
    }
    return sum * scale;
}

std::string Scene::token_text(std::int64_t token) const {
    return quoted_token(*trace, batch, token);
}

Sweep sweep(double theta_trained, double theta, std::int64_t trained, double factor) {
    const double turn = 2 * std::numbers::pi, length = static_cast<double>(trained);
    const double seen = std::min(turn, length * theta_trained);
    const double reached = std::min(turn, length * factor * theta);
    // Rounding is no new angle.
    return {seen, reached > seen * (1 + 1e-9) ? reached - seen : 0};
}

namespace {

const Tensor* kept(const Scene& s, const std::string& name) {
    return fitting_tensor(*s.trace, s.prefix + name);
}

// `beyond`: tokens that the context is longer than factor x trained.
std::vector<Method> methods(const Scene& s, double factor, std::int64_t beyond = 0) {
    std::vector<Method> all{{"none", "None", {}, {}, {}},
                            {"linear", "Position interpolation", {}, {}, {}},
                            {"ntk", "NTK-aware", {}, {}, {}},
                            {"yarn", "YaRN", {}, {}, {}}};
    for (Method& m : all) {
        m.config = with_scaling(s.what_if, m.name, factor, s.choices.trained);
        m.config.max_position_embeddings += beyond;
        m.theta = RopeTable(m.config).frequencies();
        if (m.name == "yarn") m.ramp = yarn_ramp(m.config);
    }
    return all;
}

// Finds the tensors; says in words what is not there.
void find_tensors(Scene& s) {
    s.grouped = !s.model.mla();
    const char* const raw = s.grouped ? "k" : "kv_a";
    if (s.grouped) {
        s.key_name = "k_rotated";
        s.groups = s.model.num_key_value_heads;
        s.group = s.head * s.groups / s.heads;
        s.k_in_begin = s.k_pe_begin = s.nope;
    } else {
        s.k_in_begin = s.rank;
    }
    for (const std::string& name : {std::string("q_pe"), s.key_name, std::string(raw)})
        if (s.trace->graph->find(s.prefix + name) == no_node) {
            s.missing = "The attention of this layer rotates no keys.";
            return;
        }
    for (const auto& [name, tensor] : {std::pair{std::string("q"), &s.q},
                                       {"q_pe", &s.q_pe},
                                       {raw, &s.k_in},
                                       {s.key_name, &s.k_pe},
                                       {"scores", &s.scores}}) {
        *tensor = kept(s, name);
        if (*tensor == nullptr && s.missing.empty())
            s.missing = "This trace does not hold " + s.prefix + name +
                        ": run the text with the model itself to see its rotations.";
    }
    s.probs = kept(s, "attn_probs");
    s.kv = kept(s, s.grouped ? "cache_k" : "kv");
    s.q_latent = kept(s, "q_absorbed");
    s.latents = kept(s, "cache_latent");
    if (!s.missing.empty()) return;
    s.tokens = s.q->shape[1];
    s.keys = s.scores->shape[3];
    s.past = s.keys - s.tokens;
    if (s.tokens < 1 || s.past < 0) s.missing = "The text is too short for this layer.";
}

// The earlier key with the largest weight; a query's own key is at distance 0, where nothing turns.
std::int64_t most_attended(const Scene& s) {
    const Tensor* by = s.probs != nullptr ? s.probs : s.scores;
    std::int64_t best = 0;
    for (std::int64_t k = 1; k < s.t; ++k)
        if (by->at(s.score_index(s.t, k)) > by->at(s.score_index(s.t, best))) best = k;
    return best;
}

void choose_angles(Scene& s) {
    const Choices& c = s.choices;
    s.what_if = s.model;
    s.what_if.rope_theta = c.base;
    ModelConfig one_width = s.model;  // the softmax' scale knows the model's width only
    if (c.scaling != "model") {
        s.what_if = with_scaling(s.what_if, c.scaling, c.factor, c.trained);
        one_width = with_scaling(one_width, c.scaling, c.factor, c.trained);
    }
    s.what_if.qk_rope_head_dim = c.width;
    s.scale = one_width.softmax_scale();
    const std::vector<double> mine = RopeTable(s.what_if).frequencies();
    const std::vector<double> own = RopeTable(s.model).frequencies();
    s.theta.assign(static_cast<std::size_t>(s.pairs), 0);
    std::copy_n(mine.begin(), std::min(mine.size(), s.theta.size()), s.theta.begin());
    s.other_angles = s.theta != own || s.scale != s.model.softmax_scale();
}

void choose_vectors(Scene& s) {
    for (std::int64_t i = 0; i < s.pairs; ++i) {
        s.q_raw.push_back(s.raw_query(s.t, i));
        s.k_raw.push_back(s.raw_key(s.s, i));
        s.q_limit = std::max(s.q_limit, length_of(s.q_raw.back()));
        s.k_limit = std::max(s.k_limit, length_of(s.k_raw.back()));
    }
    for (std::size_t i = 0; i < s.q_raw.size(); ++i) {
        const auto set = [&](char which, Vec2& v, double limit) {
            const auto hand = by_hand(*s.frame, which, static_cast<std::int64_t>(i), v);
            if (!hand) return;
            const double l = length_of(*hand);
            v = l > limit && l > 0 ? *hand * (limit / l) : *hand;
            s.hands = true;
        };
        set('q', s.q_raw[i], s.q_limit);
        set('k', s.k_raw[i], s.k_limit);
    }
}

}  // namespace

Scene make_scene(const Frame& frame) {
    Scene s;
    s.frame = &frame;
    s.trace = frame.trace;
    s.theme = frame.theme;
    s.choices = read_choices(frame);
    if (s.trace == nullptr) {
        s.missing = "Nothing has run yet.";
        return s;
    }
    s.model = s.trace->graph->config;
    s.layer = s.choices.layer >= 0 ? s.choices.layer : layer_at_cursor(frame);
    s.prefix = layer_prefix(s.model, s.layer);
    s.heads = s.model.num_attention_heads;
    s.head = std::min(s.choices.head, s.heads - 1);
    s.nope = s.model.qk_nope_head_dim;
    s.pairs = s.model.qk_rope_head_dim / 2;
    s.rank = s.model.kv_lora_rank;
    s.value = s.model.v_head_dim;
    s.batch = std::clamp<std::int64_t>(frame.cursor.batch, 0,
                                       std::max<std::int64_t>(0, s.trace->extent.batch - 1));
    find_tensors(s);
    if (!s.missing.empty()) return s;
    const std::int64_t last = s.tokens - 1;
    s.t = s.choices.t >= 0 ? s.choices.t : frame.cursor.token >= 0 ? frame.cursor.token : last;
    s.t = std::min(s.t, last);
    s.s = s.choices.s >= 0 ? std::min(s.choices.s, s.t) : most_attended(s);
    choose_angles(s);
    choose_vectors(s);
    s.at_q = s.past + s.t + s.choices.shift;
    s.at_k = s.past + s.s + s.choices.shift;
    if (s.choices.distance >= 0) {
        // A key before the first position has no place: the pair moves on together.
        s.at_q = std::max(s.at_q, s.choices.distance);
        s.at_k = s.at_q - s.choices.distance;
    }
    s.content = s.content_at(s.t, s.s);
    s.position = s.position_part(static_cast<double>(s.distance()));
    s.methods = methods(s, s.choices.factor);
    s.unstretched = methods(s, 1, 1);  // else YaRN would not act at all
    for (const Need& need : needs(frame)) s.losses = result_of<ScalingLosses>(frame, need);
    return s;
}

std::vector<Need> needs(const Frame& frame) {
    if (frame.trace == nullptr) return {};
    const Choices c = read_choices(frame);
    if (c.show != "scaling" || c.factor <= 1) return {};
    return {scaling_losses(
        *frame.trace,
        frame.history != nullptr ? frame.history->about.corpora : std::vector<std::string>{},
        c.trained, c.factor)};
}

}  // namespace sf::rope
