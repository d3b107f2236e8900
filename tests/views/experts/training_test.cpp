// The page "training" of the view "Experts": what is drawn is what the history holds.
#include "history_fixture.h"
#include "tests/support/page.h"
#include "tests/views/random/random_config.h"
#include "views/draw/colour_map.h"
#include "views/draw/number.h"
#include "views/experts_training.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <sstream>

namespace sf {
namespace {

using test::ExpertsPicture;

TracePtr run() {
    return test::changed_run("the cat sat");
}

// Largest load over the mean, minus 1, from the record back to as many as hold 8192 tokens.
double violation_at(const History& h, std::size_t layer, std::size_t index) {
    const auto experts = static_cast<std::size_t>(h.experts());
    std::vector<double> load(experts);
    double tokens = 0;
    for (std::size_t i = index + 1; i-- > 0 && tokens < 8192;) {
        for (std::size_t e = 0; e < experts; ++e)
            load[e] += static_cast<double>(h[i].load[layer * experts + e]);
        tokens += static_cast<double>(h[i].tokens);
    }
    const double sum = std::accumulate(load.begin(), load.end(), 0.0);
    return *std::max_element(load.begin(), load.end()) * static_cast<double>(experts) / sum - 1;
}

// The curves of this colour and width, longest first.
std::vector<std::vector<Vec2>> curves(const RecordingCanvas& canvas, Colour colour, double width) {
    std::vector<std::vector<Vec2>> all;
    for (const Primitive& p : canvas.primitives())
        if (p.kind == Primitive::Kind::polyline && p.colour == colour && p.width == width)
            all.push_back(p.points);
    std::stable_sort(all.begin(), all.end(),
                     [](const auto& a, const auto& b) { return a.size() > b.size(); });
    return all;
}

// The heights of the points go straight with the values.
void expect_scaled(const std::vector<Vec2>& points, const std::vector<double>& values) {
    ASSERT_EQ(points.size(), values.size());
    const auto [lo, hi] = std::minmax_element(values.begin(), values.end());
    ASSERT_LT(*lo, *hi);
    const double at_lo = points[static_cast<std::size_t>(lo - values.begin())].y;
    const double at_hi = points[static_cast<std::size_t>(hi - values.begin())].y;
    EXPECT_GT(at_lo, at_hi + 5);
    for (std::size_t i = 0; i < points.size(); ++i)
        EXPECT_NEAR(points[i].y, at_lo + (at_hi - at_lo) * (values[i] - *lo) / (*hi - *lo), 0.05)
            << i;
}

TEST(ExpertsTraining, TheViolationIsThatOfTheLoads) {
    const auto h = test::trained(BalanceMode::bias);
    for (const std::size_t layer : {std::size_t{0}, std::size_t{1}}) {
        ExpertsPicture p(run(), h, "training");
        p.set("layer=" + std::to_string(layer + 1));
        std::vector<double> values;
        for (std::size_t i = 0; i < h->size(); ++i) values.push_back(violation_at(*h, layer, i));
        const auto drawn = curves(p.draw(), p.theme.meaning(Meaning::routed_expert), 2.25);
        ASSERT_FALSE(drawn.empty());
        expect_scaled(drawn.front(), values);
        EXPECT_NE(p.shown.describe(p.frame).find(
                      "minus 1, is " + format_fixed(values.back(), values.back() < 0.1 ? 3 : 2)),
                  std::string::npos);
    }
}

TEST(ExpertsTraining, TheBiasesAreThoseOfTheHistory) {
    const auto h = test::trained(BalanceMode::bias);
    ExpertsPicture p(run(), h, "training");
    p.set("expert=3");
    const auto experts = static_cast<std::size_t>(h->experts());
    std::vector<double> own;
    for (std::size_t i = 0; i < h->size(); ++i) {
        double sum = 0;
        for (std::size_t e = 0; e < experts; ++e) sum += static_cast<double>((*h)[i].bias[e]);
        own.push_back(static_cast<double>((*h)[i].bias[3]) - sum / static_cast<double>(experts));
    }
    const auto drawn = curves(p.draw(), p.theme.ink, 2);
    // Among the biases of all, and alone in the loop.
    ASSERT_GE(drawn.size(), 2U);
    expect_scaled(drawn[0], own);
    expect_scaled(drawn[1], own);
}

// The load of the chosen expert swings round its mean: a corner of what is filled for each record.
TEST(ExpertsTraining, TheLoopHasTheLoadsOfTheExpert) {
    const auto h = test::trained(BalanceMode::bias);
    ExpertsPicture p(run(), h, "training");
    p.set("expert=6");
    const auto experts = static_cast<std::size_t>(h->experts());
    std::vector<double> values;
    for (std::size_t i = 0; i < h->size(); ++i) {
        double own = 0, sum = 0;
        for (std::size_t j = 0; j <= i; ++j)
            for (std::size_t e = 0; e < experts; ++e) {
                sum += static_cast<double>((*h)[j].load[e]);
                if (e == 6) own += static_cast<double>((*h)[j].load[e]);
            }
        values.push_back(own * static_cast<double>(experts) / sum);
    }
    std::map<double, double> corners;  // by x, of two the one further from the mean's line
    double zero = 0;
    const RecordingCanvas canvas = p.draw();
    for (const Primitive& q : canvas.primitives())
        if (q.kind == Primitive::Kind::polygon &&
            q.colour == p.theme.meaning(Meaning::routed_expert).alpha(0.45)) {
            zero = q.points.back().y;
            for (const Vec2& v : q.points) {
                double& y = corners.try_emplace(v.x, zero).first->second;
                if (std::abs(v.y - zero) > std::abs(y - zero)) y = v.y;
            }
        }
    const double left = corners.begin()->first, right = corners.rbegin()->first;
    std::vector<Vec2> points;
    for (std::size_t i = 0; i < h->size(); ++i) {
        const double x =
            left + (right - left) * static_cast<double>(i) / static_cast<double>(h->size() - 1);
        const auto near = corners.lower_bound(x - 1e-6);
        ASSERT_TRUE(near != corners.end() && near->first < x + 1e-6) << i;
        points.push_back({x, near->second});
    }
    expect_scaled(points, values);
}

// Of each column the records whose steps end in it, or else the next one.
std::vector<double> column_loads(const History& h, std::size_t columns, std::size_t column) {
    const auto experts = static_cast<std::size_t>(h.experts());
    const auto column_of = [&](std::size_t i) {
        const double part = static_cast<double>(h[i].step - h[0].step) /
                            static_cast<double>(h.back().step - h[0].step);
        return std::max(0.0, std::ceil(part * static_cast<double>(columns) - 1e-9) - 1);
    };
    std::vector<double> load(experts);
    std::size_t next = h.size() - 1;
    bool any = false;
    for (std::size_t i = h.size(); i-- > 0;) {
        const double at = column_of(i);
        if (at == static_cast<double>(column)) any = true;
        if (at > static_cast<double>(column)) next = i;
        if (at == static_cast<double>(column))
            for (std::size_t e = 0; e < experts; ++e) load[e] += static_cast<double>(h[i].load[e]);
    }
    for (std::size_t e = 0; e < experts && !any; ++e)
        load[e] = static_cast<double>(h[next].load[e]);
    return load;
}

TEST(ExpertsTraining, TheMapHasTheColoursOfTheLoads) {
    const auto h = test::trained(BalanceMode::none);
    ExpertsPicture p(run(), h, "training");
    const RecordingCanvas canvas = p.draw();
    const Hit* hit = nullptr;
    for (const Hit& one : canvas.hits())
        if (one.target.node == "setting:expert") hit = &one;
    ASSERT_NE(hit, nullptr);
    EXPECT_EQ(hit->target.rows, h->experts());
    const Image* image = nullptr;
    for (const Primitive& q : canvas.primitives())
        if (q.kind == Primitive::Kind::image && q.rect == hit->rect) image = q.image.get();
    ASSERT_NE(image, nullptr);
    const auto experts = static_cast<std::size_t>(h->experts());
    const auto columns = static_cast<std::size_t>(image->w);
    std::vector<std::vector<double>> over;
    std::vector<double> all;
    for (std::size_t c = 0; c < columns; ++c) {
        over.push_back(column_loads(*h, columns, c));
        const double sum = std::accumulate(over[c].begin(), over[c].end(), 0.0);
        for (double& v : over[c]) {
            v = v * static_cast<double>(experts) / sum - 1;
            all.push_back(std::abs(v));
        }
    }
    std::sort(all.begin(), all.end());
    const auto scale = ColourScale::symmetric(std::clamp(2 * all[all.size() * 19 / 20], 0.1, 1.0));
    for (std::size_t e = 0; e < experts; ++e)
        for (std::size_t c = 0; c < columns; ++c)
            EXPECT_TRUE(image->pixels[e * columns + c] == scale.colour(p.theme, over[c][e]))
                << e << ", " << c;
}

// Shares stand upon each other, so the chosen one's band is as high as its share.
TEST(ExpertsTraining, TheStreamHasTheSharesOfTheLoads) {
    const auto h = test::trained(BalanceMode::none);
    ExpertsPicture p(run(), h, "training");
    p.set("loads=stream");
    p.set("expert=2");
    const RecordingCanvas canvas = p.draw();
    const Primitive* band = nullptr;
    for (const Primitive& q : canvas.primitives())
        if (q.kind == Primitive::Kind::polygon && q.points.size() > 20 &&
            q.colour == p.theme.meaning(Meaning::routed_expert))
            band = &q;
    ASSERT_NE(band, nullptr);
    double whole = 0;  // of the frame round all
    for (const Primitive& q : canvas.primitives())
        if (q.kind == Primitive::Kind::stroke_rect && q.rect.w > 200 && q.rect.h > 100 &&
            q.rect.x == band->points.front().x)
            whole = q.rect.h;
    ASSERT_GT(whole, 0);
    const std::size_t n = band->points.size() / 2;
    const double first = band->points.front().y - band->points.back().y;
    const double last = band->points[n - 1].y - band->points[n].y;
    const auto share = [&](const StepRecord& r) {
        const auto experts = static_cast<std::ptrdiff_t>(h->experts());
        return static_cast<double>(r.load[2]) /
               static_cast<double>(
                   std::accumulate(r.load.begin(), r.load.begin() + experts, std::int64_t{0}));
    };
    EXPECT_NEAR(first / whole, share((*h)[0]), 1e-6);
    EXPECT_NEAR(last / whole, share(h->back()), 1e-6);
}

TEST(ExpertsTraining, SaysHowItIsBalanced) {
    for (const auto& [mode, words] :
         std::map<BalanceMode, std::string>{{BalanceMode::none, "no balancing"},
                                            {BalanceMode::aux, "auxiliary loss"},
                                            {BalanceMode::bias, "bias, γ 0.01"},
                                            {BalanceMode::bias_seq, "and sequence-wise loss"}}) {
        const ExpertsPicture p(run(), test::trained(mode), "training");
        EXPECT_TRUE(p.draw().has_text(words)) << words;
        EXPECT_EQ(p.draw().has_text("No gradient"),
                  mode == BalanceMode::bias || mode == BalanceMode::bias_seq);
    }
}

TEST(ExpertsTraining, TheNoiseIsThatOfAsManyTokens) {
    const auto h = test::trained(BalanceMode::bias);
    const experts::BalanceCurve curve = experts::balance_curve(*h, 0, "");
    std::int64_t tokens = 0;
    for (std::size_t i = 0; i < h->size(); ++i) {
        tokens += (*h)[i].tokens;
        EXPECT_EQ(curve.noise[i],
                  BalancedNoise(h->config().num_experts_per_tok, h->experts())(tokens));
    }
}

TEST(ExpertsTraining, OtherRunsLieBesideIt) {
    ExpertsPicture p(run(), test::trained(BalanceMode::bias), "training");
    EXPECT_TRUE(p.draw().has_text("other layers"));
    p.beside("mode none", test::trained(BalanceMode::none));
    p.beside("without experts", test::trained(BalanceMode::none, 30, true));
    p.beside("nothing", nullptr);
    const RecordingCanvas canvas = p.draw();
    EXPECT_TRUE(canvas.has_text("mode none"));
    EXPECT_FALSE(canvas.has_text("without experts"));
    EXPECT_FALSE(canvas.has_text("other layers"));
    const auto& none = *test::trained(BalanceMode::none);
    EXPECT_NE(
        p.shown.describe(p.frame).find("In the run “mode none” it ends at " +
                                       format_fixed(violation_at(none, 0, none.size() - 1), 2)),
        std::string::npos);
    test::expect_clean(canvas, "runs");
}

TEST(ExpertsTraining, AKickIsOneCommand) {
    ExpertsPicture p(run(), test::trained(BalanceMode::bias), "training");
    p.set("expert=5");
    const auto pressed = [&](const std::string& command) {
        const RecordingCanvas canvas = p.draw();
        return std::any_of(canvas.hits().begin(), canvas.hits().end(),
                           [&](const Hit& h) { return h.target.node == "command:" + command; });
    };
    EXPECT_TRUE(pressed("train-kick layers.1 5 -0.1"));
    EXPECT_TRUE(pressed("train-kick layers.1 5 0.1"));
    EXPECT_TRUE(pressed("train-at 10"));  // a probe of the training
    p.frame.train_step = 10;              // what is past cannot be kicked
    EXPECT_FALSE(pressed("train-kick layers.1 5 0.1"));
}

TEST(ExpertsTraining, TheSecondClockIsFollowed) {
    const auto h = test::trained(BalanceMode::bias);
    ExpertsPicture p(run(), h, "training");
    p.frame.train_step = 12;
    EXPECT_TRUE(p.draw().has_text("step 12 of 30"));
    EXPECT_NE(p.shown.describe(p.frame).find("is " +
                                             format_fixed(violation_at(*h, 0, h->upto(12) - 1), 2)),
              std::string::npos);
}

TEST(ExpertsTraining, NothingOverlapsAtAnySize) {
    const TracePtr trace = run();
    for (const test::PageSize& size :
         {test::PageSize{1280, 720, 100, false}, test::PageSize{1280, 720, 200, true},
          test::PageSize{2560, 1440, 100, true}, test::PageSize{2560, 1440, 200, false},
          test::PageSize{900, 560, 100, false}, test::PageSize{640, 480, 200, false},
          test::PageSize{680, 380, 150, true}})
        for (const char* setting : {"loads=map", "loads=stream", "steps=log"})
            for (const bool runs : {false, true}) {
                ExpertsPicture p(trace, test::trained(BalanceMode::bias), "training", size.w,
                                 size.h, size.percent / 100.0, size.dark);
                p.set(setting);
                if (runs) p.beside("another run", test::trained(BalanceMode::aux));
                if (runs) p.frame.train_step = 5;
                std::ostringstream what;
                PrintTo(size, &what);
                test::expect_clean(p.draw(), what.str() + " " + setting);
                EXPECT_TRUE(p.draw() == p.draw());
            }
}

TEST(ExpertsTraining, WithoutAHistoryItSaysWhatToDo) {
    EXPECT_TRUE(ExpertsPicture(run(), nullptr, "training").draw().has_text("No training"));
    const ExpertsPicture dense(run(), test::trained(BalanceMode::none, 30, true), "training");
    EXPECT_TRUE(dense.draw().has_text("dense"));
    EXPECT_TRUE(dense.shown.invariants(dense.frame).empty());
    const ExpertsPicture empty(run(), std::make_shared<const History>(ModelConfig::preset("nano")),
                               "training");
    EXPECT_TRUE(empty.draw().has_text("No training"));
    // A history alone is enough.
    const ExpertsPicture alone(nullptr, test::trained(BalanceMode::bias), "training");
    EXPECT_TRUE(alone.draw().has_text("Violation"));
    test::expect_clean(alone.draw(), "no trace");
}

TEST(ExpertsTraining, AnyShapeAndAnyNumberOfRecords) {
    for (std::uint64_t seed = 0; seed < 24; ++seed) {
        test::Dice dice(seed);
        ModelConfig config = test::random_config(dice);
        if (seed % 6 == 0) {
            config = ModelConfig::preset("nano");
            config.n_routed_experts = 256;
            config.n_group = 8;
            config.topk_group = 4;
            config.num_experts_per_tok = 8;
        }
        const auto history =
            test::invented(config, dice.whole(1, 60), seed, seed % 2 == 0 ? 4096 : 16);
        ExpertsPicture p(nullptr, history, "training", static_cast<double>(dice.whole(480, 2560)),
                         static_cast<double>(dice.whole(360, 1440)), 1 + dice.uniform(),
                         dice.chance(0.5));
        p.set(dice.chance(0.5) ? "loads=stream" : "loads=map");
        p.set(dice.chance(0.5) ? "steps=log" : "steps=even");
        p.set("layer=" + std::to_string(dice.whole(-1, 5)));
        p.set("expert=" + std::to_string(dice.whole(-1, 5)));
        p.frame.train_step = dice.whole(-1, 60);
        const std::string what = std::to_string(seed) + ": " + test::config_text(config);
        test::expect_clean(p.draw(), what);
        for (const Invariant& i : p.shown.invariants(p.frame))
            EXPECT_TRUE(i.holds) << what << " " << i.name << ": " << i.figure;
        EXPECT_FALSE(p.shown.describe(p.frame).empty());
    }
}

}  // namespace
}  // namespace sf
