#include "views/experts_scene.h"

#include "core/graph/graph.h"
#include "views/place.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace sf::experts {

namespace {

std::size_t at(std::int64_t i) {
    return static_cast<std::size_t>(i);
}

Choices read_choices(const Frame& frame, const View& view) {
    const auto whole = [&](const char* name) {
        return static_cast<std::int64_t>(std::llround(setting_number(frame, view, name)));
    };
    Choices c;
    c.layer = whole("layer");
    c.expert = whole("expert");
    c.kick = setting_number(frame, view, "kick");
    c.off = whole("off");
    c.top_k = whole("top_k");
    c.groups = whole("groups");
    c.centred = setting_bool(frame, view, "centred");
    if (c.layer < 0) c.layer = layer_at_cursor(frame);
    return c;
}

// The model's rule with what was set; as many experts as the kept groups hold.
Rule wanted_rule(const Rule& own, const Choices& c) {
    Rule r = own;
    if (c.groups > 0) r.kept = std::min(c.groups, own.groups);
    if (c.top_k > 0) r.top_k = c.top_k;
    r.top_k = std::min(r.top_k, r.kept * r.group_size());
    return r;
}

// The run that is drawn and the one that it is compared with.
void choose_run(Scene& s) {
    const Frame& frame = *s.frame;
    s.trace = frame.trace;
    s.before = frame.base;
    const Rule wanted = wanted_rule(s.own_rule, s.choices);
    s.another = wanted.kept != s.own_rule.kept || wanted.top_k != s.own_rule.top_k;
    if (!s.another) return;
    s.rerun = result_of<ReroutedRun>(frame, rerouted_run(*frame.trace, wanted.top_k, wanted.kept));
    if (s.rerun.value == nullptr) return;
    s.before = frame.trace;
    s.trace = s.rerun.value->run.get();
    s.config = s.trace->graph->config;
    s.rule = wanted;
}

// As the run has it that nobody changed by hand, so that a handle does not slip from its expert.
std::int64_t heaviest(const Scene& s) {
    const Trace& plain = s.frame->base != nullptr ? *s.frame->base : *s.frame->trace;
    const Router r = router_of(plain, s.prefix);
    if (!r.missing.empty()) return 0;
    const std::int64_t top_k = s.own_rule.top_k, first = s.row(s.t) * top_k;
    std::int64_t best = 0;
    for (std::int64_t k = 1; k < top_k; ++k)
        if (r.weights->at(first + k) > r.weights->at(first + best)) best = k;
    return std::clamp<std::int64_t>(r.indices->ints[at(first + best)], 0, s.rule.experts - 1);
}

Parameter whole(const char* name, double lo, double hi, double standard, std::string help) {
    return {name,     Parameter::Type::integer, lo,   std::max(lo, hi), {},
            standard, std::move(help),          false};
}

}  // namespace

std::vector<std::int64_t> moe_layers(const ModelConfig& config) {
    std::vector<std::int64_t> layers;
    for (std::int64_t l = 0; l < layer_count(config); ++l)
        if (config.is_moe(l)) layers.push_back(l);
    return layers;
}

std::int64_t nearest_moe_layer(const ModelConfig& config, std::int64_t layer) {
    std::int64_t best = -1;
    for (const std::int64_t l : moe_layers(config))
        if (best < 0 || std::abs(l - layer) <= std::abs(best - layer)) best = l;
    return best;
}

std::int64_t shown_layer(const Frame& frame, const View& view) {
    return nearest_moe_layer(frame.trace->graph->config, read_choices(frame, view).layer);
}

std::vector<Parameter> parameters(const Frame& frame) {
    ModelConfig c;
    c.num_hidden_layers = c.n_routed_experts = c.num_experts_per_tok = c.n_group = 1024;
    if (frame.trace != nullptr) c = frame.trace->graph->config;
    const Rule own = rule_of(c);
    const auto experts = static_cast<double>(own.experts), all = static_cast<double>(own.groups);
    Parameter groups = whole("groups", 0, all, 0,
                             "Nodes that each token may reach, in all layers; 0 is the model's own "
                             "limit, all of them make it plain top-k.");
    groups.plain = all;
    Parameter kick{"kick",
                   Parameter::Type::real,
                   -1,
                   1,
                   {},
                   0.0,
                   "What is added by hand to the bias of the looked-at expert, for every token.",
                   true};
    kick.plain = 0.0;
    Parameter off = whole("off", -1, experts - 1, -1,
                          "An expert that is switched off: no token is sent to it.");
    off.handle = true;
    off.plain = -1.0;
    return {
        whole("layer", -1, static_cast<double>(layer_count(c) - 1), -1,
              "Layer to look at, MTP modules last; −1 follows the current step. Of a dense layer "
              "the nearest one with experts is shown."),
        whole("expert", -1, experts - 1, -1,
              "The expert that is looked at; −1 is the one that weighs most for the token."),
        whole("top_k", 0, experts, 0,
              "Experts that each token gets, in all layers; 0 is the model's own number. The "
              "same weights run again."),
        std::move(groups),
        std::move(kick),
        std::move(off),
        {"centred",
         Parameter::Type::toggle,
         0,
         1,
         {},
         true,
         "Draws s + b less the mean of b: what all experts have in common changes no choice."}};
}

Router router_of(const Trace& trace, const std::string& prefix) {
    Router r;
    const auto find = [&](const char* name) {
        const Tensor* t = fitting_tensor(trace, prefix + name);
        if (t == nullptr && r.missing.empty()) r.missing = prefix + name;
        return t;
    };
    const Rule rule = rule_of(trace.graph->config);
    r.scores = find("router_scores");
    r.biased = rule.best_two ? find("router_biased") : r.scores;
    if (rule.groups > 1) {
        r.group_scores = find("group_scores");
        r.groups = find("router_groups");
    }
    r.indices = find("router_indices");
    r.weights = find("router_weights");
    r.load = find("expert_load");
    return r;
}

std::string Scene::token_text(std::int64_t token) const {
    return quoted_token(*frame->trace, batch, token);
}

std::vector<double> Scene::values(std::int64_t token, bool plain) const {
    std::vector<double> all;
    for (std::int64_t e = 0; e < rule.experts; ++e)
        all.push_back(plain ? s(token, e) : sb(token, e));
    return all;
}

std::int64_t Scene::chosen(std::int64_t token, std::int64_t k) const {
    return std::clamp<std::int64_t>(router.indices->ints[at(slot(token, k))], 0, rule.experts - 1);
}

std::int64_t Scene::place_of(std::int64_t token, std::int64_t e) const {
    for (std::int64_t k = 0; k < rule.top_k; ++k)
        if (chosen(token, k) == e) return k;
    return -1;
}

std::vector<std::int64_t> Scene::kept_groups(std::int64_t token) const {
    if (router.groups == nullptr) return {0};
    std::vector<std::int64_t> kept;
    for (std::int64_t k = 0; k < rule.kept; ++k)
        kept.push_back(router.groups->ints[at(row(token) * rule.kept + k)]);
    return kept;
}

double Scene::group_score(std::int64_t token, std::int64_t g) const {
    return router.group_scores->at(row(token) * rule.groups + g);
}

std::vector<std::int64_t> Scene::loads() const {
    std::vector<std::int64_t> n(at(rule.experts));
    for (std::int64_t token = 0; token < tokens; ++token)
        for (std::int64_t k = 0; k < rule.top_k; ++k) ++n[at(chosen(token, k))];
    return n;
}

std::optional<double> Scene::bias(std::int64_t e) const {
    if (!biased) return std::nullopt;
    const NodeId id = trace->graph->find(node("router_biased"));
    const Tensor* b = trace->find((*trace->graph)[id].inputs[1]);
    if (b == nullptr || b->size() != rule.experts) return std::nullopt;
    return b->at(e);
}

double Scene::common_bias() const {
    if (!biased || !choices.centred) return 0;
    double sum = 0;
    for (std::int64_t e = 0; e < rule.experts; ++e) sum += bias(e).value_or(sb(t, e) - s(t, e));
    const double mean = sum / static_cast<double>(rule.experts);
    return std::isfinite(mean) ? mean : 0;
}

Scene make_scene(const Frame& frame, const View& view) {
    Scene s;
    s.frame = &frame;
    s.theme = frame.theme;
    if (frame.trace == nullptr || frame.trace->extent.tokens < 1) {
        s.missing = "Nothing has run yet. Type a text and press Enter.";
        return s;
    }
    s.config = frame.trace->graph->config;
    if (moe_layers(s.config).empty()) {
        s.missing =
            "All layers of this model are dense: every token goes through the whole feed-forward "
            "network, and there is nothing to choose. Open a model with experts, such as the one "
            "in the box.";
        return s;
    }
    s.choices = read_choices(frame, view);
    s.rule = s.own_rule = rule_of(s.config);
    s.biased = s.config.has_router_bias();
    s.normalised = s.config.norm_topk_prob();
    s.scale = s.config.routed_scaling_factor;
    s.layer = nearest_moe_layer(s.config, s.choices.layer);
    s.dense_asked = s.layer != s.choices.layer;
    s.prefix = layer_prefix(s.config, s.layer);
    choose_run(s);
    s.router = router_of(*s.trace, s.prefix);
    if (!s.router.missing.empty()) {
        s.missing = "This trace does not hold " + s.router.missing +
                    ": run the text with the model itself to see who works on which token.";
        return s;
    }
    s.tokens = s.router.scores->shape[1];
    if (s.tokens < 1) {
        s.missing = "The text is too short for " + layer_name(s.config, s.layer) +
                    ", which looks further ahead than it reaches. Type a longer one.";
        return s;
    }
    const Extent& e = frame.trace->extent;
    s.batch = std::clamp<std::int64_t>(frame.cursor.batch, 0, e.batch - 1);
    const std::int64_t token = frame.cursor.token < 0 ? e.tokens - 1 : frame.cursor.token;
    s.t = std::clamp<std::int64_t>(token, 0, s.tokens - 1);
    s.expert = s.choices.expert >= 0 ? std::min(s.choices.expert, s.rule.experts - 1) : heaviest(s);
    return s;
}

std::vector<Need> needs(const Frame& frame, const View& view) {
    if (frame.trace == nullptr) return {};
    const ModelConfig& config = frame.trace->graph->config;
    if (moe_layers(config).empty()) return {};
    const Rule own = rule_of(config), wanted = wanted_rule(own, read_choices(frame, view));
    if (wanted.kept == own.kept && wanted.top_k == own.top_k) return {};
    return {rerouted_run(*frame.trace, wanted.top_k, wanted.kept)};
}

std::vector<Edit> edits(const Frame& frame, const View& view) {
    if (frame.trace == nullptr || frame.trace->weights == nullptr) return {};
    const Scene s = make_scene(frame, view);
    if (!s.missing.empty() || s.another) return {};
    const bool kick = s.biased && s.choices.kick != 0;
    const bool off = s.choices.off >= 0 && !s.all_needed();
    std::vector<Edit> all;
    const std::int64_t rows = s.router.biased->shape[0] * s.tokens;
    const std::string node = s.node(s.biased ? "router_biased" : "router_scores");
    for (std::int64_t r = 0; r < rows; ++r) {
        const std::int64_t first = r * s.rule.experts;
        double least = 0;
        for (std::int64_t e = 0; e < s.rule.experts; ++e)
            least = std::min(least, s.router.biased->at(first + e));
        // Below all others. Without a bias s itself must do: it weighs nothing then.
        if (off) all.push_back({node, first + s.choices.off, s.biased ? least - 2 : 0.0});
        const double sum = s.router.biased->at(first + s.expert) + s.choices.kick;
        if (kick && std::isfinite(sum) && !(off && s.expert == s.choices.off))
            all.push_back({node, first + s.expert, sum});
    }
    return all;
}

}  // namespace sf::experts
