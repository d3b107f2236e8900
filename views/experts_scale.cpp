#include "views/experts_scale.h"

#include "core/run/balance_noise.h"
#include "views/draw/number.h"
#include "views/experts_scene.h"
#include "views/place.h"
#include "views/worst.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

namespace sf::experts {

namespace {

bool among(const std::vector<std::int64_t>& all, std::int64_t i) {
    return std::find(all.begin(), all.end(), i) != all.end();
}

std::vector<double> hidden_state(const Trace& trace, const std::string& layer, std::int64_t row) {
    const Tensor* u = fitting_tensor(trace, layer + ".ffn_in");
    std::vector<double> state;
    if (u == nullptr || row >= u->shape.rows()) return state;
    const std::int64_t d = u->shape.cols();
    for (std::int64_t i = 0; i < d; ++i) state.push_back(u->at(row * d + i));
    return state;
}

std::string name_of_layer(const Frame& frame, const View& view) {
    std::string name = layer_prefix(frame.trace->graph->config, shown_layer(frame, view));
    name.pop_back();
    return name;
}

std::string nodes_text(double n) {
    return format_fixed(n, 2);
}

}  // namespace

bool ScaleScene::chosen(std::int64_t expert) const {
    return among(route->chosen, expert);
}
bool ScaleScene::plain(std::int64_t expert) const {
    return among(route->plain, expert);
}
bool ScaleScene::kept(std::int64_t node) const {
    return among(route->nodes, node);
}
std::int64_t ScaleScene::chosen_on(std::int64_t node) const {
    return std::count_if(route->chosen.begin(), route->chosen.end(),
                         [&](std::int64_t e) { return e / gate.value->experts_a_node() == node; });
}
std::int64_t ScaleScene::plain_on(std::int64_t node) const {
    return std::count_if(route->plain.begin(), route->plain.end(),
                         [&](std::int64_t e) { return e / gate.value->experts_a_node() == node; });
}

ScaleScene make_scale_scene(const Frame& frame, const View& view) {
    ScaleScene s;
    s.frame = &frame;
    s.theme = frame.theme;
    if (frame.trace == nullptr) {
        s.missing = "A gate of DeepSeek-V3's shape then routes the hidden states of its tokens.";
        return s;
    }
    const Trace& trace = *frame.trace;
    const std::int64_t layer = shown_layer(frame, view);
    if (layer < 0) {
        s.missing = "Every layer of this model is dense: there is nothing that a gate would read.";
        return s;
    }
    s.layer = name_of_layer(frame, view);
    s.title = layer_name(trace.graph->config, layer);
    s.gate = result_of<RealGate>(frame, real_gate(trace, s.layer));
    const NodeId node = trace.graph->find(s.layer + ".ffn_in");
    s.tokens = trace.shape(node)[1];
    s.batch = std::clamp<std::int64_t>(frame.cursor.batch, 0, trace.extent.batch - 1);
    const std::int64_t token = frame.cursor.token < 0 ? s.tokens - 1 : frame.cursor.token;
    s.t = std::clamp<std::int64_t>(token, 0, std::max<std::int64_t>(0, s.tokens - 1));
    if (s.gate.value == nullptr || s.tokens == 0) return s;
    if (const auto state = hidden_state(trace, s.layer, s.batch * s.tokens + s.t); !state.empty())
        s.route = s.gate.value->route(state);
    return s;
}

std::vector<Need> scale_needs(const Frame& frame, const View& view) {
    if (frame.trace == nullptr || shown_layer(frame, view) < 0) return {};
    return {real_gate(*frame.trace, name_of_layer(frame, view))};
}

std::string scale_headline(const ScaleScene& s) {
    if (s.gate.value == nullptr) return "Routing at real size: the gate of DeepSeek-V3's shape";
    const RealGate& g = *s.gate.value;
    const double with = g.limited.mean_nodes(), without = g.plain.mean_nodes();
    // Number and sign stay on one line.
    std::string less = format_percent(1 - g.limited.affinity / g.plain.affinity);
    if (const auto space = less.find(' '); space != std::string::npos)
        less.replace(space, 1, "\u00a0");
    return "The limit of " + format_count(g.shape.topk_group) +
           " nodes sends a token "
           "to " +
           nodes_text(with) + " nodes instead of " + nodes_text(without) + ", for " + less +
           " less affinity";
}

std::string scale_facts(const ScaleScene& s) {
    if (s.gate.value == nullptr) return s.title;
    const RealGate& g = *s.gate.value;
    return "256 experts on 8 nodes, top-8: the shape of DeepSeek-V3's gate, weights seeded and "
           "untrained, on this model's own " +
           s.layer + ".ffn_in · bias balanced on " + format_count(g.tokens) +
           " tokens of the corpus, counted on " + format_count(g.tokens) + " others";
}

std::string scale_description(const ScaleScene& s) {
    if (!s.missing.empty()) return s.missing;
    if (s.gate.value == nullptr)
        return "A gate of DeepSeek-V3's shape on the hidden states of " + s.title + ": " +
               (s.gate.error.empty() ? "it is being balanced." : s.gate.error + ".");
    const RealGate& g = *s.gate.value;
    std::string text =
        scale_headline(s) + ". Before its bias was balanced the busiest of 256 experts had " +
        format_number(1 + g.unbalanced.violation(), 3) + " times the mean load, then " +
        format_number(1 + g.limited.violation(), 3) +
        " times, where tokens sent evenly by chance "
        "would give " +
        format_number(
            1 + BalancedNoise(g.shape.num_experts_per_tok, g.shape.n_routed_experts)(g.tokens), 3) +
        ".";
    if (s.route)
        text += " The token " + quoted_token(*s.frame->trace, s.batch, s.t) + " goes to " +
                format_count(g.nodes_of(s.route->chosen)) +
                " nodes; without the limit it would "
                "go to " +
                format_count(g.nodes_of(s.route->plain)) + ".";
    return text;
}

std::vector<Invariant> scale_checks(const ScaleScene& s) {
    if (s.gate.value == nullptr) return {};
    const RealGate& g = *s.gate.value;
    const std::int64_t limit = g.shape.topk_group, k = g.shape.num_experts_per_tok;
    const auto tokens = [](const RealGate::Count& c, std::size_t from) {
        return std::accumulate(c.nodes.begin() + static_cast<std::ptrdiff_t>(from), c.nodes.end(),
                               std::int64_t{0});
    };
    const auto choices = [](const RealGate::Count& c) {
        return std::accumulate(c.load.begin(), c.load.end(), std::int64_t{0});
    };
    const std::int64_t beyond = tokens(g.limited, static_cast<std::size_t>(limit + 1));
    const bool counted = choices(g.limited) == g.tokens * k && choices(g.plain) == g.tokens * k &&
                         tokens(g.limited, 0) == g.tokens && tokens(g.plain, 0) == g.tokens;
    std::vector<Invariant> all{
        {"each token touches at most " + format_count(limit) + " nodes", beyond == 0,
         format_count(beyond) + " of " + format_count(g.tokens) + " tokens touch more"},
        {"limit = all nodes equals plain top-" + format_count(k), g.unequal == 0,
         format_count(g.unequal) + " of " + format_count(g.tokens) + " tokens differ"},
        {"Σ load = tokens × k, with the limit and without", counted,
         format_count(choices(g.limited)) + " and " + format_count(choices(g.plain)) + " of " +
             format_count(g.tokens * k)},
        {"the bias lowers the violation, on tokens that it was not balanced on",
         g.limited.violation() <= g.unbalanced.violation(),
         format_number(g.unbalanced.violation(), 3) + " → " +
             format_number(g.limited.violation(), 3)}};
    if (!s.route) return all;
    Worst sum;
    double gates = 0;
    for (const double gate : s.route->gates) gates += gate;
    sum.add(std::abs(gates - g.shape.routed_scaling_factor), 1e-5);
    all.push_back(
        {"the token's gates sum to the scale " + format_number(g.shape.routed_scaling_factor, 2),
         sum.holds(), sum.figure()});
    std::int64_t outside = 0;
    for (const std::int64_t e : s.route->chosen) outside += !s.kept(e / g.experts_a_node());
    all.push_back({"the token's experts lie on its kept nodes", outside == 0,
                   format_count(outside) + " of " + format_count(k) + " lie elsewhere"});
    return all;
}

}  // namespace sf::experts
