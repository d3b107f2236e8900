#include "core/ops/attention_backward.h"
#include "core/ops/attention_kernel.h"
#include "core/ops/attention_layout.h"
#include "core/ops/math.h"
#include "core/ops/matmul.h"
#include "core/ops/ops.h"

#include <cmath>

// Causal softmax attention over keys and values: expanded ones (MLA as it is trained; DeepSeek-V2
// eqs. 14-19) or those of groups of heads (GQA, MQA, MHA). Inputs as in
// core/ops/attention_layout.h: q, q_pe, kv, k_pe or q, q_pe, k, v; scores need only what they read.
// Attrs: heads, kv_heads, nope, rope, value, scale.

namespace sf {

namespace {

void scores_shape(const Graph& graph, Node& n) {
    const Node& q = input(graph, n, 0);
    const Node& k = input(graph, n, 2);
    require(n, q.dims.size() == 4 && k.dims.size() == 4, "needs q (B,T,H,d) and keys (B,S,H,d)");
    n.dims = {q.dims[0], fixed(n.attrs.heads), q.dims[1], k.dims[1]};
}

// One (sequence, head) at a time: gathers the query rows and packs keys and, if asked, values.
template <class F>
void for_heads(const OpContext& c, bool values, F&& work) {
    const Attrs& at = c.node.attrs;
    const auto T = c.in[0].shape[1], S = c.in[2].shape[1], H = at.heads;
    const auto k = at.nope + at.rope;
    const Real scale = static_cast<Real>(at.scale);
    const auto keys_size = packed_keys_size(k, S);
    const auto values_size = values ? packed_values_size(at.value, S) : 0;
    const int threads = c.pool ? c.pool->threads() : 1;
    const auto each = T * k + keys_size + values_size + 16;
    Real* memory = c.scratch->get(0, each * threads + 16);
    const auto one = [&](std::int64_t piece, int thread) {
        const auto b = piece / H, h = piece % H;
        Real* q = memory + each * thread;
        Real* keys = q + T * k;
        Real* packed_values = keys + keys_size;
        const HeadLayout l = head_layout(at, c.in[0].shape, c.in[2].shape, b, h);
        for (std::int64_t t = 0; t < T; ++t) {
            const Real *content = c.in[0].real + l.q.at(t), *position = c.in[1].real + l.q_pe.at(t);
            for (std::int64_t i = 0; i < at.nope; ++i) q[t * k + i] = content[i] * scale;
            for (std::int64_t i = 0; i < at.rope; ++i) q[t * k + at.nope + i] = position[i] * scale;
        }
        pack_keys({c.in[2].real + l.key.begin, at.nope, l.key.ld,
                   c.in[l.k_pe_in].real + l.k_pe.begin, at.rope, l.k_pe.ld},
                  S, keys);
        if (values)
            pack_values(c.in[l.value_in].real + l.value.begin, S, at.value, l.value.ld,
                        packed_values);
        AttentionRows job{q, T, 1, S - T, S, k, at.value, keys, packed_values, nullptr, 0, 0};
        work(job, b, h);
    };
    const auto pieces = c.in[0].shape[0] * H;
    if (c.pool && T * S >= 1024)
        c.pool->run(pieces, one);
    else
        for (std::int64_t i = 0; i < pieces; ++i) one(i, 0);
}

void scores(const OpContext& c) {
    const auto T = c.in[0].shape[1], S = c.in[2].shape[1];
    for_heads(c, false, [&](AttentionRows& job, std::int64_t b, std::int64_t h) {
        job.out = c.out.real + (b * c.node.attrs.heads + h) * T * S;
        job.out_token = S;
        score_rows(job, 0, T);
    });
}
void explain_scores(const ExplainContext& c, Explanation& e) {
    const Attrs& a = c.node.attrs;
    const auto at = coordinates(c.value.shape, c.index);
    const auto T = c.in[0].shape[1], S = c.in[2].shape[1];
    const auto b = at[0], h = at[1], t = at[2], s = at[3];
    if (explain_mask(s, t + S - T, e)) return;
    const HeadLayout l = head_layout(a, c.in[0].shape, c.in[2].shape, b, h);
    const auto q = l.q.at(t), q_pe = l.q_pe.at(t), key = l.key.at(s), k_pe = l.k_pe.at(s);
    Terms content, position;
    for (std::int64_t i = 0; i < a.nope; ++i) content.add(c.in[0].at(q + i), c.in[2].at(key + i));
    for (std::int64_t i = 0; i < a.rope; ++i)
        position.add(c.in[1].at(q_pe + i), c.in[l.k_pe_in].at(k_pe + i));
    e.value = (content.sum() + position.sum()) * a.scale;
    e.numbers = "(content " + number_text(content.sum()) + " + position " +
                number_text(position.sum()) + ") · " + number_text(a.scale);
    use_cells(e, 0, q, a.nope);
    use_cells(e, 1, q_pe, a.rope);
    use_cells(e, 2, key, a.nope);
    use_cells(e, l.k_pe_in, k_pe, a.rope);
}

// Softmax over the visible keys; exactly 0 above the diagonal. Input: scores (B, H, T, S).
void same_as_first(const Graph& graph, Node& n) {
    n.dims = input(graph, n, 0).dims;
}
void causal_softmax(const OpContext& c) {
    const auto S = c.out.shape.cols();
    for_rows(c, c.out.shape.rows(), 128, [&](std::int64_t r0, std::int64_t r1, int) {
        for (std::int64_t r = r0; r < r1; ++r) {
            const Real* x = c.in[0].real + r * S;
            Real* y = c.out.real + r * S;
            const Real m = lane_max(x, S);
            for (std::int64_t i = 0; i < S; ++i) y[i] = fast_exp(x[i] - m);
            const Real inverse = Real(1) / lane_sum(S, [&](std::int64_t i) { return y[i]; });
            for (std::int64_t i = 0; i < S; ++i) y[i] *= inverse;
        }
    });
}
// As softmax: masked keys have p = 0 and so no gradient.
void causal_softmax_backward(const BackwardContext& c) {
    op_def(Op::softmax).backward(c);
}
void explain_causal_softmax(const ExplainContext& c, Explanation& e) {
    op_def(Op::softmax).explain(c, e);
    if (std::isinf(c.in[0].at(c.index))) e.numbers = "masked: exp(−∞) = 0";
}

// Running maximum after each tile. Input: scores (B, H, T, S); output (B, H, T, tiles).
void online_shape(const Graph& graph, Node& n) {
    n.dims = input(graph, n, 0).dims;
    n.dims[3].sym = Dim::Sym::tiles;
    if (n.op == Op::online_o) n.dims.push_back(fixed(n.attrs.value));
}
// Values of head h.
struct Values {
    const Real* first;
    std::int64_t ld, width;
};
Values head_values(const Attrs& a, const ConstView& kv, std::int64_t b, std::int64_t h) {
    const Rows rows = value_rows(a, kv.shape, b, h);
    return {kv.real + rows.begin, rows.ld, a.value};
}
void online(const OpContext& c) {
    const Shape& s = c.in[0].shape;
    const auto tiles = c.out.shape[3];
    const bool outputs = c.node.op == Op::online_o;
    for (std::int64_t r = 0; r < s.rows(); ++r) {
        const auto h = r / s[2] % s[1], b = r / s[2] / s[1];
        const Values v = outputs ? head_values(c.node.attrs, c.in[1], b, h) : Values{nullptr, 0, 0};
        const auto states =
            online_softmax(c.in[0].real + r * s[3], s[3], v.first, v.width, v.ld, attention_tile);
        for (std::int64_t j = 0; j < tiles; ++j) {
            const OnlineState& state = states[static_cast<std::size_t>(j)];
            if (outputs)
                std::copy(state.o.begin(), state.o.end(), c.out.real + (r * tiles + j) * v.width);
            else
                c.out.real[r * tiles + j] = c.node.op == Op::online_m ? state.m : state.d;
        }
    }
}
void explain_online(const ExplainContext& c, Explanation& e) {
    const auto at = coordinates(c.value.shape, c.index);
    const auto S = c.in[0].shape[3];
    const auto row = (at[0] * c.in[0].shape[1] + at[1]) * c.in[0].shape[2] + at[2];
    const auto end = std::min(S, (at[3] + 1) * attention_tile);
    double m = -std::numeric_limits<double>::infinity(), d = 0, o = 0;
    for (std::int64_t i = 0; i < end; ++i) m = std::max(m, c.in[0].at(row * S + i));
    for (std::int64_t i = 0; i < end; ++i) {
        const double p = std::exp(c.in[0].at(row * S + i) - m);
        d += p;
        if (c.node.op == Op::online_o) {
            const Values v = head_values(c.node.attrs, c.in[1], at[0], at[1]);
            o += p * static_cast<double>(v.first[i * v.ld + at[4]]);
        }
    }
    e.value = c.node.op == Op::online_m ? m : c.node.op == Op::online_d ? d : o;
    e.numbers = "over keys 0 … " + std::to_string(end - 1) + ", maximum " + number_text(m);
    use_cells(e, 0, row * S, end);
    if (c.node.op == Op::online_o) {
        const Values v = head_values(c.node.attrs, c.in[1], at[0], at[1]);
        use_cells(e, 1, v.first - c.in[1].real + at[4], end, v.ld);
    }
}

// probs (B, H, T, S) times the values: (B, T, H, value).
void attend_shape(const Graph& graph, Node& n) {
    const Node& probs = input(graph, n, 0);
    n.dims = {probs.dims[0], probs.dims[2], fixed(n.attrs.heads), fixed(n.attrs.value)};
}
void attend(const OpContext& c) {
    const Attrs& a = c.node.attrs;
    const auto H = a.heads, T = c.out.shape[1], S = c.in[0].shape[3];
    Real* packed = c.scratch->get(0, packed_size(S, a.value));
    for (std::int64_t b = 0; b < c.out.shape[0]; ++b)
        for (std::int64_t h = 0; h < H; ++h) {
            const Values v = head_values(a, c.in[1], b, h);
            pack_straight(v.first, S, v.width, v.ld, packed);
            multiply_panels(c.in[0].real + (b * H + h) * T * S, T, S, S, packed, v.width,
                            c.out.real + (b * T * H + h) * v.width, H * v.width, false);
        }
}
void explain_attend(const ExplainContext& c, Explanation& e) {
    const Attrs& a = c.node.attrs;
    const auto at = coordinates(c.value.shape, c.index);
    const auto S = c.in[0].shape[3];
    const auto row = ((at[0] * a.heads + at[2]) * c.in[0].shape[2] + at[1]) * S;
    const Values v = head_values(a, c.in[1], at[0], at[2]);
    Terms terms;
    for (std::int64_t s = 0; s < S; ++s) {
        const double p = c.in[0].at(row + s);
        if (p > 0) terms.add(p, static_cast<double>(v.first[s * v.ld + at[3]]));
    }
    e.value = terms.sum();
    e.numbers = terms.text();
    use_cells(e, 0, row, S);
    use_cells(e, 1, v.first - c.in[1].real + at[3], S, v.ld);
}

// Fused: the same from queries, keys and values, a tile of keys at a time.
void attention_shape(const Graph& graph, Node& n) {
    const Node& q = input(graph, n, 0);
    n.dims = {q.dims[0], q.dims[1], fixed(n.attrs.heads), fixed(n.attrs.value)};
}
void attention(const OpContext& c) {
    const Attrs& a = c.node.attrs;
    const auto T = c.in[0].shape[1];
    for_heads(c, true, [&](AttentionRows& job, std::int64_t b, std::int64_t h) {
        job.out = c.out.real + (b * T * a.heads + h) * a.value;
        job.out_token = a.heads * a.value;
        if (c.saved) job.log_sum = c.saved + (b * a.heads + h) * T;
        attend_tiles(job, 0, T);
    });
}

}  // namespace

void add_attention_ops(std::vector<OpDef>& t) {
    t.push_back({.op = Op::scores,
                 .name = "scores",
                 .shape = scores_shape,
                 .forward = scores,
                 .explain = explain_scores,
                 .backward = scores_backward});
    t.push_back({.op = Op::causal_softmax,
                 .name = "causal_softmax",
                 .shape = same_as_first,
                 .forward = causal_softmax,
                 .explain = explain_causal_softmax,
                 .backward = causal_softmax_backward,
                 .reads = 0,
                 .reads_output = true});
    for (const auto& [op, name] : {std::pair{Op::online_m, "online_m"},
                                   {Op::online_d, "online_d"},
                                   {Op::online_o, "online_o"}})
        t.push_back({.op = op,
                     .name = name,
                     .shape = online_shape,
                     .forward = online,
                     .explain = explain_online,
                     .backward = online_backward});
    for (const auto& [op, name] :
         {std::pair{Op::attend, "attend"}, {Op::attend_latent, "attend_latent"}})
        t.push_back({.op = op,
                     .name = name,
                     .shape = attend_shape,
                     .forward = attend,
                     .explain = explain_attend,
                     .backward = attend_backward});
    t.push_back({.op = Op::attention,
                 .name = "attention",
                 .shape = attention_shape,
                 .forward = attention,
                 .composite = true,
                 .backward = attention_backward,
                 .saved = attention_saved,
                 .reads_output = true});
}

}  // namespace sf
