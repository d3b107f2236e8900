// Training runs side by side: what is drawn is what the histories hold.
#include "core/run/divergence.h"
#include "runs_fixture.h"
#include "tests/support/page.h"
#include "views/draw/number.h"
#include "views/training_runs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace sf {
namespace {

using test::PageSize;
using test::RunsPicture;
using test::some_runs;

std::vector<NamedRun> first(std::size_t n) {
    return {some_runs().begin(), some_runs().begin() + static_cast<std::ptrdiff_t>(n)};
}

RunsPicture picture(std::size_t n) {
    return {first(n), 1280, 720, 1, false};
}

// ---- by hand

double loss_at(const History& h, std::size_t i) {
    double sum = 0;
    std::size_t n = 0;
    for (std::size_t k = i + 1; k-- > 0 && n <= i / 20; ++n) sum += static_cast<double>(h[k].loss);
    return sum / static_cast<double>(n);
}

double held_out_at(const History& h, std::size_t i) {
    double last = NAN;
    for (std::size_t k = 0; k <= i; ++k)
        if (std::isfinite(h[k].heldout_loss)) last = static_cast<double>(h[k].heldout_loss);
    return last;
}

// Fewer than 8,192 tokens were read: all records count.
double violation_at(const History& h, std::size_t i) {
    const auto experts = static_cast<std::size_t>(h.experts());
    double worst = 0;
    for (std::size_t layer = 0; layer < h.layers().size(); ++layer) {
        std::vector<double> load(experts);
        for (std::size_t k = 0; k <= i; ++k)
            for (std::size_t e = 0; e < experts; ++e)
                load[e] += static_cast<double>(h[k].load[layer * experts + e]);
        double sum = 0;
        for (const double n : load) sum += n;
        worst = std::max(
            worst,
            *std::max_element(load.begin(), load.end()) * static_cast<double>(experts) / sum - 1);
    }
    return worst;
}

// The texts in a row of the table, left to right.
std::vector<std::string> row_of(const RecordingCanvas& canvas, const std::string& name) {
    const Primitive* label = nullptr;  // in the first column
    for (const Primitive& p : canvas.primitives())
        if (p.kind == Primitive::Kind::text && p.text == name && p.baseline.y > 300 &&
            (label == nullptr || p.rect.x < label->rect.x))
            label = &p;
    if (label == nullptr) return {};
    const double y = label->baseline.y;
    std::vector<std::pair<double, std::string>> cells;
    for (const Primitive& p : canvas.primitives())
        if (p.kind == Primitive::Kind::text && std::fabs(p.baseline.y - y) < 2)
            cells.emplace_back(p.rect.x, p.text);
    std::sort(cells.begin(), cells.end());
    std::vector<std::string> texts;
    for (auto& cell : cells) texts.push_back(cell.second);
    return texts;
}

TEST(TrainingRuns, TheTableHoldsTheRunsFigures) {
    const RunsPicture p = picture(5);
    const RecordingCanvas canvas = p.draw();
    const char* const parts[] = {"", "step 1, bias of layers.1", "step 1, balance_loss",
                                 "step 1, balance_loss", "shape: hidden_size 48 → 64"};
    const char* const modes[] = {"none", "bias", "aux", "bias+seq", "none"};
    for (std::size_t i = 0; i < 5; ++i) {
        const NamedRun& run = some_runs()[i];
        const History& h = *run.history;
        std::vector<std::string> wanted{run.name,
                                        modes[i],
                                        format_count(h.back().step),
                                        format_fixed(loss_at(h, h.size() - 1), 3),
                                        format_fixed(held_out_at(h, h.size() - 1), 3),
                                        format_fixed(violation_at(h, h.size() - 1), 3)};
        if (i > 0) wanted.push_back(parts[i]);
        EXPECT_EQ(row_of(canvas, run.name), wanted);
    }
}

TEST(TrainingRuns, TheSecondClockChoosesTheRecords) {
    RunsPicture p = picture(2);
    p.frame.train_step = 10;
    const RecordingCanvas canvas = p.draw();
    for (const NamedRun& run : first(2)) {
        const std::vector<std::string> row = row_of(canvas, run.name);
        ASSERT_GE(row.size(), 6U);
        EXPECT_EQ(row[2], "10");
        EXPECT_EQ(row[3], format_fixed(loss_at(*run.history, 9), 3));
        EXPECT_EQ(row[4], format_fixed(held_out_at(*run.history, 9), 3));
        EXPECT_EQ(row[5], format_fixed(violation_at(*run.history, 9), 3));
    }
}

// Heights on the page are the values on one scale.
TEST(TrainingRuns, CurvesAreTheRecords) {
    for (const char* curve : {"loss", "violation"}) {
        RunsPicture p = picture(1);
        p.set(std::string("curve=") + curve);
        p.set("log_steps=false");
        const RecordingCanvas canvas = p.draw();
        const History& h = *some_runs()[0].history;
        const Primitive* line = nullptr;
        for (const Primitive& q : canvas.primitives())
            if (q.kind == Primitive::Kind::polyline && q.colour == p.theme.accent &&
                q.points.size() == h.size() && q.width > 2)
                line = &q;
        ASSERT_NE(line, nullptr) << curve;
        const auto value = [&](std::size_t i) {
            return std::string(curve) == "loss" ? loss_at(h, i) : violation_at(h, i);
        };
        std::size_t low = 0, high = 0;
        for (std::size_t i = 0; i < h.size(); ++i) {
            if (value(i) < value(low)) low = i;
            if (value(i) > value(high)) high = i;
        }
        const double scale =
            (line->points[high].y - line->points[low].y) / (value(high) - value(low));
        EXPECT_LT(scale, 0) << "upwards";
        for (std::size_t i = 0; i < h.size(); ++i) {
            EXPECT_NEAR(line->points[i].y, line->points[low].y + scale * (value(i) - value(low)),
                        1e-3)
                << curve << " " << i;
            EXPECT_NEAR(line->points[i].x - line->points[0].x,
                        (line->points[1].x - line->points[0].x) * static_cast<double>(i), 1e-3);
        }
    }
}

TEST(TrainingRuns, AnyRunCanBeSetAgainstTheFirst) {
    RunsPicture p = picture(5);
    const auto told = [&](const std::string& name) {
        return divergence_text(
            first_divergence(*some_runs()[0].history, *find_run(p.frame, name)->history), "none",
            name);
    };
    const auto shows = [&](const std::string& sentence) {
        std::string all;
        for (const std::string& text : p.draw().texts()) all += text + " ";
        return all.find(sentence) != std::string::npos;
    };
    EXPECT_TRUE(shows(told("bias"))) << "the first other";
    p.set("other=aux");
    EXPECT_TRUE(shows(told("aux")));
    EXPECT_FALSE(shows(told("bias")));
    EXPECT_NE(p.shown.describe(p.frame).find(told("wide")), std::string::npos);
    // Rows and small curves are to be pressed.
    std::set<std::string> commands;
    const RecordingCanvas canvas = p.draw();
    for (const Hit& hit : canvas.hits()) commands.insert(hit.target.node);
    for (const char* c :
         {"command:set training.other=bias", "command:set training.other=wide",
          "command:set training.curve=violation", "command:set training.curve=held-out"})
        EXPECT_TRUE(commands.contains(c)) << c;
}

TEST(TrainingRuns, TheHeadlineTellsTheDifference) {
    RunsPicture p = picture(2);
    p.set("curve=violation");
    const double none = violation_at(*some_runs()[0].history, 39),
                 bias = violation_at(*some_runs()[1].history, 39);
    const bool worse = none > bias;
    EXPECT_TRUE(p.draw().has_text("the fullest expert of " + std::string(worse ? "none" : "bias")));
    const std::string words = p.shown.describe(p.frame);
    EXPECT_NE(words.find("does " + format_fixed(std::max(none, bias) + 1, 2)), std::string::npos)
        << words;
    RunsPicture same({some_runs()[0], {"again", some_runs()[0].model, some_runs()[0].history}},
                     1280, 720, 1, false);
    EXPECT_NE(same.shown.describe(same.frame).find("one and the same run, bit for bit"),
              std::string::npos);
}

TEST(TrainingRuns, EmptyStatesSayWhatToDo) {
    for (const std::size_t n : {std::size_t{0}, std::size_t{1}}) {
        const RunsPicture p = picture(n);
        std::string all;
        for (const std::string& text : p.draw().texts()) all += text + " ";
        EXPECT_NE(all.find("run-load FOLDER"), std::string::npos) << all;
        EXPECT_NE(p.shown.describe(p.frame).find("--compare"), std::string::npos);
    }
    // The own model has no history, the others are compared with the first of them.
    RunsPicture p = picture(3);
    p.frame.history = nullptr;
    EXPECT_TRUE(p.draw().has_text("parts from bias"));
}

TEST(TrainingRuns, ChecksTurnRed) {
    RunsPicture p = picture(5);
    const std::vector<Invariant> all = p.shown.invariants(p.frame);
    ASSERT_EQ(all.size(), 3U);
    for (const Invariant& i : all) EXPECT_TRUE(i.holds) << i.name << ": " << i.figure;
    const auto with = [](const History& h, const std::function<void(StepRecord&)>& fault) {
        auto out = std::make_shared<History>(h.config());
        for (std::size_t i = 0; i < h.size(); ++i) {
            StepRecord r = h[i];
            if (i == 7) fault(r);
            out->add(r);
        }
        return out;
    };
    p.others[1].history = with(*p.others[1].history, [](StepRecord& r) { ++r.load[3]; });
    EXPECT_FALSE(p.check("load = tokens").holds);
    EXPECT_NE(p.check("load = tokens").figure.find("off by 1"), std::string::npos);
    p.others[1].history = with(*p.others[1].history, [](StepRecord& r) { r.loss = NAN; });
    EXPECT_FALSE(p.check("every loss is finite").holds);
    // A step that is told too late.
    RunsPicture late = picture(2);
    training::RunsScene scene = training::make_runs_scene(late.frame, late.shown);
    EXPECT_TRUE(training::runs_checks(scene).back().holds);
    scene.runs[1].divergence.step += 3;
    EXPECT_FALSE(training::runs_checks(scene).back().holds);
}

class TrainingRunsLayout : public testing::TestWithParam<PageSize> {};

TEST_P(TrainingRunsLayout, NothingOverlapsOrIsCut) {
    const PageSize& size = GetParam();
    for (const std::size_t n : {0, 1, 2, 5})
        for (const char* curve : {"loss", "held-out", "violation"}) {
            RunsPicture p(first(n), size.w, size.h, size.percent / 100.0, size.dark);
            p.set(std::string("curve=") + curve);
            for (const std::int64_t step : {-1, 0, 10}) {
                p.frame.train_step = step;
                const RecordingCanvas canvas = p.draw();
                test::expect_clean(canvas, std::to_string(n) + " runs, " + curve + ", step " +
                                               std::to_string(step));
                EXPECT_TRUE(canvas == p.draw());
            }
        }
}

INSTANTIATE_TEST_SUITE_P(
    Sizes, TrainingRunsLayout,
    testing::Values(PageSize{1280, 720, 100, false}, PageSize{1280, 720, 200, true},
                    PageSize{2560, 1440, 100, true}, PageSize{2560, 1440, 200, false},
                    PageSize{640, 480, 100, false}, PageSize{480, 360, 150, false},
                    PageSize{300, 900, 100, true}));

// Odd shapes: no experts, no MTP, softmax routers, one record.
TEST(TrainingRuns, SurvivesOddModels) {
    const std::vector<NamedRun> odd{
        test::trained_run("dense", 3,
                          [](ModelConfig& c, TrainSettings&) { c.n_routed_experts = 0; }),
        test::trained_run("no-mtp", 1,
                          [](ModelConfig& c, TrainSettings&) { c.num_nextn_predict_layers = 0; }),
        test::trained_run("greedy", 2, [](ModelConfig& c, TrainSettings&) {
            c.topk_method = "greedy";
            c.scoring_func = "softmax";
            c.n_group = c.topk_group = 1;
            c.n_shared_experts = 0;
        })};
    for (std::size_t i = 0; i < odd.size(); ++i) {
        std::vector<NamedRun> runs = odd;
        std::rotate(runs.begin(), runs.begin() + static_cast<std::ptrdiff_t>(i), runs.end());
        runs.push_back({"nothing kept", runs[0].model, nullptr});
        for (const char* curve : {"loss", "held-out", "violation"}) {
            RunsPicture p(runs, 1280, 720, 1, false);
            p.set(std::string("curve=") + curve);
            test::expect_clean(p.draw(), runs[0].name + " first, " + curve);
            for (const Invariant& held : p.shown.invariants(p.frame))
                EXPECT_TRUE(held.holds) << held.name << ": " << held.figure;
            EXPECT_FALSE(p.shown.describe(p.frame).empty());
        }
    }
}

}  // namespace
}  // namespace sf
