#include "core/run/speculate.h"

#include "core/error.h"
#include "core/model/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>

namespace sf {
namespace {

using Ids = std::vector<std::int64_t>;

// Wide first weights: predictions and drafts are sure of themselves and differ.
ModelPtr drafting_model(std::int64_t modules, const std::function<void(ModelConfig&)>& change = {},
                        std::uint64_t seed = 1) {
    auto model = std::make_shared<Model>();
    model->name = "test";
    model->config = ModelConfig::preset("nano");
    model->config.vocab_size = 24;
    model->config.bos_token_id = 0;
    model->config.eos_token_id = 1;
    model->config.initializer_range = 0.25;
    model->config.num_nextn_predict_layers = modules;
    if (change) change(model->config);
    EXPECT_TRUE(model->config.problems().empty());
    model->weights = initial_weights(model->config, seed);
    return model;
}

const Ids prompt{3, 11, 5, 20, 7};

Ids ids_of(const std::vector<Drawn>& drawn) {
    Ids ids;
    for (const Drawn& d : drawn) ids.push_back(d.id);
    return ids;
}

// The model's distribution of the token behind these.
std::vector<Real> target(const ModelPtr& model, const Ids& ids, const SamplingOptions& o) {
    const Tensor logits =
        decode_logits(model, {ids}, static_cast<std::int64_t>(ids.size()), o.attention);
    return sampling_distribution(logits.real, o.temperature, o.top_k, o.top_p);
}

TEST(Speculation, GreedyTextIsThatOfPlainDecoding) {
    const std::vector<std::function<void(ModelConfig&)>> shapes{
        {},
        [](ModelConfig& c) { c.attention_kind = "gqa", c.num_key_value_heads = 2; },
        [](ModelConfig& c) { c.tie_word_embeddings = true, c.scoring_func = "softmax"; },
        [](ModelConfig& c) { c.n_routed_experts = 0, c.num_hidden_layers = 1; },
        [](ModelConfig& c) { c.q_lora_rank = 24, c.num_hidden_layers = 4; },
        [](ModelConfig& c) { c.mtp_kind = "parallel"; }};
    for (std::size_t shape = 0; shape < shapes.size(); ++shape)
        for (std::int64_t modules = 1; modules <= 3; ++modules) {
            const ModelPtr model = drafting_model(modules, shapes[shape], shape + 1);
            for (const AttentionMode attention : {AttentionMode::naive, AttentionMode::absorbed}) {
                if (attention == AttentionMode::absorbed && !model->config.mla()) continue;
                SamplingOptions o;
                o.max_new = 40;
                o.attention = attention;
                const Ids plain = ids_of(generate(model, prompt, o).drawn);
                for (const SpeculationOptions s :
                     {SpeculationOptions{1}, {2}, {3}, {5}, {8, true}, {2, false, 0.4}}) {
                    const Speculated drafted = speculate(model, prompt, o, s);
                    EXPECT_EQ(ids_of(drafted.text.drawn), plain)
                        << shape << " " << modules << " modules, " << s.drafts << " drafts";
                    EXPECT_LE(drafted.accepted, drafted.judged);
                    EXPECT_LE(drafted.judged, drafted.drafted);
                    EXPECT_LE(drafted.passes, 40);
                }
            }
        }
}

TEST(Speculation, ADraftIsWhatTheModuleSaysInAWholeRun) {
    const ModelPtr model = drafting_model(3);
    SamplingOptions o;
    Speculator speculator(model, o, 64);
    Ids known = prompt;
    known.push_back(speculator.start(prompt).id);
    for (int n = 0; n < 5; ++n) {
        const Round round = speculator.round(3);
        Ids seen = known;
        for (std::size_t k = 0; k < 3; ++k) {
            // Module k + 1 at the last position that the main model has read.
            const TracePtr trace = run_trace(model, {seen});
            const Tensor* probs = trace->find("mtp." + std::to_string(k + 1) + ".probs");
            ASSERT_NE(probs, nullptr);
            const auto vocab = model->config.vocab_size;
            const auto row = static_cast<std::int64_t>(known.size()) - 2;
            ASSERT_EQ(probs->shape[1], row + 1);
            for (std::int64_t i = 0; i < vocab; ++i)
                EXPECT_NEAR(round.drafts[k].q[static_cast<std::size_t>(i)],
                            probs->at(row * vocab + i), 2e-5);
            seen.push_back(round.drafts[k].id);
        }
        known = speculator.tokens();
    }
}

TEST(Speculation, ADraftOfParallelModulesKnowsNoneBeforeIt) {
    const ModelPtr model = drafting_model(3, [](ModelConfig& c) { c.mtp_kind = "parallel"; });
    SamplingOptions o;
    o.temperature = 1.2;
    Speculator speculator(model, o, 64);
    Ids known = prompt;
    known.push_back(speculator.start(prompt).id);
    for (int n = 0; n < 6; ++n) {
        const Round round = speculator.round(3);
        // All modules at the last position that the main model has read.
        const TracePtr trace = run_trace(model, {{known.begin(), known.end() - 1}});
        const auto vocab = model->config.vocab_size;
        const auto row = static_cast<std::int64_t>(known.size()) - 2;
        for (std::size_t k = 0; k < 3; ++k) {
            const Tensor* logits = trace->find("mtp." + std::to_string(k + 1) + ".logits");
            ASSERT_EQ(logits->shape[1], row + 1);
            const auto q = sampling_distribution(
                std::span(logits->real).subspan(static_cast<std::size_t>(row * vocab)), 1.2, 0, 1);
            for (std::size_t i = 0; i < q.size(); ++i)
                EXPECT_NEAR(round.drafts[k].q[i], q[i], 2e-5) << n << " " << k;
        }
        known = speculator.tokens();
    }
}

TEST(Speculation, RollbackLeavesNothingBehind) {
    const ModelPtr model = drafting_model(2);
    SamplingOptions o;
    o.temperature = 1.5;
    Speculator speculator(model, o, 128);
    speculator.start(prompt);
    std::int64_t rejected = 0;
    for (int n = 0; n < 12; ++n) {
        const Ids before = speculator.tokens();
        const Round round = speculator.round(4);
        rejected += 4 - round.accepted();
        // Judged as by a model that never saw the earlier drafts.
        for (std::size_t j = 0; j < round.drafts.size(); ++j) {
            if (round.drafts[j].p.empty()) break;
            Ids ids = before;
            for (std::size_t i = 0; i < j; ++i) ids.push_back(round.drafts[i].id);
            const auto p = target(model, ids, o);
            for (std::size_t i = 0; i < p.size(); ++i)
                EXPECT_NEAR(round.drafts[j].p[i], p[i], 2e-5) << n << " " << j;
        }
        ASSERT_EQ(std::ssize(speculator.tokens()), std::ssize(before) + round.accepted() + 1);
    }
    EXPECT_GT(rejected, 5);

    // Cut back and read on: as if nothing had been between.
    const Ids kept{speculator.tokens().begin(), speculator.tokens().begin() + 7};
    speculator.truncate(7);
    EXPECT_EQ(speculator.tokens(), kept);
    const Round again = speculator.round(3);
    Speculator fresh(model, o, 128);
    fresh.start({kept.begin(), kept.end() - 1});
    fresh.truncate(6);
    fresh.append(kept.back());
    const Round once = fresh.round(3);
    for (std::size_t i = 0; i < 24; ++i)
        EXPECT_NEAR(once.drafts[0].q[i], again.drafts[0].q[i], 2e-5);
}

TEST(Speculation, TheResidualIsWhatTheDraftsLeave) {
    const std::vector<Real> p{0.5F, 0.25F, 0.25F, 0}, q{0.25F, 0.5F, 0, 0.25F};
    EXPECT_EQ(residual(p, q), (std::vector<Real>{0.5F, 0, 0.5F, 0}));
    EXPECT_EQ(residual(p, p), p);  // nothing is left: a draft from p is never rejected
}

TEST(Speculation, AsManyDraftsAsPay) {
    const auto best = [](double a, double share) {
        std::vector<double> cost;
        for (int n = 0; n <= 8; ++n) cost.push_back(1 + n * share);
        return drafts_that_pay(std::vector<double>(8, a), cost);
    };
    EXPECT_EQ(best(0.0, 0.2), 1);
    EXPECT_EQ(best(0.99, 0.01), 8);
    // a = 1/2: 1.5 / 1.2 = 1.25, 1.75 / 1.4 = 1.25, 1.875 / 1.6 = 1.17.
    EXPECT_EQ(best(0.5, 0.19), 2);
    EXPECT_EQ(best(0.5, 0.25), 1);
}

TEST(Speculation, ARoundCostsTheWeightsThatItReads) {
    ModelConfig c = ModelConfig::preset("nano");
    c.num_nextn_predict_layers = 1;
    c.first_k_dense_replace = 0;
    c.n_routed_experts = 8;
    c.num_experts_per_tok = 2;
    c.n_group = c.topk_group = 1;
    double block = 0, experts = 0;
    for (const ParameterSpec& p : parameters(c))
        if (p.name.starts_with("model.layers.0.") && p.shape.rank == 2) {
            const bool routed = p.name.find(".experts.") != std::string::npos;
            (routed ? experts : block) += static_cast<double>(p.shape.size());
        }
    const auto d = static_cast<double>(c.hidden_size),
               layers = static_cast<double>(c.num_hidden_layers),
               head = d * static_cast<double>(c.vocab_size);
    const auto reads = [&](double blocks, int rows) {
        return blocks * (block + experts * (1 - std::pow(0.75, rows))) + head;
    };
    const double module = reads(1, 2) + 2 * d * d, plain = reads(layers, 1);
    const auto costs = round_costs(c, 2);
    ASSERT_EQ(costs.size(), 3U);
    EXPECT_EQ(costs[0], 1);
    EXPECT_NEAR(costs[1], (reads(layers, 2) + module) / plain, 1e-12);
    EXPECT_NEAR(costs[2], (reads(layers, 3) + 2 * module) / plain, 1e-12);
}

TEST(Speculation, MistakesAreSaid) {
    const ModelPtr none = drafting_model(0);
    EXPECT_THROW(speculate(none, prompt, {}, {}), UserError);
    const ModelPtr model = drafting_model(1);
    SamplingOptions o;
    o.max_new = 100000;
    EXPECT_THROW(speculate(model, prompt, o, {}), UserError);
    // As many as fit: the last token is never read.
    o.max_new = model->config.max_position_embeddings - std::ssize(prompt) + 1;
    const Speculated all = speculate(model, prompt, o, {4});
    EXPECT_EQ(std::ssize(all.text.drawn), o.max_new);
    EXPECT_EQ(ids_of(all.text.drawn), ids_of(generate(model, prompt, o).drawn));
}

// Pearson's statistic over tables of counts against probabilities; cells of expectation below 5
// are put together. Returns the normal deviate of Wilson and Hilferty: above 3.09, p < 1e-3.
class ChiSquare {
public:
    void add(const std::map<std::int64_t, std::int64_t>& counts, const std::vector<Real>& p) {
        double n = 0;
        for (const auto& [id, count] : counts) n += static_cast<double>(count);
        double rest_expected = 0, rest_seen = 0;
        int cells = 0;
        const auto cell = [&](double seen, double expected) {
            sum_ += (seen - expected) * (seen - expected) / expected;
            ++cells;
        };
        for (std::size_t i = 0; i < p.size(); ++i) {
            const auto at = counts.find(static_cast<std::int64_t>(i));
            const double seen = at == counts.end() ? 0 : static_cast<double>(at->second);
            const double expected = n * static_cast<double>(p[i]);
            if (expected >= 5) {
                cell(seen, expected);
            } else {
                rest_expected += expected;
                rest_seen += seen;
            }
        }
        if (rest_expected >= 5) cell(rest_seen, rest_expected);
        freedom_ += std::max(0, cells - 1);
    }
    double deviate() const {
        const double k = freedom_, ninth = 2 / (9 * k);
        return (std::cbrt(sum_ / k) - (1 - ninth)) / std::sqrt(ninth);
    }
    int freedom() const { return freedom_; }

private:
    double sum_ = 0;
    int freedom_ = 0;
};

TEST(Speculation, DraftsLeaveTheDistributionAsItIs) {
    constexpr int rounds = 10000;
    const ModelPtr model = drafting_model(2);
    for (const Ids& prefix : {Ids{3, 11, 5, 20, 7}, Ids{1, 2}, Ids{9, 9, 4, 17, 0, 2, 13, 21}}) {
        SamplingOptions o;
        o.temperature = 0.9;
        o.top_p = 0.97;
        o.seed = 5;
        Speculator speculator(model, o, 64);
        speculator.start({prefix.begin(), prefix.end() - 1});
        std::map<std::int64_t, std::int64_t> first, careless;
        std::map<std::int64_t, std::map<std::int64_t, std::int64_t>> second;
        const auto known = std::ssize(prefix);
        Ids text = speculator.tokens();
        for (int n = 0; n < rounds; ++n) {
            // The token behind the prompt is drawn; the prefix asks for its own.
            speculator.truncate(known - 1);
            speculator.append(prefix.back());
            const Round round = speculator.round(2);
            while (std::ssize(speculator.tokens()) < known + 2) speculator.round(2);
            text = speculator.tokens();
            const auto at = [&](std::int64_t i) { return text[static_cast<std::size_t>(i)]; };
            ++first[at(known)];
            ++second[at(known)][at(known + 1)];
            // Without the residual: a rejection draws from p.
            const Draft& d = round.drafts.front();
            ++careless[d.accepted ? d.id : draw(d.p, round.next.u)];
        }
        const auto p = target(model, prefix, o);
        ChiSquare one, two, wrong;
        one.add(first, p);
        wrong.add(careless, p);
        for (const auto& [id, counts] : second) {
            Ids longer = prefix;
            longer.push_back(id);
            two.add(counts, target(model, longer, o));
        }
        ASSERT_GT(one.freedom(), 3);
        ASSERT_GT(two.freedom(), 20);
        EXPECT_LT(one.deviate(), 3.09);
        EXPECT_LT(two.deviate(), 3.09);
        EXPECT_GT(wrong.deviate(), 3.09) << "the test would not see a missing residual";
    }
}

TEST(Speculation, NeitherNoiseNorParallelModulesChangeTheDistribution) {
    constexpr int rounds = 10000;
    const auto parallel = [](ModelConfig& c) { c.mtp_kind = "parallel"; };
    for (const auto& [model, damage] :
         {std::pair{drafting_model(2), 0.6}, {drafting_model(2, parallel), 0.0}}) {
        const Ids prefix{9, 9, 4, 17, 0, 2, 13, 21};
        SamplingOptions o;
        o.temperature = 0.9;
        Speculator speculator(model, o, 64, damage);
        speculator.start({prefix.begin(), prefix.end() - 1});
        std::map<std::int64_t, std::int64_t> first, drafted, careless;
        const auto known = std::ssize(prefix);
        std::vector<Real> q;
        for (int n = 0; n < rounds; ++n) {
            speculator.truncate(known - 1);
            speculator.append(prefix.back());
            const Round round = speculator.round(2);
            const Draft& d = round.drafts.front();
            ++first[speculator.tokens()[static_cast<std::size_t>(known)]];
            ++drafted[d.id];
            ++careless[d.accepted ? d.id : draw(d.p, round.next.u)];
            q = d.q;
        }
        ChiSquare exact, drafts, wrong;
        exact.add(first, target(model, prefix, o));
        drafts.add(drafted, q);
        wrong.add(careless, target(model, prefix, o));
        EXPECT_LT(exact.deviate(), 3.09);
        EXPECT_LT(drafts.deviate(), 3.09) << "drafts do not have the distribution that they say";
        EXPECT_GT(wrong.deviate(), 3.09) << "the test would not see a missing residual";
    }
}

TEST(Speculation, NoiseIsEvenAndOfItsShare) {
    const ModelPtr model = drafting_model(1);
    SamplingOptions o;
    o.temperature = 0.8;
    const auto first_q = [&](double damage) {
        Speculator speculator(model, o, 64, damage);
        speculator.start(prompt);
        return speculator.round(1).drafts.front().q;
    };
    const auto plain = first_q(0), noisy = first_q(0.3);
    for (std::size_t i = 0; i < plain.size(); ++i)
        EXPECT_NEAR(noisy[i], 0.7 * static_cast<double>(plain[i]) + 0.3 / 24, 1e-6);
    // Greedy drafts that are all noise are tokens by lot.
    o.temperature = 0;
    Speculator speculator(model, o, 64, 1);
    std::map<std::int64_t, std::int64_t> drafted;
    speculator.start(prompt);
    for (int n = 0; n < 3000; ++n) {
        speculator.truncate(std::ssize(prompt));
        ++drafted[speculator.round(1).drafts.front().id];
    }
    ChiSquare even;
    even.add(drafted, std::vector<Real>(24, Real(1) / 24));
    EXPECT_EQ(even.freedom(), 23);
    EXPECT_LT(even.deviate(), 3.09);
}

}  // namespace
}  // namespace sf
