#include "core/ops/math.h"
#include "core/ops/ops.h"

#include <algorithm>
#include <cmath>

namespace sf {

namespace {

// x / sqrt(mean(x^2) + eps) * g over the columns [begin, begin + width). Attrs: begin, width, eps.
void rms_norm_shape(const Graph& graph, Node& n) {
    const Node& x = input(graph, n, 0);
    const Node& g = input(graph, n, 1);
    require(n, n.attrs.begin + n.attrs.width <= x.dims.back().scale, "reads beyond its columns");
    require(n, g.dims.size() == 1 && g.dims[0].scale == n.attrs.width, "needs one weight a column");
    n.dims = x.dims;
    n.dims.back() = fixed(n.attrs.width);
}
void rms_norm(const OpContext& c) {
    const auto width = c.node.attrs.width, ld = c.in[0].shape.cols();
    const Real* g = c.in[1].real;
    for_rows(c, c.out.shape.rows(), 128, [&](std::int64_t r0, std::int64_t r1, int) {
        for (std::int64_t r = r0; r < r1; ++r) {
            const Real* x = c.in[0].real + r * ld + c.node.attrs.begin;
            Real* y = c.out.real + r * width;
            const Real squares = lane_sum(width, [&](std::int64_t i) { return x[i] * x[i]; });
            const Real inverse = Real(1) / std::sqrt(squares / static_cast<Real>(width) +
                                                     static_cast<Real>(c.node.attrs.eps));
            for (std::int64_t i = 0; i < width; ++i) y[i] = x[i] * inverse * g[i];
        }
    });
}
// With r = 1/rms and n = x r: dg = sum dy n; dx = r (g dy - n mean(g dy n)).
void rms_norm_backward(const BackwardContext& c) {
    const auto width = c.node.attrs.width, ld = c.in[0].shape.cols(), rows = c.out.shape.rows();
    const Real* g = c.in[1].real;
    constexpr std::int64_t piece = 64;
    const auto pieces = (rows + piece - 1) / piece;
    // Each piece sums its own rows; the sums are added in order.
    Real* partial = c.scratch->get(0, pieces * width);
    for_pieces(c, pieces, [&](std::int64_t p, int) {
        Real* dg = partial + p * width;
        std::fill_n(dg, width, Real(0));
        for (std::int64_t r = p * piece; r < std::min(rows, (p + 1) * piece); ++r) {
            const Real *x = c.in[0].real + r * ld + c.node.attrs.begin, *dy = c.grad + r * width;
            const Real squares = lane_sum(width, [&](std::int64_t i) { return x[i] * x[i]; });
            const Real inverse = Real(1) / std::sqrt(squares / static_cast<Real>(width) +
                                                     static_cast<Real>(c.node.attrs.eps));
            for (std::int64_t i = 0; i < width; ++i) dg[i] += dy[i] * x[i] * inverse;
            if (!c.to[0]) continue;
            const Real dot = lane_sum(width, [&](std::int64_t i) { return g[i] * dy[i] * x[i]; });
            const Real pull = dot * inverse * inverse / static_cast<Real>(width);
            Real* dx = c.to[0].data + r * ld;
            if (!c.to[0].add) {
                std::fill_n(dx, c.node.attrs.begin, Real(0));
                std::fill(dx + c.node.attrs.begin + width, dx + ld, Real(0));
            }
            give_all({dx + c.node.attrs.begin, c.to[0].add}, width,
                     [&](std::int64_t i) { return inverse * (g[i] * dy[i] - x[i] * pull); });
        }
    });
    if (!c.to[1]) return;
    for (std::int64_t p = 1; p < pieces; ++p)
        for (std::int64_t i = 0; i < width; ++i) partial[i] += partial[p * width + i];
    give_all(c.to[1], width, [&](std::int64_t i) { return pieces > 0 ? partial[i] : Real(0); });
}
void explain_rms_norm(const ExplainContext& c, Explanation& e) {
    const auto width = c.node.attrs.width, ld = c.in[0].shape.cols();
    const auto row = c.index / width, col = c.index % width;
    const auto begin = row * ld + c.node.attrs.begin;
    double squares = 0;
    for (std::int64_t i = 0; i < width; ++i)
        squares += c.in[0].at(begin + i) * c.in[0].at(begin + i);
    const double rms = std::sqrt(squares / static_cast<double>(width) + c.node.attrs.eps);
    const double x = c.in[0].at(begin + col), g = c.in[1].at(col);
    e.value = x / rms * g;
    e.numbers = number_text(x) + " / " + number_text(rms) + " · " + number_text(g);
    use_cells(e, 0, begin, width);
    use_cells(e, 1, col, 1);
}

}  // namespace

void add_norm_ops(std::vector<OpDef>& t) {
    t.push_back({.op = Op::rms_norm,
                 .name = "rms_norm",
                 .shape = rms_norm_shape,
                 .forward = rms_norm,
                 .explain = explain_rms_norm,
                 .backward = rms_norm_backward});
}

}  // namespace sf
