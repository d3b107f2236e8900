// What a shape costs, against figures by hand, against the nodes of the graphs, and against every
// set of experts.
#include "core/shape_cost.h"
#include "core/known_shapes.h"
#include "core/model/model.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <functional>
#include <set>
#include <vector>

namespace sf {
namespace {

double products(const Graph& g, const Node& n, const Extent& extent) {
    const auto made = static_cast<double>(n.shape(extent).size());
    const auto of = [&](std::size_t i) { return g[n.inputs[i]].shape(extent); };
    switch (n.op) {
        case Op::linear:  // (rows, out) from (out, in)
            return made * static_cast<double>(of(1)[1]);
        case Op::grouped_linear:
            return made * static_cast<double>(of(0).cols());
        case Op::scores:
            return made *
                   static_cast<double>(g.config.qk_nope_head_dim + g.config.qk_rope_head_dim);
        case Op::attend:
            return made * static_cast<double>(of(0).cols());
        default:
            return 0;
    }
}

// FLOPs of all nodes that `of` takes, over a sequence of so many tokens.
double graph_flops(const Graph& g, std::int64_t tokens,
                   const std::function<bool(const Node&)>& of) {
    double sum = 0;
    for (NodeId id = 0; id < g.size(); ++id)
        if (g[id].part != Part::lens && of(g[id])) sum += 2 * products(g, g[id], {1, tokens, 0});
    return sum;
}

std::vector<ModelConfig> shapes() {
    std::vector<ModelConfig> all;
    for (const char* preset : {"nano", "micro", "bench"})
        for (const char* kind : {"mla", "gqa"}) {
            ModelConfig c = ModelConfig::preset(preset);
            c.attention_kind = kind;
            c.num_key_value_heads = 2;
            all.push_back(c);
            c.n_shared_experts = 0;
            c.q_lora_rank.reset();
            c.tie_word_embeddings = true;
            all.push_back(c);
            c.n_routed_experts = 0;
            c.num_nextn_predict_layers = 0;
            all.push_back(c);
            c.n_routed_experts = 12;
            c.n_shared_experts = 2;
            c.n_group = 3;
            c.topk_group = 2;
            c.num_nextn_predict_layers = 3;
            c.topk_method = "group_limited_greedy";
            c.scoring_func = "softmax";
            all.push_back(c);
            c.mtp_kind = "parallel";
            all.push_back(c);
        }
    return all;
}

TEST(ShapeCost, ByHand) {
    ModelConfig c;
    c.vocab_size = 20;
    c.hidden_size = 10;
    c.num_hidden_layers = 2;  // the first dense
    c.num_attention_heads = 2;
    c.qk_nope_head_dim = 3;
    c.qk_rope_head_dim = 2;
    c.v_head_dim = 4;
    c.kv_lora_rank = 6;
    c.intermediate_size = 7;
    c.moe_intermediate_size = 5;
    c.n_routed_experts = 8;
    c.n_group = 4;
    c.topk_group = 2;
    c.num_experts_per_tok = 3;
    c.n_shared_experts = 1;
    c.num_nextn_predict_layers = 1;
    const ShapeCost s = shape_cost(c, 9);
    // Queries 10·10, latent and rope key 10·8, keys and values 6·14, output 8·10.
    const double attention = 100 + 80 + 84 + 80, read = 9 * 2 * (5 + 4);
    const double dense = 3 * 10 * 7, one = 3 * 10 * 5, gate = 80, head = 200;
    EXPECT_EQ(s.flops.attention, 2 * 2 * attention);
    EXPECT_EQ(s.flops.context, 2 * 2 * read);
    EXPECT_EQ(s.flops.always_on, 2 * (dense + one));
    EXPECT_EQ(s.flops.routed, 2 * (gate + 3 * one));
    EXPECT_EQ(s.flops.vocabulary, 2 * head);
    EXPECT_EQ(s.flops.mtp, 2 * (2 * 10 * 10 + attention + read + gate + 4 * one + head));
    EXPECT_EQ(s.forward(), s.flops.sum() - s.flops.mtp);
    // 3 of the 4 experts of two groups: always of both.
    EXPECT_EQ(s.nodes, 2);
    EXPECT_EQ(s.sent, 2 * 10 * 1 * 2 * 0.75);
}

TEST(ShapeCost, FlopsAreThoseOfTheGraph) {
    for (const ModelConfig& c : shapes()) {
        ASSERT_TRUE(c.problems().empty()) << c.problems().front();
        const auto graph = build_graph(c);
        for (const std::int64_t tokens : {7, 40}) {
            const auto n = static_cast<double>(tokens);
            const double main = graph_flops(
                *graph, tokens, [&](const Node& x) { return x.layer < c.num_hidden_layers; });
            EXPECT_DOUBLE_EQ(shape_cost(c, n).forward(), main / n);
            // Module k of the chain reads k tokens fewer.
            double modules = 0;
            for (std::int64_t k = 1; k <= c.num_nextn_predict_layers; ++k) {
                const double own = graph_flops(*graph, tokens, [&](const Node& x) {
                    return x.layer == c.num_hidden_layers + k - 1;
                });
                const double rows = n - (c.mtp_chain() ? static_cast<double>(k) : 0);
                modules += own / rows;
                const double of_one =
                    shape_cost(c, rows).flops.mtp / static_cast<double>(c.num_nextn_predict_layers);
                EXPECT_NEAR(of_one, own / rows, 1e-9 * of_one) << k;
            }
            EXPECT_EQ(modules > 0, c.num_nextn_predict_layers > 0);
        }
    }
}

TEST(ShapeCost, PartsAddUpToTheParameters) {
    auto all = shapes();
    for (const KnownShape& known : known_shapes()) all.push_back(known.config);
    for (const ModelConfig& c : all) {
        const ShapeCost s = shape_cost(c, 100);
        EXPECT_EQ(s.parameters.sum(), static_cast<double>(s.size.parameters));
        EXPECT_EQ(s.active.sum(), static_cast<double>(s.size.active_parameters));
        EXPECT_EQ(s.active.mtp, 0);
    }
}

// Every set of K of the M·g experts, one by one.
TEST(ShapeCost, GroupsAreTheMeanOverEverySet) {
    for (const auto& [groups, each, draws] :
         {std::tuple{4, 4, 3}, {2, 4, 4}, {1, 6, 2}, {5, 2, 4}, {3, 5, 15}, {4, 3, 10}}) {
        const int n = groups * each;
        double sum = 0, sets = 0;
        for (unsigned set = 0; set < 1U << n; ++set) {
            if (std::popcount(set) != draws) continue;
            std::set<int> reached;
            for (int e = 0; e < n; ++e)
                if (set >> e & 1U) reached.insert(e / each);
            sum += static_cast<double>(reached.size());
            sets += 1;
        }
        EXPECT_NEAR(groups_drawn_from(groups, each, draws), sum / sets, 1e-12)
            << groups << " x " << each << ", " << draws;
    }
}

TEST(ShapeCost, DeepSeekV3) {
    const ShapeCost s = shape_cost(find_shape("deepseek-v3")->config, 4096);
    // 671B of which 37B are active (the report's abstract), without the MTP module.
    EXPECT_NEAR((s.parameters.sum() - s.parameters.mtp) / 1e9, 671, 1);
    EXPECT_NEAR(s.active.sum() / 1e9, 37, 1);
    // At most 4 nodes; 3.2 experts of each on average was measured (section 3.2.2).
    EXPECT_GT(s.nodes, 3.5);
    EXPECT_LE(s.nodes, 4);
}

}  // namespace
}  // namespace sf
