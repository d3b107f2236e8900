// An expert kicked or switched off, and another rule: the run that follows, and what is said of it.
#include "read_back.h"

#include "views/draw/number.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace sf {
namespace {

TEST(ExpertsByHand, AKickMovesTheChoiceButNotTheGatesOfWhoStays) {
    const TracePtr trace = experts_run("the cat sat", {}, {}, 2);
    ExpertsPicture p(trace);
    p.frame.cursor.batch = 1;
    p.frame.cursor.token = 3;
    p.set("layer=1");
    p.set("expert=9");
    p.set("kick=0.75");
    const auto edits = p.shown.edits(p.frame);
    ASSERT_EQ(edits.size(), 2U * 11U);
    for (std::size_t i = 0; i < edits.size(); ++i) {
        EXPECT_EQ(edits[i].node, "layers.1.router_biased");
        EXPECT_EQ(edits[i].index, static_cast<std::int64_t>(i) * experts + 9);
        EXPECT_DOUBLE_EQ(edits[i].value,
                         trace->find("layers.1.router_biased")->at(edits[i].index) + 0.75);
    }
    p.apply_edits();
    const Trace& after = *p.frame.trace;
    EXPECT_EQ(after.find("layers.1.router_scores"), trace->find("layers.1.router_scores"));
    std::int64_t came = 0, stayed = 0;
    for (std::int64_t row = 0; row < 22; ++row) {
        std::set<std::int64_t> was, now;
        for (std::int64_t k = 0; k < top_k; ++k) {
            const auto i = static_cast<std::size_t>(row * top_k + k);
            was.insert(trace->find("layers.1.router_indices")->ints[i]);
            now.insert(after.find("layers.1.router_indices")->ints[i]);
        }
        came += now.contains(9) && !was.contains(9) ? 1 : 0;
        if (was != now) continue;
        ++stayed;
        std::map<std::int64_t, double> gates;
        for (std::int64_t k = 0; k < top_k; ++k) {
            const std::int64_t i = row * top_k + k;
            gates[trace->find("layers.1.router_indices")->ints[static_cast<std::size_t>(i)]] =
                trace->find("layers.1.router_weights")->at(i);
        }
        for (std::int64_t k = 0; k < top_k; ++k) {
            const std::int64_t i = row * top_k + k;
            EXPECT_NEAR(
                after.find("layers.1.router_weights")->at(i),
                gates.at(after.find("layers.1.router_indices")->ints[static_cast<std::size_t>(i)]),
                1e-6);
        }
    }
    EXPECT_GT(came, 0);
    EXPECT_GT(stayed, 0);
    // Said of each token: who worked on it before, or that nothing moved.
    for (std::int64_t token = 0; token < 11; ++token) {
        p.frame.cursor.token = token;
        std::string was;
        std::set<std::int64_t> before, now;
        for (std::int64_t k = 0; k < top_k; ++k) {
            const auto i = static_cast<std::size_t>((11 + token) * top_k + k);
            const std::int64_t e = trace->find("layers.1.router_indices")->ints[i];
            was += (k == 0 ? "" : k + 1 == top_k ? " and " : ", ") + std::to_string(e);
            before.insert(e);
            now.insert(after.find("layers.1.router_indices")->ints[i]);
        }
        const std::string text = p.view().describe(p.frame);
        EXPECT_NE(text.find(before == now ? "The same experts, so the same gates."
                                          : "Instead of " + was + "."),
                  std::string::npos)
            << text;
    }
    const RecordingCanvas canvas = p.draw();
    EXPECT_TRUE(canvas.has_text("expert 9 kicked by +0.75"));
    EXPECT_TRUE(canvas.has_text("next token"));
    for (const Invariant& i : p.view().invariants(p.frame)) EXPECT_TRUE(i.holds) << i.name;
}

TEST(ExpertsByHand, WhoIsSwitchedOffIsSentNothing) {
    for (const char* method : {"noaux_tc", "group_limited_greedy", "greedy"}) {
        const TracePtr trace = experts_run("the cat sat", [&](ModelConfig& c) {
            c.topk_method = method;
            if (std::string(method) == "greedy") c.n_group = c.topk_group = 1;
        });
        ExpertsPicture p(trace);
        p.set("layer=2");
        p.set("off=" + std::to_string(trace->find("layers.2.router_indices")->ints[0]));
        const auto off = static_cast<std::size_t>(trace->find("layers.2.router_indices")->ints[0]);
        p.apply_edits();
        EXPECT_GT(trace->find("layers.2.expert_load")->ints[off], 0) << method;
        EXPECT_EQ(p.frame.trace->find("layers.2.expert_load")->ints[off], 0) << method;
        EXPECT_NE(p.frame.trace->find("logits")->real, trace->find("logits")->real);
        EXPECT_TRUE(p.draw().has_text("expert " + std::to_string(off) + " is switched off"));
        const auto texts = p.draw().texts();
        EXPECT_EQ(std::count(texts.begin(), texts.end(), "off"), 1) << method;
        for (const Invariant& i : p.view().invariants(p.frame))
            EXPECT_TRUE(i.holds) << method << ": " << i.name << ": " << i.figure;
    }
}

TEST(ExpertsByHand, TheNextTokenBeforeAndAfter) {
    ExpertsPicture p(experts_run());
    p.set("layer=2");
    p.set("expert=3");
    p.set("kick=1");
    p.apply_edits();
    const auto likeliest = [](const Trace& run) {
        const Tensor& probs = *run.find("probs");
        const std::int64_t vocab = probs.shape.cols(), first = 10 * vocab;
        const auto best = std::max_element(probs.real.begin() + first, probs.real.end()) -
                          probs.real.begin() - first;
        return format_percent(probs.at(first + best));
    };
    const std::string text = p.view().describe(p.frame);
    EXPECT_NE(text.find(likeliest(*p.trace)), std::string::npos) << text;
    EXPECT_NE(text.find(likeliest(*p.frame.trace)), std::string::npos) << text;
}

TEST(ExpertsByHand, AnotherRuleIsTheModelsOwnRunWithIt) {
    ExpertsPicture p(experts_run());
    p.set("top_k=2");
    p.set("groups=4");
    EXPECT_TRUE(p.draw().has_text("running it with another rule"));
    p.settle();
    ModelConfig config = p.trace->graph->config;
    config.num_experts_per_tok = 2;
    config.topk_group = 4;
    Model model;
    model.config = config;
    model.weights = p.trace->weights;
    const TracePtr want = run_trace(std::make_shared<Model>(model), {p.trace->ids});
    const RecordingCanvas canvas = p.draw();
    std::string chosen;
    for (std::int64_t k = 0; k < 2; ++k) {
        const std::int64_t e =
            want->find("layers.1.router_indices")->ints[20 + static_cast<std::size_t>(k)];
        chosen += (k == 0 ? "" : " and ") + std::to_string(e);
        EXPECT_TRUE(canvas.has_text(
            format_fixed(value_at(*want, "layers.1.router_weights", {0, 10, k}), 2)));
    }
    EXPECT_TRUE(canvas.has_text("goes to experts " + chosen)) << chosen;
    // Its cells are not those that the window would look up.
    for (const Hit& h : canvas.hits())
        EXPECT_TRUE(h.target.node.find("layers.") != 0) << h.target.node;
    for (const Invariant& i : p.view().invariants(p.frame)) EXPECT_TRUE(i.holds) << i.name;
}

}  // namespace
}  // namespace sf
