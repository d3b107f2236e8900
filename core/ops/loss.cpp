#include "core/ops/math.h"
#include "core/ops/ops.h"

#include <algorithm>
#include <cmath>
#include <limits>

// What training makes small: the cross-entropy of next (and later) tokens, and what keeps experts
// balanced. Losses are in nats.

namespace sf {

namespace {

// -ln p(t_{i+shift}) for each position that has such a token. Inputs: logits (B, T - m, V), ids
// (B, T); output (B, T - shift). Attrs: shift.
void cross_entropy_shape(const Graph& graph, Node& n) {
    const Node& ids = input(graph, n, 1);
    n.dims = ids.dims;
    n.dims[1].offset -= n.attrs.shift;
    require(n, input(graph, n, 0).dims[1].offset >= n.dims[1].offset, "needs logits for each loss");
}
struct Targets {
    const Real* logits;
    std::int64_t target;
};
template <class C>
Targets targets_of(const C& c, std::int64_t row, std::int64_t rows) {
    const auto b = row / rows, i = row % rows;
    return {c.in[0].real + (b * c.in[0].shape[1] + i) * c.in[0].shape[2],
            c.in[1].ints[b * c.in[1].shape[1] + i + c.node.attrs.shift]};
}
void cross_entropy(const OpContext& c) {
    const auto rows = c.out.shape[1], V = c.in[0].shape[2];
    for_rows(c, c.out.shape.size(), 64, [&](std::int64_t r0, std::int64_t r1, int) {
        for (std::int64_t r = r0; r < r1; ++r) {
            const auto [x, target] = targets_of(c, r, rows);
            const Real m = lane_max(x, V);
            const Real sum = lane_sum(V, [&](std::int64_t i) { return fast_exp(x[i] - m); });
            c.out.real[r] = m + std::log(sum) - x[target];
        }
    });
}
// dx = (softmax(x) - onehot) dL, with ln sum e^x found again from the loss.
void cross_entropy_backward(const BackwardContext& c) {
    const auto B = c.out.shape[0], rows = c.out.shape[1], all = c.in[0].shape[1];
    const auto V = c.in[0].shape[2];
    if (!c.to[0]) return;
    if (!c.to[0].add)  // positions without a target
        for (std::int64_t b = 0; b < B; ++b)
            std::fill(c.to[0].data + (b * all + rows) * V, c.to[0].data + (b + 1) * all * V,
                      Real(0));
    for_rows(c, B * rows, 64, [&](std::int64_t r0, std::int64_t r1, int) {
        for (std::int64_t r = r0; r < r1; ++r) {
            const auto [x, target] = targets_of(c, r, rows);
            const Real g = c.grad[r], lse = c.out.real[r] + x[target];
            const GradView dx{c.to[0].data + (x - c.in[0].real), c.to[0].add};
            give_all(dx, V, [&, x = x](std::int64_t i) { return g * fast_exp(x[i] - lse); });
            dx.data[target] -= g;
        }
    });
}
void explain_cross_entropy(const ExplainContext& c, Explanation& e) {
    const auto rows = c.value.shape[1], V = c.in[0].shape[2];
    const auto b = c.index / rows, i = c.index % rows;
    const auto row = (b * c.in[0].shape[1] + i) * V;
    const auto at = b * c.in[1].shape[1] + i + c.node.attrs.shift, target = c.in[1].ints[at];
    double m = -std::numeric_limits<double>::infinity(), sum = 0;
    for (std::int64_t j = 0; j < V; ++j) m = std::max(m, c.in[0].at(row + j));
    for (std::int64_t j = 0; j < V; ++j) sum += std::exp(c.in[0].at(row + j) - m);
    const double p = std::exp(c.in[0].at(row + target) - m) / sum;
    e.value = m + std::log(sum) - c.in[0].at(row + target);
    e.numbers = "−ln " + number_text(p) + " (token " + std::to_string(target) + ")";
    use_cells(e, 0, row, V);
    use_cells(e, 1, at, 1);
}

// The mean of all. Output: one number.
void mean_shape(const Graph&, Node& n) {
    n.dims = {fixed(1)};
}
void mean(const OpContext& c) {
    const auto n = c.in[0].size();
    const Real* x = c.in[0].real;
    c.out.real[0] =
        n == 0 ? Real(0) : lane_sum(n, [&](std::int64_t i) { return x[i]; }) / static_cast<Real>(n);
}
void mean_backward(const BackwardContext& c) {
    const auto n = c.in[0].size();
    const Real each = n == 0 ? Real(0) : c.grad[0] / static_cast<Real>(n);
    if (c.to[0]) give_all(c.to[0], n, [&](std::int64_t) { return each; });
}
void explain_mean(const ExplainContext& c, Explanation& e) {
    Terms terms;
    for (std::int64_t i = 0; i < c.in[0].size(); ++i) terms.add(c.in[0].at(i), 1);
    e.value = c.in[0].size() == 0 ? 0 : terms.sum() / static_cast<double>(c.in[0].size());
    e.numbers = number_text(terms.sum()) + " / " + std::to_string(c.in[0].size());
    use_cells(e, 0, 0, c.in[0].size());
}

// The balance losses (DeepSeek-V3 eqs. 17-20; DeepSeek-V2 eqs. 23-25). Attrs: experts, top_k.
double share(const Attrs& a, std::int64_t tokens) {
    return tokens == 0 ? 0 : static_cast<double>(a.experts) / static_cast<double>(a.top_k * tokens);
}

// f_i = N / (K T) x the tokens of a sequence that have i among their K highest *unbiased*
// affinities. Input: s (B, T, N); output (B, N).
void top_fraction_shape(const Graph& graph, Node& n) {
    n.dims = {input(graph, n, 0).dims[0], fixed(n.attrs.experts)};
}
bool among_top(const Real* s, const Attrs& a, std::int64_t i) {
    std::int64_t before = 0;
    for (std::int64_t j = 0; j < a.experts; ++j) before += s[j] > s[i] || (s[j] == s[i] && j < i);
    return before < a.top_k;
}
void top_fraction(const OpContext& c) {
    const Attrs& a = c.node.attrs;
    const auto T = c.in[0].shape[1];
    const Real each = static_cast<Real>(share(a, T));
    for_rows(c, c.out.shape[0], 1, [&](std::int64_t b0, std::int64_t b1, int) {
        for (std::int64_t b = b0; b < b1; ++b) {
            Real* f = c.out.real + b * a.experts;
            std::fill_n(f, a.experts, Real(0));
            for (std::int64_t t = 0; t < T; ++t)
                for (std::int64_t i = 0; i < a.experts; ++i)
                    if (among_top(c.in[0].real + (b * T + t) * a.experts, a, i)) f[i] += 1;
            for (std::int64_t i = 0; i < a.experts; ++i) f[i] *= each;
        }
    });
}
void explain_fraction(Explanation& e, std::int64_t count, const Attrs& a, std::int64_t tokens) {
    e.value = static_cast<double>(count) * share(a, tokens);
    e.numbers = std::to_string(count) + " · " + std::to_string(a.experts) + " / (" +
                std::to_string(a.top_k) + " · " + std::to_string(tokens) + ")";
}
void explain_top_fraction(const ExplainContext& c, Explanation& e) {
    const Attrs& a = c.node.attrs;
    const auto T = c.in[0].shape[1], b = c.index / a.experts, i = c.index % a.experts;
    std::int64_t count = 0;
    for (std::int64_t t = 0; t < T; ++t) {
        const auto row = (b * T + t) * a.experts;
        if (!among_top(c.in[0].real + row, a, i)) continue;
        ++count;
        use_cells(e, 0, row + i, 1);
    }
    explain_fraction(e, count, a, T);
}

// The same from the choices made, over the whole batch. Input: indices (B, T, K); output (1, N).
void choice_fraction_shape(const Graph&, Node& n) {
    n.dims = {fixed(1), fixed(n.attrs.experts)};
}
void choice_fraction(const OpContext& c) {
    const Attrs& a = c.node.attrs;
    const Real each = static_cast<Real>(share(a, c.in[0].shape.rows()));
    std::fill_n(c.out.real, a.experts, Real(0));
    for (std::int64_t s = 0; s < c.in[0].size(); ++s) c.out.real[c.in[0].ints[s]] += 1;
    for (std::int64_t i = 0; i < a.experts; ++i) c.out.real[i] *= each;
}
void explain_choice_fraction(const ExplainContext& c, Explanation& e) {
    std::int64_t count = 0;
    for (std::int64_t s = 0; s < c.in[0].size(); ++s)
        if (c.in[0].ints[s] == c.index) {
            ++count;
            use_cells(e, 0, s, 1);
        }
    explain_fraction(e, count, c.node.attrs, c.in[0].shape.rows());
}

// P_i = mean over a sequence's tokens of s_i / sum_j s_j; 0 without tokens (a late MTP module of a
// short text). Input: s (B, T, N); output (B, N).
void score_share(const OpContext& c) {
    const auto N = c.node.attrs.experts, T = c.in[0].shape[1];
    for_rows(c, c.out.shape[0], 1, [&](std::int64_t b0, std::int64_t b1, int) {
        for (std::int64_t b = b0; b < b1; ++b) {
            Real* P = c.out.real + b * N;
            std::fill_n(P, N, Real(0));
            for (std::int64_t t = 0; t < T; ++t) {
                const Real* s = c.in[0].real + (b * T + t) * N;
                const Real inverse = Real(1) / lane_sum(N, [&](std::int64_t i) { return s[i]; });
                for (std::int64_t i = 0; i < N; ++i) P[i] += s[i] * inverse;
            }
            for (std::int64_t i = 0; i < N && T > 0; ++i) P[i] /= static_cast<Real>(T);
        }
    });
}
// ds_i = (dP_i - sum_j dP_j s_j / S) / (S T)
void score_share_backward(const BackwardContext& c) {
    const auto N = c.node.attrs.experts, T = c.in[0].shape[1];
    if (!c.to[0]) return;
    for_rows(c, c.in[0].shape.rows(), 128, [&](std::int64_t r0, std::int64_t r1, int) {
        for (std::int64_t r = r0; r < r1; ++r) {
            const Real *s = c.in[0].real + r * N, *dp = c.grad + r / T * N;
            const Real sum = lane_sum(N, [&](std::int64_t i) { return s[i]; });
            const Real mean = lane_sum(N, [&](std::int64_t i) { return s[i] * dp[i]; }) / sum;
            const Real scale = Real(1) / (sum * static_cast<Real>(T));
            give_all({c.to[0].data + r * N, c.to[0].add}, N,
                     [&](std::int64_t i) { return (dp[i] - mean) * scale; });
        }
    });
}
void explain_score_share(const ExplainContext& c, Explanation& e) {
    const auto N = c.node.attrs.experts, T = c.in[0].shape[1];
    const auto b = c.index / N, i = c.index % N;
    double total = 0;
    for (std::int64_t t = 0; t < T; ++t) {
        const auto row = (b * T + t) * N;
        double sum = 0;
        for (std::int64_t j = 0; j < N; ++j) sum += c.in[0].at(row + j);
        total += c.in[0].at(row + i) / sum;
        use_cells(e, 0, row, N);
    }
    e.value = T > 0 ? total / static_cast<double>(T) : 0;
    e.numbers = number_text(total) + " / " + std::to_string(T);
}

// sum_i f_i P_i, mean over the sequences. Inputs: f (B or 1, N), P (B, N); output: one number.
void balance_loss(const OpContext& c) {
    const auto N = c.node.attrs.experts, B = c.in[1].shape[0], F = c.in[0].shape[0];
    Real sum = 0;
    for (std::int64_t i = 0; i < B * N; ++i)
        sum += c.in[0].real[F == 1 ? i % N : i] * c.in[1].real[i];
    c.out.real[0] = sum / static_cast<Real>(B);
}
// f counts choices: no gradient passes to it.
void balance_loss_backward(const BackwardContext& c) {
    const auto N = c.node.attrs.experts, B = c.in[1].shape[0], F = c.in[0].shape[0];
    const Real each = c.grad[0] / static_cast<Real>(B);
    if (c.to[1])
        give_all(c.to[1], B * N,
                 [&](std::int64_t i) { return each * c.in[0].real[F == 1 ? i % N : i]; });
}
void explain_balance_loss(const ExplainContext& c, Explanation& e) {
    const auto N = c.node.attrs.experts, B = c.in[1].shape[0], F = c.in[0].shape[0];
    Terms terms;
    for (std::int64_t i = 0; i < B * N; ++i)
        terms.add(c.in[0].at(F == 1 ? i % N : i), c.in[1].at(i));
    e.value = terms.sum() / static_cast<double>(B);
    e.numbers = B == 1 ? terms.text() : "(" + terms.text() + ") / " + std::to_string(B);
    use_cells(e, 0, 0, F * N);
    use_cells(e, 1, 0, B * N);
}

}  // namespace

void add_loss_ops(std::vector<OpDef>& t) {
    t.push_back({.op = Op::cross_entropy,
                 .name = "cross_entropy",
                 .shape = cross_entropy_shape,
                 .forward = cross_entropy,
                 .explain = explain_cross_entropy,
                 .backward = cross_entropy_backward,
                 .reads_output = true});
    t.push_back({.op = Op::mean,
                 .name = "mean",
                 .shape = mean_shape,
                 .forward = mean,
                 .explain = explain_mean,
                 .backward = mean_backward,
                 .reads = 0});
    // Fractions count choices: no gradient passes.
    t.push_back({.op = Op::top_fraction,
                 .name = "top_fraction",
                 .shape = top_fraction_shape,
                 .forward = top_fraction,
                 .explain = explain_top_fraction});
    t.push_back({.op = Op::choice_fraction,
                 .name = "choice_fraction",
                 .shape = choice_fraction_shape,
                 .forward = choice_fraction,
                 .explain = explain_choice_fraction});
    t.push_back({.op = Op::score_share,
                 .name = "score_share",
                 .shape = top_fraction_shape,
                 .forward = score_share,
                 .explain = explain_score_share,
                 .backward = score_share_backward});
    t.push_back({.op = Op::balance_loss,
                 .name = "balance_loss",
                 .shape = mean_shape,
                 .forward = balance_loss,
                 .explain = explain_balance_loss,
                 .backward = balance_loss_backward,
                 .reads = 1});
}

}  // namespace sf
