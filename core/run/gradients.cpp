#include "core/run/gradients.h"

#include "core/backend/gradient_executor.h"
#include "core/backend/thread_pool.h"
#include "core/error.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

namespace sf {

namespace {

std::size_t at(NodeId id) {
    return static_cast<std::size_t>(id);
}

// Fewest tokens of a sequence in which module k (0: the model itself) has something to predict.
std::int64_t tokens_needed(std::int64_t k) {
    return k + 2;
}

// Which gradients the budget holds, the largest left out first.
std::vector<char> choose_kept(const Trace& trace, std::vector<char> candidates,
                              std::int64_t budget) {
    const auto bytes = [&](NodeId id) {
        return trace.shape(id).size() * static_cast<std::int64_t>(sizeof(Real));
    };
    std::vector<NodeId> order;
    std::int64_t total = 0;
    for (NodeId id = 0; id < trace.graph->size(); ++id)
        if (candidates[at(id)]) {
            order.push_back(id);
            total += bytes(id);
        }
    std::stable_sort(order.begin(), order.end(),
                     [&](NodeId a, NodeId b) { return bytes(a) > bytes(b); });
    for (const NodeId id : order) {
        if (total <= budget) break;
        candidates[at(id)] = 0;
        total -= bytes(id);
    }
    return candidates;
}

}  // namespace

std::vector<LossTerm> loss_terms(const Graph& g, const Extent& extent, const LossWeights& w) {
    for (const auto& [name, weight] :
         {std::pair{"main", w.main}, std::pair{"lambda", w.lambda}, std::pair{"alpha", w.alpha},
          std::pair{"aux_alpha", w.aux_alpha}})
        if (!std::isfinite(weight) || weight < 0)
            throw UserError(std::string("gradients: ") + name + ": must be a number from 0");
    if (extent.tokens < tokens_needed(0))
        throw UserError("gradients: a sequence needs at least " + std::to_string(tokens_needed(0)) +
                        " tokens, so that the loss has a next token to predict, this one has " +
                        std::to_string(extent.tokens));
    std::vector<LossTerm> terms;
    const auto add = [&](const std::string& node, double weight) {
        if (weight > 0) terms.push_back({node, weight});
    };
    add("loss", w.main);
    const std::int64_t depths = g.config.num_nextn_predict_layers;
    for (std::int64_t k = 1; k <= depths; ++k)
        if (extent.tokens >= tokens_needed(k))
            add("mtp." + std::to_string(k) + ".loss", w.lambda / static_cast<double>(depths));
    for (NodeId id = 0; id < g.size(); ++id) {
        // A module without tokens has nothing to balance; parallel ones have as many as the model.
        const auto module = g.config.mtp_chain() ? g[id].layer - g.config.num_hidden_layers + 1 : 0;
        if (g[id].op != Op::balance_loss || extent.tokens <= module) continue;
        add(g[id].name, g[id].name.ends_with(".aux_loss") ? w.aux_alpha : w.alpha);
    }
    if (terms.empty()) throw UserError("gradients: the weights of all losses are 0");
    return terms;
}

std::string left_out_note(const Trace& trace) {
    const std::int64_t depths = trace.graph->config.num_nextn_predict_layers;
    const std::int64_t first =
        std::max<std::int64_t>(1, trace.extent.tokens - tokens_needed(0) + 1);
    if (trace.loss.empty() || first > depths) return "";
    const std::string from = std::to_string(first);
    const std::string which = first == depths
                                  ? "MTP module " + from
                                  : "MTP modules " + from + " to " + std::to_string(depths);
    return which + (first == depths ? " has" : " have") + " no token to predict in " +
           std::to_string(trace.extent.tokens) + " tokens, so the gradients are without " +
           (first == depths ? "its loss" : "their losses");
}

std::vector<char> reached_by_loss(const Graph& g, const std::vector<LossTerm>& loss) {
    std::vector<char> reached(at(g.size()));
    for (const LossTerm& term : loss)
        if (const NodeId id = g.find(term.node); id != no_node) reached[at(id)] = 1;
    for (NodeId id = g.size() - 1; id >= 0; --id)
        if (reached[at(id)] && g[id].op != Op::param && op_def(g[id].op).backward)
            for (const NodeId in : g[id].inputs) reached[at(in)] = 1;
    for (NodeId id = 0; id < g.size(); ++id)
        if (g[id].dtype != DType::real) reached[at(id)] = 0;
    return reached;
}

void record_gradients(Trace& trace, std::vector<LossTerm> loss, int threads,
                      std::int64_t budget_bytes) {
    const Graph& g = *trace.graph;
    const auto n = at(g.size());
    const std::vector<char> reached = reached_by_loss(g, loss);
    const std::vector<char> kept = choose_kept(trace, reached, budget_bytes);

    GradientExecutor::Request r;
    std::vector<ConstView> params(n);
    std::vector<Real*> gradients(n);
    for (NodeId id = 0; id < g.size(); ++id) {
        if (g[id].op != Op::param) continue;
        params[at(id)] = trace.weights->at(g[id].name).view();
        if (!reached[at(id)]) continue;
        auto gradient = std::make_shared<Tensor>(trace.shape(id), DType::real);
        gradients[at(id)] = gradient->real.data();
        // Wanted all, since what a gradient passes on its way depends on it; kept some.
        trace.keep_gradient(id, std::move(gradient));
    }
    for (const LossTerm& term : loss) r.seeds.push_back({g.find(term.node), term.weight});
    r.extent = trace.extent;
    r.ids = trace.ids;
    r.params = params;
    r.gradients = gradients;
    r.steps = true;
    r.on_gradient = [&](NodeId id, const Shape& shape, const Real* values) {
        if (!kept[at(id)] || g[id].op == Op::param) return;
        auto gradient = std::make_shared<Tensor>(shape, DType::real);
        std::copy_n(values, shape.size(), gradient->real.begin());
        trace.keep_gradient(id, std::move(gradient));
    };
    GradientExecutor(trace.graph, std::make_shared<ThreadPool>(threads)).run(r);
    for (NodeId id = 0; id < g.size(); ++id)
        if (g[id].op == Op::param && !kept[at(id)]) trace.keep_gradient(id, nullptr);
    trace.loss = std::move(loss);
}

}  // namespace sf
