#pragma once

#include "core/real.h"

#include <cstdint>
#include <vector>

namespace sf {

// The state of an online softmax after some tiles of keys: running maximum m, running sum d of
// e^(score - m), running output o (not yet divided by d). Milakov and Gimelshein 2018; Rabe and
// Staats 2021; FlashAttention (Dao et al. 2022), algorithm 1.
struct OnlineState {
    Real m, d;
    std::vector<Real> o;
};

// Nothing seen yet: m = -inf, d = 0, o = 0 (width).
OnlineState online_start(std::int64_t width);
// Takes in one tile: n scores (-inf where masked) over values (n, width) with row stride ld. Where
// the maximum rises, d and o first shrink by e^(m_old - m_new).
void online_tile(OnlineState& state, const Real* scores, std::int64_t n, const Real* values,
                 std::int64_t width, std::int64_t ld);

// The states after each tile of `tile` keys for one row of scores (n, -inf where masked) over
// values (n, width) with row stride ld. Any tile size.
std::vector<OnlineState> online_softmax(const Real* scores, std::int64_t n, const Real* values,
                                        std::int64_t width, std::int64_t ld, std::int64_t tile);

// Where keys [a | b] of `n` rows come from: two column blocks of row-major matrices.
struct Keys {
    const Real* a;
    std::int64_t ka, lda;
    const Real* b;
    std::int64_t kb, ldb;
};

// Keys of whole tiles, (ka + kb, n rounded up to tiles), zero beyond n. Size: packed_keys_size.
void pack_keys(const Keys& keys, std::int64_t n, Real* panels);
std::int64_t packed_keys_size(std::int64_t k, std::int64_t n);
void pack_values(const Real* values, std::int64_t n, std::int64_t width, std::int64_t ld,
                 Real* panels);
std::int64_t packed_values_size(std::int64_t width, std::int64_t n);

// Query rows that share one set of packed keys and values. Row r stands at position
// past + r / group (group: heads that share the keys). Row r of the output starts at
// out + (r / group) * out_token + (r % group) * out_head.
struct AttentionRows {
    const Real* q;  // (rows, k), contiguous, times the softmax scale
    std::int64_t rows, group, past, context, k, width;
    const Real* keys;
    const Real* values;
    Real* out;
    std::int64_t out_token, out_head;
    Real* log_sum = nullptr;  // (rows) log sum e^score, for backward; null: not wanted
};

// Causal attention of rows [r0, r1) by tiles with an online softmax.
void attend_tiles(const AttentionRows& job, std::int64_t r0, std::int64_t r1);

// The scores alone: row r to out + (r / group) * out_token + (r % group) * out_head, context
// numbers, -inf above the diagonal.
void score_rows(const AttentionRows& job, std::int64_t r0, std::int64_t r1);

}  // namespace sf
