// The checks of the view "RoPE" hold, and notice what is wrong.
#include "rope_fixture.h"

#include "core/ops/rope.h"
#include "core/run/edited_run.h"
#include "views/draw/colour_map.h"
#include "views/draw/number.h"
#include "views/rope_scene.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <tuple>

namespace sf {
namespace {

// A trace whose rotations are another's: every query and key turned anew by f(position, pair, raw).
TracePtr rotated_otherwise(const Trace& truth,
                           const std::function<void(std::int64_t, Real*)>& turn_row) {
    auto other = std::make_shared<Trace>(truth);
    for (const auto& [to, from, begin] :
         {std::tuple{"layers.1.q_pe", "layers.1.q", std::int64_t{12}},
          std::tuple{"layers.1.k_pe", "layers.1.kv_a", std::int64_t{24}}}) {
        auto tensor = std::make_shared<Tensor>(*truth.find(to));
        const Tensor& raw = *truth.find(from);
        const std::int64_t width = tensor->shape.cols(), rows = tensor->size() / width;
        const std::int64_t each = rows / truth.extent.tokens;  // heads
        for (std::int64_t r = 0; r < rows; ++r) {
            Real* row = tensor->real.data() + r * width;
            for (std::int64_t i = 0; i < width; ++i)
                row[i] = static_cast<Real>(raw.at(r * raw.shape.cols() + begin + i));
            turn_row(r / each, row);
        }
        other->keep(truth.graph->find(to), tensor, 0);
    }
    return other;
}

TEST(RopeInvariants, HoldForEveryPresetAndWhatIf) {
    for (const std::string& preset : ModelConfig::preset_names()) {
        const ModelPtr model = preset_model(preset, 1);
        const TracePtr trace = run_trace(model, {model->encode("the cat sat on the mat")});
        for (const char* change :
             {"scaling=yarn", "scaling=ntk", "scaling=linear", "base=50", "width=4", "width=100",
              "factor=1", "shift=200", "distance=77", "trained=16", "trained=100000", "s=0"}) {
            RopePicture p(trace);
            p.set(change);
            for (const Invariant& i : p.view().invariants(p.frame))
                EXPECT_TRUE(i.holds)
                    << preset << " " << change << ": " << i.name << ": " << i.figure;
        }
    }
}

// What a person set follows from nothing, what follows from it still does.
TEST(RopeInvariants, LeaveOutWhatWasSetByHand) {
    const TracePtr base = rope_run();
    for (const char* node : {"scores", "q_pe", "k_pe", "q", "kv_a"}) {
        const Need need =
            edited_run(base, {read_edit(*base, "layers.1." + std::string(node) + "[3]=9")});
        Derived derived;
        derived.settle({need});
        const TracePtr run = derived.find<EditedRun>(need.key)->run;
        RopePicture p(run);
        p.frame.base = base.get();
        for (const Invariant& i : p.view().invariants(p.frame))
            EXPECT_TRUE(i.holds) << node << ": " << i.name << ": " << i.figure;
    }
    // Another cell of the same tensor is still looked at.
    const Need need = edited_run(base, {read_edit(*base, "layers.1.scores[3]=9")});
    Derived derived;
    derived.settle({need});
    RopePicture wrong(
        test::with_added(*derived.find<EditedRun>(need.key)->run, "layers.1.scores", 0, 0.5));
    EXPECT_FALSE(wrong.check("content + position").holds);
}

TEST(RopeInvariants, SeeADeliberateFault) {
    const TracePtr truth = rope_run();
    const auto holds_with = [&](const TracePtr& trace, const std::string& check) {
        RopePicture p(trace);
        p.set("show=latent");
        return p.check(check).holds;
    };
    for (const char* check : {"length", "angles", "content + position"}) {
        EXPECT_TRUE(holds_with(truth, check)) << check;
        EXPECT_FALSE(holds_with(test::with_added(*truth, "layers.1.q_pe", 2 * 32 + 4, 1e-4), check))
            << check;
        EXPECT_FALSE(holds_with(test::with_added(*truth, "layers.1.k_pe", 20, 1e-4), check))
            << check;
    }
    EXPECT_FALSE(holds_with(test::with_added(*truth, "layers.1.scores", 7 * 11 + 2, 1e-4),
                            "content + position"));
    // The last token's latent, which the query that is followed looks at.
    const TracePtr other = test::with_added(*truth, "layers.1.q_latent", 10 * 32, 0.5);
    EXPECT_TRUE(holds_with(truth, "M(0)"));
    EXPECT_FALSE(holds_with(other, "M(0)"));
    // Turned by another position: lengths stay, angles do not.
    auto turned = std::make_shared<Trace>(*truth);
    auto tensor = std::make_shared<Tensor>(*truth->find("layers.1.k_pe"));
    RopeTable table(truth->graph->config);
    for (std::int64_t i = 0; i < 4; ++i) {
        const auto x = static_cast<std::size_t>(3 * 8 + 2 * i);
        const Real a = tensor->real[x], b = tensor->real[x + 1];
        const double angle = 0.01 * table.frequencies()[static_cast<std::size_t>(i)];
        tensor->real[x] = static_cast<Real>(a * std::cos(angle) - b * std::sin(angle));
        tensor->real[x + 1] = static_cast<Real>(a * std::sin(angle) + b * std::cos(angle));
    }
    turned->keep(truth->graph->find("layers.1.k_pe"), tensor, 0);
    EXPECT_TRUE(holds_with(turned, "length"));
    EXPECT_FALSE(holds_with(turned, "angles"));
}

// The faults that an implementation of RoPE is known for, each in the whole layer.
TEST(RopeInvariants, SeeTheKnownFaultsOfRotating) {
    const TracePtr truth =
        rope_run("the cat sat", [](ModelConfig& c) { c.initializer_range = 0.3; });
    const auto turn = [](Real* x, std::size_t a, std::size_t b, double angle) {
        const double p = x[a], q = x[b];
        x[a] = static_cast<Real>(p * std::cos(angle) - q * std::sin(angle));
        x[b] = static_cast<Real>(p * std::sin(angle) + q * std::cos(angle));
    };
    const auto theta = [](std::size_t i, double width) {
        return std::pow(10000.0, -2 * static_cast<double>(i) / width);
    };
    using Turn = std::function<void(double, std::size_t, Real*)>;
    const std::map<std::string, Turn> ways{
        {"right",
         [&](double t, std::size_t i, Real* x) { turn(x, 2 * i, 2 * i + 1, t * theta(i, 8)); }},
        {"halves", [&](double t, std::size_t i, Real* x) { turn(x, i, i + 4, t * theta(i, 8)); }},
        {"other sign",
         [&](double t, std::size_t i, Real* x) { turn(x, 2 * i, 2 * i + 1, -t * theta(i, 8)); }},
        {"other frequency",
         [&](double t, std::size_t i, Real* x) { turn(x, 2 * i, 2 * i + 1, t * theta(i, 16)); }},
        {"from position 1", [&](double t, std::size_t i, Real* x) {
             turn(x, 2 * i, 2 * i + 1, (t + 1) * theta(i, 8));
         }}};
    for (const auto& [name, way] : ways) {
        const Turn& one = way;
        RopePicture p(rotated_otherwise(*truth, [&](std::int64_t position, Real* row) {
            for (std::size_t i = 0; i < 4; ++i) one(static_cast<double>(position), i, row);
        }));
        const bool right = name == "right";
        EXPECT_EQ(p.check("angles").holds, right) << name;
        // The score goes by the distance alone, whatever both are turned by beside it.
        if (name != "from position 1") {
            EXPECT_EQ(p.check("shifting").holds, right) << name;
            EXPECT_EQ(p.check("content + position").holds, right) << name;
            EXPECT_EQ(p.check("factor 1").holds, right) << name;
        }
    }
}

TEST(RopeInvariants, SeeAFaultOfAnyHeadAndToken) {
    const TracePtr truth = rope_run();
    for (const std::int64_t token : {0, 6})
        for (const std::int64_t head : {1, 3}) {
            const RopePicture p(
                test::with_added(*truth, "layers.1.q_pe", (token * 4 + head) * 8 + 5, 1e-4));
            EXPECT_FALSE(p.check("angles").holds) << token << " " << head;
            EXPECT_FALSE(p.check("length").holds) << token << " " << head;
        }
}

// What moves with the two on screen is measured on what was recorded of them.
TEST(RopeInvariants, SeeThatAShiftChangedTheScore) {
    const TracePtr truth =
        rope_run("the cat sat", [](ModelConfig& c) { c.initializer_range = 0.3; });
    for (const char* setting : {"shift=0", "shift=90"}) {
        RopePicture p(truth);
        p.set("t=9");
        p.set("s=4");
        p.set("head=2");
        p.set(setting);
        EXPECT_TRUE(p.check("shifting").holds);
        EXPECT_NE(p.check("shifting").figure.find("recorded"), std::string::npos);
        const auto fault_in = [&](const char* node, std::int64_t at) {
            const TracePtr other = test::with_added(*truth, node, at, 0.05);
            p.frame.trace = other.get();
            const bool red = !p.check("shifting").holds && !p.check("factor 1").holds;
            p.frame.trace = truth.get();
            return red;
        };
        EXPECT_TRUE(fault_in("layers.1.q_pe", (9 * 4 + 2) * 8 + 6)) << setting;
        EXPECT_TRUE(fault_in("layers.1.k_pe", 4 * 8 + 1)) << setting;
        EXPECT_FALSE(fault_in("layers.1.k_pe", 5 * 8 + 1)) << "another key";
    }
    // By hand or with other angles it is measured on what is drawn.
    RopePicture p(truth);
    p.set("base=50");
    rope::Scene scene = rope::make_scene(p.frame);
    const auto check = [&](const std::string& part) {
        for (const Invariant& i : rope::checks(scene))
            if (i.name.find(part) != std::string::npos) return i.holds;
        return false;
    };
    EXPECT_TRUE(check("shifting"));
    scene.position += 1e-3;
    EXPECT_FALSE(check("shifting"));
}

// The scaling methods are the core's; another frequency of any is seen.
TEST(RopeInvariants, SeeAWrongScaling) {
    RopePicture p(rope_run("the cat sat", [](ModelConfig& c) { c.qk_rope_head_dim = 32; }));
    p.set("factor=8");
    p.set("trained=64");
    const rope::Scene truth = rope::make_scene(p.frame);
    const auto holds_with = [&](const std::string& part, const auto& fault) {
        rope::Scene scene = truth;
        fault(scene);
        for (const Invariant& i : rope::checks(scene))
            if (i.name.find(part) != std::string::npos) return i.holds;
        ADD_FAILURE() << "there is no check " << part;
        return false;
    };
    using rope::Scene;
    for (const char* part : {"factor 1", "end bands", "θ of every"})
        EXPECT_TRUE(holds_with(part, [](Scene&) {})) << part;
    for (std::size_t m = 0; m < 4; ++m)
        for (const std::size_t pair : {std::size_t{0}, std::size_t{15}}) {
            EXPECT_FALSE(
                holds_with("θ of every", [&](Scene& s) { s.methods[m].theta[pair] *= 1.0001; }));
            EXPECT_FALSE(
                holds_with("factor 1", [&](Scene& s) { s.unstretched[m].theta[pair] *= 1.0001; }));
        }
    // Stretched to 8 the methods differ, and YaRN is each end's.
    EXPECT_FALSE(holds_with("factor 1", [](Scene& s) { s.unstretched = s.methods; }));
    for (const std::size_t pair : {std::size_t{0}, std::size_t{15}}) {
        EXPECT_FALSE(
            holds_with("end bands", [&](Scene& s) { s.methods[3].theta[pair] *= 1.0001; }));
        EXPECT_FALSE(holds_with("end bands", [&](Scene& s) { s.methods[3].ramp[pair] = 0.5; }));
    }
    EXPECT_FALSE(
        holds_with("end bands", [](Scene& s) { s.methods[3].theta = s.methods[0].theta; }));
    EXPECT_FALSE(
        holds_with("end bands", [](Scene& s) { s.methods[3].theta = s.methods[1].theta; }));
    EXPECT_FALSE(holds_with("end bands", [](Scene& s) {
        std::reverse(s.methods[3].ramp.begin(), s.methods[3].ramp.end());
    }));
    // Both bands are there to be measured.
    EXPECT_EQ(p.check("end bands").figure.find("0 kept"), std::string::npos);
    EXPECT_EQ(p.check("end bands").figure.find(" 0 interpolated"), std::string::npos);
}

}  // namespace
}  // namespace sf
