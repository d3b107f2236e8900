#include "core/ops/matmul.h"
#include "core/ops/ops.h"

namespace sf {

namespace {

constexpr std::int64_t piece = 96;  // rows at a time: they and the weight fit the second cache

// y = x W^T, W (out, in). Attrs heads > 0 splits the output into (heads, out / heads).
void linear_shape(const Graph& graph, Node& n) {
    const Node& x = input(graph, n, 0);
    const Node& w = input(graph, n, 1);
    std::int64_t in = x.dims.back().scale;
    if (x.dims.size() == 4) in *= x.dims[2].scale;  // (heads, value) read as one row
    require(n, w.dims.size() == 2 && w.dims[1].scale == in,
            "needs (.., k) and (n, k), got k " + std::to_string(in) + " and " +
                std::to_string(w.dims.size() == 2 ? w.dims[1].scale : -1));
    n.dims = {x.dims[0], x.dims[1]};
    const std::int64_t out = w.dims[0].scale;
    if (n.attrs.heads > 0) {
        require(n, out % n.attrs.heads == 0, "needs heads that divide its outputs");
        n.dims.push_back(fixed(n.attrs.heads));
        n.dims.push_back(fixed(out / n.attrs.heads));
    } else {
        n.dims.push_back(fixed(out));
    }
}
void linear_prepare(const Node&, std::span<const ConstView> in, Prepared& p) {
    const Shape& w = in[1].shape;
    p.resize(1);
    p[0].set_transposed(in[1].real, w[0], w[1], w[1]);
}
// dx = dy W, dW = dy^T x.
void linear_prepare_backward(const Node&, std::span<const ConstView> in, Prepared& p) {
    const Shape& w = in[1].shape;
    p.resize(1);
    p[0].set_straight(in[1].real, w[0], w[1], w[1]);
}
void linear_backward(const BackwardContext& c) {
    const auto n = c.in[1].shape[0], k = c.in[1].shape[1];
    const auto rows = c.out.shape[0] * c.out.shape[1];
    if (const GradView dx = c.to[0])
        for_rows(c, rows, piece, [&](std::int64_t r0, std::int64_t r1, int) {
            multiply_panels(c.grad + r0 * n, r1 - r0, n, n, c.prepared->front().panel(0), k,
                            dx.data + r0 * k, k, dx.add);
        });
    if (const GradView dw = c.to[1]) weight_gradient(c, c.grad, n, n, c.in[0].real, k, rows, dw);
}
void linear(const OpContext& c) {
    const PackedMatrix& w = c.prepared->front();
    const auto rows = c.out.shape[0] * c.out.shape[1];
    for_rows(c, rows, piece, [&](std::int64_t r0, std::int64_t r1, int) {
        multiply(c.in[0].real + r0 * w.k(), r1 - r0, w.k(), w, c.out.real + r0 * w.n(), w.n());
    });
}
void explain_linear(const ExplainContext& c, Explanation& e) {
    const auto k = c.in[1].shape[1], n = c.in[1].shape[0];
    const auto row = c.index / n, col = c.index % n;
    Terms terms;
    for (std::int64_t i = 0; i < k; ++i)
        terms.add(c.in[0].at(row * k + i), c.in[1].at(col * k + i));
    e.value = terms.sum();
    e.numbers = terms.text();
    use_cells(e, 0, row * k, k);
    use_cells(e, 1, col * k, k);
}

}  // namespace

void add_linear_ops(std::vector<OpDef>& t) {
    t.push_back({.op = Op::linear,
                 .name = "linear",
                 .shape = linear_shape,
                 .forward = linear,
                 .prepare = linear_prepare,
                 .explain = explain_linear,
                 .backward = linear_backward,
                 .prepare_backward = linear_prepare_backward});
}

}  // namespace sf
