#include "core/graph/op.h"
#include "core/model/model.h"
#include "core/ops/rope.h"
#include "tests/support/reference.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <set>

// Single operations against DeepSeek's own code at real sizes: V3's YaRN frequencies, a rotation at
// position 163839, RMSNorm, SwiGLU and a gate of 256 experts.

namespace sf {
namespace {

using test::max_error;
using test::reference;

const SafetensorsFile& data() {
    static const SafetensorsFile file(reference("elementary") / "expected.safetensors");
    return file;
}

ModelConfig v3(bool yarn) {
    ModelConfig c;
    c.qk_rope_head_dim = 64;
    c.qk_nope_head_dim = 128;
    c.max_position_embeddings = yarn ? 163840 : 4096;
    if (yarn) c.rope_scaling = {"yarn", 40, 4096, 32, 1, 1};
    return c;
}

// Runs one op on given tensors, as the executor does.
Tensor run_op(Op op, const Attrs& attrs, const std::vector<Tensor>& in, Shape out, DType type,
              const RopeTable& rope = RopeTable(ModelConfig{})) {
    Node node;
    node.op = op;
    node.attrs = attrs;
    std::vector<ConstView> views;
    for (const Tensor& t : in) views.push_back(t.view());
    Tensor result(out, type);
    Scratch scratch;
    const Extent extent{1, in[0].shape[1], 0};
    const OpContext c{node,
                      extent,
                      views,
                      {out, type == DType::real ? result.real.data() : nullptr,
                       type == DType::i64 ? result.ints.data() : nullptr},
                      rope,
                      nullptr,
                      nullptr,
                      &scratch};
    op_def(op).forward(c);
    return result;
}

Tensor shaped(Tensor t, Shape shape) {
    t.shape = shape;
    return t;
}

TEST(Elementary, yarn_frequencies_are_v3s) {
    const auto json = nlohmann::json::parse(read_file(reference("elementary") / "inv_freq.json"));
    for (const bool yarn : {true, false}) {
        const auto want =
            json[yarn ? "yarn_v3" : "noyarn_v3"]["inv_freq"].get<std::vector<double>>();
        const auto have = rope_frequencies(v3(yarn));
        ASSERT_EQ(have.size(), want.size());
        for (std::size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(have[i] / want[i], 1, 1e-12) << i;
    }
    EXPECT_NEAR(v3(true).softmax_scale(), 0.1352337788608801, 1e-15);
    EXPECT_NEAR(v3(false).softmax_scale(), 0.07216878364870322, 1e-15);
    const auto ramp = yarn_ramp(v3(true));
    for (std::size_t i = 0; i < ramp.size(); ++i)
        EXPECT_NEAR(ramp[i], i <= 10 ? 0 : i >= 23 ? 1 : static_cast<double>(i - 10) / 13, 1e-12);
}

TEST(Elementary, angles_hold_to_the_last_position) {
    for (const std::string kind : {"yarn_v3", "noyarn_v3"}) {
        RopeTable table(v3(kind == "yarn_v3"));
        const Tensor positions = data().read(kind + ".positions");
        const Tensor cos = data().read(kind + ".cos"), sin = data().read(kind + ".sin");
        table.reserve(*std::max_element(positions.ints.begin(), positions.ints.end()) + 1);
        double worst = 0;
        for (std::int64_t p = 0; p < positions.size(); ++p)
            for (std::int64_t i = 0; i < 32; ++i) {
                const auto at = positions.ints[static_cast<std::size_t>(p)];
                worst = std::max(
                    {worst, std::fabs(static_cast<double>(table.cos(at)[i]) - cos.at(p * 32 + i)),
                     std::fabs(static_cast<double>(table.sin(at)[i]) - sin.at(p * 32 + i))});
            }
        EXPECT_LE(worst, 1e-7) << kind;
    }
}

TEST(Elementary, rotation_of_interleaved_pairs) {
    const Tensor in = data().read("noyarn_v3.rope_in");
    const Tensor want = data().read("noyarn_v3.rope_out");
    const Tensor positions = data().read("noyarn_v3.rope_positions");
    RopeTable table(v3(false));
    Attrs a;
    a.heads = 3;
    a.rope = 64;
    for (std::int64_t p = 0; p < positions.size(); ++p) {
        const auto at = positions.ints[static_cast<std::size_t>(p)];
        table.reserve(at + 1);
        // The row stands at its position among rows of zeros.
        Tensor x({1, at + 1, 3, 64}, DType::real);
        std::copy_n(in.real.begin() + p * 192, 192, x.real.begin() + at * 192);
        const Tensor y = run_op(Op::rope, a, {x}, x.shape, DType::real, table);
        for (std::int64_t i = 0; i < 192; ++i)
            EXPECT_NEAR(y.at(at * 192 + i), want.at(p * 192 + i), 2e-6);
    }
}

TEST(Elementary, rms_norm) {
    Attrs a;
    a.width = 48;
    a.eps = 1e-6;
    const Tensor x = shaped(data().read("rmsnorm.in"), {1, 6, 48});
    EXPECT_LE(
        max_error(run_op(Op::rms_norm, a, {x, data().read("rmsnorm.weight")}, x.shape, DType::real),
                  data().read("rmsnorm.out")),
        2e-6);
}

TEST(Elementary, a_gate_of_256_experts) {
    const Tensor x = data().read("gate_v3.in"), w = data().read("gate_v3.weight");
    Tensor logits({1, 24, 256}, DType::real);
    for (std::int64_t t = 0; t < 24; ++t)
        for (std::int64_t e = 0; e < 256; ++e) {
            double sum = 0;
            for (std::int64_t i = 0; i < 32; ++i) sum += x.at(t * 32 + i) * w.at(e * 32 + i);
            logits.real[static_cast<std::size_t>(t * 256 + e)] = static_cast<Real>(sum);
        }
    Attrs a;
    a.experts = 256;
    a.top_k = 8;
    a.groups = 8;
    a.kept_groups = 4;
    a.biased = true;
    a.scale = 2.5;
    const Tensor s = run_op(Op::gate_scores, a, {logits}, logits.shape, DType::real);
    const Tensor biased =
        run_op(Op::add_bias, a, {s, data().read("gate_v3.bias")}, logits.shape, DType::real);
    const Tensor groups = run_op(Op::group_scores, a, {biased}, {1, 24, 8}, DType::real);
    const Tensor kept = run_op(Op::group_choice, a, {groups}, {1, 24, 4}, DType::i64);
    const Tensor chosen = run_op(Op::expert_choice, a, {biased, kept}, {1, 24, 8}, DType::i64);
    const Tensor gates = run_op(Op::gate_weights, a, {s, chosen}, {1, 24, 8}, DType::real);
    const Tensor want = data().read("gate_v3.indices");
    EXPECT_TRUE(test::same_sets(shaped(chosen, want.shape), want));
    EXPECT_LE(max_error(test::by_expert(gates, chosen, 256),
                        test::by_expert(data().read("gate_v3.weights"), want, 256)),
              1e-6);
}

TEST(Choice, ties_go_to_the_lower_index_and_negative_scores_are_kept) {
    Attrs a;
    a.experts = 4;
    a.top_k = 2;
    a.groups = 2;
    a.kept_groups = 1;
    a.biased = true;
    Tensor biased({1, 1, 4}, DType::real);
    biased.real = {-5, -5, -1, -1};
    const Tensor groups = run_op(Op::group_scores, a, {biased}, {1, 1, 2}, DType::real);
    EXPECT_EQ(groups.real, (std::vector<Real>{-10, -2}));
    const Tensor kept = run_op(Op::group_choice, a, {groups}, {1, 1, 1}, DType::i64);
    EXPECT_EQ(kept.ints, (std::vector<std::int64_t>{1}));
    EXPECT_EQ(run_op(Op::expert_choice, a, {biased, kept}, {1, 1, 2}, DType::i64).ints,
              (std::vector<std::int64_t>{2, 3}));
    biased.real = {1, 1, 1, 1};
    EXPECT_EQ(run_op(Op::expert_choice, a, {biased}, {1, 1, 2}, DType::i64).ints,
              (std::vector<std::int64_t>{0, 1}));
}

TEST(OpTable, every_op_has_a_row_and_every_step_an_explanation) {
    for (int i = 0; i <= static_cast<int>(Op::balance_loss); ++i) {
        const OpDef& def = op_def(static_cast<Op>(i));
        EXPECT_EQ(static_cast<int>(def.op), i);
        ASSERT_NE(def.name, nullptr);
        EXPECT_NE(def.shape, nullptr) << def.name;
        EXPECT_NE(def.forward, nullptr) << def.name;
        const bool given = def.op == Op::ids || def.op == Op::state || def.op == Op::param;
        EXPECT_EQ(def.explain == nullptr, def.composite || given) << def.name;
    }
    EXPECT_EQ(op_table().size(), static_cast<std::size_t>(Op::balance_loss) + 1);
}

TEST(OpTable, every_op_stands_in_some_graph) {
    std::set<Op> seen;
    for (const auto mode : {AttentionMode::naive, AttentionMode::absorbed}) {
        const ModelConfig config = ModelConfig::preset("nano");
        for (const auto& graph :
             {build_training_graph(config, mode), build_draft_graph(config, 1, mode)})
            for (NodeId id = 0; id < graph->size(); ++id) {
                seen.insert((*graph)[id].op);
                if ((*graph)[id].fused) seen.insert(*(*graph)[id].fused);
            }
    }
    for (const OpDef& def : op_table()) EXPECT_TRUE(seen.count(def.op)) << def.name;
}

}  // namespace
}  // namespace sf
