#include "core/ops/matmul.h"
#include "core/random.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <vector>

namespace sf {
namespace {

std::vector<Real> numbers(std::int64_t n, std::uint64_t stream) {
    std::vector<Real> v(static_cast<std::size_t>(n));
    for (std::size_t i = 0; i < v.size(); ++i)
        v[i] = static_cast<Real>(random_normal(1, stream, i));
    return v;
}

// y = x^T b and y += x^T b at sizes that are multiples of nothing, with rows further apart than
// wide.
TEST(MultiplyTransposed, agrees_with_the_sum_as_written) {
    for (const auto& [m, rows, n] : {std::array<std::int64_t, 3>{1, 1, 1},
                                     {7, 3, 5},
                                     {13, 129, 17},
                                     {64, 300, 33},
                                     {6, 0, 9},
                                     {24, 128, 48}}) {
        const auto ldx = m + 3, ldb = n + 2, ldy = n + 1;
        const auto x = numbers(rows * ldx + 8, 1), b = numbers(rows * ldb + 8, 2);
        for (const bool add : {false, true}) {
            auto y = numbers(m * ldy, 3);
            const auto before = y;
            multiply_transposed(x.data(), m, ldx, rows, b.data(), n, ldb, y.data(), ldy, add);
            for (std::int64_t i = 0; i < m; ++i) {
                for (std::int64_t j = 0; j < n; ++j) {
                    const auto at = static_cast<std::size_t>(i * ldy + j);
                    double sum = add ? static_cast<double>(before[at]) : 0;
                    for (std::int64_t r = 0; r < rows; ++r)
                        sum += static_cast<double>(x[static_cast<std::size_t>(r * ldx + i)]) *
                               static_cast<double>(b[static_cast<std::size_t>(r * ldb + j)]);
                    ASSERT_NEAR(y[at], sum, 1e-4 * (1 + std::abs(sum))) << m << " " << rows;
                }
                // What lies between rows is left alone.
                const auto gap = static_cast<std::size_t>(i * ldy + n);
                ASSERT_EQ(y[gap], before[gap]);
            }
        }
    }
}

}  // namespace
}  // namespace sf
