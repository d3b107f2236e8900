#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>

namespace sf {

// The values of a grid, read a run of a row at a time: a call for every cell costs more than what
// is done with it. Made from a function of (row, column).
template <class T>
class Cells {
public:
    Cells() = default;
    template <class F>
    requires std::is_invocable_r_v<T, const F&, std::int64_t, std::int64_t> Cells(F value)
        : read_([value = std::move(value)](std::int64_t row, std::int64_t first, std::span<T> out) {
              for (T& v : out) v = static_cast<T>(value(row, first++));
          }) {}

    // Columns first .. first + out.size().
    void read(std::int64_t row, std::int64_t first, std::span<T> out) const {
        read_(row, first, out);
    }
    T operator()(std::int64_t row, std::int64_t col) const {
        T v{};
        read_(row, col, {&v, 1});
        return v;
    }
    // The grid that begins at a cell of this one, which must outlive it.
    Cells from(std::int64_t row, std::int64_t col) const {
        Cells part;
        part.read_ = [this, row, col](std::int64_t r, std::int64_t c, std::span<T> out) {
            read_(row + r, col + c, out);
        };
        return part;
    }
    explicit operator bool() const { return static_cast<bool>(read_); }

private:
    std::function<void(std::int64_t row, std::int64_t first, std::span<T> out)> read_;
};

// Every value, in runs of at most 512.
template <class F>
void each_run(std::int64_t rows, std::int64_t cols, const Cells<double>& values, F f) {
    std::array<double, 512> buffer;
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t c = 0; c < cols; c += std::ssize(buffer)) {
            const auto n = std::min<std::int64_t>(std::ssize(buffer), cols - c);
            const std::span run{buffer.data(), static_cast<std::size_t>(n)};
            values.read(r, c, run);
            f(std::span<const double>(run));
        }
}

// The range of the finite values; lo > hi where there are none.
struct FiniteRange {
    double lo = std::numeric_limits<double>::infinity(), hi = -lo;
    std::int64_t others = 0;  // NaN and infinite values
    void add(std::span<const double> run);
};

}  // namespace sf
