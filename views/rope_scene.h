#pragma once

#include "core/config.h"
#include "core/run/scaling_loss.h"
#include "core/run/timeline.h"
#include "views/draw/number.h"
#include "views/result.h"
#include "views/view.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// The view "RoPE": what one picture of it is made of. Angles are radians, distances are tokens.
namespace sf::rope {

// The settings as they are read, held to their ranges.
struct Choices {
    std::string show = "distance";  // "distance", "scaling" or "latent": the page
    std::string map = "scores";     // "scores", "content" or "position"
    std::string scaling = "model";  // or "none", "linear", "ntk", "yarn"
    std::int64_t layer = -1, head = 0, t = -1, s = -1, distance = -1, shift = 0, pair = -1;
    std::int64_t width = 0;  // of the rotated part, even
    double base = 0, factor = 1;
    std::int64_t trained = 0;  // tokens whose angles training has seen
};
std::vector<Parameter> parameters(const Frame& frame);
Choices read_choices(const Frame& frame);
// The vector of pair i set by hand: 'q' or 'k', before rotation; empty when it is the model's.
std::optional<Vec2> by_hand(const Frame& frame, char vector, std::int64_t pair, Vec2 of_model);
std::string hand_name(char vector, std::int64_t pair, char axis);  // "q3_x"

// A way to stretch the context, as the core has it.
struct Method {
    std::string name, title;
    ModelConfig config;
    std::vector<double> theta;  // of each pair of `config`
    std::vector<double> ramp;   // of YaRN: 0 keeps the frequency, 1 divides it; else empty
};

// One attention layer and head, one query and one key of it. Keys come out of a latent, one rope
// key for all heads (MLA), or each group of heads has keys of its own (GQA).
struct Scene {
    const Frame* frame = nullptr;
    const Trace* trace = nullptr;
    const Theme* theme = nullptr;
    Choices choices;
    std::string missing;  // why nothing can be drawn, a sentence; else empty

    std::string prefix;  // "layers.1." or "mtp.1."
    std::int64_t layer = 0, head = 0, batch = 0;
    std::int64_t tokens = 0, keys = 0, past = 0;  // rows of the layer, of its cache, cached before
    std::int64_t t = 0, s = 0;                    // query and key, rows of this run
    std::int64_t heads = 0, nope = 0, pairs = 0, rank = 0, value = 0;
    bool grouped = false;                // gqa: no latent
    std::int64_t groups = 1, group = 0;  // keys a token, and the one that the head reads
    std::string key_name = "k_pe";       // of the node that rotates the keys
    const Tensor *q = nullptr, *q_pe = nullptr, *scores = nullptr, *probs = nullptr;
    const Tensor *k_in = nullptr, *k_pe = nullptr;  // keys before and behind the rotation
    std::int64_t k_in_begin = 0, k_pe_begin = 0;    // their first rotated column
    // The content part is q^C k^C, or in absorbed attention the latent query times the latent.
    const Tensor *kv = nullptr, *q_latent = nullptr, *latents = nullptr;

    ModelConfig model, what_if;        // the model's own, and with base, width and scaling as set
    double scale = 1;                  // of the softmax, in the what-if
    std::vector<double> theta;         // of each pair in the what-if; 0: not rotated
    bool other_angles = false;         // the what-if turns otherwise than the model
    bool hands = false;                // a vector was set by hand
    std::vector<Vec2> q_raw, k_raw;    // of each pair before rotation, hands applied
    double q_limit = 0, k_limit = 0;   // the longest pair of the model's own vectors
    std::int64_t at_q = 0, at_k = 0;   // positions, with shift and distance
    double content = 0, position = 0;  // parts of the score, scale applied
    // None, linear, NTK-aware and YaRN: stretched by the factor as set, and by 1.
    std::vector<Method> methods, unstretched;
    Result<ScalingLosses> losses;  // of them, where the page shows it

    std::int64_t distance() const { return at_q - at_k; }
    std::int64_t rope() const { return 2 * pairs; }
    // What is drawn is the trace's own: nothing set otherwise.
    bool as_run() const { return !other_angles && !hands; }
    bool in_place() const { return choices.shift == 0 && choices.distance < 0; }
    // Flat indices.
    std::int64_t q_pe_index(std::int64_t token, std::int64_t i) const {
        return q_pe_index(token, i, head);
    }
    std::int64_t q_pe_index(std::int64_t token, std::int64_t i, std::int64_t of_head) const {
        return ((batch * tokens + token) * heads + of_head) * rope() + i;
    }
    std::int64_t k_pe_index(std::int64_t token, std::int64_t i) const {
        return k_pe_index(token, i, group);
    }
    std::int64_t k_pe_index(std::int64_t token, std::int64_t i, std::int64_t of_group) const {
        return ((batch * tokens + token) * groups + of_group) * (k_pe_begin + rope()) + k_pe_begin +
               i;
    }
    std::int64_t score_index(std::int64_t token, std::int64_t key) const {
        return ((batch * heads + head) * tokens + token) * keys + past + key;
    }
    Vec2 raw_query(std::int64_t token, std::int64_t pair) const {
        return raw_query(token, pair, head);
    }
    Vec2 raw_query(std::int64_t token, std::int64_t pair, std::int64_t of_head) const;
    Vec2 raw_key(std::int64_t token, std::int64_t pair) const {
        return raw_key(token, pair, group);
    }
    Vec2 raw_key(std::int64_t token, std::int64_t pair, std::int64_t of_group) const;
    // q^C k^C of any query and key, scale applied; NaN where a tensor is missing.
    double content_at(std::int64_t token, std::int64_t key) const;
    // Position part of the chosen query with any key, in the what-if; the chosen key's as it is
    // set.
    double position_at(std::int64_t key) const;
    // One pair's share of the position part at any distance, of the chosen query and key.
    double pair_part(std::int64_t pair, double distance) const;
    double position_part(double distance) const;
    std::string token_text(std::int64_t token) const;  // “cat”
    std::string node(const std::string& name) const { return prefix + name; }
};
Scene make_scene(const Frame& frame);
std::vector<Need> needs(const Frame& frame);  // the losses, on their page
// Of the rows that the model was trained on, else the config's.
std::int64_t trained_length(const Frame& frame);

Vec2 rotated(Vec2 v, double angle);
double length_of(Vec2 v);

// Angles of a pair: those that training swept, and those that are new when the context is `factor`
// times as long. Both at most a whole turn.
struct Sweep {
    double seen = 0, fresh = 0;
};
Sweep sweep(double theta_trained, double theta, std::int64_t trained, double factor);

// In words (rope_words.cpp).
std::string headline(const Scene& scene);
std::string facts(const Scene& scene);
std::string description(const Scene& scene);
// What must hold (rope_checks.cpp).
std::vector<Invariant> checks(const Scene& scene);

}  // namespace sf::rope
