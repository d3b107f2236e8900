// The page "Shape" tells what the shape that is drawn up would cost, or why it cannot be.
#include "training_fixture.h"
#include "views/draw/number.h"
#include "views/training_shape.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sf {
namespace {

TEST(TrainingShape, BeginsWithTheModelsOwn) {
    const TrainingPicture p("shape", small_run().trace, small_history());
    const training::Proposal s = training::make_shape(p.frame, p.shown);
    EXPECT_EQ(s.proposed, small_shape());
    EXPECT_TRUE(s.changes.empty());
    const RecordingCanvas canvas = p.draw();
    EXPECT_TRUE(
        canvas.has_text(format_count(static_cast<std::int64_t>(cost(small_shape()).parameters))));
    for (const Hit& h : canvas.hits())
        EXPECT_FALSE(h.target.node.starts_with("command:train-shape"));
    for (const Invariant& i : p.shown.invariants(p.frame)) EXPECT_TRUE(i.holds) << i.name;
    EXPECT_EQ(p.shown.invariants(p.frame).size(), 5U);
}

TEST(TrainingShape, TellsTheDifferenceWithItsSign) {
    TrainingPicture p("shape", small_run().trace, small_history());
    p.set("n_routed_experts=24");
    p.set("num_hidden_layers=2");
    p.set("kv_lora_rank=12");
    ModelConfig c = small_shape();
    c.n_routed_experts = 24;
    c.num_hidden_layers = 2;
    c.kv_lora_rank = 12;
    const double before = static_cast<double>(cost(small_shape()).parameters);
    const double after = static_cast<double>(cost(c).parameters);
    ASSERT_GT(after, before);
    const RecordingCanvas canvas = p.draw();
    EXPECT_TRUE(canvas.has_text("+" + format_count(std::llround(after - before)) + "  +" +
                                format_percent(after / before - 1)));
    // Three layers of 24 + 8 numbers become two of 12 + 8, 4 bytes each.
    EXPECT_TRUE(canvas.has_text("−" + format_bytes(4 * (3 * 32 - 2 * 20))));
    EXPECT_TRUE(canvas.has_text(format_bytes(4 * 2 * 20)));
    EXPECT_NE(find_hit(canvas,
                       "command:train-shape num_hidden_layers=2 kv_lora_rank=12 "
                       "n_routed_experts=24",
                       0),
              nullptr);
    EXPECT_NE(p.shown.describe(p.frame).find("Another shape: parameters +"), std::string::npos);
    for (const Invariant& i : p.shown.invariants(p.frame))
        EXPECT_TRUE(i.holds) << i.name << i.figure;
}

// The bars' parts, read back: widths go by what each is spent on.
TEST(TrainingShape, BarsAreAsLongAsTheirParts) {
    const TrainingPicture p("shape", small_run().trace, small_history(), 2560, 1440);
    const RecordingCanvas canvas = p.draw();
    const ShapeCost s = shape_cost(small_shape(), 128);
    // The title's line, then its bar below.
    double title = 0, left = 0, right = 0;
    for (const Primitive& q : canvas.primitives())
        if (q.kind == Primitive::Kind::text && q.text == "active parameters") {
            title = q.rect.bottom();
            left = q.rect.x;
        }
    right = canvas.frame().w - 24;
    ASSERT_GT(title, 0);
    const double routed = s.active.routed / s.active.sum() * (right - left);
    bool seen = false;
    for (const Primitive& q : canvas.primitives())
        seen = seen || (q.kind == Primitive::Kind::fill_rect && q.rect.y > title - 4 &&
                        q.rect.y < title + 12 && std::abs(q.rect.w + 1 - routed) < 0.6);
    EXPECT_TRUE(seen) << routed;
}

TEST(TrainingShape, SaysWhyAShapeCannotBe) {
    TrainingPicture p("shape", small_run().trace, small_history());
    p.set("n_group=3");
    ModelConfig c = small_shape();
    c.n_group = 3;
    ASSERT_FALSE(c.problems().empty());
    const RecordingCanvas canvas = p.draw();
    EXPECT_TRUE(canvas.has_text("This shape cannot be"));
    EXPECT_TRUE(canvas.has_text("do not divide 8"));
    for (const Hit& h : canvas.hits())
        EXPECT_FALSE(h.target.node.starts_with("command:train-shape"));
    EXPECT_TRUE(p.shown.invariants(p.frame).empty());
}

TEST(TrainingShape, TooLargeIsNotBuilt) {
    TrainingPicture p("shape", small_run().trace, small_history());
    for (const char* change : {"num_hidden_layers=12", "hidden_size=256", "n_routed_experts=64",
                               "moe_intermediate_size=256"})
        p.set(change);
    const RecordingCanvas canvas = p.draw();
    EXPECT_TRUE(canvas.has_text("too large"));
    for (const Hit& h : canvas.hits())
        EXPECT_FALSE(h.target.node.starts_with("command:train-shape"));
}

TEST(TrainingShape, ChecksSeeAWrongFormula) {
    TrainingPicture p("shape", small_run().trace, small_history());
    training::Proposal s = training::make_shape(p.frame, p.shown);
    const auto holds = [&](const char* check) {
        for (const Invariant& i : training::shape_checks(p.frame, s))
            if (i.name.find(check) != std::string::npos) return i.holds;
        ADD_FAILURE() << check;
        return false;
    };
    for (const char* check : {"parameters = those", "cached numbers", "groups that", "weights"})
        EXPECT_TRUE(holds(check)) << check;
    s.after.size.parameters += 1;
    EXPECT_FALSE(holds("parameters = those"));
    s.after.size.cache_floats_per_token += 1;
    EXPECT_FALSE(holds("cached numbers"));
    s.after.nodes = 2.1;
    EXPECT_FALSE(holds("groups that"));
    s.before.size.parameters -= 1;
    EXPECT_FALSE(holds("weights"));
}

}  // namespace
}  // namespace sf
