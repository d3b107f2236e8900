// Fifty models that nobody chose: every view of each, at steps spread over the run, with settings
// from anywhere in their ranges, on pages of any size. Nothing throws, overlaps, is cut or leaves
// its page, two draws are equal, and all that must hold does.
#include "core/random.h"
#include "core/run/edited_run.h"
#include "core/run/probe.h"
#include "core/run/runner.h"
#include "random_config.h"
#include "random_settings.h"
#include "tests/support/fake_backend.h"
#include "tests/support/page.h"
#include "views/registry.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <sstream>

namespace sf {
namespace {

using test::Dice;
using test::may_be_red;
using test::random_value;

// A run of random ids; what was recorded differs too.
TracePtr random_run(Dice& dice, const ModelConfig& config, std::string& what) {
    auto model = std::make_shared<Model>();
    model->name = "random";
    model->config = config;
    model->weights = initial_weights(config, dice.bits());
    RunOptions options;
    options.attention = dice.chance(0.4) ? AttentionMode::absorbed : AttentionMode::naive;
    const std::int64_t tokens =
        dice.whole(1, std::min<std::int64_t>(40, config.max_position_embeddings));
    options.gradients = tokens >= 2 && dice.chance(0.3);
    if (config.n_routed_experts > 0 && options.gradients) options.loss.alpha = 0.01;
    if (dice.chance(0.15)) options.budget_bytes = dice.whole(0, 1 << 18);
    std::vector<std::vector<std::int64_t>> rows(static_cast<std::size_t>(dice.whole(1, 2)));
    for (auto& row : rows)
        for (std::int64_t i = 0; i < tokens; ++i)
            row.push_back(dice.whole(0, config.vocab_size - 1));
    what += std::to_string(rows.size()) + " x " + std::to_string(tokens) + " tokens" +
            (options.attention == AttentionMode::absorbed ? ", absorbed" : "") +
            (options.gradients ? ", gradients" : "") + ", budget " +
            std::to_string(options.budget_bytes);
    return run_trace(model, rows, options);
}

// A history of any numbers that a run of this shape could have left: loads add up, rows are short.
History random_history(Dice& dice, const TracePtr& trace, std::string& what) {
    const ModelConfig& c = trace->graph->config;
    History h(c, static_cast<std::size_t>(dice.whole(4, 64)));
    if (dice.chance(0.7)) h.about.floor = dice.uniform();
    h.about.corpora = {dice.chance(0.5) ? "book.txt" : "story"};
    h.about.row_tokens = dice.whole(0, 40);
    const std::int64_t records = dice.whole(0, 80), tokens = dice.whole(8, 200);
    for (std::int64_t step = 1; step <= records; ++step) {
        StepRecord r;
        r.step = step;
        r.loss = static_cast<float>(10 * dice.uniform());
        r.mtp_loss.assign(static_cast<std::size_t>(h.mtp_depths()), r.loss);
        r.grad_norm = static_cast<float>(dice.uniform());
        r.lr = static_cast<float>(1e-2 * dice.uniform());
        r.tokens_per_second = static_cast<float>(1e4 * dice.uniform());
        r.floor = h.about.floor ? static_cast<float>(*h.about.floor) : not_measured;
        if (dice.chance(0.2)) r.heldout_loss = 1 + r.loss;
        r.tokens = tokens;
        r.bias.assign(h.layers().size() * static_cast<std::size_t>(h.experts()), 0);
        for (const std::string& layer : h.layers()) {
            std::vector<std::int64_t> load(static_cast<std::size_t>(h.experts()));
            // Module k finds no token k places on for the last k of the row.
            const std::int64_t seen =
                tokens - (layer.starts_with("mtp.") ? std::stoll(layer.substr(4)) : 0);
            for (std::int64_t n = 0; n < seen * c.num_experts_per_tok; ++n)
                ++load[static_cast<std::size_t>(dice.whole(0, h.experts() - 1))];
            r.load.insert(r.load.end(), load.begin(), load.end());
        }
        h.add(std::move(r));
    }
    if (dice.chance(0.5))
        h.about.beginnings = {{"a", {0}, {0, 0}}, {"b", {dice.whole(0, c.vocab_size - 1)}, {}}};
    if (trace->ids.size() <= static_cast<std::size_t>(max_probe_tokens))
        for (const std::int64_t step : {0, 1, 10}) {
            h.add_probe(step, trace);
            if (!h.about.beginnings.empty() && dice.chance(0.6)) h.add_written(step, {{0, 1}, {}});
        }
    what += ", history of " + std::to_string(records) + " steps";
    return h;
}

// Sets about a third of the declared settings, handles among them.
void set_anything(Dice& dice, const View& view, const Frame& frame, Settings& settings,
                  std::string& what) {
    for (const Parameter& declared : view.parameters(frame)) {
        if (!dice.chance(0.3)) continue;
        // Another setting may have moved its range.
        for (const Parameter& p : view.parameters(frame))
            if (p.name == declared.name) {
                const std::string assignment = p.name + "=" + random_value(dice, p, *frame.trace);
                what += " " + assignment;
                set_setting(settings, view, frame, assignment);
            }
    }
}

// A map that was moved or enlarged is cut by its frame, as every map is.
bool moved(const Settings& settings) {
    return settings.contains("zoom") || settings.contains("pan_x") || settings.contains("pan_y");
}

void expect_clean(const RecordingCanvas& canvas, const Settings& settings,
                  const std::string& what) {
    const std::vector<std::string> none;
    if (!moved(settings)) return test::expect_clean(canvas, what);
    EXPECT_TRUE(canvas.clips_balanced()) << what;
    EXPECT_EQ(canvas.overlapping_texts(), none) << what;
    EXPECT_EQ(canvas.outside(), none) << what;
}

class RandomModel : public testing::TestWithParam<int> {};

TEST_P(RandomModel, EveryViewHolds) {
    Dice dice(static_cast<std::uint64_t>(GetParam()));
    const ModelConfig config = test::random_config(dice);
    std::string run =
        "seed " + std::to_string(GetParam()) + ": " + test::config_text(config) + "; ";
    SCOPED_TRACE(run);
    TracePtr trace;
    ASSERT_NO_THROW(trace = random_run(dice, config, run)) << run;
    const Timeline timeline(*trace);
    ASSERT_GT(timeline.size(), 0);
    // Dice of their own: the runs stay those that once found something.
    Dice other(static_cast<std::uint64_t>(GetParam()) + 1'000'000);
    const History history = random_history(other, trace, run);
    constexpr std::int64_t steps = 5;
    for (const auto& view : views())
        for (std::int64_t i = 0; i < steps; ++i) {
            Settings settings;
            const Theme theme =
                test::PageSize{0, 0, static_cast<int>(dice.whole(100, 200)), dice.chance(0.5)}
                    .theme();
            Derived derived;
            Frame frame;
            frame.trace = trace.get();
            frame.timeline = &timeline;
            frame.derived = &derived;
            if (other.chance(0.8)) frame.history = &history;
            if ((GetParam() + i) % 2 == 0) frame.gpu = std::make_shared<test::FakeBackend>();
            frame.settings = &settings;
            frame.theme = &theme;
            frame.area = {std::floor(dice.uniform() * 50), std::floor(dice.uniform() * 50),
                          static_cast<double>(dice.whole(480, 2560)),
                          static_cast<double>(dice.whole(360, 1440))};
            frame.cursor.step = std::min(
                timeline.size() - 1,
                dice.whole(timeline.size() * i / steps, timeline.size() * (i + 1) / steps));
            frame.cursor.within = dice.chance(0.7) ? 1 : dice.uniform();
            frame.cursor.batch = dice.whole(0, trace->extent.batch - 1);
            frame.cursor.token = dice.whole(-1, trace->extent.tokens - 1);
            std::ostringstream out;
            out << run << "\n"
                << view->id() << " at " << timeline[frame.cursor.step].name << " ("
                << frame.cursor.within << "), sequence " << frame.cursor.batch << ", token "
                << frame.cursor.token << ", page " << frame.area.w << " x " << frame.area.h
                << " at " << theme.text_scale << ":";
            std::string what = out.str();
            try {
                if (dice.chance(0.7)) set_anything(dice, *view, frame, settings, what);
                std::shared_ptr<const EditedRun> edited;
                if (const auto edits = view->edits(frame); !edits.empty()) {
                    const Need need = edited_run(trace, edits);
                    derived.settle({need});
                    ASSERT_NE(derived.find<EditedRun>(need.key), nullptr)
                        << derived.entry(need.key)->error << what;
                    edited =
                        std::dynamic_pointer_cast<const EditedRun>(derived.entry(need.key)->value);
                    frame.trace = edited->run.get();
                    frame.base = trace.get();
                    frame.timeline = edited->timeline.get();
                    frame.cursor.step = std::min(frame.cursor.step, edited->timeline->size() - 1);
                }
                derived.settle(view->needs(frame));
                EXPECT_TRUE(derived.settled(view->needs(frame))) << what;
                RecordingCanvas canvas(frame.area), again(frame.area);
                view->draw(canvas, frame);
                view->draw(again, frame);
                EXPECT_TRUE(canvas == again) << "two draws differ: " << what;
                expect_clean(canvas, settings, what);
                for (const Invariant& held : view->invariants(frame))
                    EXPECT_TRUE(held.holds || may_be_red(held))
                        << held.name << ": " << held.figure << "\n"
                        << what;
                EXPECT_FALSE(view->describe(frame).empty()) << what;
                if (canvas.hits().empty()) continue;
                const Target& target = dice.any(canvas.hits()).target;
                frame.hover_node = target.node;
                frame.hover_index = target.first;
                RecordingCanvas hovered(frame.area);
                view->draw(hovered, frame);
                expect_clean(hovered, settings, "hover " + target.node + ": " + what);
            } catch (const std::exception& e) {
                ADD_FAILURE() << e.what() << "\n" << what;
            }
        }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomModel, testing::Range(0, 50));
// Those among six thousand that once found something.
INSTANTIATE_TEST_SUITE_P(Found, RandomModel,
                         testing::Values(99, 147, 211, 669, 2118, 2322, 3505, 3669, 5110, 5398));

}  // namespace
}  // namespace sf
