#include "core/model/model.h"
#include "views/draw/number.h"
#include "views/training_shape.h"

#include <cmath>

namespace sf::training {

namespace {

// What the formulas say, counted on the nodes of the graph over `tokens` tokens: products by the
// shapes of what they read and make.
struct Counted {
    double flops = 0;         // a token of the main model
    double cache_floats = 0;  // a token
    double parameters = 0;
};

double products(const Graph& g, const Node& n, const Extent& extent) {
    const ModelConfig& c = g.config;
    const auto made = static_cast<double>(n.shape(extent).size());
    const auto columns = [&](std::size_t i) {
        return static_cast<double>(g[n.inputs[i]].shape(extent).cols());
    };
    switch (n.op) {
        case Op::linear:
            return made * columns(1);
        case Op::scores:
            return made * static_cast<double>(c.qk_head_dim());
        case Op::attend:
            return made * columns(0);
        case Op::grouped_linear:
            return made * columns(0);
        default:
            return 0;
    }
}

Counted count(const ModelConfig& config, std::int64_t tokens) {
    const auto graph = build_graph(config, AttentionMode::naive);
    const Graph& g = *graph;
    const Extent extent{1, tokens, 0};
    Counted sum;
    for (NodeId id = 0; id < g.size(); ++id) {
        const Node& n = g[id];
        if (n.op == Op::param) sum.parameters += static_cast<double>(n.shape(extent).size());
        if (n.part == Part::lens || n.layer >= config.num_hidden_layers) continue;
        sum.flops += 2 * products(g, n, extent) / static_cast<double>(tokens);
        if (n.op == Op::cache)
            sum.cache_floats +=
                static_cast<double>(n.shape(extent).size()) / static_cast<double>(tokens);
    }
    return sum;
}

Invariant equal(const std::string& name, double formula, double counted, double tolerance) {
    return {name, std::abs(formula - counted) <= tolerance * std::abs(counted),
            format_number(formula, 9) + " and " + format_number(counted, 9)};
}

}  // namespace

std::vector<Invariant> shape_checks(const Frame& frame, const Proposal& s) {
    std::vector<Invariant> all;
    if (!s.problems.empty()) return all;
    constexpr std::int64_t tokens = 8;  // the formula is linear in the context
    const Counted counted = count(s.proposed, tokens);
    const ShapeCost cost = shape_cost(s.proposed, static_cast<double>(tokens));
    all.push_back(equal("parameters = those of the graph",
                        static_cast<double>(s.after.size.parameters), counted.parameters, 0));
    all.push_back(
        equal("FLOPs = counted on the graph, at 8 tokens", cost.forward(), counted.flops, 1e-12));
    all.push_back(equal("cached numbers of a token = those of the graph",
                        static_cast<double>(s.after.size.cache_floats_per_token),
                        counted.cache_floats, 0));
    if (s.after.nodes > 0) {
        const auto most =
            static_cast<double>(std::min(s.proposed.topk_group, s.proposed.num_experts_per_tok));
        all.push_back({"groups that a token reaches: at least 1, at most the limit",
                       s.after.nodes >= 1 - 1e-12 && s.after.nodes <= most + 1e-12,
                       format_number(s.after.nodes, 4) + " of " + format_number(most, 4)});
    }
    if (frame.trace != nullptr && frame.trace->weights != nullptr) {
        double held = 0;
        for (const auto& [name, tensor] : frame.trace->weights->tensors)
            held += static_cast<double>(tensor->size());
        all.push_back(equal("parameters of the model = numbers in its weights",
                            static_cast<double>(s.before.size.parameters), held, 0));
    }
    return all;
}

}  // namespace sf::training
