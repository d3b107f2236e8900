#pragma once

#include "core/real.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace sf {

// The product kernel. Every output is one chain of multiply-adds over k = 0, 1, 2 ..., whatever the
// number of rows, so a row computed alone has the bits of the same row among many (libraries choose
// their order of summation by the matrix' size). It also multiplies by operands that were packed
// once, where a library packs them at every call.

// A (k, n) right operand in panels of `panel_width` columns, each k rows long, zero-padded.
class PackedMatrix {
public:
    static const std::int64_t panel_width;

    PackedMatrix() = default;

    std::int64_t k() const { return k_; }
    std::int64_t n() const { return n_; }
    // Columns up to the next whole panel: where the second of a pair begins.
    static std::int64_t padded(std::int64_t n);
    const Real* panel(std::int64_t i) const;

    static PackedMatrix transposed(const Real* w, std::int64_t n, std::int64_t k, std::int64_t ld);
    static PackedMatrix straight(const Real* b, std::int64_t k, std::int64_t n, std::int64_t ld);
    static PackedMatrix transposed_pair(const Real* w1, const Real* w2, std::int64_t n,
                                        std::int64_t k, std::int64_t ld);
    // From a weight stored (n, k) row-major ("out, in"): y = x W^T. `ld` is the stored row's
    // length. Memory of the same size is used again: training packs its weights at every step.
    void set_transposed(const Real* w, std::int64_t n, std::int64_t k, std::int64_t ld);
    // From a (k, n) row-major operand: y = x B.
    void set_straight(const Real* b, std::int64_t k, std::int64_t n, std::int64_t ld);
    // Two transposed operands side by side, each starting a panel of its own.
    void set_transposed_pair(const Real* w1, const Real* w2, std::int64_t n, std::int64_t k,
                             std::int64_t ld);

private:
    void resize(std::int64_t k, std::int64_t n);
    Real* writable(std::int64_t i);
    std::int64_t k_ = 0, n_ = 0;
    std::vector<Real> data_;
    std::size_t offset_ = 0;  // to a 64-byte boundary

public:
    PackedMatrix(const PackedMatrix&) = delete;
    PackedMatrix& operator=(const PackedMatrix&) = delete;
    PackedMatrix(PackedMatrix&&) noexcept = default;
    PackedMatrix& operator=(PackedMatrix&&) noexcept = default;
};

// y (rows, n) = x (rows, k) B.
void multiply(const Real* x, std::int64_t rows, std::int64_t ldx, const PackedMatrix& b, Real* y,
              std::int64_t ldy);

// Panels laid out by the caller (attention packs keys and values tile by tile).
void pack_transposed(const Real* w, std::int64_t n, std::int64_t k, std::int64_t ld, Real* panels);
void pack_straight(const Real* b, std::int64_t k, std::int64_t n, std::int64_t ld, Real* panels);
std::int64_t packed_size(std::int64_t k, std::int64_t n);
// y (rows, n) = x (rows, k) B, or y += x B.
void multiply_panels(const Real* x, std::int64_t rows, std::int64_t ldx, std::int64_t k,
                     const Real* panels, std::int64_t n, Real* y, std::int64_t ldy,
                     bool accumulate);
// y (m, n) = x^T b, or y += x^T b, for row-major x (rows, m) and b (rows, n): how a weight's
// gradient is made. The sum over rows goes from the first to the last.
void multiply_transposed(const Real* x, std::int64_t m, std::int64_t ldx, std::int64_t rows,
                         const Real* b, std::int64_t n, std::int64_t ldb, Real* y, std::int64_t ldy,
                         bool accumulate);

}  // namespace sf
