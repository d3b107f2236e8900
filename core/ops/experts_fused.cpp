#include "core/ops/expert_rows.h"
#include "core/ops/math.h"
#include "core/ops/matmul.h"
#include "core/ops/ops.h"

#include <algorithm>
#include <utility>

// Fused: dispatch, gate, up, swiglu, down and combine, one expert after the other, so that an
// expert's rows stay in the cache. Inputs: x (B, T, D), indices, weights, then gate, up and down of
// each expert. Attrs: experts, top_k.

namespace sf {

namespace {

void experts_shape(const Graph& graph, Node& n) {
    n.dims = graph[n.fused_inputs[0]].dims;
}
void experts_prepare(const Node& n, std::span<const ConstView> in, Prepared& p) {
    p.resize(2 * static_cast<std::size_t>(n.attrs.experts));
    for (std::size_t e = 0; 2 * e < p.size(); ++e) {
        const auto* w = in.data() + 3 + 3 * e;
        const Shape &up = w[1].shape, &down = w[2].shape;
        p[2 * e].set_transposed_pair(w[0].real, w[1].real, up[0], up[1], up[1]);
        p[2 * e + 1].set_transposed(w[2].real, down[0], down[1], down[1]);
    }
}

// The slots by expert: order, and where each expert's begin.
struct Slots {
    std::vector<std::int64_t> load, begin, order;
    Slots(const std::int64_t* indices, std::int64_t slots, std::int64_t experts)
        : load(static_cast<std::size_t>(experts)),
          begin(static_cast<std::size_t>(experts)),
          order(static_cast<std::size_t>(slots)) {
        for (std::int64_t s = 0; s < slots; ++s) ++load[static_cast<std::size_t>(indices[s])];
        for (std::size_t e = 1; e < begin.size(); ++e) begin[e] = begin[e - 1] + load[e - 1];
        order_slots(indices, slots, load.data(), experts, order.data());
    }
};

// Fewer slots than this are not worth waking other threads for.
constexpr std::int64_t few_slots = 32;

// Gate and up activations side by side, each starting a panel of its own.
std::int64_t pair_width(std::int64_t width) {
    return 2 * PackedMatrix::padded(width);
}

void experts(const OpContext& c) {
    const auto E = c.node.attrs.experts, k = c.node.attrs.top_k, D = c.out.shape.cols();
    const auto tokens = c.out.shape.rows(), slots = tokens * k, width = c.in[4].shape[0];
    const auto pair = pair_width(width), up = pair / 2;
    const Slots s(c.in[1].ints, slots, E);

    // 48 rows at a time: an expert's rows pass through both products inside the nearest cache.
    constexpr std::int64_t block = 48;
    Real* out = c.scratch->get(0, slots * D);
    const auto each = (block * (D + pair + width) + 31) / 16 * 16;
    Real* memory = c.scratch->get(1, each * threads_of(c));
    const auto one = [&](std::int64_t e, int thread) {
        const auto i = static_cast<std::size_t>(e);
        Real* x = memory + each * thread;
        Real* h = x + block * (D + pair);
        for (std::int64_t r0 = 0; r0 < s.load[i]; r0 += block) {
            const auto n = std::min(block, s.load[i] - r0), first = s.begin[i] + r0;
            Real* both = c.saved ? c.saved + first * pair : x + block * D;
            for (std::int64_t r = 0; r < n; ++r)
                std::copy_n(c.in[0].real + s.order[static_cast<std::size_t>(first + r)] / k * D, D,
                            x + r * D);
            multiply(x, n, D, (*c.prepared)[2 * i], both, pair);
            for (std::int64_t r = 0; r < n; ++r)
                for (std::int64_t j = 0; j < width; ++j)
                    h[r * width + j] = silu(both[r * pair + j]) * both[r * pair + up + j];
            multiply(h, n, width, (*c.prepared)[2 * i + 1], out + first * D, D);
        }
    };
    if (slots > few_slots)
        for_pieces(c, E, one);
    else
        for (std::int64_t e = 0; e < E; ++e) one(e, 0);
    const auto row_of = inverse(s.order.data(), slots);
    combine_rows(out, row_of.data(), c.in[2].real, tokens, k, D, c.out.real);
}

// The gate and up activations of every slot, in the experts' order.
std::int64_t experts_saved(const Node&, std::span<const ConstView> in) {
    return in[1].size() * pair_width(in[4].shape[0]);
}

void experts_prepare_backward(const Node& n, std::span<const ConstView> in, Prepared& p) {
    p.resize(3 * static_cast<std::size_t>(n.attrs.experts));
    for (std::size_t i = 0; i < p.size(); ++i) {
        const ConstView& w = in[3 + i];
        p[i].set_straight(w.real, w.shape[0], w.shape[1], w.shape[1]);
    }
}

// h = silu(a) u, and with dh = g z: da = dh u silu'(a), du = dh silu(a). One vector loop.
void swiglu_slopes(const Real* __restrict a, const Real* __restrict u, const Real* __restrict z,
                   Real g, std::int64_t n, Real* __restrict da, Real* __restrict du,
                   Real* __restrict h) {
    for (std::int64_t j = 0; j < n; ++j) {
        const Real sigma = sigmoid(a[j]), act = a[j] * sigma, dh = g * z[j];
        da[j] = dh * u[j] * (sigma * (Real(1) + a[j] * (Real(1) - sigma)));
        du[j] = dh * act;
        h[j] = act * u[j];
    }
}

// y = sum g W2 h with h = silu(a) u, a = W1 x, u = W3 x. With z = W2^T dy: dg = z h (which is dy
// W2 h), dh = g z, da = dh u silu'(a), du = dh silu(a), dx = W1^T da + W3^T du; dW2 = dy (g h)^T,
// dW1 = da x^T, dW3 = du x^T. Experts write disjoint gradients; a token's rows are added at the
// end.
void experts_backward(const BackwardContext& c) {
    const auto E = c.node.attrs.experts, k = c.node.attrs.top_k, D = c.out.shape.cols();
    const auto tokens = c.out.shape.rows(), slots = tokens * k, width = c.in[4].shape[0];
    const auto pair = pair_width(width), up = pair / 2;
    const Slots s(c.in[1].ints, slots, E);

    constexpr std::int64_t block = 96;
    Real* dx_rows = c.scratch->get(0, slots * D);
    const auto each = (block * (2 * D + 2 * width + pair) + 6 * 16) / 16 * 16;
    Real* memory = c.scratch->get(1, each * threads_of(c));
    for_pieces(c, E, [&](std::int64_t e, int thread) {
        const auto i = static_cast<std::size_t>(e);
        Real* at = memory + each * thread;
        const auto take = [&](std::int64_t n) {
            return std::exchange(at, at + (n + 15) / 16 * 16);
        };
        Real* x = take(block * D);
        Real* dy = take(block * D);
        Real* z = take(block * width);
        Real* h = take(block * width);
        Real* both = take(block * pair);  // da and du, as far apart as a and u
        const PackedMatrix* w = c.prepared->data() + 3 * i;
        const GradView *to = c.to.data() + 3 + 3 * i, dw1 = to[0], dw3 = to[1], dw2 = to[2];
        const auto count = s.load[i];
        if (count == 0)
            for (std::size_t j = 0; j < 3; ++j)
                if (to[j] && !to[j].add)
                    std::fill_n(to[j].data, c.in[3 + 3 * i + j].shape.size(), Real(0));
        for (std::int64_t r0 = 0; r0 < count; r0 += block) {
            const auto n = std::min(block, count - r0), first = s.begin[i] + r0;
            for (std::int64_t r = 0; r < n; ++r) {
                const auto token = s.order[static_cast<std::size_t>(first + r)] / k;
                std::copy_n(c.in[0].real + token * D, D, x + r * D);
                std::copy_n(c.grad + token * D, D, dy + r * D);
            }
            multiply_panels(dy, n, D, D, w[2].panel(0), width, z, width, false);
            for (std::int64_t r = 0; r < n; ++r) {
                const auto slot = s.order[static_cast<std::size_t>(first + r)];
                const Real *a = c.saved + (first + r) * pair, *zr = z + r * width;
                Real *hr = h + r * width, *da = both + r * pair;
                const Real g = c.in[2].real[slot];
                swiglu_slopes(a, a + up, zr, g, width, da, da + up, hr);
                if (c.to[2])
                    c.to[2].give(slot,
                                 lane_sum(width, [&](std::int64_t j) { return zr[j] * hr[j]; }));
                for (std::int64_t j = 0; j < width; ++j) hr[j] *= g;
            }
            if (c.to[0]) {
                multiply_panels(both, n, pair, width, w[0].panel(0), D, dx_rows + first * D, D,
                                false);
                multiply_panels(both + up, n, pair, width, w[1].panel(0), D, dx_rows + first * D, D,
                                true);
            }
            if (dw1)
                multiply_transposed(both, width, pair, n, x, D, D, dw1.data, D, dw1.add || r0 > 0);
            if (dw3)
                multiply_transposed(both + up, width, pair, n, x, D, D, dw3.data, D,
                                    dw3.add || r0 > 0);
            if (dw2)
                multiply_transposed(dy, D, D, n, h, width, width, dw2.data, width,
                                    dw2.add || r0 > 0);
        }
    });
    if (!c.to[0]) return;
    const auto row_of = inverse(s.order.data(), slots);
    for_rows(c, tokens, 64, [&](std::int64_t t0, std::int64_t t1, int) {
        for (std::int64_t t = t0; t < t1; ++t)
            for (std::int64_t j = 0; j < k; ++j) {
                const Real* row = dx_rows + row_of[static_cast<std::size_t>(t * k + j)] * D;
                give_all({c.to[0].data + t * D, c.to[0].add || j > 0}, D,
                         [&](std::int64_t i) { return row[i]; });
            }
    });
}

}  // namespace

void add_fused_expert_ops(std::vector<OpDef>& t) {
    t.push_back({.op = Op::experts,
                 .name = "experts",
                 .shape = experts_shape,
                 .forward = experts,
                 .prepare = experts_prepare,
                 .composite = true,
                 .backward = experts_backward,
                 .prepare_backward = experts_prepare_backward,
                 .saved = experts_saved});
}

}  // namespace sf
