#include "core/ops/math.h"
#include "core/ops/ops.h"

#include <algorithm>
#include <cmath>

// The router (DeepSeek-V3 eqs. 12-16): affinities s, s + b used only to choose, groups ("nodes")
// first, then top-k inside the kept groups; gate weights from s alone. Ties go to the lower index.
// Attrs: experts, top_k, groups, kept_groups, biased, sigmoid, normalise, scale.

namespace sf {

namespace {

// The groups that a token may reach; none given: all.
struct Groups {
    const std::int64_t* kept = nullptr;
    std::int64_t count = 0, size = 1;
};

// The `count` largest of x in these groups, in descending order. Always `count` different indices,
// also when values are NaN. `free` is memory kept from call to call.
void choose(const Real* x, std::int64_t n, std::int64_t count, const Groups& groups,
            std::vector<char>& free, std::int64_t* chosen) {
    free.assign(static_cast<std::size_t>(n), groups.kept ? char{0} : char{1});
    for (std::int64_t g = 0; g < groups.count; ++g)
        std::fill_n(free.begin() + groups.kept[g] * groups.size, groups.size, char{1});
    for (std::int64_t k = 0; k < count; ++k) {
        std::int64_t best = -1;
        for (std::int64_t i = 0; i < n; ++i)
            if (free[static_cast<std::size_t>(i)] && (best < 0 || x[i] > x[best])) best = i;
        chosen[k] = std::max<std::int64_t>(0, best);
        free[static_cast<std::size_t>(chosen[k])] = 0;
    }
}

Groups kept_groups(const Attrs& a, std::span<const ConstView> in, std::int64_t row) {
    if (in.size() < 2) return {};
    return {in[1].ints + row * a.kept_groups, a.kept_groups, a.experts / a.groups};
}

void gate_scores_shape(const Graph& graph, Node& n) {
    n.dims = input(graph, n, 0).dims;
}
void gate_scores(const OpContext& c) {
    if (!c.node.attrs.sigmoid) {
        op_def(Op::softmax).forward(c);
        return;
    }
    const auto n = c.out.shape.size();
    for (std::int64_t i = 0; i < n; ++i) c.out.real[i] = sigmoid(c.in[0].real[i]);
}
// sigma' = s (1 - s), from the output alone
void gate_scores_backward(const BackwardContext& c) {
    if (!c.node.attrs.sigmoid) return op_def(Op::softmax).backward(c);
    const Real* s = c.out.real;
    if (c.to[0])
        give_all(c.to[0], c.out.shape.size(),
                 [&](std::int64_t i) { return c.grad[i] * s[i] * (Real(1) - s[i]); });
}
void explain_gate_scores(const ExplainContext& c, Explanation& e) {
    if (!c.node.attrs.sigmoid) return op_def(Op::softmax).explain(c, e);
    const double x = c.in[0].at(c.index);
    e.value = 1 / (1 + std::exp(-x));
    e.numbers = "σ(" + number_text(x) + ")";
    use_cells(e, 0, c.index, 1);
}

void add_bias_shape(const Graph& graph, Node& n) {
    n.dims = input(graph, n, 0).dims;
    require(n, input(graph, n, 1).dims[0] == n.dims.back(), "needs one bias an expert");
}
void add_bias(const OpContext& c) {
    const auto cols = c.out.shape.cols();
    for (std::int64_t r = 0; r < c.out.shape.rows(); ++r)
        for (std::int64_t i = 0; i < cols; ++i)
            c.out.real[r * cols + i] = c.in[0].real[r * cols + i] + c.in[1].real[i];
}
// As it is; the bias itself is moved by the balance of loads (core/train/balance), not by this.
void add_bias_backward(const BackwardContext& c) {
    const auto cols = c.out.shape.cols();
    if (c.to[0]) give_all(c.to[0], c.out.shape.size(), [&](std::int64_t i) { return c.grad[i]; });
    if (!c.to[1]) return;
    if (!c.to[1].add) std::fill_n(c.to[1].data, cols, Real(0));
    for (std::int64_t i = 0; i < c.out.shape.size(); ++i) c.to[1].data[i % cols] += c.grad[i];
}
void explain_add_bias(const ExplainContext& c, Explanation& e) {
    const auto col = c.index % c.value.shape.cols();
    const double s = c.in[0].at(c.index), b = c.in[1].at(col);
    e.value = s + b;
    e.numbers = number_text(s) + " + " + (b < 0 ? "(" + number_text(b) + ")" : number_text(b));
    use_cells(e, 0, c.index, 1);
    use_cells(e, 1, col, 1);
}

// The sum of a group's best two when there is a bias, else its maximum.
void group_scores_shape(const Graph& graph, Node& n) {
    n.dims = input(graph, n, 0).dims;
    n.dims.back() = fixed(n.attrs.groups);
}
void group_scores(const OpContext& c) {
    const auto G = c.node.attrs.groups, size = c.node.attrs.experts / G;
    std::vector<char> free;
    for (std::int64_t i = 0; i < c.out.shape.size(); ++i) {
        const Real* x = c.in[0].real + i * size;
        std::int64_t best[2];
        choose(x, size, c.node.attrs.biased ? 2 : 1, {}, free, best);
        c.out.real[i] = c.node.attrs.biased ? x[best[0]] + x[best[1]] : x[best[0]];
    }
}
// To the best two (or the best).
void group_scores_backward(const BackwardContext& c) {
    const auto size = c.node.attrs.experts / c.node.attrs.groups;
    if (!c.to[0]) return;
    if (!c.to[0].add) std::fill_n(c.to[0].data, c.in[0].shape.size(), Real(0));
    std::vector<char> free;
    for (std::int64_t i = 0; i < c.out.shape.size(); ++i) {
        std::int64_t best[2];
        const std::int64_t count = c.node.attrs.biased ? 2 : 1;
        choose(c.in[0].real + i * size, size, count, {}, free, best);
        for (std::int64_t j = 0; j < count; ++j) c.to[0].data[i * size + best[j]] += c.grad[i];
    }
}
void explain_group_scores(const ExplainContext& c, Explanation& e) {
    const auto size = c.node.attrs.experts / c.node.attrs.groups, from = c.index * size;
    std::int64_t best[2];
    std::vector<char> free;
    choose(c.in[0].real + from, size, c.node.attrs.biased ? 2 : 1, {}, free, best);
    const double first = c.in[0].at(from + best[0]);
    e.value = first;
    e.numbers = "maximum " + number_text(first);
    if (c.node.attrs.biased) {
        const double second = c.in[0].at(from + best[1]);
        e.value = first + second;
        e.numbers = "best two: " + number_text(first) + " + " + number_text(second);
    }
    use_cells(e, 0, from, size);
}

void group_choice_shape(const Graph& graph, Node& n) {
    n.dims = input(graph, n, 0).dims;
    n.dims.back() = fixed(n.attrs.kept_groups);
    n.dtype = DType::i64;
}
void group_choice(const OpContext& c) {
    const auto G = c.node.attrs.groups, kept = c.node.attrs.kept_groups;
    std::vector<char> free;
    for (std::int64_t r = 0; r < c.out.shape.rows(); ++r)
        choose(c.in[0].real + r * G, G, kept, {}, free, c.out.ints + r * kept);
}

// Inputs: s + b (or s), and with several groups the kept ones.
void expert_choice_shape(const Graph& graph, Node& n) {
    n.dims = input(graph, n, 0).dims;
    n.dims.back() = fixed(n.attrs.top_k);
    n.dtype = DType::i64;
}
void expert_choice(const OpContext& c) {
    const Attrs& a = c.node.attrs;
    for_rows(c, c.out.shape.rows(), 128, [&](std::int64_t r0, std::int64_t r1, int) {
        std::vector<char> free;
        for (std::int64_t r = r0; r < r1; ++r)
            choose(c.in[0].real + r * a.experts, a.experts, a.top_k, kept_groups(a, c.in, r), free,
                   c.out.ints + r * a.top_k);
    });
}

// Chosen anew from the scores as recorded: expert and group choice alike.
void explain_choice(const ExplainContext& c, Explanation& e) {
    const Attrs& a = c.node.attrs;
    const auto kept = c.value.shape.cols(), row = c.index / kept, n = c.in[0].shape.cols();
    const bool in_groups = c.in.size() > 1;
    std::vector<std::int64_t> chosen(static_cast<std::size_t>(kept));
    std::vector<char> free;
    choose(c.in[0].real + row * n, n, kept, kept_groups(a, c.in, row), free, chosen.data());
    const auto rank = c.index % kept, i = chosen[static_cast<std::size_t>(rank)];
    e.value = static_cast<double>(i);
    e.numbers = "place " + std::to_string(rank + 1) + " of " + std::to_string(n) +
                (in_groups ? ", in the chosen groups" : "") + ", with " +
                number_text(c.in[0].at(row * n + i));
    use_cells(e, 0, row * n, n);
    if (in_groups) use_cells(e, 1, row * a.kept_groups, a.kept_groups);
}

// s of the chosen; sigmoid: divided by their sum; times the scaling factor. Inputs: s, indices.
void gate_weights_shape(const Graph& graph, Node& n) {
    n.dims = input(graph, n, 1).dims;
}
void gate_weights(const OpContext& c) {
    const Attrs& a = c.node.attrs;
    for (std::int64_t r = 0; r < c.out.shape.rows(); ++r) {
        Real* y = c.out.real + r * a.top_k;
        Real sum = 0;
        for (std::int64_t k = 0; k < a.top_k; ++k) {
            y[k] = c.in[0].real[r * a.experts + c.in[1].ints[r * a.top_k + k]];
            sum += y[k];
        }
        for (std::int64_t k = 0; k < a.top_k; ++k)
            y[k] = (a.normalise ? y[k] / sum : y[k]) * static_cast<Real>(a.scale);
    }
}
// g_k = a s_k / S: ds_k = a (dg_k - sum_j dg_j s_j / S) / S; without the division a dg_k.
void gate_weights_backward(const BackwardContext& c) {
    const Attrs& a = c.node.attrs;
    const GradView ds = c.to[0];
    if (!ds) return;
    if (!ds.add) std::fill_n(ds.data, c.in[0].shape.size(), Real(0));
    for (std::int64_t r = 0; r < c.out.shape.rows(); ++r) {
        const Real *s = c.in[0].real + r * a.experts, *dg = c.grad + r * a.top_k;
        const std::int64_t* chosen = c.in[1].ints + r * a.top_k;
        Real sum = 1, mean = 0;
        if (a.normalise) {
            sum = 0;
            for (std::int64_t k = 0; k < a.top_k; ++k) sum += s[chosen[k]];
            for (std::int64_t k = 0; k < a.top_k; ++k) mean += dg[k] * s[chosen[k]];
            mean /= sum;
        }
        for (std::int64_t k = 0; k < a.top_k; ++k)
            ds.data[r * a.experts + chosen[k]] += static_cast<Real>(a.scale) * (dg[k] - mean) / sum;
    }
}
void explain_gate_weights(const ExplainContext& c, Explanation& e) {
    const Attrs& a = c.node.attrs;
    const auto row = c.index / a.top_k;
    double sum = 0;
    for (std::int64_t k = 0; k < a.top_k; ++k) {
        const auto cell = row * a.experts + c.in[1].ints[row * a.top_k + k];
        sum += c.in[0].at(cell);
        use_cells(e, 0, cell, 1);
    }
    const double s = c.in[0].at(row * a.experts + c.in[1].ints[c.index]);
    e.value = (a.normalise ? s / sum : s) * a.scale;
    e.numbers = number_text(s) + (a.normalise ? " / " + number_text(sum) : "") + " · " +
                number_text(a.scale);
    use_cells(e, 1, c.index, 1);
}

}  // namespace

void add_router_ops(std::vector<OpDef>& t) {
    t.push_back({.op = Op::gate_scores,
                 .name = "gate_scores",
                 .shape = gate_scores_shape,
                 .forward = gate_scores,
                 .explain = explain_gate_scores,
                 .backward = gate_scores_backward,
                 .reads = 0,
                 .reads_output = true});
    t.push_back({.op = Op::add_bias,
                 .name = "add_bias",
                 .shape = add_bias_shape,
                 .forward = add_bias,
                 .explain = explain_add_bias,
                 .backward = add_bias_backward,
                 .reads = 0});
    t.push_back({.op = Op::group_scores,
                 .name = "group_scores",
                 .shape = group_scores_shape,
                 .forward = group_scores,
                 .explain = explain_group_scores,
                 .backward = group_scores_backward});
    // Choices are integers: no gradient passes.
    t.push_back({.op = Op::group_choice,
                 .name = "group_choice",
                 .shape = group_choice_shape,
                 .forward = group_choice,
                 .explain = explain_choice});
    t.push_back({.op = Op::expert_choice,
                 .name = "expert_choice",
                 .shape = expert_choice_shape,
                 .forward = expert_choice,
                 .explain = explain_choice});
    t.push_back({.op = Op::gate_weights,
                 .name = "gate_weights",
                 .shape = gate_weights_shape,
                 .forward = gate_weights,
                 .explain = explain_gate_weights,
                 .backward = gate_weights_backward});
}

}  // namespace sf
