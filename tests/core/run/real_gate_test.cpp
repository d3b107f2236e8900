#include "core/run/real_gate.h"

#include "core/model/model.h"
#include "core/run/balance_noise.h"
#include "core/run/runner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <set>

namespace sf {
namespace {

TracePtr nano_trace(const std::string& text = "the cat sat on the mat") {
    const ModelPtr model = preset_model("nano", 3);
    return run_trace(model, {model->encode(text)});
}

std::shared_ptr<const RealGate> measured(const TracePtr& trace, const std::string& layer,
                                         const RealGateOptions& options = {1024, 12}) {
    const auto entry =
        Derived::computed(real_gate(*trace, layer, options), [](double) { return true; });
    EXPECT_EQ(entry.error, "");
    return std::dynamic_pointer_cast<const RealGate>(entry.value);
}

std::vector<double> hidden(const Trace& trace, const std::string& layer, std::int64_t t) {
    const Tensor& u = *trace.find(layer + ".ffn_in");
    std::vector<double> row;
    for (std::int64_t i = 0; i < u.shape.cols(); ++i) row.push_back(u.at(t * u.shape.cols() + i));
    return row;
}

// The `count` largest, by sorting.
std::set<std::int64_t> largest(const std::vector<double>& x, std::size_t count) {
    std::vector<std::int64_t> order(x.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
        return x[static_cast<std::size_t>(a)] > x[static_cast<std::size_t>(b)];
    });
    return {order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count)};
}

TEST(RealGate, HasTheShapeOfDeepSeekV3) {
    const auto gate = measured(nano_trace(), "layers.1");
    ASSERT_NE(gate, nullptr);
    EXPECT_EQ(gate->shape.n_routed_experts, 256);
    EXPECT_EQ(gate->shape.num_experts_per_tok, 8);
    EXPECT_EQ(gate->nodes(), 8);
    EXPECT_EQ(gate->shape.topk_group, 4);
    EXPECT_EQ(gate->experts_a_node(), 32);
    EXPECT_EQ(gate->shape.scoring_func, "sigmoid");
    EXPECT_EQ(gate->shape.hidden_size, ModelConfig::preset("nano").hidden_size);
}

TEST(RealGate, CountsEveryTokenAndKeepsTheLimit) {
    const auto gate = measured(nano_trace(), "layers.1");
    for (const RealGate::Count* c : {&gate->unbalanced, &gate->limited, &gate->plain}) {
        EXPECT_EQ(std::accumulate(c->load.begin(), c->load.end(), std::int64_t{0}), 1024 * 8);
        EXPECT_EQ(std::accumulate(c->nodes.begin(), c->nodes.end(), std::int64_t{0}), 1024);
        EXPECT_EQ(c->nodes.size(), 9U);
    }
    for (std::size_t n = 5; n <= 8; ++n) EXPECT_EQ(gate->limited.nodes[n], 0);
    EXPECT_GT(gate->plain.mean_nodes(), gate->limited.mean_nodes());
    EXPECT_EQ(gate->unequal, 0);
    // Of the same s + b the limit can only lose.
    EXPECT_LE(gate->limited.affinity, 8);
}

TEST(RealGate, TheBiasBalances) {
    const auto gate = measured(nano_trace(), "layers.1", {2048, 20});
    ASSERT_EQ(gate->path.size(), 100U);
    EXPECT_GT(gate->path.front(), 2);
    EXPECT_LT(*std::min_element(gate->path.begin(), gate->path.end()), gate->path.front() / 5);
    // On other tokens too, though they carry their own noise.
    EXPECT_LT(gate->limited.violation(), gate->unbalanced.violation() / 2);
    EXPECT_TRUE(std::any_of(gate->bias.begin(), gate->bias.end(), [](double b) { return b != 0; }));
}

// The route of one token, worked out again from its affinities.
TEST(RealGate, RoutesATokenAsThePaperSays) {
    const TracePtr trace = nano_trace();
    const auto gate = measured(trace, "mtp.1");
    for (const std::int64_t t : {0, 3, 9}) {
        const GateRoute r = gate->route(hidden(*trace, "mtp.1", t));
        ASSERT_EQ(r.biased.size(), 256U);
        std::vector<double> groups;
        for (std::size_t g = 0; g < 8; ++g) {
            std::vector<double> own(r.biased.begin() + static_cast<std::ptrdiff_t>(32 * g),
                                    r.biased.begin() + static_cast<std::ptrdiff_t>(32 * (g + 1)));
            std::sort(own.rbegin(), own.rend());
            groups.push_back(own[0] + own[1]);
            EXPECT_NEAR(groups[g], r.node_scores[g], 1e-6);
        }
        const auto kept = largest(groups, 4);
        EXPECT_EQ(std::set<std::int64_t>(r.nodes.begin(), r.nodes.end()), kept);
        auto within = r.biased;
        double sum = 0;
        for (std::size_t e = 0; e < 256; ++e) {
            EXPECT_NEAR(r.biased[e], r.scores[e] + gate->bias[e], 1e-6);
            if (!kept.contains(static_cast<std::int64_t>(e / 32))) within[e] = -1e9;
        }
        const std::set<std::int64_t> chosen(r.chosen.begin(), r.chosen.end());
        EXPECT_EQ(chosen, largest(within, 8));
        EXPECT_EQ(std::set<std::int64_t>(r.plain.begin(), r.plain.end()), largest(r.biased, 8));
        EXPECT_LE(gate->nodes_of(r.chosen), 4);
        for (const auto e : r.chosen) sum += r.scores[static_cast<std::size_t>(e)];
        for (std::size_t k = 0; k < 8; ++k)
            EXPECT_NEAR(r.gates[k], 2.5 * r.scores[static_cast<std::size_t>(r.chosen[k])] / sum,
                        1e-5);
    }
}

TEST(RealGate, TheSameEachTimeAndForEveryPrompt) {
    const auto a = measured(nano_trace(), "layers.1"), b = measured(nano_trace("x"), "layers.1");
    EXPECT_EQ(a->bias, b->bias);
    EXPECT_EQ(a->path, b->path);
    EXPECT_EQ(a->limited.load, b->limited.load);
    const auto other = measured(nano_trace(), "layers.2");
    EXPECT_NE(a->bias, other->bias);
}

TEST(RealGate, SaysWhyItCannot) {
    const auto error = [](const Trace& trace) {
        return Derived::computed(real_gate(trace, "layers.1"), [](double) { return true; }).error;
    };
    Trace copy(*nano_trace());
    copy.tokenizer = nullptr;
    EXPECT_EQ(error(copy), "this model has no tokenizer that could read a text");
    copy.weights = nullptr;
    EXPECT_EQ(error(copy), "this trace holds no weights to run a text with");
    EXPECT_THROW(measured(nano_trace(), "layers.1")->route(std::vector<double>(3)),
                 std::logic_error);
}

TEST(RealGate, StopsWhenNobodyWaits) {
    for (const double until : {0.1, 0.3, 0.5}) {
        const auto entry = Derived::computed(real_gate(*nano_trace(), "layers.1", {512, 4}),
                                             [until](double part) { return part < until; });
        EXPECT_FALSE(entry.settled());
    }
}

}  // namespace
}  // namespace sf
