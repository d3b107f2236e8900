#include "core/run/latent_rank.h"

#include "core/error.h"
#include "core/model/model.h"
#include "core/run/runner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>

namespace sf {
namespace {

const std::vector<std::int64_t> ids{5, 17, 42, 9, 101, 3, 64};

TracePtr trace_of(const ModelPtr& model) {
    return run_trace(model, {ids});
}

const RankCurve& curve_of(const Trace& trace, Derived& derived) {
    const Need need = rank_curve(trace);
    derived.settle({need});
    EXPECT_EQ(derived.entry(need.key)->error, "");
    return *derived.find<RankCurve>(need.key);
}

std::string kv_b(std::int64_t layer) {
    return "model.layers." + std::to_string(layer) + ".self_attn.kv_b_proj.weight";
}

// Sum of squares of a matrix is that of its singular values.
TEST(LatentRank, SpectrumHasTheMatrixNorm) {
    const ModelPtr model = preset_model("nano", 3);
    for (std::int64_t l = 0; l < model->config.num_hidden_layers; ++l) {
        const auto spectrum = key_value_spectrum(*model->weights, model->config, l);
        ASSERT_EQ(static_cast<std::int64_t>(spectrum.size()), model->config.kv_lora_rank);
        EXPECT_TRUE(std::is_sorted(spectrum.rbegin(), spectrum.rend()));
        double squares = 0, norm = 0;
        for (const double s : spectrum) squares += s * s;
        for (const Real w : model->weights->at(kv_b(l)).real)
            norm += static_cast<double>(w) * static_cast<double>(w);
        EXPECT_NEAR(squares / norm, 1, 1e-9);
    }
}

// Eckart and Young: what is lost with the directions left out is their singular values.
TEST(LatentRank, LosesTheSmallestSingularValues) {
    const ModelPtr model = preset_model("nano", 3);
    const auto spectrum = key_value_spectrum(*model->weights, model->config, 1);
    for (const std::int64_t r : {std::int64_t{1}, std::int64_t{7}, model->config.kv_lora_rank}) {
        const WeightsPtr kept = with_latent_rank(*model->weights, model->config, r);
        const Tensor &before = model->weights->at(kv_b(1)), &after = kept->at(kv_b(1));
        double lost = 0, expected = 0;
        for (std::int64_t i = 0; i < before.size(); ++i)
            lost += std::pow(before.at(i) - after.at(i), 2);
        for (auto i = static_cast<std::size_t>(r); i < spectrum.size(); ++i)
            expected += spectrum[i] * spectrum[i];
        EXPECT_NEAR(lost, expected, 1e-6) << r;
        EXPECT_EQ(kept->at("lm_head.weight").real, model->weights->at("lm_head.weight").real);
    }
}

TEST(LatentRank, AllDirectionsAreTheModel) {
    const TracePtr trace = trace_of(preset_model("nano", 3));
    Derived derived;
    const RankCurve& curve = curve_of(*trace, derived);
    EXPECT_EQ(curve.rank.front(), 1);
    EXPECT_EQ(curve.rank.back(), trace->graph->config.kv_lora_rank);
    EXPECT_LT(curve.full_error, 1e-5);
    EXPECT_GT(curve.largest_logit, 0);
    EXPECT_LT(curve.divergence.back(), 1e-9);
    EXPECT_EQ(curve.agreement.back(), 1);
    EXPECT_GT(curve.divergence.front(), curve.divergence.back());

    const Need all = rank_run(*trace, trace->graph->config.kv_lora_rank);
    derived.settle({all});
    EXPECT_EQ(derived.find<RankRun>(all.key)->run->find("logits")->real,
              trace->find("logits")->real);
}

// The same as truncating the latent itself: c is replaced by V_r V_rᵀ c, the weights stay.
TEST(LatentRank, IsTheTruncatedLatent) {
    const ModelPtr model = preset_model("nano", 3);
    const TracePtr trace = trace_of(model);
    const std::int64_t r = 5, d = model->config.kv_lora_rank;
    const Need need = rank_run(*trace, r);
    Derived derived;
    derived.settle({need});
    const Trace& run = *derived.find<RankRun>(need.key)->run;
    const WeightsPtr weights = with_latent_rank(*model->weights, model->config, r);
    const Tensor& kept = weights->at(kv_b(0));  // M V_r V_rᵀ
    const Tensor& latent = *trace->find("layers.0.kv_latent");
    const Tensor& kv = *run.find("layers.0.kv");
    const std::int64_t wide = kept.shape[0];
    for (std::int64_t t = 0; t < static_cast<std::int64_t>(ids.size()); ++t)
        for (std::int64_t o = 0; o < wide; ++o) {
            double sum = 0;
            for (std::int64_t i = 0; i < d; ++i) sum += kept.at(o * d + i) * latent.at(t * d + i);
            EXPECT_NEAR(kv.at(t * wide + o), sum, 1e-5);
        }
}

TEST(LatentRank, KeysTellModelsTextsAndRanksApart) {
    const ModelPtr model = preset_model("nano", 3);
    const TracePtr trace = trace_of(model), other = run_trace(model, {{1, 2, 3}});
    EXPECT_EQ(rank_run(*trace, 4).key, rank_run(*trace_of(model), 4).key);
    EXPECT_NE(rank_run(*trace, 4).key, rank_run(*trace, 5).key);
    EXPECT_NE(rank_run(*trace, 4).key, rank_run(*other, 4).key);
    EXPECT_NE(rank_run(*trace, 4).key, rank_run(*trace_of(preset_model("nano", 4)), 4).key);
}

TEST(LatentRank, SaysWhyThereIsNone) {
    const ModelPtr model = preset_model("nano", 3);
    auto trace = std::make_shared<Trace>(*trace_of(model));
    trace->weights = nullptr;
    Derived derived;
    const Need need = rank_curve(*trace);
    derived.settle({need});
    EXPECT_EQ(derived.entry(need.key)->error, "rank: a saved trace holds no weights");
    EXPECT_THROW(with_latent_rank(*model->weights, model->config, 0), UserError);

    ModelConfig config = model->config;
    config.attention_kind = "gqa";
    config.num_key_value_heads = 2;
    const WeightsPtr grouped = initial_weights(config, 1);
    EXPECT_THROW(with_latent_rank(*grouped, config, 4), UserError);
    EXPECT_EQ(static_cast<std::int64_t>(key_value_spectrum(*grouped, config, 0).size()),
              config.hidden_size);
}

TEST(LatentRank, GivesUpWhenNobodyWaits) {
    const TracePtr trace = trace_of(preset_model("nano", 3));
    int asked = 0;
    const Derived::Entry entry =
        Derived::computed(rank_curve(*trace), [&](double) { return ++asked < 3; });
    EXPECT_FALSE(entry.settled());
    EXPECT_EQ(asked, 3);
}

}  // namespace
}  // namespace sf
