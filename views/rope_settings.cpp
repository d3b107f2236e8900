#include "views/rope_scene.h"

#include <algorithm>
#include <cmath>

namespace sf::rope {

namespace {

constexpr double most_tokens = 1048576, most_factor = 64, most_base = 1e6;
constexpr std::int64_t most_width = 128;

double stored(const Frame& frame, const std::string& name, double standard) {
    if (frame.settings == nullptr) return standard;
    const auto it = frame.settings->find(name);
    const double* value = it == frame.settings->end() ? nullptr : std::get_if<double>(&it->second);
    return value != nullptr && std::isfinite(*value) ? *value : standard;
}

std::int64_t whole(const Frame& frame, const char* name, std::int64_t standard, std::int64_t lo,
                   std::int64_t hi) {
    const double v = std::clamp(stored(frame, name, static_cast<double>(standard)),
                                static_cast<double>(lo), static_cast<double>(std::max(lo, hi)));
    return static_cast<std::int64_t>(std::lround(v));
}

std::string choice(const Frame& frame, const char* name, const std::vector<std::string>& all) {
    if (frame.settings == nullptr) return all.front();
    const auto it = frame.settings->find(name);
    const auto* text =
        it == frame.settings->end() ? nullptr : std::get_if<std::string>(&it->second);
    return text != nullptr && std::find(all.begin(), all.end(), *text) != all.end() ? *text
                                                                                    : all.front();
}

const std::vector<std::string> pages{"distance", "scaling", "latent"};
const std::vector<std::string> maps{"scores", "content", "position"};
const std::vector<std::string> scalings{"model", "none", "linear", "ntk", "yarn"};

const ModelConfig& config_of(const Frame& frame) {
    static const ModelConfig none;
    return frame.trace != nullptr ? frame.trace->graph->config : none;
}

std::int64_t layers_of(const ModelConfig& c) {
    return c.num_hidden_layers + c.num_nextn_predict_layers;
}

// The length whose angles the model knows: what its config says of it.
double known_factor(const ModelConfig& c) {
    return c.rope_scaling.type == "none" ? 4.0 : c.rope_scaling.factor;
}

std::int64_t last_token(const Frame& frame) {
    return frame.trace != nullptr ? std::max<std::int64_t>(0, frame.trace->extent.tokens - 1) : 0;
}

}  // namespace

std::int64_t trained_length(const Frame& frame) {
    const ModelConfig& c = config_of(frame);
    if (c.rope_scaling.type != "none") return c.rope_scaling.original_max_position_embeddings;
    return frame.history != nullptr && frame.history->about.row_tokens > 0
               ? frame.history->about.row_tokens
               : c.max_position_embeddings;
}

std::string hand_name(char vector, std::int64_t pair, char axis) {
    return std::string(1, vector) + std::to_string(pair) + "_" + axis;
}

std::optional<Vec2> by_hand(const Frame& frame, char vector, std::int64_t pair, Vec2 of_model) {
    if (frame.settings == nullptr || frame.settings->empty()) return {};
    const std::string x = hand_name(vector, pair, 'x'), y = hand_name(vector, pair, 'y');
    if (!frame.settings->contains(x) && !frame.settings->contains(y)) return {};
    return Vec2{stored(frame, x, of_model.x), stored(frame, y, of_model.y)};
}

Choices read_choices(const Frame& frame) {
    const ModelConfig& c = config_of(frame);
    Choices r;
    r.show = choice(frame, "show", pages);
    r.map = choice(frame, "map", maps);
    r.scaling = choice(frame, "scaling", scalings);
    r.layer = whole(frame, "layer", -1, -1, layers_of(c) - 1);
    r.head = whole(frame, "head", 0, 0, c.num_attention_heads - 1);
    r.t = whole(frame, "t", -1, -1, last_token(frame));
    r.s = whole(frame, "s", -1, -1, last_token(frame));
    r.shift = whole(frame, "shift", 0, 0, c.max_position_embeddings);
    r.distance = whole(frame, "distance", -1, -1, c.max_position_embeddings);
    r.pair = whole(frame, "pair", -1, -1, c.qk_rope_head_dim / 2 - 1);
    r.width =
        whole(frame, "width", c.qk_rope_head_dim, 2, std::max(c.qk_rope_head_dim, most_width)) / 2 *
        2;
    r.base = std::clamp(stored(frame, "base", c.rope_theta), std::min(2.0, c.rope_theta),
                        std::max(most_base, c.rope_theta));
    r.factor = std::clamp(stored(frame, "factor", known_factor(c)), 1.0,
                          std::max(most_factor, known_factor(c)));
    r.trained = whole(frame, "trained", trained_length(frame), 1,
                      std::max(static_cast<std::int64_t>(most_tokens), trained_length(frame)));
    return r;
}

std::vector<Parameter> parameters(const Frame& frame) {
    using T = Parameter::Type;
    const ModelConfig& c = config_of(frame);
    const auto last = static_cast<double>(last_token(frame));
    const auto context = static_cast<double>(c.max_position_embeddings);
    const auto width = static_cast<double>(c.qk_rope_head_dim);
    std::vector<Parameter> all{
        {"show", T::choice, 0, 1, pages, pages.front(),
         "The page: what the distance does, how scaling stretches the context, or why the latent "
         "itself is not rotated."},
        {"layer",
         T::integer,
         -1,
         static_cast<double>(layers_of(c) - 1),
         {},
         -1.0,
         "Layer to look at, MTP modules last; −1 follows the current step."},
        {"head",
         T::integer,
         0,
         static_cast<double>(c.num_attention_heads - 1),
         {},
         0.0,
         "Attention head to look at."},
        {"t", T::integer, -1, last, {}, -1.0, "The query's token; −1 is the token followed."},
        {"s",
         T::integer,
         -1,
         last,
         {},
         -1.0,
         "The key's token; −1 is the earlier token that the query attends to most."},
        {"distance",
         T::integer,
         -1,
         context,
         {},
         -1.0,
         "Puts the key this many tokens before the query; −1 leaves it at its own place."},
        {"shift",
         T::integer,
         0,
         context,
         {},
         0.0,
         "Moves query and key together by so many positions: nothing may change."},
        {"base",
         T::real,
         std::min(2.0, c.rope_theta),
         std::max(most_base, c.rope_theta),
         {},
         c.rope_theta,
         "Base of the frequencies, θ_i = base^(−2i/width)."},
        {"width",
         T::integer,
         2,
         std::max(width, static_cast<double>(most_width)),
         {},
         width,
         "Columns that are rotated, an even number; columns beyond it stay as they are."},
        {"scaling", T::choice, 0, 1, scalings, scalings.front(),
         "How the frequencies are mapped for a longer context; model leaves them as they are."},
        {"factor",
         T::real,
         1,
         std::max(most_factor, known_factor(c)),
         {},
         known_factor(c),
         "How many times the trained length the scaled context is; 1 makes all methods equal.",
         false,
         false,
         1.0},
        {"trained",
         T::integer,
         1,
         std::max(most_tokens, static_cast<double>(trained_length(frame))),
         {},
         static_cast<double>(trained_length(frame)),
         "The trained length in tokens, whose angles count as seen; at first that of the rows "
         "trained on, where the "
         "history tells, else the config's."},
        {"map", T::choice, 0, 1, maps, maps.front(),
         "What the map of all (t, s) shows: the scores, their content or their position part."},
        {"pair",
         T::integer,
         -1,
         width / 2 - 1,
         {},
         -1.0,
         "The pair whose vectors can be dragged, set by a click on its dial; −1: none.",
         true},
    };
    // A handle a coordinate; their defaults are the model's own vectors.
    const Scene s = frame.trace != nullptr ? make_scene(frame) : Scene{};
    for (std::int64_t i = 0; i < s.pairs && s.missing.empty(); ++i)
        for (const char vector : {'q', 'k'})
            for (const char axis : {'x', 'y'}) {
                const Vec2 v = vector == 'q' ? s.raw_query(s.t, i) : s.raw_key(s.s, i);
                const double limit = std::max(vector == 'q' ? s.q_limit : s.k_limit, 1e-6);
                all.push_back({hand_name(vector, i, axis),
                               T::real,
                               -limit,
                               limit,
                               {},
                               axis == 'x' ? v.x : v.y,
                               "Set by dragging: a coordinate of the pair before its rotation.",
                               true});
            }
    return all;
}

}  // namespace sf::rope
