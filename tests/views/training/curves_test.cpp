// The page "Curves" shows the records as they are, and its checks notice what is wrong. That the
// same seed gives the same curve bit for bit is tested in core (trainer_test, training_test), as is
// that a loss which is not finite stops the run: both need a second run.
#include "training_fixture.h"
#include "views/draw/number.h"
#include "views/training_draw.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace sf {
namespace {

using training::make_run;

// A curve in a colour, read back: its points.
std::vector<Vec2> curve(const RecordingCanvas& canvas, Colour colour) {
    for (const Primitive& p : canvas.primitives())
        if (p.kind == Primitive::Kind::polyline && p.colour == colour && p.points.size() > 4)
            return p.points;
    return {};
}

// The step that a height of the drawn losses stands for, by two tick labels of the axis.
struct Scale {
    double at = 0, per_pixel = 0;
    double value(double y) const { return at + (y - zero) * per_pixel; }
    double zero = 0;
};
Scale scale_of(const RecordingCanvas& canvas, double left) {
    std::vector<std::pair<double, double>> ticks;  // y, value
    for (const Primitive& p : canvas.primitives()) {
        if (p.kind != Primitive::Kind::text || p.style.align != Align::right ||
            p.rect.right() > left || p.rect.right() < left - 12)
            continue;
        ticks.emplace_back(p.baseline.y, std::stod(p.text));
    }
    Scale s;
    EXPECT_GE(ticks.size(), 2U);
    if (ticks.size() < 2) return s;
    s.zero = ticks.front().first;
    s.at = ticks.front().second;
    s.per_pixel =
        (ticks.back().second - ticks.front().second) / (ticks.back().first - ticks.front().first);
    return s;
}

TEST(TrainingCurves, TheLossesDrawnAreTheRecords) {
    TrainingPicture p("curves", small_run().trace, small_history());
    p.set("log_steps=false");
    const RecordingCanvas canvas = p.draw();
    const History& h = *p.history;
    ASSERT_EQ(h.size(), 60U);
    // Held out: the accent. Places of ticks are known to the half of a label's height.
    const std::vector<Vec2> held_out = curve(canvas, p.theme.accent);
    ASSERT_EQ(held_out.size(), 6U);
    const double left = held_out.front().x;
    std::vector<Vec2> loss;
    for (const Primitive& q : canvas.primitives())
        if (q.kind == Primitive::Kind::polyline && q.points.size() == 60 && loss.empty())
            loss = q.points;
    ASSERT_EQ(loss.size(), 60U);
    const Scale scale = scale_of(canvas, loss.front().x);
    const double to = loss.back().x, from = loss.front().x;
    // The labels' offset is the same for all: differences are exact.
    const double offset = scale.value(loss.front().y) - static_cast<double>(h[0].loss);
    EXPECT_LT(std::abs(offset), std::abs(scale.per_pixel) * 8);
    for (std::size_t i = 0; i < 60; ++i) {
        EXPECT_NEAR(loss[i].x, from + (to - from) * static_cast<double>(i) / 59, 1e-6);
        EXPECT_NEAR(scale.value(loss[i].y) - offset, static_cast<double>(h[i].loss), 1e-4) << i;
    }
    std::size_t seen = 0;
    for (std::size_t i = 0; i < 60; ++i) {
        if (!std::isfinite(h[i].heldout_loss)) continue;
        EXPECT_NEAR(scale.value(held_out[seen].y) - offset, static_cast<double>(h[i].heldout_loss),
                    1e-4);
        EXPECT_NEAR(held_out[seen].x, from + (to - from) * static_cast<double>(i) / 59, 1e-6);
        ++seen;
    }
    EXPECT_EQ(seen, 6U);
    EXPECT_GT(left, from);
}

TEST(TrainingCurves, TheSentencesSayTheRecord) {
    TrainingPicture p("curves", small_run().trace, small_history());
    const History& h = *p.history;
    const StepRecord& last = h.back();
    const RecordingCanvas canvas = p.draw();
    EXPECT_TRUE(canvas.has_text(format_fixed(static_cast<double>(last.heldout_loss), 3)));
    double sum = static_cast<double>(last.loss);
    for (const float l : last.mtp_loss) sum += 0.3 / 2 * static_cast<double>(l);
    sum += static_cast<double>(last.balance_loss);
    EXPECT_NEAR(training::objective(last), sum, 1e-6);
    const std::string text = p.shown.describe(p.frame);
    EXPECT_NE(text.find(format_fixed(sum, 3) + " = " +
                        format_fixed(static_cast<double>(last.loss), 3) + " + 0.3/2 ("),
              std::string::npos)
        << text;
    EXPECT_NE(
        text.find(format_fixed(
                      static_cast<double>(last.heldout_loss) - static_cast<double>(last.floor), 3) +
                  " above"),
        std::string::npos)
        << text;
}

TEST(TrainingCurves, ViolationIsOfTheLoads) {
    TrainingPicture p("curves", small_run().trace, small_history());
    const History& h = *p.history;
    // 60 steps of 48 tokens are fewer than a window: all of them count.
    std::vector<double> worst;
    for (std::size_t layer = 0; layer < h.layers().size(); ++layer) {
        std::vector<double> load(8);
        double sum = 0;
        for (std::size_t i = 0; i < h.size(); ++i)
            for (std::size_t e = 0; e < 8; ++e) {
                load[e] += static_cast<double>(h[i].load[layer * 8 + e]);
                sum += static_cast<double>(h[i].load[layer * 8 + e]);
            }
        worst.push_back(*std::max_element(load.begin(), load.end()) * 8 / sum - 1);
    }
    const double most = *std::max_element(worst.begin(), worst.end());
    EXPECT_TRUE(p.draw().has_text(training::short_number(most) + " in "));
    EXPECT_NE(p.shown.describe(p.frame).find(format_percent(most) + " above the mean"),
              std::string::npos);
}

TEST(TrainingCurves, PressingGoesToTheNearestKeptStep) {
    TrainingPicture p("curves", small_run().trace, small_history());
    p.set("log_steps=false");
    const RecordingCanvas canvas = p.draw();
    const std::vector<std::int64_t> kept = p.history->probe_steps();
    EXPECT_EQ(kept, (std::vector<std::int64_t>{0, 1, 2, 5, 10, 20, 50, 60}));
    const Hit *from = find_hit(canvas, "train-at", 10), *to = find_hit(canvas, "train-at", 20);
    ASSERT_TRUE(from && to);
    EXPECT_DOUBLE_EQ(from->rect.right(), to->rect.x);
    // Steps 1 to 60 are 59 apart.
    const Hit* end = find_hit(canvas, "train-at", 60);
    ASSERT_TRUE(end);
    const double left = find_hit(canvas, "train-at", 1)->rect.x;
    EXPECT_NEAR((to->rect.x - left) / (end->rect.right() - left), (15.0 - 1) / 59, 0.02);
    // And the step that is looked at is a line there.
    p.look_at(20);
    const RecordingCanvas looking = p.draw();
    const double x = left + (end->rect.right() - left) * 19 / 59;
    bool line = false;
    for (const Primitive& q : looking.primitives())
        line = line || (q.kind == Primitive::Kind::fill_rect && q.colour == p.theme.accent &&
                        q.rect.h > 100 && std::abs(q.rect.centre().x - x) < 0.5);
    EXPECT_TRUE(line);
    EXPECT_FALSE(looking == canvas);
}

TEST(TrainingChecks, HoldForTheRun) {
    for (const char* page : {"curves", "text"}) {
        TrainingPicture p(page, small_run().trace, small_history());
        p.settle();
        const auto list = p.shown.invariants(p.frame);
        EXPECT_GE(list.size(), 5U);
        for (const Invariant& i : list) EXPECT_TRUE(i.holds) << i.name << ": " << i.figure;
    }
}

TEST(TrainingChecks, SeeADeliberateFault) {
    const History& truth = small_run().trainer->history();
    const auto holds = [&](const char* check, const History& h) {
        return TrainingPicture("curves", small_run().trace, std::make_shared<const History>(h))
            .check(check)
            .holds;
    };
    for (const char* check : {"finite", "Σ load", "violation", "floor", "on screen"})
        EXPECT_TRUE(holds(check, truth)) << check;
    const float nan = std::numeric_limits<float>::quiet_NaN();
    EXPECT_FALSE(holds("finite", with_record(truth, 30, [&](StepRecord& r) { r.loss = nan; })));
    EXPECT_FALSE(
        holds("finite", with_record(truth, 30, [&](StepRecord& r) { r.mtp_loss[1] = nan; })));
    EXPECT_FALSE(holds("Σ load", with_record(truth, 7, [](StepRecord& r) { ++r.load[3]; })));
    EXPECT_FALSE(holds("Σ load", with_record(truth, 7, [](StepRecord& r) { ++r.load.back(); })));
    EXPECT_FALSE(holds("Σ load", with_record(truth, 7, [](StepRecord& r) { ++r.tokens; })));
    // On long rows the sample is large enough to tell.
    History low = with_record(truth, 59, [](StepRecord& r) { r.heldout_loss = r.floor - 0.12F; });
    EXPECT_TRUE(holds("floor", low));
    low.about.row_tokens = 256;
    EXPECT_FALSE(holds("floor", low));
}

TEST(TrainingChecks, SeeACurveThatIsNotTheRecords) {
    TrainingPicture p("curves", small_run().trace, small_history());
    const training::Run truth = make_run(p.frame);
    const auto holds = [](const char* check, const training::Run& run) {
        for (const Invariant& i : training::checks(run))
            if (i.name.find(check) != std::string::npos) return i.holds;
        ADD_FAILURE() << check;
        return false;
    };
    training::Run other = truth;
    other.loss.value[20] += 1e-3;
    EXPECT_FALSE(holds("the loss on screen", other));
    other = truth;
    other.violation[1].value[20] += 1e-6;
    EXPECT_FALSE(holds("violation on screen", other));
    EXPECT_TRUE(holds("violation on screen", truth));
}

// Entropy floors are means over many documents; a held-out measurement reads 32 rows. How far such
// rows may lie below the mean decides what the check allows: measured by the corpus' own
// probabilities, on whole documents up to the length of those rows.
TEST(TrainingChecks, TheAllowanceForSamplingIsThatOfTheCorpus) {
    const ModelConfig c = small_shape();
    TrainSettings s = small_settings(1);
    const auto text = generated_text(c, s);
    for (const std::int64_t row : {24, 128}) {
        const double allowed = 8 / std::sqrt(32 * static_cast<double>(row));
        double most = 0;
        for (std::uint64_t seed = 0; seed < 40; ++seed) {
            double nats = 0, tokens = 0;
            for (std::uint64_t i = 0; tokens < 32 * static_cast<double>(row); ++i) {
                const Document d = corpus_document(CorpusMix(), seed, CorpusPart::held_out, i);
                nats += d.nats + CorpusMix().kind_nats(d.kind);
                tokens += static_cast<double>(text->tokenizer()->encode(d.text).size() + 1);
            }
            most = std::max(most, text->floor() - nats / tokens);
        }
        EXPECT_LT(most, allowed) << row;
        EXPECT_GT(most, allowed / 8) << row << ": far too lenient";
    }
}

}  // namespace
}  // namespace sf
