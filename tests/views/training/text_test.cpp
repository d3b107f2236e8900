// The page "Text" shows what the model of the step writes and expects.
#include "core/run/writing.h"
#include "training_fixture.h"
#include "views/draw/number.h"
#include "views/draw/shapes.h"
#include "views/training_draw.h"

#include <gtest/gtest.h>

namespace sf {
namespace {

TEST(TrainingText, ShowsWhatTheModelOfTheStepWrote) {
    TrainingPicture p("text", small_run().trace, small_history(), 2560, 1440);
    const History& h = *p.history;
    ASSERT_EQ(h.about.beginnings.size(), corpus_kinds().size());
    p.look_at(50);
    const RecordingCanvas canvas = p.draw();
    EXPECT_TRUE(canvas.has_text("step 50"));
    const auto written = h.written(50);
    ASSERT_NE(written, nullptr);
    std::int64_t right = 0;
    for (std::size_t i = 0; i < written->size(); ++i) {
        const Beginning& b = h.about.beginnings[i];
        EXPECT_TRUE(canvas.has_text(b.kind));
        const auto& ids = (*written)[i];
        right += ids.size() >= b.answer.size() &&
                         std::vector<std::int64_t>(ids.begin(),
                                                   ids.begin() + std::ssize(b.answer)) == b.answer
                     ? 1
                     : 0;
    }
    EXPECT_TRUE(canvas.has_text(std::to_string(right) + " of 7 answers right"));
    // The first token after the story's beginning stands in bold.
    EXPECT_NE(p.shown.describe(p.frame).find(
                  "” goes on “" + training::plain_text(p.frame.trace, written->front(), false)),
              std::string::npos);
}

TEST(TrainingText, VerdictsAreThoseOfTheAnswer) {
    const Beginning b{"sort", {1, 2}, {7, 8}};
    using training::Verdict;
    EXPECT_EQ(training::verdict(b, {7, 8, 9}), Verdict::right);
    EXPECT_EQ(training::verdict(b, {7, 8}), Verdict::right);
    EXPECT_EQ(training::verdict(b, {7}), Verdict::wrong);
    EXPECT_EQ(training::verdict(b, {7, 9, 8}), Verdict::wrong);
    EXPECT_EQ(training::verdict({"file", {1}, {}}, {7}), Verdict::unknown);
}

TEST(TrainingText, ReadsAsItWasWritten) {
    const Trace& trace = *small_run().trace;
    const auto text = [&](const std::string& bytes) {
        return training::plain_text(&trace, trace.tokenizer->encode(bytes), false);
    };
    EXPECT_EQ(text("Tom has a kite."), "Tom has a kite.");
    EXPECT_EQ(text(" two  spaces "), " two  spaces ");
    EXPECT_EQ(text("print n\nend"), "print n⏎end");
    EXPECT_EQ(text("  "), "␣␣");
    EXPECT_EQ(training::plain_text(&trace, {'o', 'k', trace.graph->config.eos_token_id}, true),
              "ok ■");
    EXPECT_EQ(training::plain_text(nullptr, {7, 8}, true), "⟨7⟩ ⟨8⟩");
}

TEST(TrainingText, TheLatestWeightsWriteForThePicture) {
    TrainingPicture p("text", small_run().trace, small_history());
    ASSERT_EQ(p.shown.needs(p.frame).size(), 1U);
    p.settle();
    const training::Writing w = training::make_writing(p.frame);
    ASSERT_NE(w.now, nullptr);
    EXPECT_EQ(w.step, 60);
    // The same that the trainer wrote down at this step, being of the same weights.
    EXPECT_EQ(*w.written, *p.history->written(60));
    EXPECT_EQ(w.now->otherwise, 0);
    EXPECT_TRUE(p.check("what it writes").holds);
    p.look_at(20);
    EXPECT_TRUE(p.shown.needs(p.frame).empty());
}

TEST(TrainingText, TheCheckOfWritingSeesAnotherToken) {
    TrainingPicture p("text", small_run().trace, small_history());
    p.settle();
    const Need need = p.shown.needs(p.frame).front();
    WrittenNow other = *p.derived.find<WrittenNow>(need.key);
    other.otherwise = 1;
    p.derived.set(need.key, {std::make_shared<WrittenNow>(other), "", 1});
    EXPECT_FALSE(p.check("what it writes").holds);
}

// Under every token of the probe text stands the argmax of the step's own probabilities.
TEST(TrainingText, ThePredictionsAreTheProbes) {
    TrainingPicture p("text", small_run().trace,
                      std::make_shared<const History>(older(small_run().trainer->history())), 2560,
                      1440);
    const History& h = *p.history;
    p.look_at(50);
    const RecordingCanvas canvas = p.draw();
    const Trace& probe = *h.probe(50);
    const Tensor& probs = *probe.find("probs");
    const std::int64_t tokens = probe.extent.tokens, vocab = probs.shape.cols();
    std::int64_t seen = 0;
    for (std::int64_t i = 0; i < tokens; ++i) {
        std::int64_t best = 0;
        for (std::int64_t id = 1; id < vocab; ++id)
            if (probs.at(i * vocab + id) > probs.at(i * vocab + best)) best = id;
        const Hit* hit = find_hit(canvas, "probs", i * vocab + best);
        ASSERT_NE(hit, nullptr) << i;
        double bar = -1;
        bool label = false;
        const bool right = i + 1 < tokens && best == probe.ids[static_cast<std::size_t>(i + 1)];
        for (const Primitive& q : canvas.primitives()) {
            if (!hit->rect.contains(q.rect.centre())) continue;
            if (q.kind == Primitive::Kind::text) {
                label = label || q.text == token_label(probe.label(best));
                EXPECT_EQ(q.style.weight, right ? Weight::bold : Weight::regular) << i;
            }
            if (q.kind == Primitive::Kind::fill_rect && q.rect.h < 6) bar = q.rect.w;
        }
        EXPECT_TRUE(label) << i << " " << probe.label(best);
        EXPECT_NEAR(bar / (hit->rect.w - 3), probs.at(i * vocab + best), 1e-6) << i;
        ++seen;
    }
    EXPECT_EQ(seen, tokens);
    // Other rows go to their steps.
    EXPECT_NE(find_hit(canvas, "train-at", 5), nullptr);
}

TEST(TrainingText, ABeginningIsFollowedThroughTheSteps) {
    TrainingPicture p("text", small_run().trace, small_history(), 2560, 1440);
    p.set("beginning=4");
    const RecordingCanvas canvas = p.draw();
    const History& h = *p.history;
    EXPECT_TRUE(canvas.has_text(h.about.beginnings[4].kind + ", step by step"));
    for (const std::int64_t step : h.probe_steps()) {
        const std::string text = training::plain_text(p.frame.trace, (*h.written(step))[4], true);
        EXPECT_TRUE(canvas.has_text(text.substr(0, 8))) << step;
    }
    p.set("beginning=0");
    EXPECT_FALSE(p.draw() == canvas);
}

TEST(TrainingText, AStepThatWasNotAskedSaysSo) {
    auto later = std::make_shared<History>(*small_history());
    Beginning b = later->about.beginnings.front();
    b.kind = "later";
    later->add_beginnings({b});
    TrainingPicture p("text", small_run().trace, later, 2560, 1440);
    const auto not_asked = [&](std::size_t beginning) {
        p.set("beginning=" + std::to_string(beginning));
        const RecordingCanvas canvas = p.draw();
        std::size_t count = 0;
        for (const Primitive& q : canvas.primitives())
            count += q.kind == Primitive::Kind::text && q.text == "not asked" ? 1 : 0;
        return count;
    };
    // Once beside the beginning, and at every step of it.
    p.look_at(20);
    EXPECT_EQ(not_asked(0), 1U);
    EXPECT_EQ(not_asked(later->about.beginnings.size() - 1), 1 + later->probe_steps().size());
    // Nor is it told as an answer.
    later = std::make_shared<History>(older(*small_history()));
    later->add_beginnings({b});
    later->add_written(20, {{}});
    p.history = later;
    p.frame.history = later.get();
    p.look_at(20);
    EXPECT_EQ(p.shown.describe(p.frame).find("goes on “"), std::string::npos);
}

TEST(TrainingText, SaysWhyThereIsNothing) {
    auto without = std::make_shared<Trace>(*small_run().trace);
    without->weights = nullptr;
    TrainingPicture p("text", without,
                      std::make_shared<const History>(older(small_run().trainer->history())));
    EXPECT_TRUE(p.shown.needs(p.frame).empty());
    EXPECT_TRUE(p.draw().has_text("no weights to write with"));
    p.look_at(10);
    // The table of what was expected takes the place.
    std::int64_t foretold = 0;
    const Trace& probe = *p.history->probe(10);
    for (std::int64_t i = 0; i + 1 < probe.extent.tokens; ++i) {
        const double own =
            value_at(probe, "probs", {0, i, probe.ids[static_cast<std::size_t>(i + 1)]});
        bool best = true;
        for (std::int64_t id = 0; id < probe.graph->config.vocab_size; ++id)
            best = best && value_at(probe, "probs", {0, i, id}) <= own;
        foretold += best ? 1 : 0;
    }
    EXPECT_NE(p.shown.describe(p.frame).find("foretells " + std::to_string(foretold) + " of 15"),
              std::string::npos);
    EXPECT_TRUE(p.draw().has_text("What it holds for likely next"));
    TrainingPicture nothing("text", nullptr, nullptr);
    EXPECT_TRUE(nothing.draw().has_text("Press R to train"));
    EXPECT_TRUE(nothing.shown.invariants(nothing.frame).empty());
}

}  // namespace
}  // namespace sf
