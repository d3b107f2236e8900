#include "core/graph/graph.h"
#include "core/ops/attention_kernel.h"
#include "core/ops/math.h"
#include "core/ops/matmul.h"
#include "core/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace sf {
namespace {

std::vector<Real> random_vector(std::int64_t n, std::uint64_t stream) {
    std::vector<Real> v(static_cast<std::size_t>(n));
    for (std::int64_t i = 0; i < n; ++i)
        v[static_cast<std::size_t>(i)] =
            static_cast<Real>(random_normal(1, stream, static_cast<std::uint64_t>(i)));
    return v;
}

TEST(Matmul, equals_the_sum_in_double_for_every_size) {
    for (const std::int64_t rows : {0, 1, 2, 3, 7, 12, 13, 40})
        for (const std::int64_t n : {1, 5, 16, 31, 32, 33, 70, 130})
            for (const std::int64_t k : {1, 3, 16, 65}) {
                const auto x = random_vector(rows * k, 1), w = random_vector(n * k, 2);
                std::vector<Real> y(static_cast<std::size_t>(rows * n), Real(7));
                multiply(x.data(), rows, k, PackedMatrix::transposed(w.data(), n, k, k), y.data(),
                         n);
                double worst = 0;
                for (std::int64_t r = 0; r < rows; ++r)
                    for (std::int64_t j = 0; j < n; ++j) {
                        double want = 0;
                        for (std::int64_t i = 0; i < k; ++i)
                            want += static_cast<double>(x[static_cast<std::size_t>(r * k + i)]) *
                                    static_cast<double>(w[static_cast<std::size_t>(j * k + i)]);
                        worst = std::max(
                            worst, std::fabs(want - static_cast<double>(
                                                        y[static_cast<std::size_t>(r * n + j)])));
                    }
                EXPECT_LE(worst, 1e-4) << rows << "x" << k << "x" << n;
            }
}

TEST(Matmul, a_row_alone_has_the_bits_of_the_row_among_many) {
    const std::int64_t rows = 53, k = 77, n = 141;
    const auto x = random_vector(rows * k, 3), w = random_vector(n * k, 4);
    const auto packed = PackedMatrix::transposed(w.data(), n, k, k);
    std::vector<Real> all(static_cast<std::size_t>(rows * n)), one(static_cast<std::size_t>(n));
    multiply(x.data(), rows, k, packed, all.data(), n);
    for (std::int64_t r = 0; r < rows; ++r) {
        multiply(x.data() + r * k, 1, k, packed, one.data(), n);
        for (std::int64_t j = 0; j < n; ++j)
            ASSERT_EQ(one[static_cast<std::size_t>(j)], all[static_cast<std::size_t>(r * n + j)]);
    }
}

TEST(Matmul, straight_and_pair_place_their_columns) {
    const std::int64_t k = 9, n = 21;
    const auto a = random_vector(k * n, 5), b = random_vector(k * n, 6), x = random_vector(k, 7);
    const auto pair = PackedMatrix::transposed_pair(a.data(), b.data(), n, k, k);
    std::vector<Real> y(static_cast<std::size_t>(pair.n())), first(static_cast<std::size_t>(n)),
        second(static_cast<std::size_t>(n));
    multiply(x.data(), 1, k, pair, y.data(), pair.n());
    multiply(x.data(), 1, k, PackedMatrix::transposed(a.data(), n, k, k), first.data(), n);
    multiply(x.data(), 1, k, PackedMatrix::transposed(b.data(), n, k, k), second.data(), n);
    for (std::int64_t j = 0; j < n; ++j) {
        const auto i = static_cast<std::size_t>(j);
        EXPECT_EQ(y[i], first[i]);
        EXPECT_EQ(y[static_cast<std::size_t>(PackedMatrix::padded(n) + j)], second[i]);
    }
    std::vector<Real> transposed(static_cast<std::size_t>(k * n));
    for (std::int64_t i = 0; i < k; ++i)
        for (std::int64_t j = 0; j < n; ++j)
            transposed[static_cast<std::size_t>(i * n + j)] =
                a[static_cast<std::size_t>(j * k + i)];
    multiply(x.data(), 1, k, PackedMatrix::straight(transposed.data(), k, n, n), y.data(), n);
    for (std::size_t j = 0; j < static_cast<std::size_t>(n); ++j) EXPECT_EQ(y[j], first[j]);
}

TEST(FastExp, is_within_a_few_units_in_the_last_place) {
    double worst = 0;
    for (int i = -870000; i <= 880000; i += 7) {
        const float x = static_cast<float>(i) * 1e-4F;
        const double want = std::exp(static_cast<double>(x));
        worst = std::max(worst, std::fabs(static_cast<double>(fast_exp(x)) - want) / want);
    }
    EXPECT_LE(worst, 2.5e-7);
    const float inf = std::numeric_limits<float>::infinity();
    EXPECT_EQ(fast_exp(-inf), 0.0F);
    EXPECT_EQ(fast_exp(-200.0F), 0.0F);
    EXPECT_EQ(fast_exp(0.0F), 1.0F);
    EXPECT_EQ(fast_exp(inf), inf);
    EXPECT_EQ(fast_exp(100.0F), inf);
    EXPECT_TRUE(std::isnan(fast_exp(std::numeric_limits<float>::quiet_NaN())));
}

TEST(FastExp, gives_the_same_bits_alone_and_in_a_loop) {
    const auto x = random_vector(1000, 8);
    std::vector<Real> y(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) y[i] = fast_exp(x[i]);
    for (std::size_t i = 0; i < x.size(); ++i) {
        volatile Real alone = x[i];
        ASSERT_EQ(fast_exp(alone), y[i]);
    }
}

TEST(OnlineSoftmax, ends_at_the_three_pass_result_for_every_tile) {
    const std::int64_t n = 45, width = 6;
    auto scores = random_vector(n, 9);
    scores[41] = Real(30);  // late and huge: everything before is rescaled
    const auto values = random_vector(n * width, 10);
    double m = -INFINITY, d = 0;
    std::vector<double> o(static_cast<std::size_t>(width));
    for (const Real s : scores) m = std::max(m, static_cast<double>(s));
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
        const double p = std::exp(static_cast<double>(scores[i]) - m);
        d += p;
        for (std::size_t c = 0; c < o.size(); ++c)
            o[c] += p * static_cast<double>(values[i * o.size() + c]);
    }
    for (const std::int64_t tile : {1, 2, 7, 16, 32, 45, 100}) {
        const auto states = online_softmax(scores.data(), n, values.data(), width, width, tile);
        ASSERT_EQ(static_cast<std::int64_t>(states.size()), (n + tile - 1) / tile);
        const OnlineState& end = states.back();
        EXPECT_NEAR(static_cast<double>(end.m), m, 0);
        EXPECT_NEAR(static_cast<double>(end.d), d, 1e-5 * d);
        for (std::size_t c = 0; c < o.size(); ++c)
            EXPECT_NEAR(static_cast<double>(end.o[c]), o[c], 1e-5);
    }
}

TEST(AttendTiles, equals_plain_softmax_attention_and_does_not_depend_on_the_other_rows) {
    const std::int64_t T = 50, past = 23, S = T + past, k = 20, width = 18;
    const auto q = random_vector(T * k, 11), key = random_vector(S * k, 12),
               value = random_vector(S * width, 13);
    std::vector<Real> keys(static_cast<std::size_t>(packed_keys_size(k, S))),
        values(static_cast<std::size_t>(packed_values_size(width, S)));
    pack_keys({key.data(), 12, k, key.data() + 12, 8, k}, S, keys.data());
    pack_values(value.data(), S, width, width, values.data());
    std::vector<Real> all(static_cast<std::size_t>(T * width)), one(all.size());
    AttentionRows job{q.data(),      T,          1,     past, S, k, width, keys.data(),
                      values.data(), all.data(), width, 0};
    attend_tiles(job, 0, T);
    job.out = one.data();
    for (std::int64_t r = T - 1; r >= 0; --r) attend_tiles(job, r, r + 1);
    EXPECT_EQ(all, one);
    for (std::int64_t t = 0; t < T; ++t) {
        std::vector<double> p, o(static_cast<std::size_t>(width));
        double sum = 0;
        for (std::int64_t s = 0; s <= past + t; ++s) {
            double a = 0;  // the queries come scaled
            for (std::int64_t i = 0; i < k; ++i)
                a += static_cast<double>(q[static_cast<std::size_t>(t * k + i)]) *
                     static_cast<double>(key[static_cast<std::size_t>(s * k + i)]);
            p.push_back(std::exp(a));
            sum += p.back();
        }
        for (std::size_t s = 0; s < p.size(); ++s)
            for (std::size_t c = 0; c < o.size(); ++c)
                o[c] += p[s] / sum * static_cast<double>(value[s * o.size() + c]);
        for (std::size_t c = 0; c < o.size(); ++c)
            EXPECT_NEAR(static_cast<double>(all[static_cast<std::size_t>(t * width) + c]), o[c],
                        2e-5);
    }
}

}  // namespace
}  // namespace sf
