// A device in the CPU's place: who computes what, what is read back, and what happens when it
// fails.
#include "core/run/runner.h"
#include "core/run/speculate.h"
#include "tests/support/fake_backend.h"

#include <gtest/gtest.h>
#include <set>

namespace sf {
namespace {

using test::FakeBackend;

// Attention and experts, as a device for them takes; counts what it is asked to keep and read back.
class Taker : public FakeBackend {
public:
    struct Asked {
        std::string name;
        bool read_back, keep, inputs_here;
    };
    mutable std::vector<Asked> asked;
    std::set<Op> ops{Op::linear, Op::attention, Op::attention_latent, Op::experts, Op::swiglu};

    bool takes(const Graph& g, NodeId id, Op op, const Extent&) const override {
        return ops.contains(op) && (g[id].part == Part::attn || g[id].part == Part::ffn);
    }
    std::unique_ptr<DeviceRun> begin(WeightsPtr weights) override {
        auto run = FakeBackend::begin(std::move(weights));
        if (!run) return nullptr;
        struct Listening : DeviceRun {
            std::unique_ptr<DeviceRun> run;
            Taker* taker = nullptr;
            void compute(const DeviceJob& job) override {
                bool here = true;
                for (const ConstView& v : job.in) here = here && (v.real || v.ints);
                taker->asked.push_back(
                    {job.graph[job.id].name, job.out.real != nullptr, job.keep, here});
                run->compute(job);
            }
        };
        auto listening = std::make_unique<Listening>();
        listening->run = std::move(run);
        listening->taker = this;
        return listening;
    }
};

const std::vector<std::vector<std::int64_t>> ids{{5, 3, 9, 3, 1, 7, 200, 3, 12}};

void expect_equal(const Trace& a, const Trace& b) {
    for (NodeId id = 0; id < a.graph->size(); ++id) {
        ASSERT_EQ(a.share(id) != nullptr, b.share(id) != nullptr) << (*a.graph)[id].name;
        if (!a.share(id)) continue;
        ASSERT_EQ(a.share(id)->real, b.share(id)->real) << (*a.graph)[id].name;
        ASSERT_EQ(a.share(id)->ints, b.share(id)->ints) << (*a.graph)[id].name;
    }
}

TEST(Device, ComputesWhatItTakesAndTheTraceIsTheSame) {
    for (const AttentionMode mode : {AttentionMode::naive, AttentionMode::absorbed}) {
        const ModelPtr model = preset_model("nano", 3);
        const auto device = std::make_shared<Taker>();
        RunOptions o;
        o.attention = mode;
        const TracePtr cpu = run_trace(model, ids, o);
        o.backend = device;
        const TracePtr there = run_trace(model, ids, o);
        expect_equal(*cpu, *there);
        EXPECT_EQ(there->backend, device);
        EXPECT_EQ(cpu->backend, nullptr);
        EXPECT_GT(device->computed, 0);
        EXPECT_EQ(computed_by(*there, there->graph->find("layers.1.heads")),
                  mode == AttentionMode::naive ? "Fake device" : "");
        EXPECT_EQ(computed_by(*there, there->graph->find("final_norm")), "");
        EXPECT_EQ(computed_by(*cpu, there->graph->find("layers.1.heads")), "");
        // Everything is recorded, so everything comes back.
        for (const auto& a : device->asked) EXPECT_TRUE(a.read_back) << a.name;
    }
}

TEST(Device, OnlyWhatTheCpuReadsComesBack) {
    const ModelPtr model = preset_model("nano", 3);
    const auto device = std::make_shared<Taker>();
    SamplingOptions o;
    o.max_new = 4;
    const Generated cpu = generate(model, ids[0], o);
    o.backend = device;
    const Generated there = generate(model, ids[0], o);
    ASSERT_EQ(cpu.drawn.size(), there.drawn.size());
    for (std::size_t i = 0; i < cpu.drawn.size(); ++i) {
        EXPECT_EQ(cpu.drawn[i].id, there.drawn[i].id);
        EXPECT_EQ(cpu.drawn[i].probabilities, there.drawn[i].probabilities);
    }
    int stayed = 0, found = 0;
    for (const auto& a : device->asked) {
        EXPECT_TRUE(a.read_back || a.keep) << a.name;
        // The SwiGLU of a feed-forward part goes from the device's product to the device's product.
        if (a.name.ends_with("shared_h") || a.name.ends_with("shared_gate")) {
            EXPECT_FALSE(a.read_back) << a.name;
            ++stayed;
        }
        if (a.name.ends_with("shared_out")) {
            EXPECT_TRUE(a.read_back);
            EXPECT_FALSE(a.inputs_here);
            ++found;
        }
    }
    EXPECT_GT(stayed, 0);
    EXPECT_GT(found, 0);
}

TEST(Device, ThatFailsInTheMiddleIsGivenUpAndTheRunDoneOnTheCpu) {
    const ModelPtr model = preset_model("nano", 3);
    for (const int after : {1, 2, 7, 20}) {
        SCOPED_TRACE(after);
        const auto device = std::make_shared<Taker>();
        device->fails = [&](Op, bool) -> std::string {
            return device->computed >= after ? "the device is on fire" : "";
        };
        RunOptions o;
        const TracePtr cpu = run_trace(model, ids, o);
        o.backend = device;
        const TracePtr there = run_trace(model, ids, o);
        expect_equal(*cpu, *there);
        EXPECT_EQ(there->backend, nullptr);
        EXPECT_EQ(device->given_up(), "the device is on fire");

        // Decoding goes on where it was: nothing is read twice into the cache.
        const auto second = std::make_shared<Taker>();
        second->fails = [&](Op, bool) -> std::string {
            return second->computed >= 5 * after ? "gone" : "";
        };
        SamplingOptions s;
        s.max_new = 6;
        const Generated alone = generate(model, ids[0], s);
        s.backend = second;
        const Generated text = generate(model, ids[0], s);
        EXPECT_EQ(second->given_up(), "gone");
        EXPECT_EQ(text.cache_bytes, alone.cache_bytes);
        for (std::size_t i = 0; i < alone.drawn.size(); ++i)
            EXPECT_EQ(alone.drawn[i].id, text.drawn[i].id);
    }
}

// What is set by hand is the CPU's: the device would not see it.
TEST(Device, EditsHoldWhereverTheyStand) {
    const ModelPtr model = preset_model("nano", 3);
    const TracePtr plain = run_trace(model, ids);
    std::vector<std::string> names{"layers.1.heads", "layers.1.kv", "layers.1.scores",
                                   "layers.1.ffn_out", "model.layers.1.self_attn.kv_b_proj.weight"};
    for (const std::string& name : names) {
        SCOPED_TRACE(name);
        if (plain->graph->find(name) == no_node) continue;
        RunOptions o;
        o.edits = {{name, 1, 3.5}};
        const TracePtr cpu = run_trace(model, ids, o);
        o.backend = std::make_shared<Taker>();
        const TracePtr there = run_trace(model, ids, o);
        expect_equal(*cpu, *there);
        o.edits.clear();
        const TracePtr base = run_trace(model, ids, o);
        expect_equal(*edit_trace(*base, {{name, 1, 3.5}}), *cpu);
    }
}

TEST(Device, DraftsAreTheSame) {
    const ModelPtr model = preset_model("nano", 3);
    if (model->config.num_nextn_predict_layers == 0) GTEST_SKIP() << "nano has no MTP module";
    SamplingOptions o;
    o.max_new = 8;
    const auto cpu = speculate(model, ids[0], o, {2, false});
    o.backend = std::make_shared<Taker>();
    const auto there = speculate(model, ids[0], o, {2, false});
    ASSERT_EQ(cpu.text.drawn.size(), there.text.drawn.size());
    for (std::size_t i = 0; i < cpu.text.drawn.size(); ++i)
        EXPECT_EQ(cpu.text.drawn[i].id, there.text.drawn[i].id);
    EXPECT_EQ(cpu.accepted, there.accepted);
}

}  // namespace
}  // namespace sf
