#pragma once

#include "core/run/rerouted_run.h"
#include "views/experts_choice.h"
#include "views/result.h"
#include "views/view.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// The view "Experts": what the pictures of one MoE layer are made of.
namespace sf::experts {

// Layers that have experts, MTP modules counting on from the main model's; empty: all are dense.
std::vector<std::int64_t> moe_layers(const ModelConfig& config);
// The one nearest to a layer, of two equally near the later; -1: there is none.
std::int64_t nearest_moe_layer(const ModelConfig& config, std::int64_t layer);
// What a layer setting of -1 (follow the cursor) and of a dense layer stand for.
std::int64_t shown_layer(const Frame& frame, const View& view);

// Settings that the pages share.
std::vector<Parameter> parameters(const Frame& frame);
struct Choices {
    std::int64_t layer = -1;             // as asked for: it may be dense
    std::int64_t expert = -1;            // -1: the one that weighs most for the followed token
    double kick = 0;                     // added to the bias of that expert
    std::int64_t off = -1;               // an expert that is never chosen
    std::int64_t top_k = 0, groups = 0;  // another choice than the model's; 0: its own
    bool centred = true;  // draws s + b less the mean b: what all have in common chooses nothing
};

// The tensors of a layer's router. (B, T, ·) each but `load`.
struct Router {
    const Tensor *scores = nullptr, *biased = nullptr;        // s, s + b (the same without bias)
    const Tensor *indices = nullptr, *weights = nullptr;      // chosen experts, gates
    const Tensor *group_scores = nullptr, *groups = nullptr;  // null: there is one group
    const Tensor* load = nullptr;                             // (experts)
    std::string missing;  // the first that the trace does not hold
};
Router router_of(const Trace& trace, const std::string& prefix);

// One MoE layer and one token of it.
struct Scene {
    const Frame* frame = nullptr;
    const Theme* theme = nullptr;
    std::string missing;  // why nothing can be drawn, a sentence; else empty

    Choices choices;
    ModelConfig config;   // of the run that is drawn
    Rule rule, own_rule;  // of the run that is drawn, of the model itself
    bool biased = false, normalised = false;
    double scale = 1;

    // What is drawn: the run, or with another top-k or limit the run with that, once it is there.
    const Trace* trace = nullptr;
    const Trace* before = nullptr;  // the run without what was set; null: nothing was
    bool another = false;           // top-k or limit differ from the model's
    Result<ReroutedRun> rerun;

    std::string prefix;  // "layers.1."
    std::int64_t layer = 0;
    bool dense_asked = false;       // the layer that was asked for has no experts
    std::int64_t batch = 0, t = 0;  // sequence, row
    std::int64_t tokens = 0;        // rows; fewer than the text has in MTP modules
    std::int64_t expert = 0;        // the chosen one
    Router router;

    bool own() const { return trace == frame->trace; }  // its cells may be looked up
    std::string node(const char* name) const { return prefix + name; }
    std::string token_text(std::int64_t token) const;  // “cat”
    // Flat indices of the shown sequence.
    std::int64_t row(std::int64_t token) const { return batch * tokens + token; }
    std::int64_t cell(std::int64_t token, std::int64_t e) const {
        return row(token) * rule.experts + e;
    }
    std::int64_t slot(std::int64_t token, std::int64_t k) const {
        return row(token) * rule.top_k + k;
    }
    double s(std::int64_t token, std::int64_t e) const { return router.scores->at(cell(token, e)); }
    double sb(std::int64_t token, std::int64_t e) const {
        return router.biased->at(cell(token, e));
    }
    // Of all experts; s + b unless `plain`.
    std::vector<double> values(std::int64_t token, bool plain = false) const;
    std::int64_t chosen(std::int64_t token, std::int64_t k) const;
    double gate(std::int64_t token, std::int64_t k) const {
        return router.weights->at(slot(token, k));
    }
    // The place among the chosen; -1: not chosen.
    std::int64_t place_of(std::int64_t token, std::int64_t e) const;
    // Groups that the token reaches, best first; {0} where there is one.
    std::vector<std::int64_t> kept_groups(std::int64_t token) const;
    double group_score(std::int64_t token, std::int64_t g) const;
    // Tokens of the shown sequence that each expert works on (experts).
    std::vector<std::int64_t> loads() const;
    // What the router adds to choose; nothing where the weights are not at hand.
    std::optional<double> bias(std::int64_t e) const;
    // What is taken off s + b where it is drawn centred: the mean over the experts of b; else 0.
    double common_bias() const;
    // No expert can be left out where each token needs all.
    bool all_needed() const { return rule.top_k >= rule.experts; }
    // Whether the run on screen is that with the kick and the switch.
    bool applied() const { return frame->base != nullptr && !another; }
    bool off(std::int64_t e) const { return e == choices.off && applied() && !all_needed(); }
    std::string expert_name() const { return "expert " + std::to_string(expert); }
};
Scene make_scene(const Frame& frame, const View& view);
std::vector<Need> needs(const Frame& frame, const View& view);
std::vector<Edit> edits(const Frame& frame, const View& view);

}  // namespace sf::experts
