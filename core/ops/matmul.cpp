#include "core/ops/matmul.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>
#include <utility>

namespace sf {

namespace {

#if defined(__AVX512F__)
constexpr int vector_bytes = 64;
constexpr int max_rows = 12;
#elif defined(__AVX__)
constexpr int vector_bytes = 32;
constexpr int max_rows = 6;
#else
constexpr int vector_bytes = 16;
constexpr int max_rows = 6;
#endif
constexpr int lanes = vector_bytes / static_cast<int>(sizeof(Real));

#if defined(__GNUC__)
using Vec = Real __attribute__((vector_size(vector_bytes)));
#else
struct Vec {
    Real v[lanes];
    Vec& operator+=(const Vec& o) {
        for (int i = 0; i < lanes; ++i) v[i] += o.v[i];
        return *this;
    }
    friend Vec operator*(Real s, const Vec& a) {
        Vec r;
        for (int i = 0; i < lanes; ++i) r.v[i] = s * a.v[i];
        return r;
    }
};
#endif
constexpr int panel_vectors = 2;
constexpr int width = lanes * panel_vectors;

inline Vec load(const Real* p) {
    Vec v;
    std::memcpy(&v, p, sizeof v);
    return v;
}
inline void store(Real* p, const Vec& v) {
    std::memcpy(p, &v, sizeof v);
}

// Rows x Panels outputs in registers, one pass over k. `Transposed`: x is (k, rows).
template <int Rows, int Panels, bool Transposed>
void kernel(const Real* x, std::int64_t ldx, std::int64_t k, const Real* panels, Real* y,
            std::int64_t ldy, std::int64_t columns, bool accumulate) {
    constexpr int vectors = Panels * panel_vectors;
    Vec acc[Rows][vectors];
    const bool whole = columns == Panels * width;
    Real edge[Rows][Panels * width];
    if (accumulate) {
        if (!whole) {
            std::memset(edge, 0, sizeof edge);
            for (int r = 0; r < Rows; ++r)
                std::memcpy(edge[r], y + r * ldy, static_cast<std::size_t>(columns) * sizeof(Real));
        }
        for (int r = 0; r < Rows; ++r)
            for (int v = 0; v < vectors; ++v)
                acc[r][v] = load((whole ? y + r * ldy : edge[r]) + v * lanes);
    } else {
        for (int r = 0; r < Rows; ++r)
            for (int v = 0; v < vectors; ++v) acc[r][v] = Vec{};
    }
    const Real* b = panels;
    for (std::int64_t i = 0; i < k; ++i, b += width) {
        Vec bv[vectors];
        for (int p = 0; p < Panels; ++p)
            for (int v = 0; v < panel_vectors; ++v)
                bv[p * panel_vectors + v] = load(b + p * k * width + v * lanes);
        for (int r = 0; r < Rows; ++r) {
            const Real a = Transposed ? x[i * ldx + r] : x[r * ldx + i];
            for (int v = 0; v < vectors; ++v) acc[r][v] += a * bv[v];
        }
    }
    for (int r = 0; r < Rows; ++r)
        for (int v = 0; v < vectors; ++v)
            store((whole ? y + r * ldy : edge[r]) + v * lanes, acc[r][v]);
    if (!whole)
        for (int r = 0; r < Rows; ++r)
            std::memcpy(y + r * ldy, edge[r], static_cast<std::size_t>(columns) * sizeof(Real));
}

using Kernel = void (*)(const Real*, std::int64_t, std::int64_t, const Real*, Real*, std::int64_t,
                        std::int64_t, bool);

template <int Panels, bool Transposed, std::size_t... R>
constexpr std::array<Kernel, sizeof...(R)> kernels(std::index_sequence<R...>) {
    return {&kernel<static_cast<int>(R) + 1, Panels, Transposed>...};
}
constexpr auto one_panel = kernels<1, false>(std::make_index_sequence<max_rows>{});
constexpr auto two_panels = kernels<2, false>(std::make_index_sequence<max_rows / 2>{});
constexpr auto four_panels = kernels<4, false>(std::make_index_sequence<max_rows / 6 + 1>{});
constexpr auto one_panel_transposed = kernels<1, true>(std::make_index_sequence<max_rows>{});

}  // namespace

const std::int64_t PackedMatrix::panel_width = width;

std::int64_t PackedMatrix::padded(std::int64_t n) {
    return (n + width - 1) / width * width;
}

std::int64_t packed_size(std::int64_t k, std::int64_t n) {
    return PackedMatrix::padded(n) * k;
}

void PackedMatrix::resize(std::int64_t k, std::int64_t n) {
    k_ = k;
    n_ = n;
    data_.resize(static_cast<std::size_t>(packed_size(k, n)) + 64 / sizeof(Real));
    const auto address = reinterpret_cast<std::uintptr_t>(data_.data());
    offset_ = ((64 - address % 64) % 64) / sizeof(Real);
}

const Real* PackedMatrix::panel(std::int64_t i) const {
    return data_.data() + offset_ + i * k_ * width;
}
Real* PackedMatrix::writable(std::int64_t i) {
    return data_.data() + offset_ + i * k_ * width;
}

void pack_transposed(const Real* w, std::int64_t n, std::int64_t k, std::int64_t ld, Real* panels) {
    for (std::int64_t p = 0; p * width < n; ++p) {
        Real* panel = panels + p * k * width;
        const std::int64_t columns = std::min<std::int64_t>(width, n - p * width);
        const Real* source = w + p * width * ld;
        for (std::int64_t i = 0; i < k; ++i) {
            Real* row = panel + i * width;
            for (std::int64_t j = 0; j < columns; ++j) row[j] = source[j * ld + i];
            for (std::int64_t j = columns; j < width; ++j) row[j] = 0;
        }
    }
}

void pack_straight(const Real* b, std::int64_t k, std::int64_t n, std::int64_t ld, Real* panels) {
    for (std::int64_t p = 0; p * width < n; ++p) {
        Real* panel = panels + p * k * width;
        const Real* source = b + p * width;
        const std::int64_t columns = std::min<std::int64_t>(width, n - p * width);
        if (columns == width) {
            for (std::int64_t i = 0; i < k; ++i)
                for (int v = 0; v < panel_vectors; ++v)
                    store(panel + i * width + v * lanes, load(source + i * ld + v * lanes));
            continue;
        }
        for (std::int64_t i = 0; i < k; ++i) {
            for (std::int64_t j = 0; j < columns; ++j) panel[i * width + j] = source[i * ld + j];
            for (std::int64_t j = columns; j < width; ++j) panel[i * width + j] = 0;
        }
    }
}

void PackedMatrix::set_transposed(const Real* w, std::int64_t n, std::int64_t k, std::int64_t ld) {
    resize(k, n);
    pack_transposed(w, n, k, ld, writable(0));
}

void PackedMatrix::set_straight(const Real* b, std::int64_t k, std::int64_t n, std::int64_t ld) {
    resize(k, n);
    pack_straight(b, k, n, ld, writable(0));
}

void PackedMatrix::set_transposed_pair(const Real* w1, const Real* w2, std::int64_t n,
                                       std::int64_t k, std::int64_t ld) {
    resize(k, 2 * padded(n));
    pack_transposed(w1, n, k, ld, writable(0));
    pack_transposed(w2, n, k, ld, writable(padded(n) / width));
}

PackedMatrix PackedMatrix::transposed(const Real* w, std::int64_t n, std::int64_t k,
                                      std::int64_t ld) {
    PackedMatrix m;
    m.set_transposed(w, n, k, ld);
    return m;
}

PackedMatrix PackedMatrix::straight(const Real* b, std::int64_t k, std::int64_t n,
                                    std::int64_t ld) {
    PackedMatrix m;
    m.set_straight(b, k, n, ld);
    return m;
}

PackedMatrix PackedMatrix::transposed_pair(const Real* w1, const Real* w2, std::int64_t n,
                                           std::int64_t k, std::int64_t ld) {
    PackedMatrix m;
    m.set_transposed_pair(w1, w2, n, k, ld);
    return m;
}

void multiply_panels(const Real* x, std::int64_t rows, std::int64_t ldx, std::int64_t k,
                     const Real* panels, std::int64_t n, Real* y, std::int64_t ldy,
                     bool accumulate) {
    const std::int64_t count = (n + width - 1) / width;
    // One panel stays in the first-level cache while the rows pass; few rows take several panels at
    // once, so that enough independent sums are under way.
    std::int64_t p = 0;
    const auto run = [&](const auto& table, std::int64_t step) {
        for (; p + step <= count; p += step)
            for (std::int64_t r = 0; r < rows;) {
                const auto block =
                    std::min<std::int64_t>(rows - r, static_cast<std::int64_t>(table.size()));
                table[static_cast<std::size_t>(block - 1)](
                    x + r * ldx, ldx, k, panels + p * k * width, y + r * ldy + p * width, ldy,
                    std::min<std::int64_t>(step * width, n - p * width), accumulate);
                r += block;
            }
    };
    if (rows <= static_cast<std::int64_t>(four_panels.size())) run(four_panels, 4);
    if (rows <= static_cast<std::int64_t>(two_panels.size())) run(two_panels, 2);
    run(one_panel, 1);
}

void multiply_transposed(const Real* x, std::int64_t m, std::int64_t ldx, std::int64_t rows,
                         const Real* b, std::int64_t n, std::int64_t ldb, Real* y, std::int64_t ldy,
                         bool accumulate) {
    // Rows are taken in blocks whose x and b stay in the second cache; a panel of b is packed where
    // it stays in the first while all of x^T passes.
    constexpr std::int64_t block = 128;
    alignas(64) Real panel[block * width];
    if (rows == 0 && !accumulate)
        for (std::int64_t i = 0; i < m; ++i) std::fill_n(y + i * ldy, n, Real(0));
    for (std::int64_t k0 = 0; k0 < rows; k0 += block) {
        const auto k = std::min(block, rows - k0);
        for (std::int64_t j = 0; j < n; j += width) {
            const auto columns = std::min<std::int64_t>(width, n - j);
            pack_straight(b + k0 * ldb + j, k, columns, ldb, panel);
            for (std::int64_t i = 0; i < m; i += max_rows) {
                const auto count = std::min<std::int64_t>(max_rows, m - i);
                one_panel_transposed[static_cast<std::size_t>(count - 1)](
                    x + k0 * ldx + i, ldx, k, panel, y + i * ldy + j, ldy, columns,
                    accumulate || k0 > 0);
            }
        }
    }
}

void multiply(const Real* x, std::int64_t rows, std::int64_t ldx, const PackedMatrix& b, Real* y,
              std::int64_t ldy) {
    multiply_panels(x, rows, ldx, b.k(), b.panel(0), b.n(), y, ldy, false);
}

}  // namespace sf
