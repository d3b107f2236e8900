#include "core/ops/math.h"
#include "core/ops/matmul.h"
#include "core/ops/ops.h"

#include <algorithm>

// Routed experts as grouped products: the (token, rank) slots are ordered by expert, so that each
// expert meets its own rows as one matrix. No slot is dropped. Attrs: experts, top_k.

namespace sf {

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
void order_slots(const std::int64_t* indices, std::int64_t slots, const std::int64_t* load,
                 std::int64_t experts, std::int64_t* order) {
    std::vector<std::int64_t> next(static_cast<std::size_t>(experts));
    for (std::int64_t e = 0, at = 0; e < experts; at += load[e++])
        next[static_cast<std::size_t>(e)] = at;
    for (std::int64_t s = 0; s < slots; ++s)
        order[next[static_cast<std::size_t>(indices[s])]++] = s;
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
Prepared grouped_linear_prepare(const Node&, std::span<const ConstView> in) {
    Prepared p;
    for (const ConstView& w : in.subspan(2))
        p.push_back(PackedMatrix::transposed(w.real, w.shape[0], w.shape[1], w.shape[1]));
    return p;
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
// row_of[slot]: where the slot's row lies. Sums in the order of the choices, whatever else is
// computed.
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
void combine(const OpContext& c) {
    const auto row_of = inverse(c.in[1].ints, c.in[1].size());
    combine_rows(c.in[0].real, row_of.data(), c.in[2].real, c.out.shape.rows(), c.node.attrs.top_k,
                 c.out.shape.cols(), c.out.real);
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

// Fused: dispatch, gate, up, swiglu, down and combine, one expert after the other, so that an
// expert's rows stay in the cache. Inputs: x (B, T, D), indices, weights, then gate, up and down of
// each expert.
void experts_shape(const Graph& graph, Node& n) {
    n.dims = graph[n.fused_inputs[0]].dims;
}
Prepared experts_prepare(const Node& n, std::span<const ConstView> in) {
    Prepared p;
    for (std::int64_t e = 0; e < n.attrs.experts; ++e) {
        const auto* w = in.data() + 3 + 3 * e;
        const Shape &up = w[1].shape, &down = w[2].shape;
        p.push_back(PackedMatrix::transposed_pair(w[0].real, w[1].real, up[0], up[1], up[1]));
        p.push_back(PackedMatrix::transposed(w[2].real, down[0], down[1], down[1]));
    }
    return p;
}
void experts(const OpContext& c) {
    const auto E = c.node.attrs.experts, k = c.node.attrs.top_k, D = c.out.shape.cols();
    const auto tokens = c.out.shape.rows(), slots = tokens * k, width = c.in[4].shape[0];
    const auto pair = 2 * PackedMatrix::padded(width), up = pair / 2;
    const std::int64_t* indices = c.in[1].ints;
    std::vector<std::int64_t> load(static_cast<std::size_t>(E)), begin(static_cast<std::size_t>(E));
    for (std::int64_t s = 0; s < slots; ++s) ++load[static_cast<std::size_t>(indices[s])];
    for (std::size_t e = 1; e < begin.size(); ++e) begin[e] = begin[e - 1] + load[e - 1];
    std::vector<std::int64_t> order(static_cast<std::size_t>(slots));
    order_slots(indices, slots, load.data(), E, order.data());

    // 48 rows at a time: an expert's rows pass through both products inside the nearest cache.
    constexpr std::int64_t block = 48;
    Real* out = c.scratch->get(0, slots * D);
    const int threads = c.pool ? c.pool->threads() : 1;
    const auto each = block * (D + pair + width) + 16;
    Real* memory = c.scratch->get(1, each * threads);
    const auto one = [&](std::int64_t e, int thread) {
        const auto i = static_cast<std::size_t>(e);
        Real* x = memory + each * thread;
        Real* both = x + block * D;
        Real* h = both + block * pair;
        for (std::int64_t r0 = 0; r0 < load[i]; r0 += block) {
            const auto n = std::min(block, load[i] - r0), first = begin[i] + r0;
            for (std::int64_t r = 0; r < n; ++r)
                std::copy_n(c.in[0].real + order[static_cast<std::size_t>(first + r)] / k * D, D,
                            x + r * D);
            multiply(x, n, D, (*c.prepared)[2 * i], both, pair);
            for (std::int64_t r = 0; r < n; ++r)
                for (std::int64_t j = 0; j < width; ++j)
                    h[r * width + j] = silu(both[r * pair + j]) * both[r * pair + up + j];
            multiply(h, n, width, (*c.prepared)[2 * i + 1], out + first * D, D);
        }
    };
    if (c.pool && slots > 32)
        c.pool->run(E, one);
    else
        for (std::int64_t e = 0; e < E; ++e) one(e, 0);
    const auto row_of = inverse(order.data(), slots);
    combine_rows(out, row_of.data(), c.in[2].real, tokens, k, D, c.out.real);
}

}  // namespace

void add_expert_ops(std::vector<OpDef>& t) {
    t.push_back({Op::expert_load, "expert_load", expert_load_shape, expert_load, nullptr,
                 explain_expert_load});
    t.push_back({Op::expert_slots, "expert_slots", expert_slots_shape, expert_slots, nullptr,
                 explain_expert_slots});
    t.push_back({Op::dispatch, "dispatch", dispatch_shape, dispatch, nullptr, explain_dispatch});
    t.push_back({Op::grouped_linear, "grouped_linear", grouped_linear_shape, grouped_linear,
                 grouped_linear_prepare, explain_grouped_linear});
    t.push_back({Op::combine, "combine", combine_shape, combine, nullptr, explain_combine});
    t.push_back({Op::experts, "experts", experts_shape, experts, experts_prepare, nullptr, true});
}

}  // namespace sf
