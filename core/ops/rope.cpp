#include "core/ops/rope.h"

#include "core/ops/ops.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace sf {

std::vector<double> yarn_ramp(const ModelConfig& config) {
    const auto d = static_cast<double>(config.qk_rope_head_dim);
    const RopeScaling& s = config.rope_scaling;
    // The pair that turns n times within the original context.
    const auto correction = [&](double turns) {
        return d *
               std::log(static_cast<double>(s.original_max_position_embeddings) /
                        (turns * 2 * std::numbers::pi)) /
               (2 * std::log(config.rope_theta));
    };
    const double low = std::max(std::floor(correction(s.beta_fast)), 0.0);
    double high = std::min(std::ceil(correction(s.beta_slow)), d - 1);
    if (low == high) high += 0.001;
    std::vector<double> ramp(static_cast<std::size_t>(config.qk_rope_head_dim / 2));
    for (std::size_t i = 0; i < ramp.size(); ++i)
        ramp[i] = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    return ramp;
}

std::vector<double> rope_frequencies(const ModelConfig& config) {
    const auto d = static_cast<double>(config.qk_rope_head_dim);
    const RopeScaling& s = config.rope_scaling;
    const double base =
        s.type == "ntk" ? config.rope_theta * std::pow(s.factor, d / (d - 2)) : config.rope_theta;
    std::vector<double> f(static_cast<std::size_t>(config.qk_rope_head_dim / 2));
    for (std::size_t i = 0; i < f.size(); ++i)
        f[i] = std::pow(base, -2 * static_cast<double>(i) / d);
    if (s.type == "linear")
        for (double& x : f) x /= s.factor;
    if (config.yarn()) {
        const auto ramp = yarn_ramp(config);
        for (std::size_t i = 0; i < f.size(); ++i)
            f[i] = f[i] / s.factor * ramp[i] + f[i] * (1 - ramp[i]);
    }
    return f;
}

void RopeTable::reserve(std::int64_t positions) {
    const auto have = pairs() == 0 ? positions : static_cast<std::int64_t>(cos_.size()) / pairs();
    if (positions <= have) return;
    cos_.reserve(static_cast<std::size_t>(positions * pairs()));
    sin_.reserve(static_cast<std::size_t>(positions * pairs()));
    for (std::int64_t p = have; p < positions; ++p)
        for (double f : frequencies_) {
            cos_.push_back(static_cast<Real>(std::cos(static_cast<double>(p) * f)));
            sin_.push_back(static_cast<Real>(std::sin(static_cast<double>(p) * f)));
        }
}

namespace {

// Rotates interleaved pairs (2i, 2i+1) of the columns [begin, begin + rope) of each head by
// position x theta_i. `width` columns before them are carried over. Attrs: heads (0: one row
// without a head dimension), begin, rope, width.
void rope_shape(const Graph& graph, Node& n) {
    const Node& x = input(graph, n, 0);
    require(n,
            n.attrs.width <= n.attrs.begin && n.attrs.begin + n.attrs.rope <= x.dims.back().scale &&
                n.attrs.rope % 2 == 0,
            "needs an even number of columns inside its input");
    n.dims = x.dims;
    n.dims.back() = fixed(n.attrs.width + n.attrs.rope);
}
void rope(const OpContext& c) {
    const auto heads = std::max<std::int64_t>(1, c.node.attrs.heads), width = c.node.attrs.rope;
    const auto ld = c.in[0].shape.cols(), tokens = c.in[0].shape[1], kept = c.node.attrs.width;
    for (std::int64_t b = 0; b < c.in[0].shape[0]; ++b)
        for (std::int64_t t = 0; t < tokens; ++t) {
            const Real *cos = c.rope.cos(c.extent.past + t), *sin = c.rope.sin(c.extent.past + t);
            for (std::int64_t h = 0; h < heads; ++h) {
                const auto row = (b * tokens + t) * heads + h;
                const Real* x = c.in[0].real + row * ld + c.node.attrs.begin;
                Real* y = c.out.real + row * (kept + width);
                y = std::copy_n(x - kept, kept, y);
                for (std::int64_t i = 0; i < width / 2; ++i) {
                    y[2 * i] = x[2 * i] * cos[i] - x[2 * i + 1] * sin[i];
                    y[2 * i + 1] = x[2 * i] * sin[i] + x[2 * i + 1] * cos[i];
                }
            }
        }
}
// Turned back: the transpose of a rotation is its inverse.
void rope_backward(const BackwardContext& c) {
    const auto heads = std::max<std::int64_t>(1, c.node.attrs.heads), width = c.node.attrs.rope;
    const auto ld = c.in[0].shape.cols(), tokens = c.in[0].shape[1], begin = c.node.attrs.begin;
    const auto kept = c.node.attrs.width;
    const GradView dx = c.to[0];
    if (!dx) return;
    for_rows(c, c.in[0].shape[0] * tokens, 64, [&](std::int64_t r0, std::int64_t r1, int) {
        for (std::int64_t r = r0 * heads; r < r1 * heads; ++r) {
            const auto position = c.extent.past + r / heads % tokens;
            const Real *cos = c.rope.cos(position), *sin = c.rope.sin(position);
            const Real* dy = c.grad + r * (kept + width);
            const GradView row{dx.data + r * ld, dx.add};
            for (std::int64_t i = 0; i < kept; ++i) row.give(begin - kept + i, dy[i]);
            dy += kept;
            if (!row.add) {
                std::fill_n(row.data, begin - kept, Real(0));
                std::fill(row.data + begin + width, row.data + ld, Real(0));
            }
            for (std::int64_t i = 0; i < width / 2; ++i) {
                row.give(begin + 2 * i, dy[2 * i] * cos[i] + dy[2 * i + 1] * sin[i]);
                row.give(begin + 2 * i + 1, dy[2 * i + 1] * cos[i] - dy[2 * i] * sin[i]);
            }
        }
    });
}
void explain_rope(const ExplainContext& c, Explanation& e) {
    const auto kept = c.node.attrs.width, width = c.node.attrs.rope, ld = c.in[0].shape.cols();
    const auto heads = std::max<std::int64_t>(1, c.node.attrs.heads);
    const auto row = c.index / (kept + width), col = c.index % (kept + width) - kept;
    if (col < 0) {
        const auto from = row * ld + c.node.attrs.begin + col;
        e.value = c.in[0].at(from);
        e.numbers = "carried over: these columns have no position";
        use_cells(e, 0, from, 1);
        return;
    }
    const auto position = c.extent.past + row / heads % c.in[0].shape[1];
    const auto pair = col / 2, from = row * ld + c.node.attrs.begin + 2 * pair;
    const double angle =
        static_cast<double>(position) * c.rope.frequencies()[static_cast<std::size_t>(pair)];
    const double x = c.in[0].at(from), y = c.in[0].at(from + 1);
    const double cs = std::cos(angle), sn = std::sin(angle);
    const bool even = col % 2 == 0;
    Terms terms;
    terms.add(x, even ? cs : sn);
    terms.add(y, even ? -sn : cs);
    e.value = terms.sum();
    e.numbers = terms.text() + "   (angle " + number_text(angle) + " at position " +
                std::to_string(position) + ")";
    use_cells(e, 0, from, 2);
}

// The rows that attention reads: what was cached before and this run's own. Attrs: begin, which of
// the layer's two parts: latent (0) and rope key (1), or keys and values.
void cache_shape(const Graph& graph, Node& n) {
    n.dims = input(graph, n, 0).dims;
    n.dims[1].sym = Dim::Sym::context;
}
std::int64_t numbers_a_token(const Shape& s) {
    return s.size() / (s[0] * s[1]);
}
// Of a run from the start; the executor itself appends to a cache.
void cache(const OpContext& c) {
    std::copy_n(c.in[0].real, c.out.shape.size(), c.out.real);
}
// The rows of this run; what was cached before is no function of it.
void cache_backward(const BackwardContext& c) {
    const auto width = numbers_a_token(c.in[0].shape), tokens = c.in[0].shape[1];
    const auto past = c.extent.past;
    for (std::int64_t b = 0; b < c.in[0].shape[0] && c.to[0]; ++b)
        give_all({c.to[0].data + b * tokens * width, c.to[0].add}, tokens * width,
                 [&](std::int64_t i) { return c.grad[(b * (past + tokens) + past) * width + i]; });
}
void explain_cache(const ExplainContext& c, Explanation& e) {
    const auto at = coordinates(c.value.shape, c.index);
    const auto t = at[1] - c.extent.past, width = numbers_a_token(c.in[0].shape);
    if (t < 0) return;
    const auto from = (at[0] * c.in[0].shape[1] + t) * width + c.index % width;
    e.value = c.in[0].at(from);
    e.numbers = "cached as it is";
    use_cells(e, 0, from, 1);
}

}  // namespace

void add_rope_ops(std::vector<OpDef>& t) {
    t.push_back({.op = Op::rope,
                 .name = "rope",
                 .shape = rope_shape,
                 .forward = rope,
                 .explain = explain_rope,
                 .backward = rope_backward,
                 .reads = 0});
    t.push_back({.op = Op::cache,
                 .name = "cache",
                 .shape = cache_shape,
                 .forward = cache,
                 .explain = explain_cache,
                 .backward = cache_backward,
                 .reads = 0});
}

}  // namespace sf
