#include "core/run/gradients.h"

#include "core/error.h"
#include "core/run/runner.h"
#include "core/run/timeline.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>

namespace sf {
namespace {

const std::vector<std::vector<std::int64_t>> text = {
    {116, 104, 101, 32, 99, 97, 116, 32, 115, 97}, {104, 101, 32, 100, 111, 103, 32, 114, 97, 110}};

ModelPtr nano() {
    static const ModelPtr model = preset_model("nano", 3);
    return model;
}

TracePtr with_gradients(AttentionMode mode = AttentionMode::naive) {
    RunOptions options;
    options.attention = mode;
    options.gradients = true;
    return run_trace(nano(), text, options);
}

double loss_of(const Trace& trace, const std::vector<LossTerm>& terms) {
    double loss = 0;
    for (const LossTerm& term : terms) loss += term.weight * trace.find(term.node)->at(0);
    return loss;
}

std::string user_error(const std::function<void()>& act) {
    try {
        act();
    } catch (const UserError& error) {
        return error.what();
    }
    return "";
}

class Gradients : public testing::TestWithParam<AttentionMode> {};

TEST_P(Gradients, values_are_those_of_a_run_without_bit_for_bit) {
    RunOptions options;
    options.attention = GetParam();
    const TracePtr plain = run_trace(nano(), text, options);
    const TracePtr trace = with_gradients(GetParam());
    std::int64_t same = 0;
    for (NodeId id = 0; id < plain->graph->size(); ++id) {
        const Node& node = (*plain->graph)[id];
        const Tensor *a = plain->find(id), *b = trace->find(node.name);
        ASSERT_TRUE(a && b) << node.name;
        EXPECT_TRUE(a->real == b->real && a->ints == b->ints) << node.name;
        ++same;
    }
    EXPECT_GT(same, 100);
    EXPECT_TRUE(trace->has("loss") && trace->has("nll") && trace->has("layers.1.balance_loss"));
    EXPECT_EQ(plain->gradient(plain->graph->logits()), nullptr);
    EXPECT_TRUE(plain->loss.empty());
    EXPECT_GT(trace->bytes(), plain->bytes());
}

// An edit of a value is the very thing that dL/d(value) foretells.
TEST_P(Gradients, foretell_what_an_edit_does_to_the_loss) {
    const TracePtr trace = with_gradients(GetParam());
    std::int64_t cells = 0;
    std::vector<std::string> names{"embed",
                                   "layers.0.attn_in",
                                   "layers.0.hidden",
                                   "layers.1.q",
                                   "layers.1.kv_latent",
                                   "layers.1.scores",
                                   "layers.1.attn_probs",
                                   "layers.1.heads",
                                   "layers.1.expert_out",
                                   "layers.1.router_weights",
                                   "layers.2.ffn_out",
                                   "final_norm",
                                   "logits",
                                   "nll",
                                   "mtp.1.input",
                                   "mtp.1.logits",
                                   "model.layers.0.self_attn.kv_b_proj.weight",
                                   "model.layers.1.mlp.shared_experts.down_proj.weight",
                                   "model.norm.weight"};
    for (const std::string& name : names) {
        const Tensor* value = trace->find(name);
        if (value == nullptr) continue;  // the other way of attention
        const Tensor* gradient = trace->find("grad." + name);
        ASSERT_NE(gradient, nullptr) << name;
        ASSERT_EQ(gradient->shape, value->shape) << name;
        // The cell where the loss is steepest: rounding in float matters least there.
        std::int64_t at = 0;
        for (std::int64_t i = 0; i < gradient->size(); ++i)
            if (std::isfinite(value->at(i)) &&
                std::fabs(gradient->at(i)) > std::fabs(gradient->at(at)))
                at = i;
        const double slope = gradient->at(at), x = value->at(at);
        ASSERT_GT(std::fabs(slope), 0) << name;
        // A change of the loss well above its rounding, as small as that allows.
        const double h = std::min(0.02, 2e-4 / std::fabs(slope));
        const auto loss = [&](double v) {
            return loss_of(*edit_trace(*trace, {{name, at, v}}), trace->loss);
        };
        const double measured = (loss(x + h) - loss(x - h)) / (2 * h);
        EXPECT_NEAR(measured, slope, std::fabs(slope) * 0.04 + 4e-7 / h) << name << " " << at;
        ++cells;
    }
    EXPECT_GE(cells, 17);
}

TEST_P(Gradients, reach_exactly_what_the_loss_depends_on) {
    const TracePtr trace = with_gradients(GetParam());
    const Graph& g = *trace->graph;
    const auto reached = reached_by_loss(g, trace->loss);
    for (NodeId id = 0; id < g.size(); ++id) {
        const Tensor* gradient = trace->gradient(id);
        EXPECT_EQ(gradient != nullptr, reached[static_cast<std::size_t>(id)] != 0) << g[id].name;
        if (gradient == nullptr) continue;
        EXPECT_EQ(gradient->shape, trace->shape(id)) << g[id].name;
        EXPECT_EQ(g[id].dtype, DType::real);
        for (const Real x : gradient->real) ASSERT_TRUE(std::isfinite(x)) << g[id].name;
    }
    for (const char* none :
         {"ids", "layers.1.router_indices", "layers.0.lens", "probs", "layers.1.online_o",
          "layers.1.balance_loss", "model.layers.1.mlp.gate.e_score_correction_bias"}) {
        ASSERT_NE(g.find(none), no_node) << none;
        EXPECT_EQ(trace->gradient(g.find(none)), nullptr) << none;
    }
    EXPECT_EQ(value_at(*trace, "grad.loss", {0}), 1);
    EXPECT_NEAR(value_at(*trace, "grad.mtp.1.loss", {0}), 0.3, 1e-7);
}

INSTANTIATE_TEST_SUITE_P(both, Gradients,
                         testing::Values(AttentionMode::naive, AttentionMode::absorbed),
                         [](const auto& test) {
                             return test.param == AttentionMode::naive ? "naive" : "absorbed";
                         });

TEST(Losses, are_weighed_and_those_without_a_target_left_out) {
    ModelConfig config = nano()->config;
    config.num_nextn_predict_layers = 3;
    const auto graph = build_training_graph(config);
    const auto terms = [&](std::int64_t tokens, const LossWeights& w = {}) {
        return loss_terms(*graph, {1, tokens, 0}, w);
    };
    EXPECT_EQ(terms(10), (std::vector<LossTerm>{{"loss", 1},
                                                {"mtp.1.loss", 0.3 / 3},
                                                {"mtp.2.loss", 0.3 / 3},
                                                {"mtp.3.loss", 0.3 / 3}}));
    EXPECT_EQ(terms(2), (std::vector<LossTerm>{{"loss", 1}}));
    EXPECT_EQ(terms(4).size(), 3U);
    EXPECT_EQ(loss_text(terms(3)), "loss + 0.1·mtp.1.loss");
    EXPECT_EQ(terms(9, {1, 0, 0, 0}).size(), 1U);
    const auto balanced = terms(9, {0, 0, 1e-4, 1e-2});
    EXPECT_TRUE(std::any_of(balanced.begin(), balanced.end(), [](const LossTerm& t) {
        return t.node == "layers.1.balance_loss" && t.weight == 1e-4;
    }));
    EXPECT_TRUE(std::any_of(balanced.begin(), balanced.end(), [](const LossTerm& t) {
        return t.node == "layers.1.aux_loss" && t.weight == 1e-2;
    }));
    EXPECT_NE(user_error([&] { terms(1); }).find("at least 2 tokens"), std::string::npos);
    EXPECT_NE(user_error([&] { terms(5, {0, 0, 0, 0}); }).find("are 0"), std::string::npos);
    EXPECT_NE(user_error([&] { terms(5, {1, -1, 0, 0}); }).find("lambda"), std::string::npos);
    EXPECT_NE(user_error([&] {
                  terms(5, {std::nan(""), 1, 0, 0});
              }).find("main"),
              std::string::npos);
}

TEST(Losses, short_texts_run_and_say_what_is_left_out) {
    RunOptions options;
    options.gradients = true;
    EXPECT_NE(user_error([&] { run_trace(nano(), {{65}}, options); }), "");
    const auto two = run_trace(nano(), {{65, 66}}, options);
    EXPECT_EQ(two->loss, (std::vector<LossTerm>{{"loss", 1}}));
    EXPECT_NE(left_out_note(*two).find("MTP module 1 has no token to predict in 2 tokens"),
              std::string::npos)
        << left_out_note(*two);
    EXPECT_EQ(two->find("grad.mtp.1.input"), nullptr);
    EXPECT_EQ(two->find("grad.model.layers." + std::to_string(nano()->config.num_hidden_layers) +
                        ".eh_proj.weight"),
              nullptr);
    EXPECT_NE(two->find("grad.embed"), nullptr);
    EXPECT_EQ(left_out_note(*run_trace(nano(), {{65, 66, 67}}, options)), "");
}

TEST(Losses, a_module_without_tokens_has_shares_and_balance_of_zero) {
    Model model = *nano();
    model.config.num_nextn_predict_layers = 2;
    model.weights = initial_weights(model.config, 3);
    RunOptions options;
    options.gradients = true;
    options.loss.alpha = 0.01;
    const auto two = run_trace(std::make_shared<Model>(model), {{65, 66}}, options);
    for (const char* name : {"mtp.2.balance_p", "mtp.2.balance_loss", "mtp.2.aux_loss"}) {
        const Tensor* t = two->find(name);
        ASSERT_NE(t, nullptr) << name;
        for (std::int64_t i = 0; i < t->size(); ++i) {
            EXPECT_EQ(t->at(i), 0) << name;
            EXPECT_EQ(explain(*two, two->graph->find(name), i).value, 0) << name;
        }
    }
}

TEST(Losses, a_balance_term_gives_its_values_a_gradient) {
    RunOptions options;
    options.gradients = true;
    options.loss.alpha = 0.5;
    const auto trace = run_trace(nano(), text, options);
    EXPECT_EQ(value_at(*trace, "grad.layers.1.balance_loss", {0}), 0.5);
    EXPECT_NE(trace->find("grad.layers.1.balance_p"), nullptr);
    EXPECT_EQ(trace->find("grad.layers.1.balance_f"), nullptr) << "counts have none";
}

TEST(Traces, an_edited_run_has_no_gradients) {
    const TracePtr trace = with_gradients();
    const TracePtr edited = edit_trace(*trace, {{"layers.0.hidden", 3, 2.0}});
    EXPECT_EQ(edited->find("grad.logits"), nullptr);
    EXPECT_TRUE(edited->loss.empty());
    EXPECT_NE(edited->find("loss")->at(0), trace->find("loss")->at(0));
    EXPECT_NE(trace->find("grad.logits"), nullptr);
    RunOptions options;
    options.gradients = true;
    options.edits = {{"layers.0.hidden", 3, 2.0}};
    EXPECT_TRUE(run_trace(nano(), text, options)->loss.empty());
}

TEST(Traces, the_budget_leaves_out_the_largest_gradients_first) {
    const TracePtr all = with_gradients();
    RunOptions options;
    options.gradients = true;
    const std::int64_t values = run_trace(nano(), text,
                                          [] {
                                              RunOptions o;
                                              o.gradients = true;
                                              o.edits = {{"layers.0.hidden", 3, 2.0}};
                                              return o;
                                          }())
                                    ->bytes();
    const std::int64_t gradients = all->bytes() - values;
    options.budget_bytes = values + gradients / 2;
    const TracePtr half = run_trace(nano(), text, options);
    EXPECT_LE(half->bytes(), options.budget_bytes);
    std::int64_t smallest_out = INT64_MAX, largest_in = 0;
    for (NodeId id = 0; id < all->graph->size(); ++id) {
        const Tensor* full = all->gradient(id);
        if (full == nullptr) continue;
        const Tensor* kept = half->gradient(id);
        if (kept == nullptr) {
            smallest_out = std::min(smallest_out, full->bytes());
        } else {
            largest_in = std::max(largest_in, kept->bytes());
            EXPECT_EQ(kept->real, full->real) << (*all->graph)[id].name;
        }
    }
    EXPECT_LE(largest_in, smallest_out);
    EXPECT_LT(smallest_out, INT64_MAX);
    EXPECT_GT(largest_in, 0);
}

TEST(Traces, gradients_do_not_depend_on_the_number_of_threads) {
    RunOptions options;
    options.gradients = true;
    options.threads = 3;
    const TracePtr one = with_gradients(), three = run_trace(nano(), text, options);
    for (NodeId id = 0; id < one->graph->size(); ++id)
        if (const Tensor* gradient = one->gradient(id)) {
            EXPECT_EQ(gradient->real, three->gradient(id)->real) << (*one->graph)[id].name;
        }
}

TEST(Traces, a_gradient_is_put_into_words) {
    const TracePtr trace = with_gradients();
    const NodeId latent = trace->graph->find("layers.1.kv_latent");
    const Explanation e = explain_gradient(*trace, latent, 5);
    EXPECT_EQ(e.formula, "∂L/∂c^{KV}");
    EXPECT_EQ(e.value, trace->gradient(latent)->at(5));
    EXPECT_NE(e.numbers.find("by 0.01 changes the loss by about"), std::string::npos) << e.numbers;
    EXPECT_EQ(explain_gradient(*trace, latent, -1).numbers, "");
    EXPECT_EQ(explain_gradient(*trace, trace->graph->find("ids"), 0).numbers, "");
    EXPECT_EQ(gradient_symbol((*trace->graph)[trace->graph->find("layers.1.router_logits")]),
              "∂L/∂(u·e)");
}

TEST(Backward, steps_follow_the_forward_ones_from_the_loss_to_the_embedding) {
    const TracePtr trace = with_gradients();
    const Graph& g = *trace->graph;
    const Timeline line(*trace), plain(*run_trace(nano(), text));
    std::int64_t first = 0;
    while (first < line.size() && line[first].kind != Step::Kind::gradient) ++first;
    ASSERT_LT(first, line.size());
    EXPECT_EQ(line[first].name, "grad.mtp.1.loss");
    EXPECT_EQ(line[line.size() - 1].name, "grad.embed");
    // Loss nodes stand where the graph has them; all else is as without.
    std::int64_t losses = 0;
    for (std::int64_t i = 0; i < first; ++i) losses += line[i].part == Part::loss;
    EXPECT_GE(losses, 4);
    EXPECT_EQ(first, plain.size() + losses);
    EXPECT_EQ(line.find("nll"), line.find("probs") + 1);
    std::int64_t steps = 0;
    for (NodeId id = 0; id < g.size(); ++id)
        steps += g[id].op != Op::param && trace->gradient(id) != nullptr;
    EXPECT_EQ(line.size() - first, steps);
    for (std::int64_t i = first; i < line.size(); ++i) {
        const Step& s = line[i];
        EXPECT_EQ(s.kind, Step::Kind::gradient);
        EXPECT_EQ(s.name, "grad." + g[s.node].name);
        EXPECT_EQ(s.title, "Gradient of " + g[s.node].title);
        EXPECT_EQ(line.find(s.name), i);
        EXPECT_EQ(line.gradient_of(s.node), i);
        EXPECT_LT(line.of(s.node), first);
        if (i > first) {
            EXPECT_LT(s.node, line[i - 1].node) << "the order of the way back";
        }
    }
    EXPECT_EQ(plain.gradient_of(g.logits()), -1);
    const Tensor* gradient = trace->find("grad.layers.1.kv_latent");
    double squares = 0;
    for (const Real x : gradient->real) squares += static_cast<double>(x) * static_cast<double>(x);
    char norm[32];
    std::snprintf(norm, sizeof norm, "norm %.4g,", std::sqrt(squares));
    const std::string& sentence = line[line.find("grad.layers.1.kv_latent")].sentence;
    EXPECT_EQ(sentence.find("Layer 1: gradient of Latent KV, (2, 10, "), 0U) << sentence;
    EXPECT_NE(sentence.find(norm), std::string::npos) << sentence;
}

TEST(Backward, moves_go_on_through_the_way_back_and_return) {
    const Timeline line(*with_gradients());
    for (std::int64_t i = 0; i + 1 < line.size(); ++i) EXPECT_EQ(line.previous(line.next(i)), i);
    const std::int64_t first = line.find("grad.mtp.1.loss");
    EXPECT_EQ(line.next_operation(first - 1), first);
    EXPECT_EQ(line.previous_operation(first), first - 1);
    EXPECT_EQ(line.next_operation(first), first + 1);
    EXPECT_EQ(line.next_layer(first - 1), first) << "the way back is another bar";
    EXPECT_EQ(line[line.next_layer(line.find("grad.layers.2.hidden"))].name,
              "grad.layers.1.hidden");
    EXPECT_EQ(line.previous_layer(line.find("grad.layers.1.q")), line.find("grad.layers.1.hidden"));
    EXPECT_EQ(line.previous_layer(first), line.find("mtp.1.ids"));
}

}  // namespace
}  // namespace sf
