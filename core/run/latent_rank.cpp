#include "core/run/latent_rank.h"

#include "core/error.h"
#include "core/model/sampler.h"
#include "core/run/runner.h"

#include <Eigen/SVD>

#include <algorithm>
#include <cmath>
#include <utility>

namespace sf {

namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

std::string weights_of(std::int64_t layer) {
    return "model.layers." + std::to_string(layer) + ".self_attn.";
}
constexpr const char* key_value = "kv_b_proj.weight";

Matrix matrix(const Tensor& t) {
    Matrix m(t.shape[0], t.shape[1]);
    for (std::int64_t i = 0; i < t.size(); ++i) m.data()[i] = t.at(i);
    return m;
}

TensorPtr tensor(const Matrix& m) {
    Tensor t({m.rows(), m.cols()}, DType::real);
    std::transform(m.data(), m.data() + m.size(), t.real.begin(),
                   [](double v) { return static_cast<Real>(v); });
    return std::make_shared<const Tensor>(std::move(t));
}

// W^UK and W^UV of every layer, taken apart.
class Directions {
public:
    Directions(const Weights& weights, const ModelConfig& config) : whole_(weights) {
        if (!config.mla()) throw UserError("rank: this model caches no latent");
        for (std::int64_t l = 0; l < config.num_hidden_layers + config.num_nextn_predict_layers;
             ++l) {
            Layer layer{
                weights_of(l) + key_value, matrix(weights.at(weights_of(l) + key_value)), {}, {}};
            const Eigen::BDCSVD<Eigen::MatrixXd> svd(layer.m, Eigen::ComputeThinV);
            layer.v = svd.matrixV();
            const auto& values = svd.singularValues();
            layer.singular.assign(values.data(), values.data() + values.size());
            // A latent wider than all heads together has directions that nobody reads.
            layer.singular.resize(static_cast<std::size_t>(config.kv_lora_rank), 0.0);
            layers_.push_back(std::move(layer));
        }
    }
    WeightsPtr kept(std::int64_t r) const {
        auto weights = std::make_shared<Weights>(whole_);
        for (const Layer& l : layers_) {
            const auto v = l.v.leftCols(std::min<Eigen::Index>(r, l.v.cols()));
            weights->tensors[l.name] = tensor(l.m * v * v.transpose());
        }
        return weights;
    }
    std::vector<std::vector<double>> spectra(std::int64_t layers) const {
        std::vector<std::vector<double>> all;
        for (std::int64_t l = 0; l < layers; ++l)
            all.push_back(layers_[static_cast<std::size_t>(l)].singular);
        return all;
    }

private:
    struct Layer {
        std::string name;
        Matrix m;
        Eigen::MatrixXd v;
        std::vector<double> singular;
    };
    const Weights& whole_;
    std::vector<Layer> layers_;
};

// What of a trace is needed to run its first sequence again.
struct Again {
    std::string name;
    ModelConfig config;
    WeightsPtr weights;
    std::vector<std::int64_t> ids;
    RunOptions options;

    explicit Again(const Trace& trace)
        : name(trace.model_name), config(trace.graph->config), weights(trace.weights) {
        ids = trace.sequence(0);
        options.attention = trace.graph->attention;
        if (trace.extent.batch == 1) options.edits = trace.edits;
    }
    void check() const {
        if (!weights) throw UserError("rank: a saved trace holds no weights");
        if (!config.mla()) throw UserError("rank: this model caches no latent");
    }
    TracePtr run(WeightsPtr with) const {
        Model model;
        model.name = name;
        model.config = config;
        model.weights = std::move(with);
        return run_trace(std::make_shared<const Model>(std::move(model)), {ids}, options);
    }
    DerivedKey key(const std::string& what) const {
        std::string text =
            what + (options.attention == AttentionMode::naive ? ", naive" : ", absorbed");
        for (const Edit& e : options.edits)
            text += " " + e.node + "[" + std::to_string(e.index) + "]=" + std::to_string(e.value);
        return key_of_text(text, ids, weights.get());
    }
};

struct Distance {
    double divergence = 0, agreement = 0;
};
// Of two runs' next-token distributions, mean over positions.
Distance distance(const Tensor& p, const Tensor& q) {
    const std::int64_t vocab = p.shape.cols(), rows = p.shape.rows();
    Distance d;
    for (std::int64_t r = 0; r < rows; ++r) {
        const auto row_p = p.real.begin() + r * vocab, row_q = q.real.begin() + r * vocab;
        const auto n = static_cast<std::size_t>(vocab);
        const double lp = log_sum_exp({&*row_p, n}), lq = log_sum_exp({&*row_q, n});
        for (std::int64_t i = 0; i < vocab; ++i) {
            const double a = static_cast<double>(row_p[i]) - lp;
            d.divergence += std::exp(a) * (a - (static_cast<double>(row_q[i]) - lq));
        }
        d.agreement += std::max_element(row_p, row_p + vocab) - row_p ==
                               std::max_element(row_q, row_q + vocab) - row_q
                           ? 1
                           : 0;
    }
    const auto n = static_cast<double>(rows);
    return {std::max(0.0, d.divergence / n), d.agreement / n};
}

// All of them, or evenly chosen ones with both ends.
std::vector<std::int64_t> ranks_up_to(std::int64_t most) {
    constexpr std::int64_t points = 64;
    std::vector<std::int64_t> ranks;
    const std::int64_t n = std::min(points, most);
    for (std::int64_t i = 0; i < n; ++i) ranks.push_back(n == 1 ? 1 : 1 + i * (most - 1) / (n - 1));
    return ranks;
}

DerivedPtr curve_of(const Again& again, const Progress& progress) {
    again.check();
    const Directions directions(*again.weights, again.config);
    auto curve = std::make_shared<RankCurve>();
    curve->spectrum = directions.spectra(again.config.num_hidden_layers);
    const Tensor logits = *again.run(again.weights)->find("logits");
    curve->rank = ranks_up_to(again.config.kv_lora_rank);
    for (const std::int64_t r : curve->rank) {
        if (!progress(static_cast<double>(curve->divergence.size()) /
                      static_cast<double>(curve->rank.size())))
            return nullptr;
        const TracePtr run = again.run(directions.kept(r));
        const Tensor& other = *run->find("logits");
        const Distance d = distance(logits, other);
        curve->divergence.push_back(d.divergence);
        curve->agreement.push_back(d.agreement);
        if (r < again.config.kv_lora_rank) continue;
        for (std::int64_t i = 0; i < logits.size(); ++i) {
            curve->full_error = std::max(curve->full_error, std::abs(logits.at(i) - other.at(i)));
            curve->largest_logit = std::max(curve->largest_logit, std::abs(logits.at(i)));
        }
    }
    return curve;
}

}  // namespace

std::vector<double> key_value_spectrum(const Weights& weights, const ModelConfig& config,
                                       std::int64_t layer) {
    const std::string w = weights_of(layer);
    Matrix m;
    if (config.mla()) {
        m = matrix(weights.at(w + key_value));
    } else {
        const Matrix k = matrix(weights.at(w + "k_proj.weight"));
        const Matrix v = matrix(weights.at(w + "v_proj.weight"));
        m.resize(k.rows() + v.rows(), k.cols());
        m << k, v;
    }
    const Eigen::BDCSVD<Eigen::MatrixXd> svd{Eigen::MatrixXd(m)};
    const auto& values = svd.singularValues();
    std::vector<double> all(values.data(), values.data() + values.size());
    all.resize(static_cast<std::size_t>(m.cols()), 0.0);
    return all;
}

WeightsPtr with_latent_rank(const Weights& weights, const ModelConfig& config, std::int64_t r) {
    if (r < 1 || r > config.kv_lora_rank)
        throw UserError("rank: must be from 1 to " + std::to_string(config.kv_lora_rank) +
                        ", not " + std::to_string(r));
    return Directions(weights, config).kept(r);
}

Need rank_run(const Trace& trace, std::int64_t r) {
    const Again again(trace);
    const auto compute = [again, r](const Progress&) -> DerivedPtr {
        again.check();
        auto result = std::make_shared<RankRun>();
        result->rank = r;
        result->run = again.run(r == again.config.kv_lora_rank
                                    ? again.weights
                                    : with_latent_rank(*again.weights, again.config, r));
        return result;
    };
    return {again.key("run with rank " + std::to_string(r)), compute};
}

Need rank_curve(const Trace& trace) {
    const Again again(trace);
    return {again.key("every rank"),
            [again](const Progress& progress) { return curve_of(again, progress); }};
}

}  // namespace sf
