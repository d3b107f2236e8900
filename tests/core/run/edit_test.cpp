#include "core/backend/executor.h"
#include "core/error.h"
#include "core/random.h"
#include "core/run/runner.h"
#include "core/run/timeline.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace sf {
namespace {

const std::vector<std::vector<std::int64_t>> prompt = {
    {116, 104, 101, 32, 99, 97, 116, 32, 115, 97}};

ModelPtr nano() {
    static const ModelPtr model = preset_model("nano", 3);
    return model;
}

// Every tensor of both traces, bit for bit; the names that differ.
std::set<std::string> differing(const Trace& a, const Trace& b) {
    std::set<std::string> names;
    for (NodeId id = 0; id < a.graph->size(); ++id) {
        const Tensor *x = a.find(id), *y = b.find(id);
        if ((x == nullptr) != (y == nullptr) || (x && (x->real != y->real || x->ints != y->ints)))
            names.insert((*a.graph)[id].name);
    }
    return names;
}

struct EditCase {
    AttentionMode attention;
    Edit edit;
};
void PrintTo(const EditCase& c, std::ostream* out) {
    *out << c.edit.node << (c.attention == AttentionMode::naive ? " naive" : " absorbed");
}

class Edits : public testing::TestWithParam<EditCase> {};

TEST_P(Edits, downstream_only_and_equal_to_a_full_run_with_that_value) {
    const EditCase& c = GetParam();
    RunOptions options;
    options.attention = c.attention;
    const auto base = run_trace(nano(), prompt, options);
    const auto edited = edit_trace(*base, {c.edit});
    options.edits = {c.edit};
    const auto full = run_trace(nano(), prompt, options);
    EXPECT_EQ(differing(*edited, *full), std::set<std::string>());
    const auto changed = differing(*base, *edited);
    EXPECT_TRUE(changed.count(c.edit.node));
    EXPECT_TRUE(changed.count("logits"));
    EXPECT_FLOAT_EQ(static_cast<float>(edited->find(c.edit.node)->at(c.edit.index)),
                    static_cast<float>(c.edit.value));

    // Upstream is not even copied: the same tensors are shared.
    const NodeId at = base->graph->find(c.edit.node);
    std::vector<char> after(static_cast<std::size_t>(base->graph->size()));
    after[static_cast<std::size_t>(at)] = 1;
    for (NodeId id = 0; id < base->graph->size(); ++id) {
        const Node& n = (*base->graph)[id];
        for (const auto* in : {&n.inputs, &n.fused_inputs})
            for (const NodeId i : *in)
                if (after[static_cast<std::size_t>(i)]) after[static_cast<std::size_t>(id)] = 1;
        if (!after[static_cast<std::size_t>(id)]) {
            EXPECT_EQ(edited->find(id), base->find(id)) << n.name;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(
    All, Edits,
    testing::Values(
        EditCase{AttentionMode::naive, {"layers.0.scores", 10 * 9 + 2, 25.0}},
        EditCase{AttentionMode::absorbed, {"layers.1.scores", 10 * 9 + 2, 25.0}},
        EditCase{AttentionMode::naive, {"layers.1.attn_probs", 10 * 9 + 1, 0.5}},
        EditCase{AttentionMode::naive, {"layers.0.kv_latent", 7, 3.0}},
        EditCase{AttentionMode::naive, {"layers.0.q", 9 * 4 * 20 + 5, -40.0}},
        EditCase{AttentionMode::naive, {"layers.1.router_logits", 3, 9.0}},
        EditCase{AttentionMode::naive, {"layers.1.router_weights", 19, 2.0}},
        EditCase{AttentionMode::naive, {"layers.1.expert_h", 4, 2.0}},
        EditCase{AttentionMode::naive, {"layers.1.hidden", 9 * 48, 1.5}},
        EditCase{AttentionMode::naive, {"model.layers.0.self_attn.kv_b_proj.weight", 33, 2.0}},
        EditCase{AttentionMode::absorbed, {"model.layers.0.self_attn.kv_b_proj.weight", 33, 2.0}},
        EditCase{AttentionMode::naive, {"model.layers.1.mlp.gate.e_score_correction_bias", 5, 3.0}},
        EditCase{AttentionMode::naive, {"model.layers.1.input_layernorm.weight", 0, 3.0}},
        EditCase{AttentionMode::naive, {"model.embed_tokens.weight", 116 * 48, 3.0}}));

TEST(EditTrace, a_second_edit_keeps_the_first) {
    const Edit first{"layers.0.scores", 5 * 10 + 1, 4.0}, second{"layers.1.ffn_in", 3, -2.0};
    const auto base = run_trace(nano(), prompt);
    RunOptions options;
    options.edits = {first, second};
    EXPECT_EQ(differing(*edit_trace(*edit_trace(*base, {first}), {second}),
                        *run_trace(nano(), prompt, options)),
              std::set<std::string>());
    EXPECT_EQ(differing(*edit_trace(*edit_trace(*base, {second}), {first}),
                        *run_trace(nano(), prompt, options)),
              std::set<std::string>());
}

TEST(EditTrace, refuses_what_it_cannot_mean) {
    const auto base = run_trace(nano(), prompt);
    EXPECT_THROW(edit_trace(*base, {{"layers.9.nothing", 0, 1}}), UserError);
    EXPECT_THROW(edit_trace(*base, {{"layers.0.q", 1 << 30, 1}}), UserError);
    EXPECT_THROW(edit_trace(*base, {{"layers.0.q", -1, 1}}), UserError);
    EXPECT_THROW(edit_trace(*base, {{"layers.1.router_indices", 0, 99}}), UserError);
    EXPECT_THROW(edit_trace(*base, {{"layers.0.q", 0, NAN}}), UserError);
}

TEST(Trace, the_bits_do_not_depend_on_the_threads) {
    RunOptions one, three;
    three.threads = 3;
    std::vector<std::int64_t> ids;
    for (std::uint64_t i = 0; i < 150; ++i)
        ids.push_back(static_cast<std::int64_t>(random_bits(1, 3, i) % 256));
    for (const auto mode : {AttentionMode::naive, AttentionMode::absorbed}) {
        one.attention = three.attention = mode;
        EXPECT_EQ(
            differing(*run_trace(nano(), {ids, ids}, one), *run_trace(nano(), {ids, ids}, three)),
            std::set<std::string>());
    }
}

TEST(Trace, the_fused_forms_equal_the_steps) {
    const auto trace = run_trace(nano(), prompt);
    // An edit that changes nothing sends each composite through its steps.
    for (const char* node : {"layers.0.scores", "layers.1.expert_out"}) {
        const Tensor* t = trace->find(node);
        const auto steps = edit_trace(*trace, {{node, 0, t->at(0)}});
        double worst = 0;
        for (std::int64_t i = 0; i < trace->find("logits")->size(); ++i)
            worst = std::max(
                worst, std::fabs(trace->find("logits")->at(i) - steps->find("logits")->at(i)));
        EXPECT_LE(worst, 1e-6) << node;
    }
}

TEST(Trace, one_token_at_a_time_gives_the_bits_of_all_at_once) {
    for (const auto mode : {AttentionMode::naive, AttentionMode::absorbed}) {
        RunOptions options;
        options.attention = mode;
        const auto model = preset_model("bench", 1);
        std::vector<std::int64_t> ids;
        for (std::uint64_t i = 0; i < 70; ++i)
            ids.push_back(static_cast<std::int64_t>(random_bits(1, 4, i) % 512));
        const auto full = run_trace(model, {ids}, options);
        const Tensor steps = decode_logits(model, {ids}, 3, mode);
        const auto& logits = full->find("logits")->real;
        EXPECT_TRUE(std::equal(steps.real.begin(), steps.real.end(), logits.begin() + 2 * 512));
    }
}

TEST(Trace, a_small_budget_leaves_out_inner_values_that_can_be_completed) {
    const auto whole = run_trace(nano(), prompt);
    RunOptions options;
    options.budget_bytes = whole->bytes() * 7 / 10;
    const auto small = run_trace(nano(), prompt, options);
    EXPECT_LE(small->bytes(), options.budget_bytes);
    EXPECT_TRUE(small->has("logits"));
    int missing = 0;
    for (NodeId id = 0; id < whole->graph->size(); ++id) {
        const auto& node = (*whole->graph)[id];
        if (node.op == Op::param || small->find(id)) continue;
        ++missing;
        const TensorPtr t = complete(*small, id);
        ASSERT_NE(t, nullptr) << node.name;
        EXPECT_EQ(t->real, whole->find(id)->real) << node.name;
        EXPECT_EQ(t->ints, whole->find(id)->ints) << node.name;
    }
    EXPECT_GT(missing, 0);
}

TEST(Trace, refuses_ids_that_do_not_fit) {
    EXPECT_THROW(run_trace(nano(), {}), UserError);
    EXPECT_THROW(run_trace(nano(), {{}}), UserError);
    EXPECT_THROW(run_trace(nano(), {{1, 2}, {1}}), UserError);
    EXPECT_THROW(run_trace(nano(), {{999999}}), UserError);
    EXPECT_THROW(run_trace(nano(), {{-1}}), UserError);
    EXPECT_THROW(run_trace(nano(), {std::vector<std::int64_t>(100000, 1)}), UserError);
}

TEST(Trace, a_single_token_runs_and_mtp_has_nothing_to_say) {
    const auto trace = run_trace(nano(), {{65}});
    EXPECT_EQ(trace->find("logits")->shape[1], 1);
    EXPECT_EQ(trace->find("mtp.1.logits")->size(), 0);
}

TEST(Timeline, walks_through_every_operation_and_part) {
    const auto trace = run_trace(nano(), prompt);
    const Timeline line(*trace);
    ASSERT_GT(line.size(), 40);
    EXPECT_EQ(line[0].name, "ids");
    EXPECT_EQ(line.find("0"), 0);
    EXPECT_EQ(line.find("layers.0.kv_latent"),
              line.find(std::to_string(line.find("layers.0.kv_latent"))));
    EXPECT_EQ(line.find("nothing"), -1);
    EXPECT_EQ(line.find("99999"), -1);
    std::int64_t experts = 0, tokens = 0;
    const Tensor* load = trace->find("layers.1.expert_load");
    for (const Step& s : line.steps())
        if (s.kind == Step::Kind::expert && s.layer == 1) {
            ++experts;
            tokens += load->ints[static_cast<std::size_t>(s.sub)];
        }
    EXPECT_GT(experts, 0);
    EXPECT_EQ(tokens, 10 * trace->graph->config.num_experts_per_tok);
    for (std::int64_t i = 0; i + 1 < line.size(); ++i) {
        EXPECT_EQ(line.previous(line.next(i)), i);
        EXPECT_NE(line[i].sentence, "");
    }
    EXPECT_EQ(line.next(line.size() - 1), line.size() - 1);
    EXPECT_EQ(line.previous_layer(line.find("layers.1.q")), line.find("layers.1.attn_in"));
    EXPECT_EQ(line.next_layer(line.find("layers.0.q")), line.find("layers.1.attn_in"));
}

TEST(Generate, greedy_does_not_depend_on_the_mode_and_sampling_only_on_the_seed) {
    SamplingOptions options;
    options.max_new = 12;
    const auto ids = [](const Generated& g) {
        std::vector<std::int64_t> out;
        for (const Drawn& d : g.drawn) out.push_back(d.id);
        return out;
    };
    const auto absorbed = generate(nano(), prompt[0], options);
    options.attention = AttentionMode::naive;
    EXPECT_EQ(ids(absorbed), ids(generate(nano(), prompt[0], options)));
    options.temperature = 1.3;
    options.top_k = 20;
    options.top_p = 0.9;
    options.seed = 4;
    const auto first = generate(nano(), prompt[0], options);
    EXPECT_EQ(ids(first), ids(generate(nano(), prompt[0], options)));
    options.seed = 5;
    EXPECT_NE(ids(first), ids(generate(nano(), prompt[0], options)));
    for (const Drawn& d : first.drawn) {
        double sum = 0;
        std::int64_t kept = 0;
        for (const Real p : d.probabilities) {
            sum += static_cast<double>(p);
            kept += p > 0;
        }
        EXPECT_NEAR(sum, 1, 1e-5);
        EXPECT_LE(kept, 20);
        EXPECT_GT(d.probabilities[static_cast<std::size_t>(d.id)], 0);
    }
}

TEST(Generate, refuses_more_tokens_than_the_context_holds) {
    SamplingOptions options;
    options.max_new = nano()->config.max_position_embeddings;
    EXPECT_THROW(generate(nano(), prompt[0], options), UserError);
    options.max_new = 0;
    EXPECT_TRUE(generate(nano(), prompt[0], options).drawn.empty());
}

}  // namespace
}  // namespace sf
