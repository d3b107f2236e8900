#include "core/ops/attention_kernel.h"

#include "core/graph/graph.h"
#include "core/ops/math.h"
#include "core/ops/matmul.h"

#include <algorithm>
#include <cmath>

namespace sf {

namespace {

constexpr std::int64_t tile = attention_tile;
constexpr std::int64_t block = 24;  // query rows that walk through the keys together
constexpr Real minus_infinity = -std::numeric_limits<Real>::infinity();

std::int64_t tiles(std::int64_t n) {
    return (n + tile - 1) / tile;
}

// Masked scores of a block of rows against tile j. The queries come scaled.
void tile_scores(const AttentionRows& a, std::int64_t r0, std::int64_t r1, std::int64_t j,
                 Real* scores) {
    multiply_panels(a.q + r0 * a.k, r1 - r0, a.k, a.k, a.keys + j * tile * a.k, tile, scores, tile,
                    false);
    for (std::int64_t r = r0; r < r1; ++r) {
        const std::int64_t visible = a.past + r / a.group + 1 - j * tile;
        for (std::int64_t i = std::max<std::int64_t>(0, visible); i < tile; ++i)
            scores[(r - r0) * tile + i] = minus_infinity;
    }
}

}  // namespace

OnlineState online_start(std::int64_t width) {
    return {minus_infinity, 0, std::vector<Real>(static_cast<std::size_t>(width))};
}

void online_tile(OnlineState& s, const Real* scores, std::int64_t n, const Real* values,
                 std::int64_t width, std::int64_t ld) {
    Real m = s.m;
    for (std::int64_t i = 0; i < n; ++i) m = std::max(m, scores[i]);
    if (!(m > minus_infinity)) return;
    const Real shrink = s.m > minus_infinity ? fast_exp(s.m - m) : Real(0);
    s.d *= shrink;
    for (Real& o : s.o) o *= shrink;
    for (std::int64_t i = 0; i < n; ++i) {
        const Real p = fast_exp(scores[i] - m);
        s.d += p;
        for (std::int64_t c = 0; c < width; ++c)
            s.o[static_cast<std::size_t>(c)] += p * values[i * ld + c];
    }
    s.m = m;
}

std::vector<OnlineState> online_softmax(const Real* scores, std::int64_t n, const Real* values,
                                        std::int64_t width, std::int64_t ld,
                                        std::int64_t tile_size) {
    std::vector<OnlineState> states;
    OnlineState s = online_start(width);
    for (std::int64_t begin = 0; begin < n; begin += tile_size) {
        const std::int64_t count = std::min(tile_size, n - begin);
        online_tile(s, scores + begin, count, width > 0 ? values + begin * ld : nullptr, width, ld);
        states.push_back(s);
    }
    return states;
}

std::int64_t packed_keys_size(std::int64_t k, std::int64_t n) {
    return tiles(n) * tile * k;
}
std::int64_t packed_values_size(std::int64_t width, std::int64_t n) {
    return tiles(n) * packed_size(tile, width);
}

void pack_keys(const Keys& keys, std::int64_t n, Real* panels) {
    const std::int64_t panel = PackedMatrix::panel_width, k = keys.ka + keys.kb;
    for (std::int64_t p = 0; p * panel < tiles(n) * tile; ++p) {
        Real* out = panels + p * panel * k;
        const std::int64_t columns = std::clamp<std::int64_t>(n - p * panel, 0, panel);
        const Real* a = keys.a + p * panel * keys.lda;
        const Real* b = keys.b + p * panel * keys.ldb;
        for (std::int64_t i = 0; i < k; ++i, out += panel) {
            const Real* source = i < keys.ka ? a + i : b + (i - keys.ka);
            const std::int64_t ld = i < keys.ka ? keys.lda : keys.ldb;
            for (std::int64_t j = 0; j < columns; ++j) out[j] = source[j * ld];
            for (std::int64_t j = columns; j < panel; ++j) out[j] = 0;
        }
    }
}

void pack_values(const Real* values, std::int64_t n, std::int64_t width, std::int64_t ld,
                 Real* panels) {
    for (std::int64_t j = 0; j < tiles(n); ++j)
        pack_straight(values + j * tile * ld, std::min(tile, n - j * tile), width, ld,
                      panels + j * packed_size(tile, width));
}

void attend_tiles(const AttentionRows& a, std::int64_t first, std::int64_t last) {
    Real scores[block * tile];
    Real m[block] = {}, m_new[block] = {}, shrink[block], d[block];
    std::vector<Real> o(static_cast<std::size_t>(block * a.width));
    for (std::int64_t r0 = first; r0 < last; r0 += block) {
        const std::int64_t r1 = std::min(last, r0 + block), rows = r1 - r0;
        std::fill_n(m, rows, minus_infinity);
        std::fill_n(d, rows, Real(0));
        std::fill(o.begin(), o.end(), Real(0));
        const std::int64_t visible = std::min(a.context, a.past + (r1 - 1) / a.group + 1);
        for (std::int64_t j = 0; j < tiles(visible); ++j) {
            tile_scores(a, r0, r1, j, scores);
            for (std::int64_t r = 0; r < rows; ++r)
                m_new[r] = std::max(m[r], lane_max(scores + r * tile, tile));
            for (std::int64_t r = 0; r < block; ++r) shrink[r] = fast_exp(m[r] - m_new[r]);
            for (std::int64_t r = 0; r < rows; ++r) {
                Real* p = scores + r * tile;
                for (std::int64_t i = 0; i < tile; ++i) p[i] = fast_exp(p[i] - m_new[r]);
                d[r] = d[r] * shrink[r] + lane_sum(tile, [&](std::int64_t i) { return p[i]; });
                m[r] = m_new[r];
                if (j > 0 && shrink[r] != Real(1)) {
                    Real* row = o.data() + r * a.width;
                    for (std::int64_t c = 0; c < a.width; ++c) row[c] *= shrink[r];
                }
            }
            multiply_panels(scores, rows, tile, std::min(tile, a.context - j * tile),
                            a.values + j * packed_size(tile, a.width), a.width, o.data(), a.width,
                            true);
        }
        for (std::int64_t r = 0; r < rows; ++r) {
            Real* out = a.out + (r0 + r) / a.group * a.out_token + (r0 + r) % a.group * a.out_head;
            const Real inverse = Real(1) / d[r];
            const Real* row = o.data() + r * a.width;
            for (std::int64_t c = 0; c < a.width; ++c) out[c] = row[c] * inverse;
            if (a.log_sum) a.log_sum[r0 + r] = m[r] + std::log(d[r]);
        }
    }
}

void score_rows(const AttentionRows& a, std::int64_t first, std::int64_t last) {
    Real scores[block * tile];
    for (std::int64_t r0 = first; r0 < last; r0 += block) {
        const std::int64_t r1 = std::min(last, r0 + block);
        for (std::int64_t j = 0; j < tiles(a.context); ++j) {
            tile_scores(a, r0, r1, j, scores);
            const std::int64_t n = std::min(tile, a.context - j * tile);
            for (std::int64_t r = r0; r < r1; ++r)
                std::copy_n(
                    scores + (r - r0) * tile, n,
                    a.out + r / a.group * a.out_token + r % a.group * a.out_head + j * tile);
        }
    }
}

}  // namespace sf
