#pragma once

#include "core/io/checkpoint.h"
#include "core/run/runner.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>

// The golden data of tests/reference, and how numbers are compared with it.

namespace sf::test {

inline std::filesystem::path reference(const std::string& name) {
    return std::filesystem::path(SF_SOURCE_DIR) / "tests" / "reference" / name;
}

// Largest |a - b|; NaN counts as infinity; sizes that differ too.
inline double max_error(const Tensor& a, const Tensor& b) {
    if (a.size() != b.size()) return INFINITY;
    double worst = 0;
    for (std::int64_t i = 0; i < a.size(); ++i) {
        const double d = std::fabs(a.at(i) - b.at(i));
        if (!(d <= worst)) worst = std::isnan(d) ? INFINITY : d;
    }
    return worst;
}

// Whether each row holds the same indices, in any order.
inline bool same_sets(const Tensor& a, const Tensor& b) {
    if (a.size() != b.size() || a.shape.cols() != b.shape.cols()) return false;
    const auto k = a.shape.cols();
    for (std::int64_t r = 0; r < a.shape.rows(); ++r) {
        std::vector<std::int64_t> x(a.ints.begin() + r * k, a.ints.begin() + (r + 1) * k);
        std::vector<std::int64_t> y(b.ints.begin() + r * k, b.ints.begin() + (r + 1) * k);
        std::sort(x.begin(), x.end());
        std::sort(y.begin(), y.end());
        if (x != y) return false;
    }
    return true;
}

// Weights per expert (rows of `experts`), so that they compare whatever the order of the choices.
inline Tensor by_expert(const Tensor& weights, const Tensor& indices, std::int64_t experts) {
    const auto k = indices.shape.cols(), rows = indices.shape.rows();
    Tensor out({rows, experts}, DType::real);
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t i = 0; i < k; ++i)
            out.real[static_cast<std::size_t>(r * experts +
                                              indices.ints[static_cast<std::size_t>(r * k + i)])] =
                weights.real[static_cast<std::size_t>(r * k + i)];
    return out;
}

}  // namespace sf::test
