#include "views/experts_dense.h"

#include "core/dense_shape.h"
#include "core/run/history.h"
#include "views/draw/number.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

namespace sf::experts {

namespace {

// The kept records are single steps; a mean over some tells more.
LossCurve loss_curve(const History& h, const std::string& name) {
    constexpr std::size_t most_points = 400;
    LossCurve curve{name, h.layers().empty(), {}, {}};
    const std::size_t stride = std::max<std::size_t>(1, h.size() / most_points);
    for (std::size_t i = (h.size() - 1) % stride; i < h.size(); i += stride) {
        double sum = 0, count = 0;
        for (std::size_t j = i + 1 > mean_of ? i + 1 - mean_of : 0; j <= i; ++j)
            if (const auto loss = static_cast<double>(h[j].loss); std::isfinite(loss))
                sum += loss, ++count;
        if (count == 0) continue;
        curve.step.push_back(static_cast<double>(h[i].step));
        curve.loss.push_back(sum / count);
    }
    return curve;
}

// The loss at the last point that is not after a step.
double loss_at(const LossCurve& c, double step) {
    double loss = std::numeric_limits<double>::quiet_NaN();
    for (std::size_t i = 0; i < c.step.size() && c.step[i] <= step; ++i) loss = c.loss[i];
    return loss;
}

std::string times(double more, double less) {
    return format_number(more / less, 2) + " ×";
}

}  // namespace

double DenseScene::unit() const {
    return 3 * static_cast<double>(sparse.config.hidden_size) *
           static_cast<double>(sparse.config.num_hidden_layers);
}

DenseScene::Final DenseScene::both() const {
    constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
    Final f{0, unknown, unknown};
    if (curves.size() < 2 || curves[0].step.empty() || curves[0].dense || !curves[1].dense ||
        curves[1].step.empty())
        return f;
    f.step = std::min(curves[0].step.back(), curves[1].step.back());
    f.sparse = loss_at(curves[0], f.step);
    f.dense = loss_at(curves[1], f.step);
    return f;
}

DenseScene make_dense_scene(const Frame& frame) {
    DenseScene s;
    s.frame = &frame;
    s.theme = frame.theme;
    const bool past = frame.history != nullptr && !frame.history->empty();
    if (frame.trace == nullptr && !past) {
        s.missing = "A dense model of equal active parameters is then set beside it.";
        return s;
    }
    const ModelConfig& c =
        frame.trace != nullptr ? frame.trace->graph->config : frame.history->config();
    bool experts = false;
    for (std::int64_t l = 0; l < c.num_hidden_layers; ++l) experts = experts || c.is_moe(l);
    if (!experts) {
        s.missing = "Every layer of this model is dense: it is its own dense counterpart.";
        return s;
    }
    const auto context = static_cast<double>(frame.trace != nullptr ? frame.trace->extent.context()
                                                                    : c.max_position_embeddings);
    const ModelConfig dense = dense_of_equal_active(c);
    s.sparse = {"with experts", c, shape_cost(c, context)};
    s.dense = {"dense", dense, shape_cost(dense, context)};
    if (past) s.curves.push_back(loss_curve(*frame.history, "with experts"));
    if (frame.runs != nullptr)
        for (const NamedRun& run : *frame.runs)
            if (run.history && !run.history->empty() && run.history->layers().empty())
                s.curves.push_back(loss_curve(*run.history, run.name));
    return s;
}

std::string dense_headline(const DenseScene& s) {
    const auto total = [](const ShapeOf& shape) {
        return static_cast<double>(shape.cost.size.parameters);
    };
    std::string text = "The same work for a token, " + times(total(s.sparse), total(s.dense)) +
                       " the parameters: that is what experts are for";
    const DenseScene::Final f = s.both();
    if (std::isfinite(f.sparse) && std::isfinite(f.dense))
        text = "The same work for a token, " + times(total(s.sparse), total(s.dense)) +
               " the parameters: a loss of " + format_fixed(f.sparse, 3) + ", dense " +
               format_fixed(f.dense, 3);
    return text;
}

std::string dense_facts(const DenseScene& s) {
    const ModelConfig &a = s.sparse.config, &b = s.dense.config;
    return "here " + format_count(a.n_routed_experts) + " experts of width " +
           format_count(a.moe_intermediate_size) + ", " + format_count(a.num_experts_per_tok) +
           " and " + format_count(a.n_shared_experts) +
           " shared for each token · dense: feed-forward layers of width " +
           format_count(b.intermediate_size) + " and nothing else changed";
}

std::string dense_description(const DenseScene& s) {
    if (!s.missing.empty()) return s.missing;
    const ModelCost &a = s.sparse.cost.size, &b = s.dense.cost.size;
    std::string text =
        "This model has " + format_count(a.parameters) + " parameters, of which " +
        format_count(a.active_parameters) +
        " work on a token of the main model. A dense model with feed-forward layers of width " +
        format_count(s.dense.config.intermediate_size) + " has " + format_count(b.parameters) +
        ", of which " + format_count(b.active_parameters) + " work: the same. A token costs " +
        format_short(s.sparse.cost.forward()) + " and " + format_short(s.dense.cost.forward()) +
        " FLOPs.";
    const DenseScene::Final f = s.both();
    if (std::isfinite(f.sparse) && std::isfinite(f.dense))
        text += " At step " + format_count(std::llround(f.step)) + " the training loss is " +
                format_fixed(f.sparse, 3) + " with experts and " + format_fixed(f.dense, 3) +
                " without.";
    return text;
}

std::vector<Invariant> dense_checks(const DenseScene& s) {
    if (!s.missing.empty()) return {};
    const ModelCost &a = s.sparse.cost.size, &b = s.dense.cost.size;
    const std::int64_t apart = std::abs(a.active_parameters - b.active_parameters);
    std::vector<Invariant> all{
        {"as many parameters work on a token, to half a column of width",
         static_cast<double>(apart) <= s.unit() / 2 + 1 || s.dense.config.intermediate_size == 1,
         format_count(apart) + " apart, a column has " + format_count(std::llround(s.unit()))},
        {"both cache the same of a token", a.cache_floats_per_token == b.cache_floats_per_token,
         format_count(a.cache_floats_per_token) + " and " + format_count(b.cache_floats_per_token) +
             " numbers"}};
    if (s.frame->trace == nullptr || s.frame->trace->weights == nullptr) return all;
    std::int64_t counted = 0;
    for (const auto& [name, tensor] : s.frame->trace->weights->tensors) counted += tensor->size();
    all.push_back({"parameters = numbers in the weights of the run", counted == a.parameters,
                   format_count(counted) + " and " + format_count(a.parameters)});
    return all;
}

}  // namespace sf::experts
