#pragma once

#include "core/graph/graph.h"

namespace sf {

// Where one head's rows lie in a tensor (or in its gradient, which has the same shape).
struct Rows {
    std::int64_t begin, ld;
    std::int64_t at(std::int64_t i) const { return begin + i * ld; }
};

// One head of one sequence in the four inputs of attention. Three layouts, told apart by the attrs
// and the rank of the keys:
//   expanded  q (B, T, H, nope + rope), q_pe (B, T, H, rope), kv (B, S, H, nope + value),
//             k_pe (B, S, rope)
//   latent    q (B, T, H, rank), q_pe, latents (B, S, rank), k_pe: keys and values are every head's
//   grouped   q, q_pe, k (B, S, G, nope + rope), v (B, S, G, value), G = kv_heads: head h reads
//             group h G / H
struct HeadLayout {
    Rows q, q_pe, key, k_pe, value;
    std::size_t k_pe_in = 3, value_in = 2;  // the input that they lie in; q, q_pe, key: 0, 1, 2
    std::int64_t content = 0, rope = 0, width = 0;
    bool shared = false;  // latent
};
inline HeadLayout head_layout(const Attrs& a, const Shape& q, const Shape& keys, std::int64_t b,
                              std::int64_t h) {
    const auto T = q[1], H = a.heads, S = keys[1], qw = q[3];
    HeadLayout r;
    r.rope = a.rope;
    r.width = a.value;
    r.q = {(b * T * H + h) * qw, H * qw};
    r.q_pe = {(b * T * H + h) * a.rope, H * a.rope};
    r.k_pe = {b * S * a.rope, a.rope};
    r.content = a.nope;
    r.shared = keys.rank == 3;
    if (r.shared) {
        r.content = keys[2];
        r.key = r.value = {b * S * keys[2], keys[2]};
    } else if (a.kv_heads > 0) {
        const auto G = a.kv_heads, g = h * G / H;
        r.key = {(b * S * G + g) * keys[3], G * keys[3]};
        r.k_pe = {r.key.begin + a.nope, r.key.ld};
        r.value = {(b * S * G + g) * a.value, G * a.value};
        r.k_pe_in = 2;
        r.value_in = 3;
    } else {
        r.key = {(b * S * H + h) * keys[3], H * keys[3]};
        r.value = {r.key.begin + a.nope, r.key.ld};
    }
    return r;
}

// The values alone, where they come without keys: kv, latents or v.
inline Rows value_rows(const Attrs& a, const Shape& kv, std::int64_t b, std::int64_t h) {
    if (kv.rank == 3) return {b * kv[1] * kv[2], kv[2]};
    if (a.kv_heads > 0)
        return {(b * kv[1] * a.kv_heads + h * a.kv_heads / a.heads) * kv[3], a.kv_heads * kv[3]};
    return {(b * kv[1] * a.heads + h) * kv[3] + a.nope, a.heads * kv[3]};
}

}  // namespace sf
