// The inspector with gradients: what is drawn equals the trace's gradients, at gradient steps, by
// name and by the setting.
#include "scene.h"
#include "tests/support/page.h"

#include <gtest/gtest.h>

namespace sf {
namespace {

using test::PageSize;
using test::read_back;
using test::ReadBack;
using test::Scene;

TracePtr with_gradients(AttentionMode mode = AttentionMode::naive) {
    return test::nano(mode, std::int64_t{512} << 20, true);
}

std::vector<std::string> nodes_with_gradient(const Trace& trace) {
    std::vector<std::string> names;
    for (NodeId id = 0; id < trace.graph->size(); ++id)
        if (trace.gradient(id)) names.push_back((*trace.graph)[id].name);
    return names;
}

TracePtr with_gradient_value(const Trace& trace, const std::string& node, std::int64_t at,
                             double value) {
    auto copy = std::make_shared<Trace>(trace);
    const NodeId id = trace.graph->find(node);
    auto tensor = std::make_shared<Tensor>(*trace.gradient(id));
    tensor->real[static_cast<std::size_t>(at)] = static_cast<Real>(value);
    copy->keep_gradient(id, tensor);
    return copy;
}

class InspectorGradients : public testing::TestWithParam<AttentionMode> {};

TEST_P(InspectorGradients, EveryGradientShowsWhatTheTraceHolds) {
    Scene s(with_gradients(GetParam()));
    s.cursor.batch = 1;
    const auto nodes = nodes_with_gradient(*s.trace);
    EXPECT_GT(nodes.size(), 150U);
    for (const std::string& node : nodes) {
        s.look_at("grad." + node);
        const RecordingCanvas canvas = s.draw();
        const ReadBack read = read_back(canvas, *s.trace, "grad." + node, s.theme);
        EXPECT_EQ(read.wrong, std::vector<std::string>{}) << node;
        const Tensor& gradient = *s.trace->gradient(s.trace->graph->find(node));
        if (gradient.size() == 1)
            EXPECT_TRUE(canvas.has_text(format_number(gradient.at(0), 6))) << node;
        else
            EXPECT_GT(read.numbers + read.pixels + read.bars, 0) << node << " shows nothing";
        EXPECT_EQ(test::main_hit(canvas, node), nullptr) << node << ": its values are not shown";
        EXPECT_NE(s.view->describe(s.frame()).find("grad." + node), std::string::npos);
        for (const Invariant& i : s.view->invariants(s.frame()))
            EXPECT_TRUE(i.holds) << node << ": " << i.name << ": " << i.figure;
    }
}

TEST_P(InspectorGradients, AWrongNumberIsFound) {
    const TracePtr truth = with_gradients(GetParam());
    Scene s(truth);
    for (const std::string& node : nodes_with_gradient(*truth)) {
        s.trace = truth;
        s.look_at("grad." + node);
        const RecordingCanvas before = s.draw();
        const Hit* hit = test::main_hit(before, "grad." + node);
        if (hit == nullptr) continue;  // a single number
        const std::int64_t at = hit->target.first;
        s.trace = with_gradient_value(*truth, node, at, truth->find("grad." + node)->at(at) + 7);
        EXPECT_FALSE(read_back(s.draw(), *truth, "grad." + node, s.theme).wrong.empty()) << node;
    }
}

INSTANTIATE_TEST_SUITE_P(Modes, InspectorGradients,
                         testing::Values(AttentionMode::naive, AttentionMode::absorbed),
                         [](const auto& test_case) {
                             return test_case.param == AttentionMode::naive ? "naive" : "absorbed";
                         });

TEST(InspectorGradient, AStepBackTheSettingAndTheNameShowTheSame) {
    Scene by_step(with_gradients());
    by_step.cursor.step = by_step.timeline.find("grad.layers.1.kv_latent");
    const RecordingCanvas drawn = by_step.draw();
    EXPECT_TRUE(drawn.has_text("Gradient of Latent KV"));
    EXPECT_TRUE(drawn.has_text("changes the loss by about"));
    Scene by_name(by_step.trace);
    by_name.look_at("grad.layers.1.kv_latent");
    EXPECT_TRUE(by_name.draw() == drawn);
    Scene by_setting(by_step.trace);
    by_setting.cursor.step = by_setting.timeline.find("layers.1.kv_latent");
    EXPECT_FALSE(by_setting.draw().has_text("Gradient of Latent KV"));
    set_setting(by_setting.settings, *by_setting.view, by_setting.frame(), "gradient=true");
    EXPECT_TRUE(by_setting.draw() == drawn);
    // Another way than the values', from box to box.
    bool neighbour = false;
    for (const Hit& h : drawn.hits()) neighbour |= h.target.node == "grad.layers.1.kv_a";
    EXPECT_TRUE(neighbour);
}

TEST(InspectorGradient, ACellIsChosenTogetherWithItsGradient) {
    Scene s(with_gradients());
    s.look_at("grad.layers.1.hidden");
    const std::int64_t cols = s.trace->find("layers.1.hidden")->shape.cols();
    s.settings["cell"] = "layers.1.hidden:" + std::to_string(2 * cols + 5);
    const double wanted = value_at(*s.trace, "grad.layers.1.hidden", {0, 2, 5});
    EXPECT_NE(s.view->describe(s.frame()).find(format_number(wanted, 6)), std::string::npos)
        << s.view->describe(s.frame());
    s.look_at("layers.1.hidden");
    s.settings["cell"] = "grad.layers.1.hidden:" + std::to_string(2 * cols + 5);
    EXPECT_NE(s.view->describe(s.frame()).find(
                  format_number(value_at(*s.trace, "layers.1.hidden", {0, 2, 5}), 6)),
              std::string::npos);
}

TEST(InspectorGradient, WhereThereIsNoneASentenceSaysWhy) {
    Scene s(with_gradients());
    const auto says = [&](const std::string& node, const std::string& what) {
        s.look_at("grad." + node);
        EXPECT_TRUE(s.draw().has_text("No gradient here")) << node;
        EXPECT_NE(s.view->describe(s.frame()).find(what), std::string::npos)
            << s.view->describe(s.frame());
        EXPECT_TRUE(s.view->invariants(s.frame()).empty());
    };
    says("layers.1.router_indices", "Whole numbers have no gradient");
    says("layers.0.lens", "does not depend on it");
    auto copy = std::make_shared<Trace>(*s.trace);
    copy->keep_gradient(copy->graph->logits(), nullptr);
    s.trace = copy;
    says("logits", "the memory budget left it out");
    s.trace = test::nano(AttentionMode::naive);
    says("logits", "“gradients on”");
    copy = std::make_shared<Trace>(*s.trace);
    copy->weights = nullptr;
    s.trace = copy;
    says("logits", "trace --grad");
    s.trace = edit_trace(*with_gradients(), {{"layers.0.hidden", 0, 1.0}});
    says("logits", "An edited run has no gradients");
}

TEST(InspectorGradient, AnInvariantSeesAWrongValue) {
    const TracePtr truth = with_gradients();
    Scene s(truth);
    for (const char* node : {"logits", "layers.1.scores", "loss", "mtp.1.loss"}) {
        s.look_at(std::string("grad.") + node);
        s.trace = with_gradient_value(*truth, node, 0, 0.77);
        const auto list = s.view->invariants(s.frame());
        EXPECT_TRUE(std::any_of(list.begin(), list.end(), [](const Invariant& i) {
            return !i.holds;
        })) << node;
    }
}

TEST(InspectorGradient, ValuesAndGradientAreComparedSideBySide) {
    Scene s(with_gradients());
    s.look_at("layers.1.hidden");
    s.settings["compare"] = std::string("grad.layers.1.hidden");
    const RecordingCanvas canvas = s.draw();
    EXPECT_NE(test::main_hit(canvas, "layers.1.hidden"), nullptr);
    EXPECT_NE(test::main_hit(canvas, "grad.layers.1.hidden"), nullptr);
}

class InspectorGradientPage : public testing::TestWithParam<PageSize> {};

TEST_P(InspectorGradientPage, NothingOverlapsIsCutOrLeavesIt) {
    Scene s(with_gradients());
    const PageSize p = GetParam();
    s.theme = p.theme();
    s.area = {0, 0, p.w, p.h};
    for (NodeId id = 0; id < s.trace->graph->size(); id += 2) {
        const std::string name = "grad." + (*s.trace->graph)[id].name;
        s.look_at(name);
        test::expect_clean(s.draw(), name);
    }
}

INSTANTIATE_TEST_SUITE_P(Sizes, InspectorGradientPage,
                         testing::Values(PageSize{1280, 720, 100, false},
                                         PageSize{1280, 720, 200, true},
                                         PageSize{2560, 1440, 100, true},
                                         PageSize{2560, 1440, 200, false},
                                         PageSize{900, 560, 200, false}),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace sf
