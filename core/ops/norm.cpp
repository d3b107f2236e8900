#include "core/ops/math.h"
#include "core/ops/ops.h"

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
    t.push_back({Op::rms_norm, "rms_norm", rms_norm_shape, rms_norm, nullptr, explain_rms_norm});
}

}  // namespace sf
