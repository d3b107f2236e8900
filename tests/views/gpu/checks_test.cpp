// The checks of the view "On the GPU" hold, and notice what is wrong.
#include "gpu_fixture.h"

#include "core/run/edited_run.h"
#include "views/gpu_attention.h"
#include "views/gpu_experts.h"
#include "views/gpu_measured.h"

#include <gtest/gtest.h>

namespace sf {
namespace {

TEST(GpuInvariants, HoldForEveryPresetAndCut) {
    for (const std::string& preset : ModelConfig::preset_names()) {
        const ModelPtr model = preset_model(preset, 1);
        const TracePtr trace = run_trace(model, {model->encode("the cat sat on the mat")});
        GpuPicture p(trace);
        p.with_device();
        for (const char* setting :
             {"show=attention", "queries=1", "keys=1", "queries=7", "keys=5", "keys=22", "tile=0",
              "head=1", "variant=registers", "show=experts", "rows=1", "rows=3", "half=true",
              "show=result", "show=cost", "layer=0"}) {
            p.set(setting);
            p.settle();
            const auto all = p.shown.invariants(p.frame);
            EXPECT_GE(all.size(), 3U) << setting;
            for (const Invariant& i : all)
                EXPECT_TRUE(i.holds)
                    << preset << " " << setting << ": " << i.name << ": " << i.figure;
        }
    }
}

TEST(GpuInvariants, SeeWhatTheDeviceGetsWrong) {
    const TracePtr trace = gpu_run();
    const struct {
        Op op;
        const char* check;
    } cases[] = {{Op::attention, "device = CPU: Attention (shared)"},
                 {Op::experts, "device = CPU: Routed experts (shared)"},
                 {Op::linear, "device = CPU: Shared expert (shared)"}};
    for (const auto& [op, check] : cases)
        for (const char* page : {"show=result", "show=cost"}) {
            GpuPicture p(trace);
            p.set(page);
            const auto device = p.with_device();
            EXPECT_TRUE(p.check(check).holds) << check;
            device->faults = {{op, 3, 0.01}};
            EXPECT_FALSE(p.check(check).holds) << check;
        }
    GpuPicture p(trace);
    p.with_device()->m_fault = 0.01;
    EXPECT_FALSE(p.check("m and d after every tile").holds);
}

TEST(GpuInvariants, SeeAResultThatChangesFromRunToRun) {
    GpuPicture p(gpu_run());
    p.set("show=result");
    EXPECT_NE(p.check("the same bits again").figure, "two runs equal");  // no device
    p.with_device()->unsteady = true;
    EXPECT_FALSE(p.check("the same bits again").holds);
}

TEST(GpuInvariants, SeeAWrongNumberInTheTrace) {
    const TracePtr truth = gpu_run("the cat sat on a mat");
    const std::int64_t T = 20;
    const auto holds = [&](const TracePtr& trace, const std::string& check,
                           const std::string& page = "attention") {
        GpuPicture p(trace);
        p.set("show=" + page);
        return p.check(check).holds;
    };
    const std::string end = "m and d after the last tile", out = "o / d after the last tile";
    EXPECT_TRUE(holds(truth, end));
    EXPECT_TRUE(holds(truth, out));
    // The last row's, of head 0.
    EXPECT_FALSE(holds(test::with_added(*truth, "layers.1.online_m", T - 1, 0.01), end));
    EXPECT_FALSE(holds(test::with_added(*truth, "layers.1.online_d", T - 1, 0.01), end));
    EXPECT_FALSE(
        holds(test::with_added(*truth, "layers.1.heads", (T - 1) * 4 * 12 + 3, 0.01), out));
    EXPECT_FALSE(holds(test::with_added(*truth, "layers.1.scores", (T - 1) * T + 2, 0.5), out));
    const std::string sum = "a token's k rows", load = "rows of each expert";
    EXPECT_TRUE(holds(truth, sum, "experts"));
    EXPECT_FALSE(holds(test::with_added(*truth, "layers.1.routed_out", 77, 0.1), sum, "experts"));
    EXPECT_FALSE(holds(test::with_added(*truth, "layers.1.expert_out", 77, 1), sum, "experts"));
    EXPECT_FALSE(
        holds(test::with_added(*truth, "layers.1.router_weights", 7, 0.5), sum, "experts"));
    EXPECT_TRUE(holds(truth, load, "experts"));
    EXPECT_FALSE(holds(test::with_added(*truth, "layers.1.expert_load", 2, 1), load, "experts"));
}

TEST(GpuInvariants, SeeAWrongCutOfAttention) {
    GpuPicture p(gpu_run("the cat sat on a mat"));
    p.set("queries=3");
    p.set("keys=4");
    const gpu::AttentionScene truth = gpu::make_attention_scene(p.frame, p.shown);
    const auto holds_with = [&](const std::string& part, const auto& fault) {
        gpu::AttentionScene s = truth;
        fault(s);
        for (const Invariant& i : gpu::attention_checks(s))
            if (i.name.find(part) != std::string::npos) return i.holds;
        ADD_FAILURE() << "there is no check " << part;
        return false;
    };
    using Scene = gpu::AttentionScene;
    const std::string rows = "every query row", pairs = "every pair", flops = "FLOPs";
    for (const std::string& check : {rows, pairs, flops})
        EXPECT_TRUE(holds_with(check, [](Scene&) {}));
    EXPECT_FALSE(holds_with(rows, [](Scene& s) { s.bands.pop_back(); }));
    EXPECT_FALSE(holds_with(rows, [](Scene& s) { s.bands[2].first -= 1; }));
    EXPECT_FALSE(holds_with(rows, [](Scene& s) { s.bands.push_back(s.bands[1]); }));
    EXPECT_FALSE(holds_with(pairs, [](Scene& s) { s.bands[3].walked -= 1; }));
    EXPECT_FALSE(holds_with(pairs, [](Scene& s) { s.bands[3].walked += 1; }));
    EXPECT_FALSE(holds_with(pairs, [](Scene& s) { s.bands.erase(s.bands.begin()); }));
    EXPECT_FALSE(holds_with(flops, [](Scene& s) { s.work.key_width += 1; }));
}

TEST(GpuInvariants, SeeAWrongCutOfExperts) {
    GpuPicture p(gpu_run("the cat sat on a mat"));
    p.set("show=experts");
    p.set("rows=3");
    const gpu::ExpertsScene truth = gpu::make_experts_scene(p.frame, p.shown);
    const auto holds_with = [&](const std::string& part, const auto& fault) {
        gpu::ExpertsScene s = truth;
        fault(s);
        for (const Invariant& i : gpu::experts_checks(s))
            if (i.name.find(part) != std::string::npos) return i.holds;
        ADD_FAILURE() << "there is no check " << part;
        return false;
    };
    using Scene = gpu::ExpertsScene;
    const std::string sum = "rows of all tiles", once = "every row in exactly one",
                      empty = "no tile without rows";
    for (const std::string& check : {sum, once, empty})
        EXPECT_TRUE(holds_with(check, [](Scene&) {}));
    EXPECT_FALSE(holds_with(sum, [](Scene& s) { s.tiles[1].rows -= 1; }));
    EXPECT_FALSE(holds_with(once, [](Scene& s) { s.tiles[1].rows -= 1; }));
    EXPECT_FALSE(holds_with(once, [](Scene& s) { s.tiles[1].first -= 1; }));
    EXPECT_FALSE(holds_with(once, [](Scene& s) { s.tiles[0].expert += 1; }));
    EXPECT_FALSE(holds_with(empty, [](Scene& s) { s.tiles.push_back({0, 0, 0}); }));
    EXPECT_FALSE(holds_with(empty, [](Scene& s) { s.rows = 1; }));
    EXPECT_FALSE(holds_with(
        empty, [](Scene& s) { s.load[static_cast<std::size_t>(s.tiles[0].expert)] = 0; }));
}

TEST(GpuInvariants, SeeFlopsThatAreTooFew) {
    GpuPicture p(gpu_run());
    p.set("show=cost");
    const auto device = p.with_device();
    EXPECT_TRUE(p.check("FLOPs told = counted from shapes: Attention").holds);
    EXPECT_TRUE(p.check("FLOPs told = counted from shapes: Shared expert").holds);
    device->told_flops = 0.9;
    for (const char* part : {"Attention", "Routed experts", "Shared expert"})
        EXPECT_FALSE(p.check(std::string("FLOPs told = counted from shapes: ") + part).holds);
}

// What a person set follows from nothing, what follows from it still does.
TEST(GpuInvariants, LeaveOutWhatWasSetByHand) {
    const TracePtr base = gpu_run("the cat sat on a mat");
    for (const char* node :
         {"scores", "q_pe", "kv", "attn_probs", "heads", "online_m", "online_d", "online_o",
          "routed_out", "expert_out", "router_weights", "shared_h"}) {
        const Need need =
            edited_run(base, {read_edit(*base, "layers.1." + std::string(node) + "[3]=9")});
        Derived derived;
        derived.settle({need});
        const auto* edited = derived.find<EditedRun>(need.key);
        ASSERT_NE(edited, nullptr) << node;
        for (const char* page : {"show=attention", "show=experts", "show=result"}) {
            GpuPicture p(edited->run);
            p.with_device();
            p.frame.base = base.get();
            p.set(page);
            p.settle();
            for (const Invariant& i : p.shown.invariants(p.frame))
                EXPECT_TRUE(i.holds) << node << " " << page << ": " << i.name << ": " << i.figure;
        }
    }
}

}  // namespace
}  // namespace sf
