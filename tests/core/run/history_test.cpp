#include "core/run/history.h"

#include "core/error.h"
#include "core/random.h"
#include "core/run/probe.h"
#include "core/run/runner.h"

#include <gtest/gtest.h>
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

namespace sf {
namespace {

// Any numbers, that of a step alone; held out is measured every 50 steps.
StepRecord record_of(const History& h, std::int64_t step) {
    const auto at = static_cast<std::uint64_t>(step);
    StepRecord r;
    r.step = step;
    r.loss = static_cast<float>(random_uniform(1, 1, at));
    r.mtp_loss.assign(static_cast<std::size_t>(h.mtp_depths()), r.loss + 1);
    if (step % 50 == 0) r.heldout_loss = static_cast<float>(step);
    r.tokens = 10 + step % 3;
    const std::size_t cells = h.layers().size() * static_cast<std::size_t>(h.experts());
    for (std::size_t i = 0; i < cells; ++i) {
        r.load.push_back(static_cast<std::int64_t>(random_bits(2, at, i) % 20));
        r.bias.push_back(static_cast<float>(random_uniform(3, at, i)));
    }
    return r;
}

bool same(const StepRecord& a, const StepRecord& b) {
    const auto bits = [](float x, float y) { return std::memcmp(&x, &y, sizeof x) == 0; };
    return a.step == b.step && bits(a.loss, b.loss) && a.tokens == b.tokens && a.load == b.load &&
           a.bias == b.bias && bits(a.heldout_loss, b.heldout_loss) && a.mtp_loss == b.mtp_loss;
}
bool same(const History& a, const History& b) {
    if (a.size() != b.size() || a.stride() != b.stride() || a.probe_steps() != b.probe_steps())
        return false;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (!same(a[i], b[i])) return false;
    return true;
}

History run_to(std::int64_t steps, std::size_t budget) {
    History h(ModelConfig::preset("nano"), budget);
    for (std::int64_t step = 1; step <= steps; ++step) h.add(record_of(h, step));
    return h;
}

TEST(History, names_the_moe_layers) {
    EXPECT_EQ(History(ModelConfig::preset("nano")).layers(),
              (std::vector<std::string>{"layers.1", "layers.2", "mtp.1"}));
    ModelConfig c = ModelConfig::preset("nano");
    c.moe_layer_freq = 2;
    EXPECT_EQ(History(c).layers(), (std::vector<std::string>{"layers.2"}));
    c.n_routed_experts = 0;
    EXPECT_TRUE(History(c).layers().empty());
}

TEST(History, thins_evenly_and_keeps_the_sums) {
    const std::size_t budget = 100;
    History h(ModelConfig::preset("nano"), budget);
    const std::size_t cells = h.layers().size() * static_cast<std::size_t>(h.experts());
    std::vector<std::int64_t> load(cells);
    std::int64_t tokens = 0;
    for (std::int64_t step = 1; step <= 1700; ++step) {
        const StepRecord r = record_of(h, step);
        tokens += r.tokens;
        for (std::size_t i = 0; i < cells; ++i) load[i] += r.load[i];
        h.add(r);
        ASSERT_LE(h.size(), budget);
        ASSERT_EQ(h.back().step, step);
        ASSERT_EQ(h.back().loss, r.loss);
        if (step % 97 != 0 && step != 1700) continue;
        std::vector<std::int64_t> kept(cells);
        std::int64_t kept_tokens = 0;
        for (std::size_t i = 0; i < h.size(); ++i) {
            kept_tokens += h[i].tokens;
            for (std::size_t k = 0; k < cells; ++k) kept[k] += h[i].load[k];
            // Evenly: every multiple of the stride, and the latest.
            const std::int64_t multiple = static_cast<std::int64_t>(i + 1) * h.stride();
            ASSERT_EQ(h[i].step, std::min(multiple, step));
            const StepRecord own = record_of(h, h[i].step);
            ASSERT_EQ(h[i].loss, own.loss);
            ASSERT_EQ(h[i].bias, own.bias);
        }
        ASSERT_EQ(kept, load) << step;
        ASSERT_EQ(kept_tokens, tokens);
    }
    EXPECT_EQ(h.stride(), 32);
    EXPECT_EQ(h.size(), 54U);
    // The measurement of step 50 has passed on to the record that stands for it, and no further.
    EXPECT_EQ(h[1].step, 64);
    EXPECT_EQ(h[1].heldout_loss, 50.0F);
    EXPECT_TRUE(std::isnan(h[2].heldout_loss));
}

TEST(History, does_not_depend_on_when_it_was_copied_or_thinned) {
    const History whole = run_to(777, 50);
    History parts(ModelConfig::preset("nano"), 50);
    for (std::int64_t step = 1; step <= 777; ++step) {
        if (step % 10 == 0) parts = History(parts);
        parts.add(record_of(parts, step));
    }
    EXPECT_TRUE(same(whole, parts));
    // Thinned at once or on the way: the same records.
    EXPECT_TRUE(same(run_to(777, 1000).thinned(50), whole));
    EXPECT_TRUE(same(run_to(777, 200).thinned(50), whole));
}

TEST(History, a_copy_stays_as_it_was_and_shares) {
    History h = run_to(200, 1000);
    const History before = h;
    const StepRecord* early = &h[100];
    for (std::int64_t step = 201; step <= 2000; ++step) h.add(record_of(h, step));
    EXPECT_EQ(before.size(), 200U);
    EXPECT_EQ(before.back().step, 200);
    EXPECT_TRUE(same(before, run_to(200, 1000)));
    EXPECT_EQ(early, &before[100]);
}

TEST(History, goes_back_to_a_step) {
    History h = run_to(300, 1000);
    h.truncate(130);
    EXPECT_TRUE(same(h, run_to(130, 1000)));
    for (std::int64_t step = 131; step <= 300; ++step) h.add(record_of(h, step));
    EXPECT_TRUE(same(h, run_to(300, 1000)));
    h.truncate(0);
    EXPECT_TRUE(h.empty());
    h.add(record_of(h, 5));
    EXPECT_EQ(h.size(), 1U);
}

TEST(History, finds_a_step) {
    History h(ModelConfig::preset("nano"));
    for (const std::int64_t step : {0, 3, 4, 9}) h.add(record_of(h, step));
    EXPECT_EQ(h.upto(-1), 0U);
    EXPECT_EQ(h.upto(0), 1U);
    EXPECT_EQ(h.upto(3), 2U);
    EXPECT_EQ(h.upto(8), 3U);
    EXPECT_EQ(h.upto(100), 4U);
}

TEST(History, refuses_what_does_not_fit) {
    History h = run_to(3, 100);
    EXPECT_THROW(h.add(record_of(h, 3)), ShapeError);
    EXPECT_THROW(h.add(record_of(h, -1)), ShapeError);
    StepRecord r = record_of(h, 4);
    r.load.pop_back();
    EXPECT_THROW(h.add(r), ShapeError);
    r = record_of(h, 4);
    r.mtp_loss.clear();
    EXPECT_THROW(h.add(r), ShapeError);
    EXPECT_THROW(h[3], ShapeError);
    EXPECT_EQ(h.size(), 3U);
}

// Three experts, loads by hand.
TEST(History, violation_over_a_sliding_window) {
    ModelConfig c;
    c.num_hidden_layers = 3;
    c.n_routed_experts = 3;
    c.num_experts_per_tok = 1;
    History h(c);
    ASSERT_EQ(h.layers().size(), 2U);
    const std::vector<std::vector<std::int64_t>> loads{
        {12, 0, 0, 4, 4, 4}, {0, 6, 6, 6, 3, 3}, {2, 2, 8, 0, 0, 0}};
    for (std::size_t i = 0; i < loads.size(); ++i) {
        StepRecord r;
        r.step = static_cast<std::int64_t>(i) + 1;
        r.tokens = 12;
        r.load = loads[i];
        r.bias.resize(6);
        h.add(r);
    }
    EXPECT_DOUBLE_EQ(h.violation(0, 0, 1), 2.0);           // 12 / 4 - 1
    EXPECT_DOUBLE_EQ(h.violation(0, 1, 12), 0.5);          // 6 / 4 - 1
    EXPECT_DOUBLE_EQ(h.violation(0, 1, 13), 0.5);          // (12, 6, 6): 12 / 8 - 1
    EXPECT_DOUBLE_EQ(h.violation(0, 2, 24), 0.75);         // (2, 8, 14): 14 / 8 - 1
    EXPECT_NEAR(h.violation(0, 2, 36), 1.0 / 6, 1e-15);    // (14, 8, 14): 14 / 12 - 1
    EXPECT_NEAR(h.violation(0, 2, 1000), 1.0 / 6, 1e-15);  // all there is
    EXPECT_DOUBLE_EQ(h.violation(1, 0, 1), 0.0);
    EXPECT_DOUBLE_EQ(h.violation(1, 1, 24), 0.25);  // (10, 7, 7): 10 / 8 - 1
    EXPECT_TRUE(std::isnan(h.violation(1, 2, 1)));
    EXPECT_THROW(h.violation(2, 0, 1), ShapeError);
    EXPECT_THROW(h.violation(0, 3, 1), ShapeError);
    // The window over everything is as true after thinning.
    const History large = run_to(700, 1000), small = large.thinned(16);
    ASSERT_LE(small.size(), 16U);
    for (std::size_t layer = 0; layer < 3; ++layer)
        EXPECT_DOUBLE_EQ(large.violation(layer, large.size() - 1, 1 << 30),
                         small.violation(layer, small.size() - 1, 1 << 30));
}

TracePtr short_trace(const char* preset = "nano", AttentionMode mode = AttentionMode::naive) {
    RunOptions options;
    options.attention = mode;
    std::vector<std::int64_t> ids;
    for (const char c : std::string_view("The cat sat on a")) ids.push_back(c);
    return run_trace(preset_model(preset, 7), {ids}, options);
}

TEST(Probe, schedule) {
    std::vector<std::int64_t> steps;
    for (std::int64_t i = -3; i <= 6000; ++i)
        if (is_probe_step(i)) steps.push_back(i);
    EXPECT_EQ(steps,
              (std::vector<std::int64_t>{0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000}));
}

// What is computed from the kept nodes has the bits of the run.
TEST(Probe, keeps_what_tells_and_completes_the_rest) {
    for (const auto mode : {AttentionMode::naive, AttentionMode::absorbed}) {
        const TracePtr trace = short_trace("micro", mode);
        const TracePtr probe = make_probe(*trace, 20);
        EXPECT_EQ(probe->weights, nullptr);
        EXPECT_EQ(probe->trained_step, 20);
        EXPECT_EQ(probe->tokens, trace->tokens);
        int kept = 0, computed = 0;
        for (NodeId id = 0; id < trace->graph->size(); ++id) {
            const Tensor* tensor = probe->find(id);
            if (!tensor) continue;
            ++kept;
            computed += is_probe_node(*trace->graph, id) ? 0 : 1;
            EXPECT_EQ(tensor->real, trace->find(id)->real) << (*trace->graph)[id].name;
            EXPECT_EQ(tensor->ints, trace->find(id)->ints) << (*trace->graph)[id].name;
            EXPECT_EQ(tensor->shape, trace->find(id)->shape);
        }
        EXPECT_EQ(kept, 81);
        EXPECT_EQ(computed, 28);
        for (const char* name : {"probs", "mtp.2.probs", "layers.3.lens", "layers.0.lens_probs",
                                 "layers.1.router_scores", "layers.1.router_weights",
                                 "mtp.1.expert_load", "layers.2.attn_probs", "layers.2.kv_latent"})
            EXPECT_TRUE(probe->has(name)) << name;
        EXPECT_FALSE(probe->has("layers.1.expert_in"));
    }
}

TEST(Probe, refuses_long_and_edited_traces) {
    const ModelPtr model = preset_model("nano", 1);
    EXPECT_THROW(make_probe(*run_trace(model, {std::vector<std::int64_t>(17, 65)}), 1), ShapeError);
    const TracePtr trace = short_trace();
    EXPECT_THROW(make_probe(*edit_trace(*trace, {{"layers.1.hidden", 0, 1.0}}), 1), ShapeError);
    History h(ModelConfig::preset("micro"));
    EXPECT_THROW(h.add_probe(1, trace), ShapeError);
}

TEST(History, probes_snap_to_the_nearest_below) {
    History h(ModelConfig::preset("nano"));
    EXPECT_EQ(h.probe(100), nullptr);
    const TracePtr trace = short_trace();
    for (const std::int64_t step : {1, 10, 50}) h.add_probe(step, trace);
    EXPECT_EQ(h.probe(0), nullptr);
    EXPECT_EQ(h.probe(1)->trained_step, 1);
    EXPECT_EQ(h.probe(9)->trained_step, 1);
    EXPECT_EQ(h.probe(49)->trained_step, 10);
    EXPECT_EQ(h.probe(5000)->trained_step, 50);
    EXPECT_EQ(h.probe_steps(), (std::vector<std::int64_t>{1, 10, 50}));
    h.truncate(49);
    EXPECT_EQ(h.probe_steps(), (std::vector<std::int64_t>{1, 10}));
}

TEST(History, probes_are_few_and_depend_on_no_split) {
    const TracePtr trace = short_trace();
    const auto train = [&](History& h, std::int64_t from, std::int64_t to) {
        for (std::int64_t decade = 1; decade <= to; decade *= 10)
            for (const std::int64_t step : {decade, 2 * decade, 5 * decade})
                if (step > from && step <= to) h.add_probe(step, trace);
        h.add_probe(to, trace);  // the end is always worth a look
    };
    History whole(ModelConfig::preset("nano")), parts(ModelConfig::preset("nano"));
    whole.add_probe(0, trace);
    parts.add_probe(0, trace);
    train(whole, 0, 300000);
    train(parts, 0, 3);
    EXPECT_EQ(parts.probe_steps(), (std::vector<std::int64_t>{0, 1, 2, 3}));
    train(parts, 3, 777);
    train(parts, 777, 300000);
    EXPECT_EQ(parts.probe_steps(), whole.probe_steps());
    EXPECT_EQ(whole.probe_steps(),
              (std::vector<std::int64_t>{0, 1, 10, 50, 100, 200, 500, 1000, 2000, 5000, 10000,
                                         20000, 50000, 100000, 200000, 300000}));
    for (std::int64_t decade = 1000000; decade <= History::max_step; decade *= 10)
        for (const std::int64_t step : {decade, 2 * decade, 5 * decade})
            if (step <= History::max_step) whole.add_probe(step, trace);
    EXPECT_LE(whole.probe_steps().size(), History::max_probes);
    EXPECT_EQ(whole.probe_steps().back(), History::max_step);
}

TEST(History, what_was_written_goes_with_its_probe) {
    const ModelPtr model = preset_model("nano", 1);
    const TracePtr trace = run_trace(model, {model->encode("abc")});
    History h(model->config);
    h.about.beginnings = {{"a", {1}, {}}, {"b", {2}, {3}}};
    EXPECT_THROW(h.add_written(0, {{}, {}}), ShapeError) << "nothing is kept of it";
    h.add_probe(0, trace);
    EXPECT_EQ(h.written(0), nullptr);
    EXPECT_THROW(h.add_written(0, {{}}), ShapeError) << "one for each beginning";
    h.add_written(0, {{5}, {6, 7}});
    const History before = h;
    // Of the end of a part of the run, as long as it is the latest.
    h.add_probe(33, trace);
    h.add_written(33, {{8}, {}});
    EXPECT_EQ(*h.written(33), (Written{{8}, {}}));
    EXPECT_EQ(h.written(34), nullptr) << "of that very step";
    h.add_probe(50, trace);
    EXPECT_EQ(h.written(33), nullptr);
    h.add_written(50, {{9}, {}});
    h.truncate(49);
    EXPECT_EQ(h.written(50), nullptr);
    EXPECT_EQ(*h.written(0), (Written{{5}, {6, 7}}));
    EXPECT_EQ(before.probe_steps(), (std::vector<std::int64_t>{0})) << "a copy stays as it was";
    // Thinned with the probes, twos and fives first.
    for (const std::int64_t step : {1, 2, 5, 10, 20}) {
        h.add_probe(step, trace);
        h.add_written(step, {{step}, {}});
    }
    const History few = h.thinned(100, 4);
    EXPECT_EQ(few.probe_steps(), (std::vector<std::int64_t>{0, 1, 10, 20}));
    EXPECT_EQ(few.written(5), nullptr);
    EXPECT_EQ(*few.written(10), (Written{{10}, {}}));
}

TEST(History, beginnings_that_come_later_have_no_text_at_earlier_steps) {
    const ModelPtr model = preset_model("nano", 1);
    const TracePtr trace = run_trace(model, {model->encode("abc")});
    const Beginning a{"a", {1}, {}}, b{"b", {2}, {3}}, c{"a", {4}, {}};
    History h(model->config);
    h.add_beginnings({a});
    h.add_probe(0, trace);
    h.add_probe(1, trace);
    h.add_written(1, {{5, 6}});
    const History before = h;
    h.add_beginnings({b, a, c});
    EXPECT_EQ(h.about.beginnings, (std::vector{a, b, c}));
    EXPECT_EQ(h.written(0), nullptr);
    EXPECT_EQ(*h.written(1), (Written{{5, 6}, {}, {}}));
    h.add_probe(2, trace);
    h.add_written(2, {{7}, {8}, {9}});
    h.add_beginnings({c, b});
    EXPECT_EQ(*h.written(2), (Written{{7}, {8}, {9}})) << "nothing new";
    EXPECT_EQ(*before.written(1), (Written{{5, 6}})) << "a copy stays as it was";
}

}  // namespace
}  // namespace sf
