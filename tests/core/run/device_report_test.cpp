// A device beside the CPU: what agrees is told as such, what does not is found, and whatever goes
// wrong becomes a sentence.
#include "core/run/device_report.h"

#include "core/graph/kernel_work.h"
#include "tests/support/fake_backend.h"
#include "tests/support/runs.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sf {
namespace {

using test::changed_run;
using test::FakeBackend;

std::shared_ptr<const DeviceReport> report_of(const TracePtr& trace, std::int64_t layer,
                                              const std::shared_ptr<FakeBackend>& device) {
    const Need need = device_report(*trace, layer, device);
    return std::dynamic_pointer_cast<const DeviceReport>(need.compute([](double) { return true; }));
}

TracePtr long_run(const RunOptions& options = {}, std::size_t batch = 1) {
    return changed_run("the cat sat on the mat and the dog sat on the log", {}, options, batch);
}

TEST(DeviceReport, EveryPartOfEveryVariantAgrees) {
    RunOptions absorbed;
    absorbed.attention = AttentionMode::absorbed;
    const auto gqa = [](ModelConfig& c) {
        c.attention_kind = "gqa";
        c.num_key_value_heads = 2;
    };
    for (const TracePtr& trace :
         {long_run(), long_run({}, 2), long_run(absorbed), changed_run("the cat sat", gqa)}) {
        const auto device = std::make_shared<FakeBackend>();
        const auto report = report_of(trace, 1, device);
        ASSERT_EQ(report->parts.size(), 3U);
        EXPECT_EQ(report->device.name, "Fake device");
        EXPECT_EQ(report->roofline.flops_per_second, 50e9);
        for (const DeviceReport::Part& p : report->parts) {
            EXPECT_EQ(p.missing, "") << p.node;
            ASSERT_EQ(p.runs.size(), 4U) << p.node;
            ASSERT_NE(p.expected, nullptr);
            EXPECT_EQ(p.expected->size(), trace->find(p.node)->size());
            for (const DeviceReport::Run& r : p.runs) {
                EXPECT_EQ(r.refused, "");
                EXPECT_TRUE(r.agrees()) << p.node << " " << r.error << " > " << r.tolerance;
                EXPECT_TRUE(r.repeats);
                EXPECT_GT(r.flops(), 0);
                EXPECT_GT(r.seconds(), 0);
                EXPECT_EQ(r.value->size(), p.expected->size());
                // The fake rounds what it reads to 16 bits where it stores them so.
                EXPECT_EQ(r.error > 0, r.half) << p.node;
                EXPECT_EQ(r.states.has_value(), p.title == "Attention" && !r.half) << p.node;
                if (r.states) {
                    EXPECT_LE(r.states->error, r.states->tolerance);
                }
            }
        }
        EXPECT_EQ(report->parts[0].runs[0].launches.size(), 1U);
        EXPECT_EQ(report->parts[1].runs[0].launches.size(), 3U);
        EXPECT_EQ(report->parts[2].runs[0].launches.size(), 4U);
        EXPECT_GT(report->bytes(), 0);
    }
}

TEST(DeviceReport, FindsAPlantedErrorAndWhere) {
    const TracePtr trace = long_run();
    const struct {
        Op op;
        std::size_t part;
    } cases[] = {{Op::attention, 0}, {Op::experts, 1}, {Op::swiglu, 2}};
    for (const auto& [op, part] : cases) {
        const auto device = std::make_shared<FakeBackend>();
        device->faults = {{op, 70, 0.01}};
        const auto report = report_of(trace, 1, device);
        for (std::size_t i = 0; i < 3; ++i) {
            const DeviceReport::Run& r = report->parts[i].runs[0];
            EXPECT_EQ(r.agrees(), i != part) << i;
            if (i != part || op == Op::swiglu) continue;
            EXPECT_EQ(r.at, 70);
            EXPECT_NEAR(r.error, 0.01, 1e-6);
        }
    }
    const auto device = std::make_shared<FakeBackend>();
    device->faults = {{Op::attention, 3, NAN}};
    const auto report = report_of(trace, 1, device);
    EXPECT_FALSE(report->parts[0].runs[0].agrees());
    EXPECT_TRUE(std::isinf(report->parts[0].runs[0].error));
    EXPECT_EQ(report->parts[0].runs[0].at, 3);
    EXPECT_TRUE(report->parts[1].runs[0].agrees());
}

// A trace that a device made is no witness: the CPU computes it anew.
TEST(DeviceReport, TheCpuIsAskedAnewWhereADeviceMadeTheTrace) {
    const auto device = std::make_shared<FakeBackend>();
    auto made = std::make_shared<Trace>(*test::with_added(*long_run(), "layers.1.heads", 7, 0.5));
    EXPECT_FALSE(report_of(made, 1, device)->parts[0].runs[0].agrees());
    made->backend = device;
    const auto report = report_of(made, 1, device);
    EXPECT_FALSE(report->parts[0].recorded);
    EXPECT_TRUE(report->parts[0].runs[0].agrees());
    const TracePtr plain = long_run();
    const Tensor& cpu = *plain->find("layers.1.heads");
    for (std::int64_t i = 0; i < cpu.size(); ++i)
        EXPECT_EQ(report->parts[0].expected->at(i), cpu.at(i)) << i;
}

TEST(DeviceReport, FindsAWrongMaximum) {
    // 34 tokens: the last of 33 in an MTP module alone sees a second tile.
    const TracePtr trace = changed_run("the cat sat on the mat and the dog");
    ASSERT_EQ(trace->extent.tokens, 34);
    ASSERT_GT(trace->graph->config.num_nextn_predict_layers, 0);
    for (const std::int64_t layer : {std::int64_t{1}, trace->graph->config.num_hidden_layers}) {
        SCOPED_TRACE(layer);
        const auto device = std::make_shared<FakeBackend>();
        device->m_fault = 0.01;
        const auto states = report_of(trace, layer, device)->parts[0].runs[0].states;
        ASSERT_TRUE(states.has_value());
        EXPECT_NEAR(states->error, 0.01, 1e-6);
        EXPECT_NEAR(states->last, 0.01, 1e-6);
        EXPECT_GT(states->last, states->tolerance);
    }
}

TEST(DeviceReport, WhatGoesWrongIsASentence) {
    const TracePtr trace = long_run();
    const auto missing = [&](const TracePtr& t, std::size_t part, std::int64_t layer = 1) {
        const auto report = report_of(t, layer, std::make_shared<FakeBackend>());
        return part < report->parts.size() ? report->parts[part].missing : "no such part";
    };
    // From a file: attention needs no weights.
    auto saved = std::make_shared<Trace>(*trace);
    saved->weights = nullptr;
    EXPECT_EQ(missing(saved, 0), "");
    EXPECT_NE(missing(saved, 1).find("weights"), std::string::npos);
    EXPECT_NE(missing(saved, 2).find("weights"), std::string::npos);
    // Not kept.
    RunOptions small;
    small.budget_bytes = 0;
    EXPECT_NE(missing(long_run(small), 0).find("not kept"), std::string::npos);
    // A dense model.
    EXPECT_NE(missing(changed_run("the cat",
                                  [](ModelConfig& c) {
                                      c.first_k_dense_replace = c.num_hidden_layers;
                                      c.num_nextn_predict_layers = 0;
                                  }),
                      1)
                  .find("experts"),
              std::string::npos);
    // A value in the middle of attention, set by hand; one before it is seen as it is.
    const TracePtr scores = edit_trace(*trace, {{"layers.1.scores", 3, 2.0}});
    EXPECT_NE(missing(scores, 0).find("layers.1.scores was set by hand"), std::string::npos);
    EXPECT_EQ(missing(edit_trace(*trace, {{"layers.1.q_pe", 3, 2.0}}), 0), "");
    const TracePtr weight =
        edit_trace(*trace, {{"model.layers.1.mlp.experts.0.up_proj.weight", 3, 2.0}});
    EXPECT_NE(missing(weight, 1).find("set by hand"), std::string::npos);
}

TEST(DeviceReport, TheDevicesOwnTroubleToo) {
    const TracePtr trace = long_run();
    const auto device = std::make_shared<FakeBackend>();
    device->fails = [](Op op, bool half) {
        return op == Op::attention && half ? std::string("out of memory") : std::string();
    };
    device->refuses = [](Op op) { return op == Op::experts; };
    auto report = report_of(trace, 1, device);
    EXPECT_EQ(report->parts[0].runs[0].refused, "");
    EXPECT_EQ(report->parts[0].runs[1].refused, "out of memory");
    EXPECT_EQ(report->parts[0].runs[1].value, nullptr);
    EXPECT_NE(report->parts[1].missing.find("leaves layers.1.routed_out"), std::string::npos);
    EXPECT_TRUE(report->parts[1].runs.empty());
    EXPECT_EQ(report->parts[2].missing, "");
    device->give_up("the context was lost");
    report = report_of(trace, 1, device);
    EXPECT_EQ(report->stopped, "the context was lost");
    EXPECT_EQ(report->parts[0].runs[0].refused, "the context was lost");
}

TEST(DeviceReport, StopsWhenNobodyWaitsAndTellsHowFarItIs) {
    const TracePtr trace = long_run();
    const auto device = std::make_shared<FakeBackend>();
    double last = -1;
    int told = 0;
    EXPECT_NE(device_report(*trace, 1, device).compute([&](double p) {
        EXPECT_GE(p, last);
        EXPECT_LT(p, 1);
        last = p;
        ++told;
        return true;
    }),
              nullptr);
    EXPECT_EQ(told, 16);
    const int computed = device->computed;
    EXPECT_EQ(device_report(*trace, 1, device).compute([](double p) { return p < 0.1; }), nullptr);
    EXPECT_LT(device->computed - computed, computed);
}

// One answer for one question: the key names trace, layer and device.
TEST(DeviceReport, TheKeyNamesWhatItIsOf) {
    const TracePtr trace = long_run();
    const auto device = std::make_shared<FakeBackend>(), other = std::make_shared<FakeBackend>();
    const DerivedKey key = device_report(*trace, 1, device).key;
    EXPECT_EQ(key, device_report(*std::make_shared<Trace>(*trace), 1, device).key);
    EXPECT_NE(key, device_report(*trace, 2, device).key);
    EXPECT_NE(key, device_report(*trace, 1, other).key);
    EXPECT_NE(key, device_report(*long_run(), 1, device).key);
    EXPECT_NE(key,
              device_report(*edit_trace(*trace, {{"layers.1.scores", 3, 2.0}}), 1, device).key);
}

// Rows token by token, as they are cut; each (token, head) found again in its group.
TEST(KernelWork, CountsWhatALoopCounts) {
    for (const std::int64_t T : {1, 5, 31, 32, 33, 100})
        for (const std::int64_t past : {0, 7})
            for (const std::int64_t share : {1, 3, 6})
                for (const AttentionTiles cut :
                     {AttentionTiles{64, 32, 4}, {4, 3, 3}, {1, 1, 1}, {7, 50, 2}}) {
                    AttentionWork w;
                    w.batch = 2, w.heads = 6, w.share = share;
                    w.queries = T, w.context = past + T;
                    w.key_width = 5, w.value_width = 4;
                    std::int64_t pairs = 0;
                    for (std::int64_t t = 0; t < T; ++t)
                        for (std::int64_t s = 0; s < past + T; ++s) pairs += s <= past + t ? 1 : 0;
                    EXPECT_EQ(pairs, w.pairs());
                    EXPECT_EQ(w.flops(), static_cast<double>(2 * 6 * pairs * (2 * 5 + 2 * 4 + 1)));
                    std::int64_t groups = 0;
                    for (std::int64_t r = 0; r < T * share; r += cut.queries, ++groups) {
                        std::vector<std::int64_t> first(6, T), count(6, 0);
                        std::int64_t last = 0;
                        for (std::int64_t i = r; i < std::min(T * share, r + cut.queries); ++i) {
                            const auto of = static_cast<std::size_t>(i % share);
                            first[of] = std::min(first[of], i / share);
                            ++count[of];
                            last = i / share;
                        }
                        EXPECT_EQ(w.last_token(groups, cut), last);
                        for (std::int64_t j = 0; j < w.tiles(cut); ++j)
                            EXPECT_EQ(j * cut.keys <= past + last, j < w.walked(groups, cut));
                        for (std::int64_t h = 0; h < share; ++h) {
                            const auto tokens = w.tokens(groups, h, cut);
                            EXPECT_EQ(tokens.count, count[static_cast<std::size_t>(h)]);
                            if (tokens.count > 0) {
                                EXPECT_EQ(tokens.first, first[static_cast<std::size_t>(h)]);
                            }
                        }
                    }
                    EXPECT_EQ(groups, w.groups(cut));
                    EXPECT_EQ(w.all_groups(cut),
                              2 * (6 / share) * groups * ((4 + cut.columns - 1) / cut.columns));
                }
}

TEST(KernelWork, ReadsShapesOfAGraph) {
    RunOptions absorbed;
    absorbed.attention = AttentionMode::absorbed;
    const TracePtr naive = long_run({}, 2), latent = long_run(absorbed);
    const ModelConfig& c = naive->graph->config;
    const auto of = [](const TracePtr& t) {
        return *attention_work(*t->graph, attention_node(*t->graph, 1), t->extent);
    };
    EXPECT_EQ(of(naive).batch, 2);
    EXPECT_EQ(of(naive).heads, c.num_attention_heads);
    EXPECT_EQ(of(naive).queries, naive->extent.tokens);
    EXPECT_EQ(of(naive).key_width, c.qk_nope_head_dim + c.qk_rope_head_dim);
    EXPECT_EQ(of(naive).value_width, c.v_head_dim);
    EXPECT_EQ(of(latent).key_width, c.kv_lora_rank + c.qk_rope_head_dim);
    EXPECT_EQ(of(latent).value_width, c.kv_lora_rank);
    EXPECT_EQ(of(naive).share, 1);
    EXPECT_EQ(of(latent).share, c.num_attention_heads);
    const NodeId experts = experts_node(*naive->graph, 1);
    const auto e = *experts_work(*naive->graph, experts, naive->extent);
    EXPECT_EQ(e.tokens, 2 * naive->extent.tokens);
    EXPECT_EQ(e.rows(), e.tokens * c.num_experts_per_tok);
    EXPECT_EQ(e.hidden, c.hidden_size);
    EXPECT_EQ(e.width, c.moe_intermediate_size);
    EXPECT_EQ((*naive->graph)[shared_node(*naive->graph, experts)].name, "layers.1.shared_out");
    EXPECT_EQ(experts_layer(*naive->graph, 0), 1);
    EXPECT_FALSE(attention_work(*naive->graph, experts, naive->extent).has_value());
    EXPECT_FALSE(experts_work(*naive->graph, no_node, naive->extent).has_value());
}

}  // namespace
}  // namespace sf
