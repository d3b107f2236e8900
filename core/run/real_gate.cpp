#include "core/run/real_gate.h"

#include "core/backend/executor.h"
#include "core/error.h"
#include "core/known_shapes.h"
#include "core/model/builder.h"
#include "core/model/model.h"
#include "core/random.h"
#include "core/text/corpus_row.h"
#include "core/text/tokenizer.h"
#include "core/train/balance.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

namespace sf {

namespace {

const std::string weights_prefix = "model.layers.0.mlp.";
const std::string gate_name = weights_prefix + "gate.weight";
const std::string bias_name = weights_prefix + "gate.e_score_correction_bias";

// One layer, of which nothing but the gate is ever made.
ModelConfig gate_shape(std::int64_t hidden_size) {
    ModelConfig c = find_shape("deepseek-v3")->config;
    c.hidden_size = hidden_size;
    c.num_hidden_layers = 1;
    c.first_k_dense_replace = 0;
    c.moe_intermediate_size = 1;
    return c;
}

TensorPtr seeded_gate(const ModelConfig& c) {
    auto gate = std::make_shared<Tensor>(Shape{c.n_routed_experts, c.hidden_size}, DType::real);
    const double deviation = 1 / std::sqrt(static_cast<double>(c.hidden_size));
    for (std::size_t i = 0; i < gate->real.size(); ++i)
        gate->real[i] = static_cast<Real>(deviation * random_normal(0, stream_of("real gate"), i));
    return gate;
}

// The router of a shape alone, fed with hidden states.
std::shared_ptr<const Graph> gate_graph(const ModelConfig& config) {
    Builder b(config, AttentionMode::naive);
    b.place.part = Part::ffn;
    Node given;
    given.op = Op::state;
    given.name = "hidden";
    Dim batch, tokens, width;
    batch.per_batch = true;
    tokens.sym = Dim::Sym::tokens;
    width.scale = config.hidden_size;
    given.dims = {batch, tokens, width};
    build_router(b, b.graph().add(given), weights_prefix);
    return b.finish();
}

}  // namespace

// Three graphs of the same weights that differ in the limit.
class GateRunner {
public:
    explicit GateRunner(const ModelConfig& shape)
        : limited(gate_graph(shape)), gate_(seeded_gate(shape)) {
        ModelConfig other = shape;
        other.topk_group = other.n_group;
        everywhere = gate_graph(other);
        other.n_group = other.topk_group = 1;
        plain = gate_graph(other);
        set_bias(std::vector<Real>(static_cast<std::size_t>(shape.n_routed_experts)));
    }
    void set_bias(const std::vector<Real>& bias) {
        auto next = std::make_shared<Weights>();
        auto b = std::make_shared<Tensor>(Shape{std::ssize(bias)}, DType::real);
        b->real = bias;
        next->tensors = {{gate_name, gate_}, {bias_name, std::move(b)}};
        weights = std::move(next);
    }

    WeightsPtr weights;
    std::shared_ptr<const Graph> limited, everywhere, plain;

private:
    TensorPtr gate_;
};

namespace {

using Rows = std::vector<Real>;  // (tokens, hidden_size)

// Values of a graph's nodes over rows; affinities that are known already are not made again.
class GateRun {
public:
    GateRun(const GateRunner& runner, std::shared_ptr<const Graph> graph)
        : graph_(std::move(graph)), executor_(graph_, runner.weights, 1) {}

    void run(std::span<const Real> rows, const std::vector<std::string>& names,
             const Tensor* scores = nullptr) {
        Executor::Request request;
        request.extent = {1, std::ssize(rows) / graph_->config.hidden_size, 0};
        request.state = rows;
        for (const std::string& name : names) request.outputs.push_back(graph_->find(name));
        if (scores != nullptr)
            request.known = [this, scores](NodeId id) {
                return (*graph_)[id].name == "router_scores" ? scores : nullptr;
            };
        executor_.run(request);
    }
    ConstView value(const std::string& name) const { return executor_.value(graph_->find(name)); }

private:
    std::shared_ptr<const Graph> graph_;
    Executor executor_;
};

struct Question {
    std::shared_ptr<const Graph> graph;
    WeightsPtr weights;
    std::shared_ptr<const Tokenizer> tokenizer;
    std::string layer;
    RealGateOptions options;
};

void check(const Question& q) {
    if (!q.weights) throw UserError("this trace holds no weights to run a text with");
    if (!q.tokenizer) throw UserError("this model has no tokenizer that could read a text");
}

// What the layer's feed-forward part reads over held-out rows from number `first` on; empty once
// progress said no.
Rows hidden_states(const Question& q, std::uint64_t first, const Progress& progress, double from,
                   double to) {
    const auto graph = build_graph(q.graph->config);
    const ModelConfig& c = graph->config;
    const NodeId node = graph->find(q.layer + ".ffn_in");
    if (node == no_node) throw ShapeError(q.layer, "has no feed-forward input");
    Executor executor(graph, q.weights, 1);
    const std::int64_t length = std::min<std::int64_t>(128, c.max_position_embeddings);
    const auto wanted = static_cast<std::size_t>(q.options.tokens * c.hidden_size);
    Rows rows;
    for (std::uint64_t r = first; rows.size() < wanted; ++r) {
        const double part = static_cast<double>(rows.size()) / static_cast<double>(wanted);
        if (!progress(from + (to - from) * part)) return {};
        const auto ids = corpus_row(CorpusMix(), 0, CorpusPart::held_out, r, *q.tokenizer,
                                    c.eos_token_id, length);
        Executor::Request request;
        request.extent = {1, length, 0};
        request.ids = ids;
        request.outputs = {node};
        executor.run(request);
        const ConstView value = executor.value(node);
        if (value.size() == 0)
            throw UserError("a context of " + std::to_string(length) +
                            " tokens leaves nothing for this layer to read");
        rows.insert(rows.end(), value.real, value.real + value.size());
    }
    rows.resize(wanted);
    return rows;
}

std::vector<double> doubles(const ConstView& v) {
    std::vector<double> all;
    for (std::int64_t i = 0; i < v.size(); ++i) all.push_back(v.at(i));
    return all;
}

std::vector<std::int64_t> wholes(const ConstView& v) {
    return {v.ints, v.ints + v.size()};
}

RealGate::Count count(const RealGate& gate, const ConstView& choice, const ConstView& scores) {
    RealGate::Count c;
    const std::int64_t k = choice.shape.cols(), n = scores.shape.cols();
    c.load.resize(static_cast<std::size_t>(n));
    c.nodes.resize(static_cast<std::size_t>(gate.nodes() + 1));
    for (std::int64_t t = 0; t < choice.shape.rows(); ++t) {
        const std::span chosen(choice.ints + t * k, static_cast<std::size_t>(k));
        ++c.nodes[static_cast<std::size_t>(gate.nodes_of(chosen))];
        for (const std::int64_t e : chosen) {
            ++c.load[static_cast<std::size_t>(e)];
            c.affinity += scores.at(t * n + e);
        }
    }
    c.affinity /= static_cast<double>(choice.shape.rows());
    return c;
}

// Moves the bias by large steps first, then by ever smaller ones; false once progress said no.
bool balance(RealGate& gate, GateRunner& runner, const Rows& rows, std::int64_t rounds,
             const Progress& progress) {
    constexpr std::array<double, 5> steps{0.03, 0.01, 0.003, 0.001, 0.0003};
    const auto experts = static_cast<std::size_t>(gate.shape.n_routed_experts);
    std::vector<Real> bias(experts), best(experts);
    GateRun affinities(runner, runner.limited);
    affinities.run(rows, {"router_scores"});
    const ConstView s = affinities.value("router_scores");
    Tensor scores(s.shape, DType::real);
    std::copy_n(s.real, s.size(), scores.real.begin());
    double lowest = std::numeric_limits<double>::infinity();
    for (const double gamma : steps) {
        bias = best;
        for (std::int64_t i = 0; i < rounds; ++i) {
            const auto all = static_cast<double>(rounds) * static_cast<double>(steps.size());
            if (!progress(0.4 + 0.6 * static_cast<double>(gate.path.size()) / all)) return false;
            runner.set_bias(bias);
            GateRun run(runner, runner.limited);
            run.run(rows, {"expert_load"}, &scores);
            const std::span load(run.value("expert_load").ints, experts);
            gate.path.push_back(violation(load));
            gate.gamma.push_back(gamma);
            if (gate.path.back() < lowest) {
                lowest = gate.path.back();
                best = bias;
            }
            update_bias(bias, load, gamma);
        }
    }
    gate.bias.assign(best.begin(), best.end());
    runner.set_bias(best);
    return true;
}

// One way to choose among these rows: the choice of each token, and the affinities.
struct Choices {
    std::vector<std::int64_t> chosen;  // (tokens, top_k)
    RealGate::Count count;
};
Choices choices(const RealGate& gate, const GateRunner& runner,
                const std::shared_ptr<const Graph>& graph, const Rows& rows) {
    GateRun run(runner, graph);
    run.run(rows, {"router_scores", "router_indices"});
    return {wholes(run.value("router_indices")),
            count(gate, run.value("router_indices"), run.value("router_scores"))};
}

void count_balanced(RealGate& gate, const GateRunner& runner, const Rows& rows) {
    gate.limited = choices(gate, runner, runner.limited, rows).count;
    const Choices everywhere = choices(gate, runner, runner.everywhere, rows);
    const Choices plain = choices(gate, runner, runner.plain, rows);
    gate.plain = plain.count;
    const std::int64_t k = gate.shape.num_experts_per_tok;
    for (auto a = everywhere.chosen.begin(), b = plain.chosen.begin(); a != everywhere.chosen.end();
         a += k, b += k)
        if (!std::equal(a, a + k, b)) ++gate.unequal;
}

DerivedPtr measure(const Question& q, const Progress& progress) {
    check(q);
    auto gate = std::make_shared<RealGate>();
    gate->shape = gate_shape(q.graph->config.hidden_size);
    gate->layer = q.layer;
    gate->text = "the generated corpus, held-out part";
    gate->tokens = q.options.tokens;
    const Rows own = hidden_states(q, 0, progress, 0, 0.2);
    constexpr std::uint64_t others = std::uint64_t{1} << 20;  // numbers of rows that are not met
    const Rows fresh = own.empty() ? Rows() : hidden_states(q, others, progress, 0.2, 0.4);
    if (fresh.empty()) return nullptr;
    const auto runner = std::make_shared<GateRunner>(gate->shape);
    gate->unbalanced = choices(*gate, *runner, runner->limited, fresh).count;
    if (!balance(*gate, *runner, own, q.options.rounds, progress)) return nullptr;
    count_balanced(*gate, *runner, fresh);
    gate->runner = runner;
    return gate;
}

}  // namespace

double RealGate::Count::mean_nodes() const {
    double sum = 0, all = 0;
    for (std::size_t n = 0; n < nodes.size(); ++n) {
        sum += static_cast<double>(n) * static_cast<double>(nodes[n]);
        all += static_cast<double>(nodes[n]);
    }
    return all > 0 ? sum / all : 0;
}

double RealGate::Count::violation() const {
    return sf::violation(load);
}

std::int64_t RealGate::nodes_of(std::span<const std::int64_t> chosen) const {
    std::vector<char> met(static_cast<std::size_t>(nodes()));
    for (const std::int64_t e : chosen) met[static_cast<std::size_t>(e / experts_a_node())] = 1;
    return std::accumulate(met.begin(), met.end(), std::int64_t{0});
}

GateRoute RealGate::route(std::span<const double> hidden) const {
    if (std::ssize(hidden) != shape.hidden_size)
        throw ShapeError("real gate", "needs hidden states of " +
                                          std::to_string(shape.hidden_size) + " numbers, got " +
                                          std::to_string(hidden.size()));
    const std::vector<Real> row(hidden.begin(), hidden.end());
    GateRun run(*runner, runner->limited), all(*runner, runner->plain);
    run.run(row, {"router_scores", "router_biased", "group_scores", "router_groups",
                  "router_indices", "router_weights"});
    all.run(row, {"router_indices"});
    return {doubles(run.value("router_scores")), doubles(run.value("router_biased")),
            doubles(run.value("group_scores")),  wholes(run.value("router_groups")),
            wholes(run.value("router_indices")), wholes(all.value("router_indices")),
            doubles(run.value("router_weights"))};
}

Need real_gate(const Trace& trace, const std::string& layer, const RealGateOptions& options) {
    const Question q{trace.graph, trace.weights, trace.tokenizer, layer, options};
    return {{"real gate of " + layer + ", " + std::to_string(options.tokens) + " tokens, " +
                 std::to_string(options.rounds) + " rounds",
             q.weights.get()},
            [q](const Progress& progress) { return measure(q, progress); }};
}

}  // namespace sf
