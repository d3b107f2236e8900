#include "core/ops/expert_rows.h"
#include "core/ops/math.h"
#include "core/ops/matmul.h"
#include "core/ops/ops.h"

#include <algorithm>

// Routed experts as grouped products: the (token, rank) slots are ordered by expert, so that each
// expert meets its own rows as one matrix. No slot is dropped. Attrs: experts, top_k.

namespace sf {

void order_slots(const std::int64_t* indices, std::int64_t slots, const std::int64_t* load,
                 std::int64_t experts, std::int64_t* order) {
    std::vector<std::int64_t> next(static_cast<std::size_t>(experts));
    for (std::int64_t e = 0, at = 0; e < experts; at += load[e++])
        next[static_cast<std::size_t>(e)] = at;
    for (std::int64_t s = 0; s < slots; ++s)
        order[next[static_cast<std::size_t>(indices[s])]++] = s;
}

void combine_rows(const Real* rows, const std::int64_t* row_of, const Real* weights,
                  std::int64_t tokens, std::int64_t top_k, std::int64_t cols, Real* y) {
    for (std::int64_t t = 0; t < tokens; ++t) {
        Real* out = y + t * cols;
        std::fill_n(out, cols, Real(0));
        for (std::int64_t k = 0; k < top_k; ++k) {
            const Real g = weights[t * top_k + k];
            const Real* row = rows + row_of[t * top_k + k] * cols;
            for (std::int64_t i = 0; i < cols; ++i) out[i] += g * row[i];
        }
    }
}
std::vector<std::int64_t> inverse(const std::int64_t* order, std::int64_t n) {
    std::vector<std::int64_t> at(static_cast<std::size_t>(n));
    for (std::int64_t i = 0; i < n; ++i) at[static_cast<std::size_t>(order[i])] = i;
    return at;
}

namespace {

Dim slots_dim(const Node& indices, std::int64_t top_k) {
    Dim d = indices.dims[1];
    d.scale = top_k;
    d.per_batch = true;
    return d;
}

// Tokens that chose each expert. Input: router_indices (B, T, k); output (experts).
void expert_load_shape(const Graph&, Node& n) {
    n.dims = {fixed(n.attrs.experts)};
    n.dtype = DType::i64;
}
void expert_load(const OpContext& c) {
    std::fill_n(c.out.ints, c.node.attrs.experts, std::int64_t{0});
    for (std::int64_t i = 0; i < c.in[0].size(); ++i) ++c.out.ints[c.in[0].ints[i]];
}
void explain_expert_load(const ExplainContext& c, Explanation& e) {
    std::int64_t n = 0;
    for (std::int64_t i = 0; i < c.in[0].size(); ++i)
        if (c.in[0].ints[i] == c.index) {
            ++n;
            use_cells(e, 0, i, 1);
        }
    e.value = static_cast<double>(n);
    e.numbers = std::to_string(n) + " of " + std::to_string(c.in[0].size()) + " slots";
}

// The slots by expert, then by token. Inputs: router_indices, expert_load; output (B T k).
void expert_slots_shape(const Graph& graph, Node& n) {
    n.dims = {slots_dim(input(graph, n, 0), n.attrs.top_k)};
    n.dtype = DType::i64;
}
void expert_slots(const OpContext& c) {
    order_slots(c.in[0].ints, c.in[0].size(), c.in[1].ints, c.node.attrs.experts, c.out.ints);
}
void explain_expert_slots(const ExplainContext& c, Explanation& e) {
    // Counted anew: a trace from a file may hold loads that do not belong to its choices.
    std::vector<std::int64_t> load(static_cast<std::size_t>(c.node.attrs.experts));
    std::vector<std::int64_t> order(static_cast<std::size_t>(c.value.size()));
    for (std::int64_t s = 0; s < c.in[0].size(); ++s)
        ++load[static_cast<std::size_t>(c.in[0].ints[s])];
    order_slots(c.in[0].ints, c.in[0].size(), load.data(), c.node.attrs.experts, order.data());
    const auto slot = order[static_cast<std::size_t>(c.index)], k = c.node.attrs.top_k;
    e.value = static_cast<double>(slot);
    e.numbers = "token " + std::to_string(slot / k) + ", choice " + std::to_string(slot % k + 1) +
                ": expert " + std::to_string(c.in[0].ints[slot]);
    use_cells(e, 0, slot, 1);
}

// Each slot's token. Inputs: x (B, T, D), slots; output (B T k, D).
void dispatch_shape(const Graph& graph, Node& n) {
    n.dims = {input(graph, n, 1).dims[0], input(graph, n, 0).dims.back()};
}
void dispatch(const OpContext& c) {
    const auto cols = c.out.shape.cols();
    for (std::int64_t r = 0; r < c.out.shape.rows(); ++r)
        std::copy_n(c.in[0].real + c.in[1].ints[r] / c.node.attrs.top_k * cols, cols,
                    c.out.real + r * cols);
}
void dispatch_backward(const BackwardContext& c) {
    const auto cols = c.out.shape.cols();
    if (!c.to[0]) return;
    if (!c.to[0].add) std::fill_n(c.to[0].data, c.in[0].shape.size(), Real(0));
    for (std::int64_t r = 0; r < c.out.shape.rows(); ++r)
        give_all({c.to[0].data + c.in[1].ints[r] / c.node.attrs.top_k * cols, true}, cols,
                 [&](std::int64_t i) { return c.grad[r * cols + i]; });
}
void explain_dispatch(const ExplainContext& c, Explanation& e) {
    const auto cols = c.value.shape.cols(), row = c.index / cols;
    const auto token = c.in[1].ints[row] / c.node.attrs.top_k;
    const auto from = token * cols + c.index % cols;
    e.value = c.in[0].at(from);
    e.numbers = "row of token " + std::to_string(token);
    use_cells(e, 0, from, 1);
    use_cells(e, 1, row, 1);
}

// Each expert's rows times its weight. Inputs: rows (B T k, in), load, W_0 .. W_{E-1} (out, in).
void grouped_linear_shape(const Graph& graph, Node& n) {
    const Node& w = input(graph, n, 2);
    require(n, w.dims[1] == input(graph, n, 0).dims[1], "needs weights as wide as its rows");
    n.dims = {input(graph, n, 0).dims[0], w.dims[0]};
}
void grouped_linear_prepare(const Node& n, std::span<const ConstView> in, Prepared& p) {
    p.resize(static_cast<std::size_t>(n.attrs.experts));
    for (std::size_t e = 0; e < p.size(); ++e) {
        const ConstView& w = in[2 + e];
        p[e].set_transposed(w.real, w.shape[0], w.shape[1], w.shape[1]);
    }
}
void grouped_linear(const OpContext& c) {
    const auto in = c.in[0].shape[1], out = c.out.shape[1];
    std::int64_t row = 0;
    for (std::int64_t e = 0; e < c.node.attrs.experts; ++e) {
        const auto n = c.in[1].ints[e];
        multiply(c.in[0].real + row * in, n, in, (*c.prepared)[static_cast<std::size_t>(e)],
                 c.out.real + row * out, out);
        row += n;
    }
}
void grouped_linear_prepare_backward(const Node& n, std::span<const ConstView> in, Prepared& p) {
    p.resize(static_cast<std::size_t>(n.attrs.experts));
    for (std::size_t e = 0; e < p.size(); ++e) {
        const ConstView& w = in[2 + e];
        p[e].set_straight(w.real, w.shape[0], w.shape[1], w.shape[1]);
    }
}
void grouped_linear_backward(const BackwardContext& c) {
    const auto in = c.in[0].shape[1], out = c.out.shape[1];
    std::int64_t row = 0;
    for (std::int64_t e = 0; e < c.node.attrs.experts; ++e) {
        const auto n = c.in[1].ints[e];
        const Real* dy = c.grad + row * out;
        if (const GradView dx = c.to[0])
            multiply_panels(dy, n, out, out, (*c.prepared)[static_cast<std::size_t>(e)].panel(0),
                            in, dx.data + row * in, in, dx.add);
        if (const GradView dw = c.to[static_cast<std::size_t>(2 + e)])
            weight_gradient(c, dy, out, out, c.in[0].real + row * in, in, n, dw);
        row += n;
    }
}
void explain_grouped_linear(const ExplainContext& c, Explanation& e) {
    const auto in = c.in[0].shape[1], out = c.value.shape[1];
    const auto row = c.index / out, col = c.index % out;
    std::size_t expert = 0;
    for (std::int64_t seen = c.in[1].ints[0]; row >= seen; seen += c.in[1].ints[++expert]) {
    }
    const ConstView& w = c.in[2 + expert];
    Terms terms;
    for (std::int64_t i = 0; i < in; ++i) terms.add(c.in[0].at(row * in + i), w.at(col * in + i));
    e.value = terms.sum();
    e.numbers = "expert " + std::to_string(expert) + ": " + terms.text();
    use_cells(e, 0, row * in, in);
    use_cells(e, 2 + expert, col * in, in);
}

// A token's slots, weighted, in the order of its choices. Inputs: rows (B T k, D), slots, weights.
void combine_shape(const Graph& graph, Node& n) {
    const Node& weights = input(graph, n, 2);
    n.dims = {weights.dims[0], weights.dims[1], input(graph, n, 0).dims[1]};
}
void combine(const OpContext& c) {
    const auto row_of = inverse(c.in[1].ints, c.in[1].size());
    combine_rows(c.in[0].real, row_of.data(), c.in[2].real, c.out.shape.rows(), c.node.attrs.top_k,
                 c.out.shape.cols(), c.out.real);
}
// A slot's row gets g dy, its gate the product of both.
void combine_backward(const BackwardContext& c) {
    const auto cols = c.out.shape.cols(), k = c.node.attrs.top_k;
    const auto row_of = inverse(c.in[1].ints, c.in[1].size());
    for (std::int64_t slot = 0; slot < c.in[1].size(); ++slot) {
        const auto row = row_of[static_cast<std::size_t>(slot)] * cols;
        const Real *dy = c.grad + slot / k * cols, *out = c.in[0].real + row;
        const Real g = c.in[2].real[slot];
        if (c.to[0])
            give_all({c.to[0].data + row, c.to[0].add}, cols,
                     [&](std::int64_t i) { return g * dy[i]; });
        if (c.to[2])
            c.to[2].give(slot, lane_sum(cols, [&](std::int64_t i) { return dy[i] * out[i]; }));
    }
}
void explain_combine(const ExplainContext& c, Explanation& e) {
    const auto cols = c.value.shape.cols(), token = c.index / cols, k = c.node.attrs.top_k;
    const auto row_of = inverse(c.in[1].ints, c.in[1].size());
    Terms terms;
    for (std::int64_t i = 0; i < k; ++i) {
        const auto cell = row_of[static_cast<std::size_t>(token * k + i)] * cols + c.index % cols;
        terms.add(c.in[2].at(token * k + i), c.in[0].at(cell));
        use_cells(e, 0, cell, 1);
    }
    e.value = terms.sum();
    e.numbers = terms.text();
    use_cells(e, 2, token * k, k);
}

}  // namespace

void add_expert_ops(std::vector<OpDef>& t) {
    // Counts and orders are integers: no gradient passes.
    t.push_back({.op = Op::expert_load,
                 .name = "expert_load",
                 .shape = expert_load_shape,
                 .forward = expert_load,
                 .explain = explain_expert_load});
    t.push_back({.op = Op::expert_slots,
                 .name = "expert_slots",
                 .shape = expert_slots_shape,
                 .forward = expert_slots,
                 .explain = explain_expert_slots});
    t.push_back({.op = Op::dispatch,
                 .name = "dispatch",
                 .shape = dispatch_shape,
                 .forward = dispatch,
                 .explain = explain_dispatch,
                 .backward = dispatch_backward,
                 .reads = 2});
    t.push_back({.op = Op::grouped_linear,
                 .name = "grouped_linear",
                 .shape = grouped_linear_shape,
                 .forward = grouped_linear,
                 .prepare = grouped_linear_prepare,
                 .explain = explain_grouped_linear,
                 .backward = grouped_linear_backward,
                 .prepare_backward = grouped_linear_prepare_backward});
    t.push_back({.op = Op::combine,
                 .name = "combine",
                 .shape = combine_shape,
                 .forward = combine,
                 .explain = explain_combine,
                 .backward = combine_backward});
}

}  // namespace sf
