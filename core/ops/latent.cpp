#include "core/ops/attention_backward.h"
#include "core/ops/attention_kernel.h"
#include "core/ops/math.h"
#include "core/ops/matmul.h"
#include "core/ops/ops.h"

// MLA in its absorbed form: W^UK folded into the query, W^UV into the output, so that attention
// runs in the latent space and one set of keys, [c^KV | k^R], serves all heads (DeepSeek-V2,
// section 2.1.2). kv_b_proj is (H (nope + value), rank); per head [W^UK | W^UV]. Attrs: heads,
// nope, rope, value, scale; `width` is the rank.

namespace sf {

namespace {

const Real* head_weight(const Attrs& a, const ConstView& w, std::int64_t h) {
    return w.real + h * (a.nope + a.value) * w.shape[1];
}

// q (B, T, H, nope + rope), kv_b -> (B, T, H, rank): q^C W^UK.
void absorb_q_shape(const Graph& graph, Node& n) {
    const Node& q = input(graph, n, 0);
    n.dims = {q.dims[0], q.dims[1], fixed(n.attrs.heads), input(graph, n, 1).dims[1]};
}
void absorb_q_prepare(const Node& n, std::span<const ConstView> in, Prepared& p) {
    const auto rank = in[1].shape[1];
    p.resize(static_cast<std::size_t>(n.attrs.heads));
    for (std::int64_t h = 0; h < n.attrs.heads; ++h)
        p[static_cast<std::size_t>(h)].set_straight(head_weight(n.attrs, in[1], h), n.attrs.nope,
                                                    rank, rank);
}
void absorb_q(const OpContext& c) {
    const Attrs& a = c.node.attrs;
    const auto rows = c.out.shape[0] * c.out.shape[1], k = a.nope + a.rope, rank = c.out.shape[3];
    for (std::int64_t h = 0; h < a.heads; ++h)
        multiply(c.in[0].real + h * k, rows, a.heads * k,
                 (*c.prepared)[static_cast<std::size_t>(h)], c.out.real + h * rank, a.heads * rank);
}
// dq^C = dy W^UK^T, dW^UK = q^C^T dy; the rope part of q has no share in it.
void absorb_q_prepare_backward(const Node& n, std::span<const ConstView> in, Prepared& p) {
    const auto rank = in[1].shape[1];
    p.resize(static_cast<std::size_t>(n.attrs.heads));
    for (std::int64_t h = 0; h < n.attrs.heads; ++h)
        p[static_cast<std::size_t>(h)].set_transposed(head_weight(n.attrs, in[1], h), n.attrs.nope,
                                                      rank, rank);
}
void absorb_q_backward(const BackwardContext& c) {
    const Attrs& a = c.node.attrs;
    const auto rows = c.out.shape[0] * c.out.shape[1], k = a.nope + a.rope, rank = c.out.shape[3];
    const GradView dq = c.to[0], dw = c.to[1];
    if (dq && !dq.add) std::fill_n(dq.data, c.in[0].shape.size(), Real(0));
    if (dw && !dw.add) std::fill_n(dw.data, c.in[1].shape.size(), Real(0));
    for (std::int64_t h = 0; h < a.heads; ++h) {
        const PackedMatrix& w = (*c.prepared)[static_cast<std::size_t>(h)];
        if (dq)
            multiply_panels(c.grad + h * rank, rows, a.heads * rank, rank, w.panel(0), a.nope,
                            dq.data + h * k, a.heads * k, true);
        if (!dw) continue;
        multiply_transposed(c.in[0].real + h * k, a.nope, a.heads * k, rows, c.grad + h * rank,
                            rank, a.heads * rank, dw.data + h * (a.nope + a.value) * rank, rank,
                            true);
    }
}
void explain_absorb_q(const ExplainContext& c, Explanation& e) {
    const Attrs& a = c.node.attrs;
    const auto at = coordinates(c.value.shape, c.index);
    const auto rank = c.in[1].shape[1], row = c.index / rank * (a.nope + a.rope);
    const auto w = at[2] * (a.nope + a.value) * rank + at[3];
    Terms terms;
    for (std::int64_t i = 0; i < a.nope; ++i)
        terms.add(c.in[0].at(row + i), c.in[1].at(w + i * rank));
    e.value = terms.sum();
    e.numbers = terms.text();
    use_cells(e, 0, row, a.nope);
    use_cells(e, 1, w, a.nope, rank);
}

// (B, T, H, rank), q_pe (B, T, H, rope), latent (B, S, rank), k_pe (B, S, rope) -> (B, H, T, S).
void scores_latent_shape(const Graph& graph, Node& n) {
    const Node& q = input(graph, n, 0);
    n.dims = {q.dims[0], fixed(n.attrs.heads), q.dims[1], input(graph, n, 2).dims[1]};
}

// All heads of a sequence share the packed keys: their query rows go through together.
template <class F>
void for_sequences(const OpContext& c, bool values, F&& work) {
    const Attrs& a = c.node.attrs;
    const auto T = c.in[0].shape[1], H = a.heads, S = c.in[2].shape[1], rank = c.in[2].shape[2];
    const auto k = rank + a.rope, rows = T * H;
    const Real scale = static_cast<Real>(a.scale);
    Real* q = c.scratch->get(0, rows * k);
    Real* keys = c.scratch->get(1, packed_keys_size(k, S));
    Real* packed_values = values ? c.scratch->get(2, packed_values_size(rank, S)) : nullptr;
    for (std::int64_t b = 0; b < c.in[0].shape[0]; ++b) {
        for (std::int64_t r = 0; r < rows; ++r) {
            const Real *content = c.in[0].real + (b * rows + r) * rank,
                       *position = c.in[1].real + (b * rows + r) * a.rope;
            for (std::int64_t i = 0; i < rank; ++i) q[r * k + i] = content[i] * scale;
            for (std::int64_t i = 0; i < a.rope; ++i) q[r * k + rank + i] = position[i] * scale;
        }
        const Real* latent = c.in[2].real + b * S * rank;
        pack_keys({latent, rank, rank, c.in[3].real + b * S * a.rope, a.rope, a.rope}, S, keys);
        if (values) pack_values(latent, S, rank, rank, packed_values);
        AttentionRows job{q, rows, H, S - T, S, k, rank, keys, packed_values, nullptr, 0, 0};
        work(job, b);
    }
}
void scores_latent(const OpContext& c) {
    const auto T = c.in[0].shape[1], S = c.in[2].shape[1];
    for_sequences(c, false, [&](AttentionRows& job, std::int64_t b) {
        job.out = c.out.real + b * c.node.attrs.heads * T * S;
        job.out_token = S;
        job.out_head = T * S;
        score_rows(job, 0, job.rows);
    });
}
void explain_scores_latent(const ExplainContext& c, Explanation& e) {
    const Attrs& a = c.node.attrs;
    const auto at = coordinates(c.value.shape, c.index);
    const auto T = c.in[0].shape[1], S = c.in[2].shape[1], rank = c.in[2].shape[2];
    const auto b = at[0], h = at[1], t = at[2], s = at[3];
    if (explain_mask(s, t + S - T, e)) return;
    const auto q = (b * T + t) * a.heads + h, key = b * S + s;
    Terms content, position;
    for (std::int64_t i = 0; i < rank; ++i)
        content.add(c.in[0].at(q * rank + i), c.in[2].at(key * rank + i));
    for (std::int64_t i = 0; i < a.rope; ++i)
        position.add(c.in[1].at(q * a.rope + i), c.in[3].at(key * a.rope + i));
    e.value = (content.sum() + position.sum()) * a.scale;
    e.numbers = "(content " + number_text(content.sum()) + " + position " +
                number_text(position.sum()) + ") · " + number_text(a.scale);
    use_cells(e, 0, q * rank, rank);
    use_cells(e, 1, q * a.rope, a.rope);
    use_cells(e, 2, key * rank, rank);
    use_cells(e, 3, key * a.rope, a.rope);
}

// Fused scores, online softmax and probs times latent: (B, T, H, rank).
void attention_latent_shape(const Graph& graph, Node& n) {
    n.dims = input(graph, n, 0).dims;
}
void attention_latent(const OpContext& c) {
    const auto T = c.in[0].shape[1], H = c.node.attrs.heads;
    for_sequences(c, true, [&](AttentionRows& job, std::int64_t b) {
        job.out = c.out.real + b * T * H * job.width;
        job.out_token = H * job.width;
        job.out_head = job.width;
        if (c.saved) job.log_sum = c.saved + b * T * H;
        constexpr std::int64_t piece = 96;
        const auto pieces = (job.rows + piece - 1) / piece;
        const auto one = [&](std::int64_t p, int) {
            attend_tiles(job, p * piece, std::min(job.rows, (p + 1) * piece));
        };
        if (c.pool && pieces > 1)
            c.pool->run(pieces, one);
        else
            for (std::int64_t p = 0; p < pieces; ++p) one(p, 0);
    });
}

// Attended latent (B, T, H, rank), kv_b -> heads (B, T, H, value): o W^UV^T.
void expand_v_shape(const Graph& graph, Node& n) {
    const Node& x = input(graph, n, 0);
    n.dims = {x.dims[0], x.dims[1], x.dims[2], fixed(n.attrs.value)};
}
void expand_v_prepare(const Node& n, std::span<const ConstView> in, Prepared& p) {
    const auto rank = in[1].shape[1];
    p.resize(static_cast<std::size_t>(n.attrs.heads));
    for (std::int64_t h = 0; h < n.attrs.heads; ++h)
        p[static_cast<std::size_t>(h)].set_transposed(
            head_weight(n.attrs, in[1], h) + n.attrs.nope * rank, n.attrs.value, rank, rank);
}
void expand_v(const OpContext& c) {
    const Attrs& a = c.node.attrs;
    const auto rows = c.out.shape[0] * c.out.shape[1], rank = c.in[0].shape[3];
    for (std::int64_t h = 0; h < a.heads; ++h)
        multiply(c.in[0].real + h * rank, rows, a.heads * rank,
                 (*c.prepared)[static_cast<std::size_t>(h)], c.out.real + h * a.value,
                 a.heads * a.value);
}
// dx = dy W^UV, dW^UV = dy^T x.
void expand_v_prepare_backward(const Node& n, std::span<const ConstView> in, Prepared& p) {
    const auto rank = in[1].shape[1];
    p.resize(static_cast<std::size_t>(n.attrs.heads));
    for (std::int64_t h = 0; h < n.attrs.heads; ++h)
        p[static_cast<std::size_t>(h)].set_straight(
            head_weight(n.attrs, in[1], h) + n.attrs.nope * rank, n.attrs.value, rank, rank);
}
void expand_v_backward(const BackwardContext& c) {
    const Attrs& a = c.node.attrs;
    const auto rows = c.out.shape[0] * c.out.shape[1], rank = c.in[0].shape[3], v = a.value;
    const GradView dx = c.to[0], dw = c.to[1];
    if (dw && !dw.add) std::fill_n(dw.data, c.in[1].shape.size(), Real(0));
    for (std::int64_t h = 0; h < a.heads; ++h) {
        const PackedMatrix& w = (*c.prepared)[static_cast<std::size_t>(h)];
        if (dx)
            multiply_panels(c.grad + h * v, rows, a.heads * v, v, w.panel(0), rank,
                            dx.data + h * rank, a.heads * rank, dx.add);
        if (!dw) continue;
        multiply_transposed(c.grad + h * v, v, a.heads * v, rows, c.in[0].real + h * rank, rank,
                            a.heads * rank, dw.data + (h * (a.nope + v) + a.nope) * rank, rank,
                            true);
    }
}
void explain_expand_v(const ExplainContext& c, Explanation& e) {
    const Attrs& a = c.node.attrs;
    const auto at = coordinates(c.value.shape, c.index);
    const auto rank = c.in[1].shape[1], row = c.index / a.value * rank;
    const auto w = (at[2] * (a.nope + a.value) + a.nope + at[3]) * rank;
    Terms terms;
    for (std::int64_t i = 0; i < rank; ++i) terms.add(c.in[0].at(row + i), c.in[1].at(w + i));
    e.value = terms.sum();
    e.numbers = terms.text();
    use_cells(e, 0, row, rank);
    use_cells(e, 1, w, rank);
}

}  // namespace

void add_latent_ops(std::vector<OpDef>& t) {
    t.push_back({.op = Op::absorb_q,
                 .name = "absorb_q",
                 .shape = absorb_q_shape,
                 .forward = absorb_q,
                 .prepare = absorb_q_prepare,
                 .explain = explain_absorb_q,
                 .backward = absorb_q_backward,
                 .prepare_backward = absorb_q_prepare_backward});
    t.push_back({.op = Op::scores_latent,
                 .name = "scores_latent",
                 .shape = scores_latent_shape,
                 .forward = scores_latent,
                 .explain = explain_scores_latent,
                 .backward = scores_backward});
    t.push_back({.op = Op::attention_latent,
                 .name = "attention_latent",
                 .shape = attention_latent_shape,
                 .forward = attention_latent,
                 .composite = true,
                 .backward = attention_backward,
                 .saved = attention_saved,
                 .reads_output = true});
    t.push_back({.op = Op::expand_v,
                 .name = "expand_v",
                 .shape = expand_v_shape,
                 .forward = expand_v,
                 .prepare = expand_v_prepare,
                 .explain = explain_expand_v,
                 .backward = expand_v_backward,
                 .prepare_backward = expand_v_prepare_backward});
}

}  // namespace sf
