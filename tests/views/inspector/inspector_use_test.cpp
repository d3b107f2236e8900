// The inspector as one works with it: selection, hover, zoom, comparison, settings.
#include "scene.h"

#include <gtest/gtest.h>

namespace sf {
namespace {

using test::all_nodes;
using test::nano;
using test::read_back;
using test::ReadBack;
using test::Scene;
using test::with_value;

TEST(InspectorSelection, FollowsCursorSettingsAndClick) {
    Scene s(nano(AttentionMode::naive));
    const Timeline& timeline = s.timeline;
    const std::int64_t step = timeline.find("layers.1.kv_latent");
    ASSERT_GE(step, 0);
    s.cursor.step = step;
    s.cursor.token = 4;
    const auto shown = [&](std::initializer_list<std::int64_t> at) {
        return s.view->describe(s.frame()).find(
                   " is " + format_number(value_at(*s.trace, "layers.1.kv_latent", at), 6)) !=
               std::string::npos;
    };
    EXPECT_TRUE(shown({0, 4, 0}));
    s.cursor.batch = 1;
    EXPECT_TRUE(shown({1, 4, 0}));
    set_setting(s.settings, *s.view, s.frame(), "row=2");
    set_setting(s.settings, *s.view, s.frame(), "col=5");
    EXPECT_TRUE(shown({1, 2, 5}));
    const Shape shape = s.trace->shape(s.trace->graph->find("layers.1.kv_latent"));
    const auto index = (1 * shape[1] + 3) * shape[2] + 7;
    s.settings["cell"] = "layers.1.kv_latent:" + std::to_string(index);
    EXPECT_TRUE(shown({1, 3, 7}));
    s.settings["cell"] = "layers.0.hidden:5";  // of another tensor: row and col again
    EXPECT_TRUE(shown({1, 2, 5}));
    for (const char* nonsense : {"layers.1.kv_latent:", "layers.1.kv_latent:99999999",
                                 "layers.1.kv_latent:-4", ":", "layers.1.kv_latent:x"}) {
        s.settings["cell"] = std::string(nonsense);
        EXPECT_TRUE(shown({1, 2, 5})) << nonsense;
    }
}

TEST(InspectorSelection, ACellOfAnotherHeadTurnsToThatHead) {
    Scene s(nano(AttentionMode::naive));
    s.look_at("layers.1.scores");
    const Shape shape = s.trace->shape(s.trace->graph->find("layers.1.scores"));
    const auto index = (2 * shape[2] + 5) * shape[3] + 1;  // head 2, query 5, key 1
    s.settings["cell"] = "layers.1.scores:" + std::to_string(index);
    EXPECT_TRUE(s.draw().has_text("head 2 of 4"));
    EXPECT_NE(s.view->describe(s.frame()).find(
                  format_number(s.trace->find("layers.1.scores")->at(index), 6)),
              std::string::npos);
}

TEST(InspectorHits, AllLieInsideTheirTensors) {
    Scene s(nano(AttentionMode::naive));
    for (const std::string& node : all_nodes(*s.trace)) {
        s.look_at(node);
        const RecordingCanvas canvas = s.draw();
        for (const Hit& h : canvas.hits()) {
            const Target& t = h.target;
            const NodeId id = s.trace->graph->find(t.node);
            ASSERT_NE(id, no_node) << t.node;
            const std::int64_t last = test::flat(t, t.rows - 1, t.cols - 1);
            EXPECT_GE(t.first, 0) << node;
            EXPECT_LT(last, s.trace->shape(id).size()) << node << " shows " << t.node;
        }
    }
}

TEST(InspectorHits, InputsAndUsersAreThere) {
    Scene s(nano(AttentionMode::naive));
    s.look_at("layers.1.kv_latent");
    const RecordingCanvas canvas = s.draw();
    for (const char* name : {"layers.1.kv_a", "layers.1.cache_latent", "layers.1.kv_latent"})
        EXPECT_TRUE(std::any_of(canvas.hits().begin(), canvas.hits().end(), [&](const Hit& h) {
            return h.target.node == name;
        })) << name;
}

// The hovered cell is outlined, and so are its inputs.
TEST(InspectorHits, HoverLightsTheCellAndItsInputs) {
    Scene s(nano(AttentionMode::naive));
    s.look_at("layers.1.kv_latent");
    const RecordingCanvas before = s.draw();
    s.hover_node = "layers.1.kv_latent";
    s.hover_index = 30;
    const RecordingCanvas after = s.draw();
    const Hit* hit = test::main_hit(after, "layers.1.kv_latent");
    ASSERT_NE(hit, nullptr);
    const auto outlines = [](const RecordingCanvas& canvas, const std::function<bool(Vec2)>& at) {
        return std::count_if(canvas.primitives().begin(), canvas.primitives().end(),
                             [&](const Primitive& p) {
                                 return p.kind == Primitive::Kind::stroke_rect && p.rect.w < 200 &&
                                        at(p.rect.centre());
                             });
    };
    const auto on_cell = [&](Vec2 p) {
        const auto cell = pick(*hit, p);
        return cell && cell->index == 30;
    };
    EXPECT_EQ(outlines(before, on_cell), 0);
    EXPECT_GT(outlines(after, on_cell), 0);
    const auto thumbs = [&](const RecordingCanvas& canvas) {
        std::vector<Rect> all;
        const Hit* thumb = test::main_hit(canvas, "layers.1.kv_a");
        for (const Primitive& p : canvas.primitives())
            if (thumb && p.kind == Primitive::Kind::stroke_rect && p.colour == s.theme.accent &&
                thumb->rect.contains(p.rect.centre()))
                all.push_back(p.rect);
        return all;
    };
    ASSERT_FALSE(thumbs(after).empty());
    EXPECT_NE(thumbs(before), thumbs(after));
}

TEST(InspectorZoom, ShowsFewerCellsAndTheRightOnes) {
    Scene s(nano(AttentionMode::naive));
    const std::string node = "layers.1.hidden";
    s.look_at(node);
    s.cursor.batch = 1;
    const Hit whole = *test::main_hit(s.draw(), node);
    // All of sequence 1.
    const Tensor& tensor = *s.trace->find(node);
    const std::int64_t half = tensor.size() / 2;
    const ColourScale scale = ColourScale::fit(
        1, half, [&](std::int64_t, std::int64_t i) { return tensor.at(half + i); });
    for (double pan : {-4000.0, -100.0, 0.0, 250.0, 4000.0}) {
        s.settings["zoom"] = 4.0;
        s.settings["pan_x"] = pan;
        s.settings["pan_y"] = -pan / 2;
        const RecordingCanvas canvas = s.draw();
        const Hit* hit = test::main_hit(canvas, node);
        ASSERT_NE(hit, nullptr);
        EXPECT_LT(hit->target.rows, whole.target.rows);
        EXPECT_LT(hit->target.cols, whole.target.cols);
        EXPECT_EQ(hit->rect, whole.rect);
        const ReadBack read = read_back(canvas, *s.trace, node, s.theme, scale);
        EXPECT_EQ(read.wrong, std::vector<std::string>{});
        EXPECT_GT(read.numbers, 0);
    }
    EXPECT_NE(s.draw().texts(), Scene(s.trace).draw().texts());
}

TEST(InspectorLarge, StaysOneBoundedPicture) {
    auto config = ModelConfig::preset("nano");
    auto model = std::make_shared<Model>();
    model->config = config;
    model->name = "long";
    model->weights = initial_weights(config, 1);
    std::vector<std::int64_t> ids;
    for (std::int64_t i = 0; i < config.max_position_embeddings; ++i)
        ids.push_back(i * 31 % config.vocab_size);
    Scene s(run_trace(model, {ids}));
    for (const char* node : {"layers.1.attn_probs", "logits", "layers.1.expert_out", "ids",
                             "layers.1.router_indices"}) {
        s.look_at(node);
        const RecordingCanvas canvas = s.draw();
        EXPECT_LT(canvas.primitives().size(), 4000U) << node;
        for (const Primitive& p : canvas.primitives())
            if (p.kind == Primitive::Kind::image) {
                EXPECT_LE(p.image->w, 2 * p.rect.w + 1) << node;
                EXPECT_LE(p.image->h, 2 * p.rect.h + 1) << node;
            }
        EXPECT_EQ(canvas.overlapping_texts(), std::vector<std::string>{}) << node;
        EXPECT_EQ(canvas.outside(), std::vector<std::string>{}) << node;
    }
    // Where cells are smaller than pixels, the picture says what a pixel stands for.
    s.area = {0, 0, 700, 400};
    s.look_at("layers.1.attn_probs");
    EXPECT_TRUE(s.draw().has_text("largest |x|"));
}

TEST(InspectorCompare, ShowsTheTrueDifference) {
    const TracePtr truth = nano(AttentionMode::naive);
    Scene s(truth);
    const std::string a = "layers.0.hidden", b = "layers.1.hidden";
    s.look_at(a);
    s.settings["compare"] = b;
    const Tensor &ta = *truth->find(a), &tb = *truth->find(b);
    double largest = 0;
    for (std::int64_t i = 0; i < ta.size(); ++i)
        largest = std::max(largest, std::fabs(ta.at(i) - tb.at(i)));
    EXPECT_TRUE(s.draw().has_text(format_number(largest, 4) + " at ["));
    const RecordingCanvas canvas = s.draw();
    // The third picture, which answers no pointer, holds A - B on a map centred on zero.
    const std::int64_t rows = ta.shape[1], cols = ta.shape[2];
    const auto apart = [&](std::int64_t i) { return ta.at(i) - tb.at(i); };
    double limit = 0;
    for (std::int64_t i = 0; i < rows * cols; ++i) limit = std::max(limit, std::fabs(apart(i)));
    const ColourScale scale = ColourScale::symmetric(limit);
    const auto wrong = [&](const RecordingCanvas& drawn) {
        std::int64_t bad = 0, seen = 0;
        for (const Primitive& p : drawn.primitives()) {
            const bool answers = std::any_of(drawn.hits().begin(), drawn.hits().end(),
                                             [&](const Hit& h) { return h.rect == p.rect; });
            if (p.kind != Primitive::Kind::image || answers || p.image->h != rows) continue;
            for (std::int64_t i = 0; i < rows * cols; ++i, ++seen)
                bad +=
                    p.image->pixels[static_cast<std::size_t>(i)] == scale.colour(s.theme, apart(i))
                        ? 0
                        : 1;
        }
        return seen == rows * cols ? bad : std::int64_t{-1};
    };
    EXPECT_EQ(wrong(canvas), 0);
    // Both on one scale.
    const ColourScale both =
        ColourScale::fit(1, 2 * rows * cols, [&](std::int64_t, std::int64_t i) {
            return i < rows * cols ? ta.at(i) : tb.at(i - rows * cols);
        });
    EXPECT_EQ(read_back(canvas, *truth, b, s.theme, both, true).wrong, std::vector<std::string>{});
    // A changed trace shows.
    s.trace = with_value(*truth, b, 5, 100);
    EXPECT_GT(wrong(s.draw()), 0);
    EXPECT_FALSE(s.draw().has_text(format_number(largest, 4) + " at ["));
}

TEST(InspectorCompare, ATensorWithItselfDiffersByNothing) {
    Scene s(nano(AttentionMode::naive));
    for (const char* node : {"layers.1.scores", "layers.0.hidden"}) {
        s.look_at(node);
        s.settings["compare"] = std::string(node);
        EXPECT_TRUE(s.draw().has_text("0 at [")) << node;
    }
    s.look_at("layers.1.router_indices");
    s.settings["compare"] = std::string("layers.1.router_indices");
    EXPECT_TRUE(s.draw().has_text("0 of "));
}

TEST(InspectorCompare, OtherShapesAreSaid) {
    Scene s(nano(AttentionMode::naive));
    s.look_at("layers.0.hidden");
    s.settings["compare"] = std::string("layers.0.kv_a");
    EXPECT_TRUE(s.draw().has_text("No difference: A is"));
    s.settings["compare"] = std::string("nothing.like.this");
    EXPECT_TRUE(s.draw().has_text("to compare with"));
}

TEST(InspectorSettings, AreDeclaredAndHeldToTheirRange) {
    Scene s(nano(AttentionMode::naive));
    s.look_at("layers.1.scores");
    const auto set = [&](const char* text) { set_setting(s.settings, *s.view, s.frame(), text); };
    set("head=3");
    EXPECT_TRUE(s.draw().has_text("head 3 of 4"));
    EXPECT_ANY_THROW(set("head=4"));
    EXPECT_ANY_THROW(set("row=1000"));
    EXPECT_ANY_THROW(set("scale=loud"));
    set("scale=symmetric");
    EXPECT_TRUE(s.draw().has_text("centred on 0"));
    set("log_histogram=true");
    EXPECT_TRUE(s.draw().has_text(", log"));
    // Left over from another model: held to today's range, no crash.
    for (const char* name : {"row", "col", "head", "tile", "zoom", "pan_x"})
        for (double v : {-1e18, 1e18, 1e9}) {
            s.settings[name] = v;
            EXPECT_FALSE(s.draw().primitives().empty());
        }
    s.area = {0, 0, 40, 20};
    EXPECT_TRUE(s.draw().outside().empty());
}

}  // namespace
}  // namespace sf
