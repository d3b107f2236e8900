#pragma once

#include "core/real.h"

#include <array>
#include <cassert>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

namespace sf {

enum class DType : std::uint8_t { real, i64 };

// Up to five dimensions, row-major, the last one fastest. A scalar has rank 0 and size 1.
struct Shape {
    static constexpr int max_rank = 5;
    std::array<std::int64_t, max_rank> dim{};
    int rank = 0;

    Shape() = default;
    Shape(std::initializer_list<std::int64_t> dims) {
        assert(dims.size() <= max_rank);
        for (auto d : dims) dim[static_cast<std::size_t>(rank++)] = d;
    }
    std::int64_t operator[](int i) const { return dim[static_cast<std::size_t>(i)]; }
    std::int64_t& operator[](int i) { return dim[static_cast<std::size_t>(i)]; }
    void push(std::int64_t d) { dim[static_cast<std::size_t>(rank++)] = d; }
    std::int64_t size() const {
        std::int64_t n = 1;
        for (int i = 0; i < rank; ++i) n *= (*this)[i];
        return n;
    }
    // The tensor seen as a matrix: all dimensions but the last, times the last.
    std::int64_t cols() const { return rank == 0 ? 1 : (*this)[rank - 1]; }
    std::int64_t rows() const { return cols() == 0 ? 0 : size() / cols(); }
    bool operator==(const Shape& o) const {
        if (rank != o.rank) return false;
        for (int i = 0; i < rank; ++i)
            if ((*this)[i] != o[i]) return false;
        return true;
    }
};

std::string to_string(const Shape& shape);  // "(2, 12, 32)"

// A value that is not owned: where it lies and its shape. Exactly one of `real` and `ints` is set.
struct ConstView {
    Shape shape;
    const Real* real = nullptr;
    const std::int64_t* ints = nullptr;
    DType dtype() const { return ints ? DType::i64 : DType::real; }
    std::int64_t size() const { return shape.size(); }
    double at(std::int64_t flat) const {
        return ints ? static_cast<double>(ints[flat]) : static_cast<double>(real[flat]);
    }
};

struct MutView {
    Shape shape;
    Real* real = nullptr;
    std::int64_t* ints = nullptr;
};

// A value that is owned. Once shared (weights, traces) it is never written again.
struct Tensor {
    Shape shape;
    DType dtype = DType::real;
    std::vector<Real> real;
    std::vector<std::int64_t> ints;

    Tensor() = default;
    Tensor(Shape s, DType t) : shape(s), dtype(t) {
        (t == DType::real ? real.resize(static_cast<std::size_t>(s.size()))
                          : ints.resize(static_cast<std::size_t>(s.size())));
    }
    ConstView view() const {
        return {shape, dtype == DType::real ? real.data() : nullptr,
                dtype == DType::i64 ? ints.data() : nullptr};
    }
    std::int64_t size() const { return shape.size(); }
    double at(std::int64_t flat) const {
        const auto i = static_cast<std::size_t>(flat);
        return dtype == DType::real ? static_cast<double>(real[i]) : static_cast<double>(ints[i]);
    }
    std::int64_t bytes() const {
        return size() * static_cast<std::int64_t>(dtype == DType::real ? sizeof(Real)
                                                                       : sizeof(std::int64_t));
    }
};

using TensorPtr = std::shared_ptr<const Tensor>;

}  // namespace sf
