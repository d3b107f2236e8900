#include "core/backend/gradient_executor.h"
#include "core/backend/thread_pool.h"
#include "core/model/model.h"
#include "core/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

// The whole model's gradient in double: against central differences of the loss along random
// directions, fused against step by step, naive against absorbed, one thread against three.

namespace sf {
namespace {

struct Setup {
    ModelConfig config;
    std::map<std::string, double> factors;  // of losses by the end of their name
};

struct Pass {
    double loss = 0;
    std::map<std::string, std::vector<Real>> gradients;
};

ModelConfig tiny() {
    ModelConfig c = ModelConfig::preset("nano");
    c.vocab_size = 31;
    c.bos_token_id = 0;
    c.eos_token_id = 1;
    c.hidden_size = 20;
    c.num_attention_heads = 2;
    c.kv_lora_rank = 10;
    c.q_lora_rank = 14;
    c.num_hidden_layers = 2;
    c.intermediate_size = 26;
    c.moe_intermediate_size = 11;
    c.num_nextn_predict_layers = 2;
    c.routed_scaling_factor = 1.5;
    c.initializer_range = 0.2;
    return c;
}

class Model64 {
public:
    Model64(const ModelConfig& config, AttentionMode mode)
        : graph(build_training_graph(config, mode)), weights(initial_weights(config, 4)) {
        for (const auto& [name, tensor] : weights->tensors) numbers[name] = tensor->real;
        for (std::size_t i = 0; i < ids.size(); ++i)
            ids[i] = static_cast<std::int64_t>(random_bits(1, 2, i) %
                                               static_cast<std::uint64_t>(config.vocab_size));
    }
    Pass run(bool steps, int threads = 1) {
        const auto n = static_cast<std::size_t>(graph->size());
        std::vector<ConstView> params(n);
        std::vector<Real*> gradients(n);
        Pass result;
        GradientExecutor::Request r;
        for (NodeId id = 0; id < graph->size(); ++id) {
            const Node& node = (*graph)[id];
            if (node.op == Op::param) {
                params[static_cast<std::size_t>(id)] = {node.shape({}), numbers[node.name].data()};
                auto& g = result.gradients[node.name];
                g.assign(numbers[node.name].size(), std::nan(""));
                gradients[static_cast<std::size_t>(id)] = g.data();
            }
            double weight = 0;
            if (node.name == "loss") weight = 1;
            if (node.name.starts_with("mtp.") && node.name.ends_with(".loss")) weight = 0.3;
            if (node.name.ends_with(".balance_loss")) weight = 0.2;
            if (node.name.ends_with(".aux_loss")) weight = 0.1;
            if (weight > 0) r.seeds.push_back({id, weight});
        }
        r.extent = {2, 9, 0};
        r.ids = ids;
        r.params = params;
        r.gradients = gradients;
        for (const auto& s : r.seeds) r.outputs.push_back(s.loss);
        r.steps = steps;
        GradientExecutor executor(graph, std::make_shared<ThreadPool>(threads));
        executor.run(r);
        for (const auto& s : r.seeds) result.loss += s.weight * executor.value(s.loss).real[0];
        return result;
    }

    std::shared_ptr<const Graph> graph;
    WeightsPtr weights;
    std::map<std::string, std::vector<Real>> numbers;
    std::vector<std::int64_t> ids = std::vector<std::int64_t>(18);
};

double largest(const std::vector<Real>& v) {
    double m = 0;
    for (const Real x : v) m = std::max(m, std::abs(x));
    return m;
}

void expect_equal_gradients(const Pass& a, const Pass& b, double tolerance) {
    ASSERT_NEAR(a.loss, b.loss, 1e-12 * std::abs(a.loss));
    for (const auto& [name, g] : a.gradients) {
        const auto& other = b.gradients.at(name);
        const double scale = largest(g) + 1e-9;
        for (std::size_t i = 0; i < g.size(); ++i)
            ASSERT_NEAR(g[i], other[i], tolerance * scale) << name << " " << i;
    }
}

struct Kind {
    const char* name;
    AttentionMode mode;
    std::int64_t kv_heads;  // 0: mla
    const char* mtp = "chain";
};
void PrintTo(const Kind& k, std::ostream* out) {
    *out << k.name;
}

class ModelGradients : public testing::TestWithParam<Kind> {
protected:
    static Model64 model() {
        ModelConfig c = tiny();
        c.mtp_kind = GetParam().mtp;
        if (GetParam().kv_heads > 0) {
            c.attention_kind = "gqa";
            c.num_key_value_heads = GetParam().kv_heads;
        }
        return {c, GetParam().mode};
    }
};

TEST_P(ModelGradients, agree_with_central_differences_of_the_loss) {
    Model64 model = ModelGradients::model();
    const Pass at = model.run(false);
    for (const auto& [name, g] : at.gradients) {
        if (name.ends_with("e_score_correction_bias")) {
            EXPECT_EQ(largest(g), 0) << "the bias has no gradient";
            continue;
        }
        // Along a random direction of this parameter.
        std::vector<Real> direction(g.size()), kept = model.numbers[name];
        double exact = 0, norm = 0;
        for (std::size_t i = 0; i < g.size(); ++i) {
            direction[i] = random_normal(8, stream_of(name), i);
            exact += g[i] * direction[i];
            norm += g[i] * g[i];
        }
        const double h = 2e-6;
        auto& x = model.numbers[name];
        for (std::size_t i = 0; i < x.size(); ++i) x[i] = kept[i] + h * direction[i];
        const double above = model.run(false).loss;
        for (std::size_t i = 0; i < x.size(); ++i) x[i] = kept[i] - h * direction[i];
        const double below = model.run(false).loss;
        x = kept;
        EXPECT_NEAR(exact, (above - below) / (2 * h), 1e-6 * std::sqrt(norm) + 1e-8) << name;
        // An expert that no token chose has none.
        if (name.find(".experts.") == std::string::npos) {
            EXPECT_GT(norm, 0) << name;
        }
    }
}

TEST_P(ModelGradients, step_by_step_equal_the_fused_ones) {
    Model64 model = ModelGradients::model();
    expect_equal_gradients(model.run(false), model.run(true), 1e-11);
}

TEST_P(ModelGradients, do_not_depend_on_the_number_of_threads) {
    Model64 model = ModelGradients::model();
    const Pass one = model.run(false, 1), three = model.run(false, 3);
    EXPECT_EQ(one.loss, three.loss);
    EXPECT_EQ(one.gradients, three.gradients);
}

INSTANTIATE_TEST_SUITE_P(both, ModelGradients,
                         testing::Values(Kind{"naive", AttentionMode::naive, 0},
                                         Kind{"absorbed", AttentionMode::absorbed, 0},
                                         Kind{"parallel", AttentionMode::naive, 0, "parallel"},
                                         Kind{"multi_query", AttentionMode::naive, 1},
                                         Kind{"multi_head", AttentionMode::naive, 2}),
                         [](const auto& p) { return std::string(p.param.name); });

TEST(ModelGradientsOfBothModes, absorbed_equal_the_naive_ones) {
    Model64 naive(tiny(), AttentionMode::naive), absorbed(tiny(), AttentionMode::absorbed);
    expect_equal_gradients(naive.run(false), absorbed.run(false), 1e-10);
}

}  // namespace
}  // namespace sf
