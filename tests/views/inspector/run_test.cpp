// The inspector against another training run: A here, B there, and the signed difference.
#include "core/run/run_beside.h"
#include "scene.h"
#include "tests/support/page.h"

#include <gtest/gtest.h>

namespace sf {
namespace {

using namespace test;

struct RunScene : Scene {
    ModelPtr other = preset_model("nano", 9);
    std::vector<NamedRun> runs{{"second", other, nullptr}};
    Derived derived;

    explicit RunScene(TracePtr t) : Scene(std::move(t)) {
        settings["compare"] = std::string("run:second");
    }
    Frame frame() const {
        Frame f = Scene::frame();
        f.runs = &runs;
        f.derived = &derived;
        return f;
    }
    void settle() { derived.settle(view->needs(frame())); }
    RecordingCanvas draw() const {
        RecordingCanvas canvas(area);
        view->draw(canvas, frame());
        return canvas;
    }
    TracePtr by_hand() const {
        RunOptions options;
        options.attention = trace->graph->attention;
        std::vector<std::vector<std::int64_t>> rows;
        for (std::int64_t b = 0; b < trace->extent.batch; ++b) rows.push_back(trace->sequence(b));
        return run_trace(other, rows, options);
    }
};

std::string six_digits(double v) {
    return format_number(v, 6);
}

TEST(InspectorRun, ValuesAreThoseOfBothRuns) {
    for (const AttentionMode mode : {AttentionMode::naive, AttentionMode::absorbed}) {
        RunScene s(nano(mode));
        s.settle();
        const TracePtr theirs = s.by_hand();
        for (const char* node : {"layers.1.kv_latent", "layers.2.router_scores", "logits"}) {
            s.look_at(node);
            for (const std::int64_t col : {0, 3}) {
                s.settings["row"] = 2.0;
                s.settings["col"] = static_cast<double>(col);
                const double a = value_at(*s.trace, node, {0, 2, col}),
                             b = value_at(*theirs, node, {0, 2, col});
                ASSERT_NE(a, b);
                const RecordingCanvas canvas = s.draw();
                for (const double v : {a, b, a - b})
                    EXPECT_TRUE(canvas.has_text(six_digits(v))) << node << " " << v;
                EXPECT_TRUE(canvas.has_text(std::string(node) + " in second"));
                expect_clean(canvas, node);
            }
            // B's cells are no cells of the window's trace; A's are.
            int hits = 0;
            const RecordingCanvas canvas = s.draw();
            for (const Hit& hit : canvas.hits())
                if (hit.target.node == node) {
                    ++hits;
                    EXPECT_LT(hit.rect.right(), 1280.0 / 3) << node;
                }
            EXPECT_GT(hits, 0) << node;
        }
    }
}

TEST(InspectorRun, TheCellUnderThePointerIsToldOfBoth) {
    RunScene s(nano(AttentionMode::naive));
    s.settle();
    s.look_at("layers.1.ffn_in");
    const TracePtr theirs = s.by_hand();
    s.hover_node = "layers.1.ffn_in";
    s.hover_index = 48 * 3 + 7;
    const RecordingCanvas canvas = s.draw();
    const double a = s.trace->find("layers.1.ffn_in")->at(s.hover_index),
                 b = theirs->find("layers.1.ffn_in")->at(s.hover_index);
    for (const double v : {a, b, a - b}) EXPECT_TRUE(canvas.has_text(six_digits(v))) << v;
    expect_clean(canvas, "hover");
}

TEST(InspectorRun, WholeNumbersAndMasksCompareToo) {
    RunScene s(nano(AttentionMode::naive));
    s.settle();
    for (const char* node : {"layers.1.router_indices", "layers.0.scores", "ids",
                             "layers.1.expert_load", "model.embed_tokens.weight"}) {
        s.look_at(node);
        expect_clean(s.draw(), node);
        EXPECT_NE(s.view->describe(s.frame()).find("in run second"), std::string::npos) << node;
    }
}

TEST(InspectorRun, WhatIsNotThereIsSaid) {
    RunScene s(nano(AttentionMode::naive));
    s.look_at("logits");
    EXPECT_TRUE(s.draw().has_text("the same text through second")) << "pending";
    s.settle();
    s.settings["compare"] = std::string("run:third");
    EXPECT_TRUE(s.draw().has_text("There are second."));
    EXPECT_TRUE(s.view->needs(s.frame()).empty());
    // Another shape lacks the tensor; a text that it cannot read.
    auto small = std::make_shared<Model>(*s.other);
    small->config.num_hidden_layers = 1;
    small->config.num_nextn_predict_layers = 0;
    small->weights = initial_weights(small->config, 1);
    s.runs[0].model = small;
    s.settings["compare"] = std::string("run:second");
    s.look_at("layers.2.hidden");
    s.settle();
    EXPECT_TRUE(s.draw().has_text("Only in this run"));
    s.look_at("layers.0.kv_latent");
    EXPECT_TRUE(s.draw().has_text("A − B"));
    auto narrow = std::make_shared<Model>(*small);
    narrow->config.max_position_embeddings = 2;
    s.runs[0].model = narrow;
    s.settle();
    EXPECT_TRUE(s.draw().has_text("Nothing to compare with"));
    expect_clean(s.draw(), "nothing");
}

}  // namespace
}  // namespace sf
