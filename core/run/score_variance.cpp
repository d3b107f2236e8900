#include "core/run/score_variance.h"

#include "core/run/runner.h"

#include <algorithm>
#include <array>
#include <memory>

namespace sf {

namespace {

// A model of one dense layer: its attention sees the embedding, as the first layer of any does.
Model fresh_model(ModelConfig config, std::int64_t d, std::uint64_t seed) {
    config.num_hidden_layers = 1;
    config.num_nextn_predict_layers = 0;
    config.first_k_dense_replace = 1;
    config.qk_rope_head_dim = std::max<std::int64_t>(2, d / 8 * 2);
    config.qk_nope_head_dim = d - config.qk_rope_head_dim;
    Model model;
    model.name = "fresh";
    model.config = config;
    model.weights = initial_weights(config, seed);
    return model;
}

ScoreVariance measure(const Trace& trace, std::int64_t d) {
    const Tensor& scores = *trace.find("layers.0.scores");
    const double scale = (*trace.graph)[trace.graph->find("layers.0.scores")].attrs.scale;
    const std::int64_t T = scores.shape[2], S = scores.shape[3];
    ScoreVariance v{d, 0, 0, 0};
    double sum = 0, squares = 0;
    for (std::int64_t r = 0; r < scores.shape.rows(); ++r)
        for (std::int64_t s = 0; s <= r % T + S - T; ++s) {
            const double a = scores.at(r * S + s);
            sum += a;
            squares += a * a;
            ++v.pairs;
        }
    const auto n = static_cast<double>(v.pairs);
    v.scaled = squares / n - sum / n * (sum / n);
    v.raw = v.scaled / (scale * scale);
    return v;
}

}  // namespace

std::vector<ScoreVariance> score_variances(const ModelConfig& config,
                                           const std::vector<std::int64_t>& ids,
                                           std::span<const std::int64_t> widths, std::uint64_t seed,
                                           const std::function<bool()>& stop) {
    std::vector<ScoreVariance> all;
    for (const std::int64_t d : widths) {
        if (stop && stop()) break;
        const auto model = std::make_shared<const Model>(fresh_model(config, d, seed));
        all.push_back(measure(*run_trace(model, {ids}), d));
    }
    return all;
}

Need score_variances(const Trace& trace) {
    const auto ids = trace.sequence(0);
    const auto compute = [graph = trace.graph, ids](const Progress& progress) -> DerivedPtr {
        constexpr std::array<std::int64_t, 6> widths{8, 16, 32, 64, 128, 256};
        auto result = std::make_shared<ScoreVariances>();
        double done = 0;
        const auto stop = [&] { return !progress(done++ / static_cast<double>(widths.size())); };
        result->widths = score_variances(graph->config, ids, widths, 0, stop);
        return result->widths.size() == widths.size() ? result : nullptr;
    };
    return {key_of_text("score variance", ids, trace.graph.get()), compute};
}

}  // namespace sf
