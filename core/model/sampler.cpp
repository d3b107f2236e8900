#include "core/model/sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace sf {

double log_sum_exp(std::span<const Real> x) {
    const auto most = static_cast<double>(*std::max_element(x.begin(), x.end()));
    double sum = 0;
    for (const Real v : x) sum += std::exp(static_cast<double>(v) - most);
    return most + std::log(sum);
}

std::int64_t argmax(std::span<const Real> x) {
    return std::max_element(x.begin(), x.end()) - x.begin();
}

std::vector<Real> sampling_distribution(std::span<const Real> logits, double temperature,
                                        std::int64_t top_k, double top_p) {
    const bool greedy = temperature == 0;
    const double t = greedy ? 1 : temperature;
    const double m = static_cast<double>(logits[static_cast<std::size_t>(argmax(logits))]);
    std::vector<double> p(logits.size());
    for (std::size_t i = 0; i < p.size(); ++i)
        p[i] = std::exp((static_cast<double>(logits[i]) - m) / t);
    const double all = std::accumulate(p.begin(), p.end(), 0.0);

    std::size_t kept = p.size();
    if (!greedy && ((top_k > 0 && static_cast<std::size_t>(top_k) < kept) || top_p < 1)) {
        std::vector<std::size_t> order(p.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::stable_sort(order.begin(), order.end(),
                         [&](std::size_t a, std::size_t b) { return p[a] > p[b]; });
        if (top_k > 0) kept = std::min(kept, static_cast<std::size_t>(top_k));
        if (top_p < 1) {
            const double within =
                std::accumulate(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(kept),
                                0.0, [&](double sum, std::size_t i) { return sum + p[i]; });
            double sum = 0;
            std::size_t n = 0;
            while (n < kept && (n == 0 || sum < top_p * within)) sum += p[order[n++]];
            kept = n;
        }
        for (std::size_t i = kept; i < order.size(); ++i) p[order[i]] = 0;
    }
    const double sum = kept == p.size() ? all : std::accumulate(p.begin(), p.end(), 0.0);
    std::vector<Real> out(p.size());
    for (std::size_t i = 0; i < p.size(); ++i) out[i] = static_cast<Real>(p[i] / sum);
    return out;
}

std::int64_t draw(std::span<const Real> probabilities, double u) {
    double total = 0;
    for (const Real p : probabilities) total += static_cast<double>(p);
    double seen = 0;
    std::int64_t last = 0;
    for (std::size_t i = 0; i < probabilities.size(); ++i) {
        if (probabilities[i] <= 0) continue;
        seen += static_cast<double>(probabilities[i]);
        last = static_cast<std::int64_t>(i);
        if (u * total < seen) break;
    }
    return last;
}

}  // namespace sf
