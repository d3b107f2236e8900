#include "core/ops/attention_backward.h"

#include "core/ops/attention_kernel.h"
#include "core/ops/attention_layout.h"
#include "core/ops/math.h"
#include "core/ops/matmul.h"

#include <algorithm>
#include <utility>

namespace sf {

namespace {

constexpr std::int64_t tile = attention_tile;
constexpr std::int64_t block = 24;  // query rows at a time, as forward

std::int64_t whole_tiles(std::int64_t n) {
    return (n + tile - 1) / tile * tile;
}

// Sums what the heads have to give to keys or values that `shared` of them read, in their order.
// parts: (B, H, S, width); to: (B, S, H / shared, width).
void give_shared(const BackwardContext& c, const Real* parts, std::int64_t S, std::int64_t width,
                 std::int64_t batch, std::int64_t shared, GradView to) {
    const auto H = c.node.attrs.heads, G = H / shared;
    for_pieces(c, batch * G, [&](std::int64_t piece, int) {
        const auto b = piece / G, g = piece % G;
        for (std::int64_t h = g * shared; h < (g + 1) * shared; ++h) {
            const Real* part = parts + (b * H + h) * S * width;
            for (std::int64_t s = 0; s < S; ++s)
                give_all({to.data + ((b * S + s) * G + g) * width, to.add || h > g * shared}, width,
                         [&](std::int64_t i) { return part[s * width + i]; });
        }
    });
}

}  // namespace

std::int64_t attention_saved(const Node&, std::span<const ConstView> in) {
    return in[0].shape[0] * in[0].shape[1] * in[0].shape[2];
}

void attention_backward(const BackwardContext& c) {
    const Shape &qs = c.in[0].shape, &ks = c.in[2].shape;
    const Attrs& a = c.node.attrs;
    const auto B = qs[0], T = qs[1], H = a.heads, S = ks[1], past = S - T;
    const bool shared = ks.rank == 3, grouped = a.kv_heads > 0;
    const auto content = shared ? ks[2] : a.nope, k = content + a.rope, v = a.value;
    const auto St = whole_tiles(S);
    const Real scale = static_cast<Real>(a.scale);

    // What heads share is summed when all are done: rope keys, and latents, or keys and values.
    const auto first_width = grouped ? k : a.rope;
    const auto second_width = grouped ? v : shared ? content : 0;
    Real* first_parts = c.scratch->get(0, B * H * S * first_width);
    Real* second_parts = second_width > 0 ? c.scratch->get(1, B * H * S * second_width) : nullptr;
    constexpr std::int64_t line = 16;  // each piece of memory begins at a multiple of it
    const auto keys_size = packed_size(k, St);
    const auto each = (2 * T * k + S * k + St * (k + v) + keys_size + packed_values_size(k, S) +
                       packed_size(v, St) + 2 * block * St + 12 * line) /
                      line * line;
    Real* memory = c.scratch->get(2, each * threads_of(c));

    for_pieces(c, B * H, [&](std::int64_t piece, int thread) {
        const auto b = piece / H, h = piece % H;
        const HeadLayout head = head_layout(c.node.attrs, qs, ks, b, h);
        Real* at = memory + each * thread;
        const auto take = [&](std::int64_t n) {
            return std::exchange(at, at + (n + line - 1) / line * line);
        };
        Real* q = take(T * k);
        Real* dq = take(T * k);
        Real* keys = take(S * k);
        for (std::int64_t t = 0; t < T; ++t) {
            const Real *qc = c.in[0].real + head.q.at(t), *qr = c.in[1].real + head.q_pe.at(t);
            for (std::int64_t i = 0; i < content; ++i) q[t * k + i] = qc[i] * scale;
            for (std::int64_t i = 0; i < a.rope; ++i) q[t * k + content + i] = qr[i] * scale;
        }
        for (std::int64_t s = 0; s < S; ++s) {
            std::copy_n(c.in[2].real + head.key.at(s), content, keys + s * k);
            std::copy_n(c.in[head.k_pe_in].real + head.k_pe.at(s), a.rope, keys + s * k + content);
        }
        Real* keys_across = take(keys_size);  // for q k^T
        std::fill_n(keys_across, keys_size, Real(0));
        pack_transposed(keys, S, k, k, keys_across);
        Real* keys_along = take(packed_values_size(k, S));  // for dS K, tile by tile
        pack_values(keys, S, k, k, keys_along);
        Real* values_across = take(packed_size(v, St));  // for dO V^T
        std::fill_n(values_across, packed_size(v, St), Real(0));
        pack_transposed(c.in[head.value_in].real + head.value.begin, S, v, head.value.ld,
                        values_across);
        Real* dk = take(St * k);
        Real* dv = take(St * v);
        std::fill_n(dk, St * k, Real(0));
        std::fill_n(dv, St * v, Real(0));
        Real* p = take(block * St);
        Real* ds = take(block * St);

        for (std::int64_t r0 = 0; r0 < T; r0 += block) {
            const auto rows = std::min(block, T - r0), seen = whole_tiles(past + r0 + rows);
            const Real* d_out = c.grad + ((b * T + r0) * H + h) * v;
            const Real* out = c.out.real + ((b * T + r0) * H + h) * v;
            multiply_panels(q + r0 * k, rows, k, k, keys_across, seen, p, St, false);
            multiply_panels(d_out, rows, H * v, v, values_across, seen, ds, St, false);
            for (std::int64_t r = 0; r < rows; ++r) {
                const Real *o = out + r * H * v, *d_o = d_out + r * H * v;
                const Real dot = lane_sum(v, [&](std::int64_t i) { return o[i] * d_o[i]; });
                const auto row = shared ? (b * T + r0 + r) * H + h : (b * H + h) * T + r0 + r;
                const Real lse = c.saved[row];
                Real *pr = p + r * St, *dr = ds + r * St;
                const auto visible = past + r0 + r + 1;
                for (std::int64_t s = 0; s < visible; ++s) pr[s] = fast_exp(pr[s] - lse);
                for (std::int64_t s = 0; s < visible; ++s) dr[s] = pr[s] * (dr[s] - dot);
                std::fill(pr + visible, pr + seen, Real(0));
                std::fill(dr + visible, dr + seen, Real(0));
            }
            for (std::int64_t j = 0; j * tile < seen; ++j)
                multiply_panels(ds + j * tile, rows, St, std::min(tile, S - j * tile),
                                keys_along + j * packed_size(tile, k), k, dq + r0 * k, k, j > 0);
            multiply_transposed(ds, seen, St, rows, q + r0 * k, k, k, dk, k, true);
            multiply_transposed(p, seen, St, rows, d_out, v, H * v, dv, v, true);
        }

        for (std::int64_t t = 0; t < T; ++t) {
            const Real* row = dq + t * k;
            if (c.to[0]) {
                const GradView to{c.to[0].data + head.q.at(t), c.to[0].add};
                give_all(to, content, [&](std::int64_t i) { return row[i] * scale; });
                if (!to.add) std::fill(to.data + content, to.data + qs[3], Real(0));
            }
            if (c.to[1])
                give_all({c.to[1].data + head.q_pe.at(t), c.to[1].add}, a.rope,
                         [&](std::int64_t i) { return row[content + i] * scale; });
        }
        for (std::int64_t s = 0; s < S; ++s) {
            const Real *key = dk + s * k, *value = dv + s * v;
            Real* first = first_parts + (piece * S + s) * first_width;
            Real* second = second_parts + (piece * S + s) * second_width;
            if (grouped) {
                std::copy_n(key, k, first);
                std::copy_n(value, v, second);
                continue;
            }
            std::copy_n(key + content, a.rope, first);
            if (shared) {
                for (std::int64_t i = 0; i < content; ++i) second[i] = key[i] + value[i];
            } else if (c.to[2]) {
                give_all({c.to[2].data + head.key.at(s), c.to[2].add}, content,
                         [&](std::int64_t i) { return key[i]; });
                give_all({c.to[2].data + head.value.at(s), c.to[2].add}, v,
                         [&](std::int64_t i) { return value[i]; });
            }
        }
    });
    if (grouped) {
        if (c.to[2]) give_shared(c, first_parts, S, k, B, H / a.kv_heads, c.to[2]);
        if (c.to[3]) give_shared(c, second_parts, S, v, B, H / a.kv_heads, c.to[3]);
        return;
    }
    if (c.to[2] && shared) give_shared(c, second_parts, S, content, B, H, c.to[2]);
    if (c.to[3]) give_shared(c, first_parts, S, a.rope, B, H, c.to[3]);
}

void scores_backward(const BackwardContext& c) {
    const Shape &qs = c.in[0].shape, &ks = c.in[2].shape;
    const auto B = qs[0], T = qs[1], H = c.node.attrs.heads, S = ks[1], past = S - T;
    const Real scale = static_cast<Real>(c.node.attrs.scale);
    for (std::size_t i = 0; i < c.in.size(); ++i)
        if (c.to[i] && !c.to[i].add) std::fill_n(c.to[i].data, c.in[i].shape.size(), Real(0));
    // dq += dS k and dk += dS q, for the content and for the position part.
    const auto pair = [&](std::size_t qi, const Rows& q, std::size_t ki, const Rows& key,
                          std::int64_t width, std::int64_t t, std::int64_t s, Real g) {
        const auto qa = q.at(t), ka = key.at(s);
        for (std::int64_t i = 0; i < width; ++i) {
            if (c.to[qi]) c.to[qi].data[qa + i] += g * c.in[ki].real[ka + i];
            if (c.to[ki]) c.to[ki].data[ka + i] += g * c.in[qi].real[qa + i];
        }
    };
    for (std::int64_t b = 0; b < B; ++b)
        for (std::int64_t h = 0; h < H; ++h) {
            const HeadLayout head = head_layout(c.node.attrs, qs, ks, b, h);
            for (std::int64_t t = 0; t < T; ++t)
                for (std::int64_t s = 0; s <= past + t; ++s) {
                    const Real g = c.grad[((b * H + h) * T + t) * S + s] * scale;
                    pair(0, head.q, 2, head.key, head.content, t, s, g);
                    pair(1, head.q_pe, head.k_pe_in, head.k_pe, head.rope, t, s, g);
                }
        }
}

void attend_backward(const BackwardContext& c) {
    const Shape& ps = c.in[0].shape;
    const auto B = ps[0], H = ps[1], T = ps[2], S = ps[3], v = c.node.attrs.value;
    const GradView dp = c.to[0], dv = c.to[1];
    if (dv && !dv.add) std::fill_n(dv.data, c.in[1].shape.size(), Real(0));
    for (std::int64_t b = 0; b < B; ++b)
        for (std::int64_t h = 0; h < H; ++h) {
            const Rows values = value_rows(c.node.attrs, c.in[1].shape, b, h);
            for (std::int64_t t = 0; t < T; ++t) {
                const Real* d_out = c.grad + ((b * T + t) * H + h) * v;
                const auto row = ((b * H + h) * T + t) * S;
                for (std::int64_t s = 0; s < S; ++s) {
                    const Real* value = c.in[1].real + values.at(s);
                    if (dp)
                        dp.give(row + s,
                                lane_sum(v, [&](std::int64_t i) { return d_out[i] * value[i]; }));
                    const Real p = c.in[0].real[row + s];
                    for (std::int64_t i = 0; i < v && dv; ++i)
                        dv.data[values.at(s) + i] += p * d_out[i];
                }
            }
        }
}

void online_backward(const BackwardContext& c) {
    const Shape& ss = c.in[0].shape;
    const auto S = ss[3], tiles = c.out.shape[3], v = c.node.attrs.value;
    const GradView da = c.to[0];
    const bool outputs = c.node.op == Op::online_o;
    const GradView dv = outputs ? c.to[1] : GradView{};
    if (da && !da.add) std::fill_n(da.data, ss.size(), Real(0));
    if (dv && !dv.add) std::fill_n(dv.data, c.in[1].shape.size(), Real(0));
    for (std::int64_t r = 0; r < ss.rows(); ++r) {
        const Real* a = c.in[0].real + r * S;
        const auto h = r / ss[2] % ss[1], b = r / ss[2] / ss[1];
        const Rows values = outputs ? value_rows(c.node.attrs, c.in[1].shape, b, h) : Rows{0, 0};
        for (std::int64_t j = 0; j < tiles; ++j) {
            const auto end = std::min(S, (j + 1) * tile);
            const auto best = std::max_element(a, a + end) - a;
            if (c.node.op == Op::online_m) {
                if (da) da.data[r * S + best] += c.grad[r * tiles + j];
                continue;
            }
            // d and o are sums of e^(a_s - m): every score pulls, and the maximum pulls back.
            Real pull = 0;
            for (std::int64_t s = 0; s < end; ++s) {
                const Real p = fast_exp(a[s] - a[best]);
                Real g = 0;
                if (!outputs) g = c.grad[r * tiles + j];
                for (std::int64_t i = 0; i < v && outputs; ++i) {
                    const Real d_o = c.grad[(r * tiles + j) * v + i];
                    g += d_o * c.in[1].real[values.at(s) + i];
                    if (dv) dv.data[values.at(s) + i] += d_o * p;
                }
                if (da) da.data[r * S + s] += g * p;
                pull += g * p;
            }
            if (da) da.data[r * S + best] -= pull;
        }
    }
}

}  // namespace sf
