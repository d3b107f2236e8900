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
    const auto n = c.out.shape.size();
    for (std::int64_t i = 0; i < n; ++i) y[i] = a[i] + b[i];
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
    t.push_back({Op::add, "add", same_shape, add, nullptr, explain_add});
    t.push_back({Op::concat, "concat", concat_shape, concat, nullptr, explain_concat});
    t.push_back({Op::swiglu, "swiglu", same_shape, swiglu, nullptr, explain_swiglu});
    t.push_back({Op::softmax, "softmax", same_shape, softmax, nullptr, explain_softmax});
}

}  // namespace sf
