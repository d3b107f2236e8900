#include "core/ops/math.h"
#include "core/ops/ops.h"

#include <cmath>

namespace sf {

namespace {

void same_shape(const Graph& graph, Node& n) {
    for (std::size_t i = 1; i < n.inputs.size(); ++i)
        require(n, input(graph, n, i).dims == input(graph, n, 0).dims, "needs equal shapes");
    n.dims = input(graph, n, 0).dims;
}

void add(const OpContext& c) {
    const Real *a = c.in[0].real, *b = c.in[1].real;
    Real* y = c.out.real;
    const auto cols = c.out.shape.cols();
    for_rows(c, c.out.shape.rows(), 256, [&](std::int64_t r0, std::int64_t r1, int) {
        for (std::int64_t i = r0 * cols; i < r1 * cols; ++i) y[i] = a[i] + b[i];
    });
}
void add_backward(const BackwardContext& c) {
    const auto cols = c.out.shape.cols();
    for_rows(c, c.out.shape.rows(), 256, [&](std::int64_t r0, std::int64_t r1, int) {
        const Real* dy = c.grad + r0 * cols;
        for (const GradView g : c.to)
            if (g)
                give_all({g.data + r0 * cols, g.add}, (r1 - r0) * cols,
                         [&](std::int64_t i) { return dy[i]; });
    });
}
void explain_add(const ExplainContext& c, Explanation& e) {
    const double a = c.in[0].at(c.index), b = c.in[1].at(c.index);
    e.value = a + b;
    e.numbers = number_text(a) + " + " + (b < 0 ? "(" + number_text(b) + ")" : number_text(b));
    use_cells(e, 0, c.index, 1);
    use_cells(e, 1, c.index, 1);
}

void concat_shape(const Graph& graph, Node& n) {
    n.dims = input(graph, n, 0).dims;
    n.dims.back().scale += input(graph, n, 1).dims.back().scale;
}
void concat(const OpContext& c) {
    const auto a = c.in[0].shape.cols(), b = c.in[1].shape.cols();
    for (std::int64_t r = 0; r < c.out.shape.rows(); ++r) {
        std::copy_n(c.in[0].real + r * a, a, c.out.real + r * (a + b));
        std::copy_n(c.in[1].real + r * b, b, c.out.real + r * (a + b) + a);
    }
}
void concat_backward(const BackwardContext& c) {
    const auto a = c.in[0].shape.cols(), b = c.in[1].shape.cols(), n = a + b;
    for (std::int64_t r = 0; r < c.out.shape.rows(); ++r) {
        for (std::int64_t i = 0; i < a && c.to[0]; ++i) c.to[0].give(r * a + i, c.grad[r * n + i]);
        for (std::int64_t i = 0; i < b && c.to[1]; ++i)
            c.to[1].give(r * b + i, c.grad[r * n + a + i]);
    }
}
void explain_concat(const ExplainContext& c, Explanation& e) {
    const auto a = c.in[0].shape.cols(), b = c.in[1].shape.cols();
    const auto row = c.index / (a + b), col = c.index % (a + b);
    const std::size_t which = col < a ? 0 : 1;
    const auto from = col < a ? row * a + col : row * b + col - a;
    e.value = c.in[which].at(from);
    e.numbers = col < a ? "copied from the first half" : "copied from the second half";
    use_cells(e, which, from, 1);
}

void swiglu(const OpContext& c) {
    const Real *gate = c.in[0].real, *up = c.in[1].real;
    Real* y = c.out.real;
    const auto cols = c.out.shape.cols();
    for_rows(c, c.out.shape.rows(), 64, [&](std::int64_t r0, std::int64_t r1, int) {
        for (std::int64_t i = r0 * cols; i < r1 * cols; ++i) y[i] = silu(gate[i]) * up[i];
    });
}
void swiglu_backward(const BackwardContext& c) {
    const Real *gate = c.in[0].real, *up = c.in[1].real;
    const auto cols = c.out.shape.cols();
    for_rows(c, c.out.shape.rows(), 64, [&](std::int64_t r0, std::int64_t r1, int) {
        const auto begin = r0 * cols, n = (r1 - r0) * cols;
        const Real *g = gate + begin, *u = up + begin, *dy = c.grad + begin;
        if (c.to[0])
            give_all({c.to[0].data + begin, c.to[0].add}, n,
                     [&](std::int64_t i) { return dy[i] * u[i] * silu_slope(g[i]); });
        if (c.to[1])
            give_all({c.to[1].data + begin, c.to[1].add}, n,
                     [&](std::int64_t i) { return dy[i] * silu(g[i]); });
    });
}
void explain_swiglu(const ExplainContext& c, Explanation& e) {
    const double g = c.in[0].at(c.index), u = c.in[1].at(c.index);
    e.value = g / (1 + std::exp(-g)) * u;
    e.numbers =
        "silu(" + number_text(g) + ")·" + (u < 0 ? "(" : "") + number_text(u) + (u < 0 ? ")" : "");
    use_cells(e, 0, c.index, 1);
    use_cells(e, 1, c.index, 1);
}

void softmax(const OpContext& c) {
    const auto cols = c.out.shape.cols();
    for_rows(c, c.out.shape.rows(), 64, [&](std::int64_t r0, std::int64_t r1, int) {
        for (std::int64_t r = r0; r < r1; ++r) {
            const Real* x = c.in[0].real + r * cols;
            Real* y = c.out.real + r * cols;
            const Real m = lane_max(x, cols);
            for (std::int64_t i = 0; i < cols; ++i) y[i] = fast_exp(x[i] - m);
            const Real inverse = Real(1) / lane_sum(cols, [&](std::int64_t i) { return y[i]; });
            for (std::int64_t i = 0; i < cols; ++i) y[i] *= inverse;
        }
    });
}
// dx = p (dy - sum dy p)
void softmax_backward(const BackwardContext& c) {
    const auto cols = c.out.shape.cols();
    if (!c.to[0]) return;
    for_rows(c, c.out.shape.rows(), 64, [&](std::int64_t r0, std::int64_t r1, int) {
        for (std::int64_t r = r0; r < r1; ++r) {
            const Real *p = c.out.real + r * cols, *dy = c.grad + r * cols;
            const Real mean = lane_sum(cols, [&](std::int64_t i) { return dy[i] * p[i]; });
            give_all({c.to[0].data + r * cols, c.to[0].add}, cols,
                     [&](std::int64_t i) { return p[i] * (dy[i] - mean); });
        }
    });
}
void explain_softmax(const ExplainContext& c, Explanation& e) {
    const auto cols = c.value.shape.cols(), row = c.index / cols;
    double m = -std::numeric_limits<double>::infinity(), sum = 0;
    for (std::int64_t i = 0; i < cols; ++i) m = std::max(m, c.in[0].at(row * cols + i));
    for (std::int64_t i = 0; i < cols; ++i) sum += std::exp(c.in[0].at(row * cols + i) - m);
    const double x = c.in[0].at(c.index);
    e.value = std::exp(x - m) / sum;
    e.numbers = "exp(" + number_text(x) + " − " + (m < 0 ? "(" : "") + number_text(m) +
                (m < 0 ? ")" : "") + ") / " + number_text(sum);
    use_cells(e, 0, row * cols, cols);
}

}  // namespace

void add_elementwise_ops(std::vector<OpDef>& t) {
    t.push_back({.op = Op::add,
                 .name = "add",
                 .shape = same_shape,
                 .forward = add,
                 .explain = explain_add,
                 .backward = add_backward,
                 .reads = 0});
    t.push_back({.op = Op::concat,
                 .name = "concat",
                 .shape = concat_shape,
                 .forward = concat,
                 .explain = explain_concat,
                 .backward = concat_backward,
                 .reads = 0});
    t.push_back({.op = Op::swiglu,
                 .name = "swiglu",
                 .shape = same_shape,
                 .forward = swiglu,
                 .explain = explain_swiglu,
                 .backward = swiglu_backward});
    t.push_back({.op = Op::softmax,
                 .name = "softmax",
                 .shape = same_shape,
                 .forward = softmax,
                 .explain = explain_softmax,
                 .backward = softmax_backward,
                 .reads = 0,
                 .reads_output = true});
}

}  // namespace sf
