#include "core/train/balance.h"

#include <algorithm>
#include <numeric>

namespace sf {

void update_bias(std::span<Real> bias, std::span<const std::int64_t> load, double gamma) {
    const auto n = static_cast<std::int64_t>(load.size());
    const auto total = std::accumulate(load.begin(), load.end(), std::int64_t{0});
    for (std::size_t i = 0; i < bias.size(); ++i) {
        const auto above = load[i] * n - total;  // exact: compares load with the mean
        const double move = above > 0 ? -gamma : above < 0 ? gamma : 0;
        bias[i] = static_cast<Real>(static_cast<double>(bias[i]) + move);
    }
}

double violation(std::span<const std::int64_t> load) {
    const auto total = std::accumulate(load.begin(), load.end(), std::int64_t{0});
    if (total == 0) return 0;
    const auto most = static_cast<double>(*std::max_element(load.begin(), load.end()));
    return most * static_cast<double>(load.size()) / static_cast<double>(total) - 1;
}

}  // namespace sf
