#include "core/error.h"
#include "core/model/model.h"

#include <gtest/gtest.h>

namespace sf {
namespace {

TEST(Graph, inputs_come_before_users_and_names_find_their_nodes) {
    for (const auto& name : ModelConfig::preset_names())
        for (const auto mode : {AttentionMode::naive, AttentionMode::absorbed}) {
            const auto g = build_graph(ModelConfig::preset(name), mode);
            for (NodeId id = 0; id < g->size(); ++id) {
                const Node& n = (*g)[id];
                EXPECT_EQ(g->find(n.name), id);
                EXPECT_FALSE(n.title.empty()) << n.name;
                EXPECT_FALSE(n.symbol.empty()) << n.name;
                EXPECT_FALSE(n.formula.empty()) << n.name;
                for (const NodeId in : n.inputs) {
                    EXPECT_LT(in, id);
                    const auto& users = g->users(in);
                    EXPECT_EQ(std::count(users.begin(), users.end(), id), 1) << n.name;
                }
                for (const NodeId in : n.fused_inputs) EXPECT_LT(in, id);
            }
            EXPECT_EQ(g->find("no such node"), no_node);
        }
}

TEST(Graph, every_parameter_of_the_config_is_used) {
    const auto config = ModelConfig::preset("bench");
    const auto g = build_graph(config, AttentionMode::naive);
    for (const ParameterSpec& p : parameters(config)) {
        const NodeId id = g->find(p.name);
        ASSERT_NE(id, no_node) << p.name;
        EXPECT_EQ((*g)[id].shape({}), p.shape) << p.name;
    }
}

TEST(Graph, shapes_follow_the_extent) {
    const auto g = build_graph(ModelConfig::preset("bench"), AttentionMode::naive);
    const auto shape = [&](const char* name, Extent e) { return (*g)[g->find(name)].shape(e); };
    EXPECT_EQ(shape("logits", {2, 7, 0}), (Shape{2, 7, 512}));
    EXPECT_EQ(shape("layers.1.scores", {1, 3, 30}), (Shape{1, 4, 3, 33}));
    EXPECT_EQ(shape("layers.1.online_m", {1, 3, 30}), (Shape{1, 4, 3, 2}));
    EXPECT_EQ(shape("layers.1.expert_in", {2, 7, 0}), (Shape{2 * 7 * 4, 128}));
    EXPECT_EQ(shape("mtp.1.expert_in", {2, 7, 0}), (Shape{2 * 6 * 4, 128}));
    EXPECT_EQ(shape("mtp.1.scores", {1, 1, 0}), (Shape{1, 4, 0, 0}));
}

TEST(Graph, parallel_modules_read_the_main_model_alone) {
    auto config = ModelConfig::preset("micro");
    config.mtp_kind = "parallel";
    const auto g = build_graph(config);
    const auto node = [&](const std::string& name) { return (*g)[g->find(name)]; };
    for (const std::string k : {"mtp.1.", "mtp.2."}) {
        EXPECT_EQ(node(k + "attn_in").inputs.front(), g->find("final_norm"));
        EXPECT_EQ(node(k + "logits").inputs.back(), node("logits").inputs.back());
        EXPECT_EQ(node(k + "logits").shape({2, 7, 0}), (Shape{2, 7, 512}));
        EXPECT_EQ(g->find(k + "embed"), no_node);
    }
    for (const ParameterSpec& p : parameters(config)) EXPECT_NE(g->find(p.name), no_node) << p.name;
    // Where a token k + 1 places on exists.
    const auto training = build_training_graph(config);
    EXPECT_EQ((*training)[training->find("mtp.2.nll")].shape({2, 7, 0}), (Shape{2, 4}));
}

TEST(Graph, a_config_that_does_not_fit_together_is_refused) {
    auto config = ModelConfig::preset("bench");
    config.num_experts_per_tok = 99;
    EXPECT_THROW(build_graph(config), UserError);
}

}  // namespace
}  // namespace sf
