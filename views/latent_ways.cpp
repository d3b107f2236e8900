#include "views/latent_ways.h"

#include "core/error.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

namespace sf::latent_kv {

namespace {

// Everything that the comparison reads, held.
struct Inputs {
    TensorPtr q, q_pe, latents, rope_keys, scores, out;
    WeightsPtr weights;
    TensorPtr up;
    std::int64_t heads = 0, nope = 0, rope = 0, value = 0, rank = 0, batch = 0;
    std::int64_t tokens = 0, keys = 0;
    double scale = 1;
    bool expands = true;  // the run's own way
};

// Kept beside the figures, so that no other tensor can come to lie at the key's address.
struct Held : LayerWays {
    Inputs in;
};

void worsen(double& worst, double e) {
    if (!(e <= worst)) worst = std::isnan(e) ? INFINITY : e;
}

// Rows of one head that the queries meet, and what it makes of their weighted sum.
class Head {
public:
    Head(const Inputs& in, std::int64_t head) : in_(in), head_(head) {
        if (in.expands) return;
        // The other way is the expanded one: k^C and v^C of every cached latent.
        for (std::int64_t s = 0; s < in.keys; ++s)
            for (std::int64_t i = 0; i < in.nope + in.value; ++i) {
                double sum = 0;
                for (std::int64_t j = 0; j < in.rank; ++j) sum += up(i, j) * latent(s, j);
                kv_.push_back(sum);
            }
    }
    double up(std::int64_t row, std::int64_t j) const {
        return in_.up->at((head_ * (in_.nope + in_.value) + row) * in_.rank + j);
    }
    double latent(std::int64_t s, std::int64_t j) const {
        return in_.latents->at((in_.batch * in_.keys + s) * in_.rank + j);
    }
    // A query's scores with all keys that it sees, and the outputs after softmax.
    void compare(std::int64_t t, LayerWays& ways) const {
        const std::int64_t row = (in_.batch * in_.tokens + t) * in_.heads + head_;
        std::vector<double> q;
        for (std::int64_t i = 0; i < in_.nope; ++i)
            q.push_back(in_.q->at(row * (in_.nope + in_.rope) + i));
        if (in_.expands) q = absorbed(q);
        const std::int64_t seen = in_.keys - in_.tokens + t + 1;
        std::vector<double> a;
        for (std::int64_t s = 0; s < seen; ++s) {
            double sum = 0, size = 0;
            const auto add = [&](double x) { sum += x, size += std::abs(x); };
            for (std::size_t i = 0; i < q.size(); ++i) add(q[i] * key(s, i));
            for (std::int64_t i = 0; i < in_.rope; ++i)
                add(in_.q_pe->at(row * in_.rope + i) *
                    in_.rope_keys->at((in_.batch * in_.keys + s) * in_.rope + i));
            a.push_back(sum * in_.scale);
            const std::int64_t at =
                ((in_.batch * in_.heads + head_) * in_.tokens + t) * in_.keys + s;
            worsen(ways.score_error, std::abs(a.back() - in_.scores->at(at)));
            ways.score_allowed = std::max(ways.score_allowed, size * in_.scale * roundings);
            ++ways.scores;
        }
        const std::vector<double> o = output(std::move(a), ways);
        for (std::int64_t i = 0; i < in_.value; ++i) {
            const double own = in_.out->at(row * in_.value + i);
            worsen(ways.output_error, std::abs(o[static_cast<std::size_t>(i)] - own));
            ++ways.outputs;
        }
    }

private:
    // Steps of rounding that a sum over a head's width collects, with room.
    static constexpr double roundings =
        48 * static_cast<double>(std::numeric_limits<Real>::epsilon());

    std::vector<double> absorbed(const std::vector<double>& q) const {
        std::vector<double> wide(static_cast<std::size_t>(in_.rank));
        for (std::int64_t i = 0; i < in_.nope; ++i)
            for (std::int64_t j = 0; j < in_.rank; ++j)
                wide[static_cast<std::size_t>(j)] += q[static_cast<std::size_t>(i)] * up(i, j);
        return wide;
    }
    double key(std::int64_t s, std::size_t i) const {
        const auto j = static_cast<std::int64_t>(i);
        return in_.expands ? latent(s, j)
                           : kv_[static_cast<std::size_t>(s * (in_.nope + in_.value) + j)];
    }
    // W^UV (Σ α c), or Σ α v.
    std::vector<double> output(std::vector<double> a, LayerWays& ways) const {
        const double most = *std::max_element(a.begin(), a.end());
        double whole = 0;
        for (double& x : a) whole += x = std::exp(x - most);
        const std::int64_t width = in_.expands ? in_.rank : in_.value;
        std::vector<double> sum(static_cast<std::size_t>(width));
        for (std::size_t s = 0; s < a.size(); ++s)
            for (std::int64_t j = 0; j < width; ++j) {
                const auto at = static_cast<std::int64_t>(s);
                const double v =
                    in_.expands
                        ? latent(at, j)
                        : kv_[static_cast<std::size_t>(at * (in_.nope + in_.value) + in_.nope + j)];
                sum[static_cast<std::size_t>(j)] += a[s] / whole * v;
            }
        std::vector<double> o;
        for (std::int64_t i = 0; i < in_.value; ++i) {
            double x = 0, size = 0;
            for (std::int64_t j = 0; j < in_.rank && in_.expands; ++j) {
                const double term = up(in_.nope + i, j) * sum[static_cast<std::size_t>(j)];
                x += term, size += std::abs(term);
            }
            if (!in_.expands) x = sum[static_cast<std::size_t>(i)], size = std::abs(x);
            o.push_back(x);
            // What a score is off, a weight is off by as large a share.
            ways.output_allowed =
                std::max(ways.output_allowed, size * (roundings + 2 * ways.score_allowed));
        }
        return o;
    }

    const Inputs& in_;
    std::int64_t head_;
    std::vector<double> kv_;
};

}  // namespace

Need layer_ways(const Trace& trace, const std::string& prefix, std::int64_t layer,
                std::int64_t batch) {
    const Graph& graph = *trace.graph;
    const ModelConfig& c = graph.config;
    Inputs in;
    std::string missing;
    const auto take = [&](const char* name, TensorPtr& to) {
        const NodeId id = graph.find(prefix + name);
        to = id == no_node ? nullptr : trace.share(id);
        if ((!to || !(to->shape == trace.shape(id))) && missing.empty()) missing = prefix + name;
    };
    take("q", in.q);
    take("q_pe", in.q_pe);
    take("cache_latent", in.latents);
    take("cache_k_pe", in.rope_keys);
    take("scores", in.scores);
    take("heads", in.out);
    in.weights = trace.weights;
    const std::string name =
        "model.layers." + std::to_string(layer) + ".self_attn.kv_b_proj.weight";
    if (in.weights) {
        const auto it = in.weights->tensors.find(name);
        if (it != in.weights->tensors.end()) in.up = it->second;
    }
    if (!in.up && missing.empty()) missing = name;
    in.heads = c.num_attention_heads;
    in.nope = c.qk_nope_head_dim;
    in.rope = c.qk_rope_head_dim;
    in.value = c.v_head_dim;
    in.rank = c.kv_lora_rank;
    in.batch = batch;
    in.scale = c.softmax_scale();
    in.expands = graph.attention == AttentionMode::naive;
    if (missing.empty()) {
        in.tokens = in.q->shape[1];
        in.keys = in.scores->shape[3];
    }
    // Head outputs come last: whatever changes before them makes them anew.
    const void* const of = in.out.get();
    const auto compute = [in, missing](const Progress& progress) -> DerivedPtr {
        if (!missing.empty()) throw UserError(missing + ": is not in this trace");
        auto held = std::make_shared<Held>();
        held->in = in;
        for (std::int64_t h = 0; h < in.heads; ++h) {
            const Head head(held->in, h);
            for (std::int64_t t = 0; t < in.tokens; ++t) {
                const double done = static_cast<double>(h * in.tokens + t);
                if (!progress(done / static_cast<double>(in.heads * in.tokens))) return nullptr;
                head.compare(t, *held);
            }
        }
        return held;
    };
    return {{"latent-kv both ways " + prefix + std::to_string(batch), of}, compute};
}

}  // namespace sf::latent_kv
