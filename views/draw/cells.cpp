#include "views/draw/cells.h"

#include <cmath>
#include <numeric>

namespace sf {

void FiniteRange::add(std::span<const double> run) {
    // Side by side: one minimum would wait for the one before. Times zero a value is zero unless it
    // is NaN or infinite.
    constexpr std::size_t lanes = 16;
    std::array<double, lanes> low, high, odd{};
    low.fill(lo);
    high.fill(hi);
    std::size_t i = 0;
    for (; i + lanes <= run.size(); i += lanes)
        for (std::size_t lane = 0; lane < lanes; ++lane) {
            const double v = run[i + lane];
            low[lane] = v < low[lane] ? v : low[lane];
            high[lane] = v > high[lane] ? v : high[lane];
            odd[lane] += v * 0;
        }
    const bool finite = std::accumulate(odd.begin(), odd.end(), 0.0) == 0;
    if (finite) {
        lo = *std::min_element(low.begin(), low.end());
        hi = *std::max_element(high.begin(), high.end());
    }
    for (const double v : run.subspan(finite ? i : 0)) {
        if (std::isfinite(v)) {
            lo = std::min(lo, v);
            hi = std::max(hi, v);
        } else {
            ++others;
        }
    }
}

}  // namespace sf
