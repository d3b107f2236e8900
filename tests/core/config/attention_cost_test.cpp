// What decoding a token costs, against figures by hand and against the shapes of the graphs.
#include "core/attention_cost.h"
#include "core/model/model.h"

#include <gtest/gtest.h>

#include <set>

namespace sf {
namespace {

TEST(AttentionCost, ByHand) {
    ModelConfig c;
    c.hidden_size = 10;
    c.num_hidden_layers = 3;
    c.num_attention_heads = 2;
    c.qk_nope_head_dim = 3;
    c.qk_rope_head_dim = 2;
    c.v_head_dim = 4;
    c.kv_lora_rank = 6;
    c.q_lora_rank.reset();
    // A layer: queries 10·10, latent and rope key 10·8, output 8·10, keys and values 6·14.
    const AttentionCost naive = attention_cost(c, 7, AttentionMode::naive);
    EXPECT_EQ(naive.weight_elements, 3 * (100 + 80 + 80 + 84));
    EXPECT_EQ(naive.cache_elements, 3 * 7 * 8);
    EXPECT_EQ(naive.expanded_elements, 3 * 2 * 7 * 14);
    EXPECT_EQ(naive.flops, 3 * (2 * 260 + 2 * 7 * 84 + 2 * 7 * 2 * 5 + 2 * 7 * 2 * 4));
    EXPECT_EQ(naive.bytes(16), naive.elements() * 2);
    const AttentionCost absorbed = attention_cost(c, 7, AttentionMode::absorbed);
    EXPECT_EQ(absorbed.weight_elements, naive.weight_elements);
    EXPECT_EQ(absorbed.cache_elements, naive.cache_elements);
    EXPECT_EQ(absorbed.expanded_elements, 0);
    EXPECT_EQ(absorbed.flops,
              3 * (2 * 260 + 2 * 2 * 3 * 6 + 2 * 7 * 2 * 8 + 2 * 7 * 2 * 6 + 2 * 2 * 6 * 4));
}

// The same from the nodes: products by the shapes of what they read and make, weights once each.
AttentionCost of_graph(const ModelConfig& c, std::int64_t context, AttentionMode mode) {
    const auto graph = build_graph(c, mode);
    const Extent extent{1, 1, context - 1};
    AttentionCost sum;
    std::set<NodeId> weights;
    for (NodeId id = 0; id < graph->size(); ++id) {
        const Node& n = (*graph)[id];
        if (n.layer < 0 || n.layer >= c.num_hidden_layers || n.part != Part::attn) continue;
        const auto made = static_cast<double>(n.shape(extent).size());
        const auto of = [&](std::size_t i) { return (*graph)[n.inputs[i]].shape(extent); };
        const auto rope = static_cast<double>(c.qk_rope_head_dim);
        const auto nope = static_cast<double>(c.qk_nope_head_dim);
        switch (n.op) {
            case Op::linear:
                sum.flops += 2 * made * static_cast<double>(of(1).cols());
                if (n.name.ends_with(".kv")) sum.expanded_elements += 2 * made;
                break;
            case Op::absorb_q:
                sum.flops += 2 * made * nope;
                break;
            case Op::expand_v:
                sum.flops += 2 * made * static_cast<double>(c.kv_lora_rank);
                break;
            case Op::scores:
                sum.flops += 2 * made * (nope + rope);
                break;
            case Op::scores_latent:
                sum.flops += 2 * made * (static_cast<double>(of(2).cols()) + rope);
                break;
            case Op::attend:
            case Op::attend_latent:
                sum.flops += 2 * made * static_cast<double>(of(0).cols());
                break;
            case Op::cache:
                sum.cache_elements += made;
                break;
            default:
                continue;
        }
        for (const NodeId in : n.inputs)
            if ((*graph)[in].op == Op::param && weights.insert(in).second)
                sum.weight_elements += static_cast<double>((*graph)[in].shape(extent).size());
    }
    return sum;
}

TEST(AttentionCost, IsThatOfTheGraphs) {
    for (const char* preset : {"nano", "micro", "bench"})
        for (const char* kind : {"mla", "gqa"})
            for (const std::int64_t context : {1, 9, 300})
                for (const AttentionMode mode : {AttentionMode::naive, AttentionMode::absorbed}) {
                    ModelConfig c = ModelConfig::preset(preset);
                    c.attention_kind = kind;
                    c.num_key_value_heads = 2;
                    const AttentionCost right = of_graph(c, context, mode);
                    const AttentionCost cost =
                        attention_cost(c, static_cast<double>(context), mode);
                    EXPECT_EQ(cost.flops, right.flops) << preset << kind << context;
                    EXPECT_EQ(cost.weight_elements, right.weight_elements) << preset << kind;
                    EXPECT_EQ(cost.cache_elements, right.cache_elements) << preset << kind;
                    EXPECT_EQ(cost.expanded_elements, right.expanded_elements) << preset << kind;
                }
}

}  // namespace
}  // namespace sf
