// What `explain` says of a cell, recomputed in double from the recorded inputs, is what the model
// stored; the cells that it names lie inside their tensors.
#include "core/graph/op.h"
#include "core/run/runner.h"

#include <gtest/gtest.h>
#include <algorithm>
#include <cmath>
#include <memory>
#include <set>
#include <string>

namespace sf {
namespace {

struct Case {
    std::string name;
    ModelConfig config;
    AttentionMode mode = AttentionMode::naive;
};
void PrintTo(const Case& c, std::ostream* out) {
    *out << c.name;
}

ModelConfig small() {
    ModelConfig c = ModelConfig::preset("bench");
    c.vocab_size = 40;
    c.bos_token_id = 0;
    c.eos_token_id = 1;
    c.hidden_size = 24;
    c.num_hidden_layers = 2;
    c.num_attention_heads = 3;
    c.qk_nope_head_dim = 6;
    c.qk_rope_head_dim = 4;
    c.v_head_dim = 5;
    c.kv_lora_rank = 10;
    c.q_lora_rank = 12;
    c.intermediate_size = 32;
    c.moe_intermediate_size = 12;
    c.n_routed_experts = 8;
    c.num_experts_per_tok = 3;
    c.initializer_range = 0.3;  // values that differ from one another by more than rounding
    return c;
}

std::vector<Case> cases() {
    std::vector<Case> all;
    for (const auto mode : {AttentionMode::naive, AttentionMode::absorbed}) {
        const std::string tail = mode == AttentionMode::naive ? "_naive" : "_absorbed";
        all.push_back({"nano" + tail, ModelConfig::preset("nano"), mode});
        ModelConfig c = small();
        all.push_back({"bench_like" + tail, c, mode});
        c.q_lora_rank.reset();
        c.n_group = 4;
        c.topk_group = 2;
        c.routed_scaling_factor = 2.5;
        c.num_nextn_predict_layers = 2;
        all.push_back({"groups_no_q_lora_mtp2" + tail, c, mode});
        c.mtp_kind = "parallel";
        all.push_back({"parallel_mtp2" + tail, c, mode});
        c = small();
        c.scoring_func = "softmax";
        c.topk_method = "group_limited_greedy";
        c.n_group = 2;
        c.topk_group = 1;
        c.n_shared_experts = 2;
        all.push_back({"softmax_no_bias" + tail, c, mode});
        c = small();
        c.topk_method = "greedy";
        c.n_shared_experts = 0;
        c.rope_scaling.type = "yarn";
        c.rope_scaling.factor = 8;
        c.rope_scaling.original_max_position_embeddings = 16;
        c.tie_word_embeddings = true;
        all.push_back({"greedy_yarn_tied" + tail, c, mode});
    }
    return all;
}

// A bias that changes choices, so that s and s + b differ.
WeightsPtr with_bias(const WeightsPtr& plain) {
    auto weights = std::make_shared<Weights>(*plain);
    for (auto& [name, tensor] : weights->tensors) {
        if (name.find("e_score_correction_bias") == std::string::npos) continue;
        auto bias = std::make_shared<Tensor>(*tensor);
        for (std::size_t i = 0; i < bias->real.size(); ++i)
            bias->real[i] = static_cast<Real>(0.05 * static_cast<double>((i * 5) % 7) - 0.15);
        tensor = bias;
    }
    return weights;
}

TracePtr run(const Case& c) {
    auto model = std::make_shared<Model>();
    model->name = c.name;
    model->config = c.config;
    model->weights = with_bias(initial_weights(c.config, 3));
    RunOptions options;
    options.attention = c.mode;
    // Longer than a tile, two sequences.
    std::vector<std::vector<std::int64_t>> ids(2);
    for (std::int64_t t = 0; t < attention_tile + 5; ++t) {
        ids[0].push_back((t * 7 + 3) % c.config.vocab_size);
        ids[1].push_back((t * t + 11) % c.config.vocab_size);
    }
    return run_trace(model, ids, options);
}

double largest(const Tensor& t) {
    double m = 0;
    for (std::int64_t i = 0; i < t.size(); ++i)
        if (std::isfinite(t.at(i))) m = std::max(m, std::fabs(t.at(i)));
    return m;
}

class Explain : public testing::TestWithParam<Case> {};

TEST_P(Explain, RecomputesWhatIsStored) {
    const TracePtr trace = run(GetParam());
    const Graph& graph = *trace->graph;
    for (NodeId id = 0; id < graph.size(); ++id) {
        const Node& node = graph[id];
        const Tensor* t = trace->find(id);
        ASSERT_NE(t, nullptr) << node.name;
        if (node.op == Op::param || node.op == Op::ids) continue;
        const double tolerance = node.dtype == DType::i64 ? 0 : 2e-5 * std::max(1e-3, largest(*t));
        const std::int64_t step = std::max<std::int64_t>(1, t->size() / 211);
        for (std::int64_t i = 0; i < t->size(); i += step) {
            const Explanation e = explain(*trace, id, i);
            ASSERT_FALSE(e.numbers.empty()) << node.name << " has no explanation";
            EXPECT_EQ(e.formula, node.formula);
            const double stored = t->at(i);
            if (std::isinf(stored)) {
                EXPECT_EQ(e.value, stored) << node.name << " at " << i;
            } else {
                EXPECT_LE(std::fabs(e.value - stored), tolerance)
                    << node.name << " at " << i << ": " << e.value << " against " << stored
                    << ", said " << e.numbers;
            }
        }
    }
}

TEST_P(Explain, NamesCellsOfItsInputs) {
    const TracePtr trace = run(GetParam());
    const Graph& graph = *trace->graph;
    for (NodeId id = 0; id < graph.size(); ++id) {
        const Node& node = graph[id];
        const Tensor* t = trace->find(id);
        if (node.op == Op::param || node.op == Op::ids) continue;
        const std::set<NodeId> inputs(node.inputs.begin(), node.inputs.end());
        const std::int64_t step = std::max<std::int64_t>(1, t->size() / 97);
        for (std::int64_t i = 0; i < t->size(); i += step) {
            const Explanation e = explain(*trace, id, i);
            const bool empty_sum =
                node.op == Op::expert_load && t->ints[static_cast<std::size_t>(i)] == 0;
            const bool masked = std::isinf(t->at(i));
            EXPECT_EQ(e.cells.empty(), empty_sum || masked) << node.name << " at " << i;
            for (const auto& cell : e.cells) {
                ASSERT_TRUE(inputs.contains(cell.node)) << node.name;
                const std::int64_t size = trace->find(cell.node)->size();
                ASSERT_GT(cell.stride, 0) << node.name;
                ASSERT_GE(cell.begin, 0) << node.name;
                ASSERT_LT(cell.begin, cell.end) << node.name;
                // The last cell that is read, not the end, which a stride carries further.
                const auto last =
                    cell.begin + (cell.end - cell.begin - 1) / cell.stride * cell.stride;
                ASSERT_LT(last, size) << node.name << " reads beyond " << graph[cell.node].name;
            }
        }
    }
}

// The recomputation does not look at what it explains: a stored value that is wrong shows.
TEST_P(Explain, IsNotTheStoredValue) {
    const TracePtr trace = run(GetParam());
    const Graph& graph = *trace->graph;
    for (NodeId id = 0; id < graph.size(); ++id) {
        const Node& node = graph[id];
        if (node.op == Op::param || node.op == Op::ids) continue;
        const std::int64_t at = 1 % trace->find(id)->size();
        auto wrong = std::make_shared<Tensor>(*trace->find(id));
        if (node.dtype == DType::i64)
            wrong->ints[static_cast<std::size_t>(at)] += 1;
        else
            wrong->real[static_cast<std::size_t>(at)] = Real(123456);
        Trace copy = *trace;
        copy.keep(id, wrong, 0);
        const Explanation before = explain(*trace, id, at), after = explain(copy, id, at);
        EXPECT_EQ(before.value, after.value) << node.name;
        EXPECT_NE(after.value, wrong->at(at)) << node.name;
    }
}

// Inputs that matter are among the cells: changing one changes the value.
TEST(ExplainCells, AreThoseThatMatter) {
    const TracePtr trace = run(cases().front());
    const NodeId id = trace->graph->find("layers.0.kv_latent");
    ASSERT_NE(id, no_node);
    const Explanation e = explain(*trace, id, 5);
    ASSERT_FALSE(e.cells.empty());
    const auto& cell = e.cells.front();
    auto changed = std::make_shared<Tensor>(*trace->find(cell.node));
    changed->real[static_cast<std::size_t>(cell.end - 1)] += Real(1);
    Trace copy = *trace;
    copy.keep(cell.node, changed, 0);
    EXPECT_NE(explain(copy, id, 5).value, e.value);
}

TEST(ExplainCells, SaysNothingWithoutItsInputs) {
    const TracePtr trace = run(cases().front());
    Trace copy = *trace;
    copy.keep(trace->graph->find("layers.0.kv_a"), nullptr, 0);
    const NodeId id = trace->graph->find("layers.0.kv_latent");
    const Explanation e = explain(copy, id, 5);
    EXPECT_TRUE(e.numbers.empty());
    EXPECT_TRUE(e.cells.empty());
    EXPECT_EQ(e.value, trace->find(id)->at(5));
    EXPECT_TRUE(explain(*trace, id, -1).numbers.empty());
    EXPECT_TRUE(explain(*trace, id, trace->find(id)->size()).numbers.empty());
}

INSTANTIATE_TEST_SUITE_P(Models, Explain, testing::ValuesIn(cases()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace sf
