#include "core/gl/gl_backend.h"

#include "core/backend/executor.h"
#include "core/error.h"
#include "core/gl/egl_context.h"
#include "core/model/model.h"
#include "core/run/runner.h"
#include "tests/support/reference.h"

#include <gtest/gtest.h>
#include <algorithm>
#include <cmath>
#include <memory>
#include <thread>

// Whole runs of a model with a device in the CPU's place.

namespace sf {
namespace {

class Backends : public testing::Test {
protected:
    // Null and the test skipped where there is none.
    std::shared_ptr<GlBackend> open(const GlOptions& options = {}) {
        try {
            return std::make_shared<GlBackend>(
                std::make_unique<EglContext>(EglWish{"a test of backends", 4, 3, true}), options);
        } catch (const DeviceError& e) {
            absent_ = e.what();
            return nullptr;
        }
    }
    std::string absent_;
};

const std::vector<std::vector<std::int64_t>> ids{{5, 3, 9, 3, 1, 7, 200, 3, 12, 77, 41, 3, 9},
                                                 {8, 8, 2, 0, 17, 4, 4, 250, 1, 3, 90, 2, 6}};

TracePtr traced(const ModelPtr& model, AttentionMode mode, const BackendPtr& backend) {
    RunOptions o;
    o.attention = mode;
    o.backend = backend;
    return run_trace(model, ids, o);
}

// The largest difference of a node, in units of 1 + its largest number.
double difference(const Trace& a, const Trace& b) {
    double worst = 0;
    for (NodeId id = 0; id < a.graph->size(); ++id) {
        const TensorPtr x = a.share(id), y = b.share(id);
        if (!x || x->dtype == DType::i64) continue;
        double largest = 1, off = 0;
        for (std::int64_t i = 0; i < x->size(); ++i) {
            if (!std::isfinite(x->at(i))) continue;
            largest = std::max(largest, std::abs(x->at(i)));
            off = std::max(off, std::abs(x->at(i) - y->at(i)));
        }
        worst = std::max(worst, off / largest);
    }
    return worst;
}

// MLA, and the same with keys and values of one, two and all heads.
std::vector<ModelPtr> models() {
    std::vector<ModelPtr> all{preset_model("nano", 3)};
    for (const std::int64_t heads : {1, 2, 4}) {
        auto model = std::make_shared<Model>();
        model->config = all[0]->config;
        model->config.attention_kind = "gqa";
        model->config.num_key_value_heads = heads;
        if (!model->config.problems().empty()) continue;
        model->weights = initial_weights(model->config, 5);
        all.push_back(std::move(model));
    }
    return all;
}

TEST_F(Backends, EveryVariantComputesWholeModels) {
    const auto standard = open();
    if (!standard) GTEST_SKIP() << absent_;
    for (const KernelVariant variant : standard->device().variants) {
        SCOPED_TRACE(name_of(variant));
        const auto backend = open({.variant = variant});
        for (const ModelPtr& model : models())
            for (const AttentionMode mode : {AttentionMode::naive, AttentionMode::absorbed}) {
                if (mode == AttentionMode::absorbed && !model->config.mla()) continue;
                const TracePtr cpu = traced(model, mode, nullptr);
                const TracePtr gl = traced(model, mode, backend);
                EXPECT_EQ(gl->backend, backend) << backend->given_up();
                const double off = difference(*cpu, *gl);
                EXPECT_LE(off, 1e-4);
                EXPECT_GT(off, 0);
            }
        EXPECT_EQ(backend->complaints(), "");
        EXPECT_EQ(backend->note(), "");
    }
}

// What DeepSeek's own code computed, forward and decoded through the cache.
TEST_F(Backends, EveryVariantMeetsTheReference) {
    const auto standard = open();
    if (!standard) GTEST_SKIP() << absent_;
    for (const KernelVariant variant : standard->device().variants) {
        const auto backend = open({.variant = variant});
        for (const char* const name : {"A", "B", "C"}) {
            const auto model = load_model(test::reference(name));
            const auto golden = read_ids(test::reference(name) / "input_ids.json");
            const SafetensorsFile expected(test::reference(name) / "expected.safetensors");
            for (const AttentionMode mode : {AttentionMode::naive, AttentionMode::absorbed}) {
                SCOPED_TRACE(std::string(name) + ", " + name_of(variant));
                RunOptions o;
                o.attention = mode;
                o.backend = backend;
                const TracePtr trace = run_trace(model, golden, o);
                int compared = 0;
                for (const auto& [tensor, entry] : expected.entries()) {
                    const Tensor* have = trace->find(tensor);
                    if (have == nullptr || have->dtype == DType::i64 ||
                        tensor.find("router_weights") != std::string::npos)
                        continue;
                    EXPECT_LE(test::max_error(*have, expected.read(tensor)), 1e-4) << tensor;
                    ++compared;
                }
                EXPECT_GE(compared, 20);
                EXPECT_LE(test::max_error(decode_logits(model, golden, 5, mode, 1, backend),
                                          expected.read("decode_logits")),
                          1e-4);
            }
        }
        EXPECT_EQ(backend->given_up(), "");
        EXPECT_EQ(backend->complaints(), "");
    }
}

TEST_F(Backends, SixteenBitsOfStorageStayNear) {
    const auto backend = open({.half_storage = true});
    if (!backend) GTEST_SKIP() << absent_;
    const ModelPtr model = preset_model("nano", 3);
    const TracePtr cpu = traced(model, AttentionMode::naive, nullptr);
    const double off = difference(*cpu, *traced(model, AttentionMode::naive, backend));
    EXPECT_LE(off, 2e-2);  // some roundings by 2^-11, one after the other
    EXPECT_GT(off, 1e-6);
    EXPECT_EQ(backend->complaints(), "");
}

TEST_F(Backends, WhatDoesNotFitABlockIsTheCpusWithANote) {
    const auto standard = open();
    if (!standard) GTEST_SKIP() << absent_;
    DeviceLimits small = standard->device().limits;
    small.block_bytes = 2048;
    const auto backend = open({.limits = small});
    const ModelPtr model = preset_model("nano", 3);
    const TracePtr cpu = traced(model, AttentionMode::naive, nullptr);
    const TracePtr gl = traced(model, AttentionMode::naive, backend);
    EXPECT_LE(difference(*cpu, *gl), 1e-4);
    EXPECT_NE(backend->note().find("the CPU computes it"), std::string::npos);
}

TEST_F(Backends, SmallOperationsAreLeftToTheCpu) {
    const auto backend = open({.least_flops = 1e15});
    if (!backend) GTEST_SKIP() << absent_;
    const ModelPtr model = preset_model("nano", 3);
    EXPECT_EQ(difference(*traced(model, AttentionMode::naive, nullptr),
                         *traced(model, AttentionMode::naive, backend)),
              0);
}

// Weights that are gone leave their address to others, whose numbers must be theirs.
TEST_F(Backends, EveryVersionOfTheWeightsIsItsOwn) {
    const auto backend = open();
    if (!backend) GTEST_SKIP() << absent_;
    for (std::uint64_t seed = 0; seed < 12; ++seed) {
        const ModelPtr model = preset_model("nano", seed);
        EXPECT_LE(difference(*traced(model, AttentionMode::naive, nullptr),
                             *traced(model, AttentionMode::naive, backend)),
                  1e-4)
            << seed;
    }
}

TEST_F(Backends, ThreadsShareTheDevice) {
    const auto backend = open();
    if (!backend) GTEST_SKIP() << absent_;
    const ModelPtr model = preset_model("nano", 3);
    const TracePtr alone = traced(model, AttentionMode::naive, backend);
    std::vector<std::thread> threads;
    std::vector<double> off(3, 1);
    for (std::size_t i = 0; i < off.size(); ++i)
        threads.emplace_back([&, i] {
            double worst = 0;
            for (int n = 0; n < 4; ++n)
                worst = std::max(worst,
                                 difference(*alone, *traced(model, AttentionMode::naive, backend)));
            off[i] = worst;
        });
    for (std::thread& t : threads) t.join();
    for (const double d : off) EXPECT_EQ(d, 0);  // the same bits in every run
}

TEST_F(Backends, ARunOutlivesItsBackend) {
    auto backend = open();
    if (!backend) GTEST_SKIP() << absent_;
    const auto run = backend->begin(preset_model("nano", 3)->weights);
    ASSERT_NE(run, nullptr);
    backend.reset();
}

TEST_F(Backends, WarmsUpInTheBackgroundAndCanBeLeftMeanwhile) {
    auto backend = open({.warm_up = true});
    if (!backend) GTEST_SKIP() << absent_;
    backend.reset();
    backend = open({.warm_up = true});
    while (backend->ready() < 1) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    EXPECT_EQ(backend->given_up(), "");
    EXPECT_EQ(backend->complaints(), "");
}

TEST_F(Backends, AVariantThatTheDeviceRefusesIsASentence) {
    const auto backend = open();
    if (!backend) GTEST_SKIP() << absent_;
    const auto& refused = backend->device().refused;
    if (refused.empty()) GTEST_SKIP() << "this device runs every variant";
    EXPECT_THROW(backend->begin(preset_model("nano", 3)->weights, refused[0].first, false),
                 DeviceError);
    EXPECT_EQ(backend->given_up(), "");  // the others go on
}

TEST_F(Backends, TheRoofIsMeasuredOnce) {
    const auto backend = open();
    if (!backend) GTEST_SKIP() << absent_;
    const Roofline a = backend->roofline(), b = backend->roofline();
    EXPECT_GT(a.copy_bytes_per_second, 0);
    EXPECT_GT(a.flops_per_second, 0);
    EXPECT_EQ(a.copy_bytes_per_second, b.copy_bytes_per_second);
}

}  // namespace
}  // namespace sf
