#include "tests/bench/measure.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <ctime>

namespace sf {

namespace {

double median_of(std::vector<double> t) {
    const auto middle = t.begin() + static_cast<std::ptrdiff_t>(t.size() / 2);
    std::nth_element(t.begin(), middle, t.end());
    return *middle;
}

}  // namespace

std::vector<Times> measure(const std::vector<std::function<void()>>& candidates,
                           const Effort& effort) {
    using Clock = std::chrono::steady_clock;
    std::vector<std::vector<double>> wall(candidates.size()), cpu(candidates.size());
    for (int round = 0; round < effort.rounds; ++round)
        for (std::size_t i = 0; i < candidates.size(); ++i) {
            candidates[i]();
            double spent = 0;
            for (int runs = 0; runs < effort.runs || spent < effort.seconds; ++runs) {
                const auto start = Clock::now();
                const std::clock_t start_cpu = std::clock();
                candidates[i]();
                cpu[i].push_back(static_cast<double>(std::clock() - start_cpu) / CLOCKS_PER_SEC);
                wall[i].push_back(std::chrono::duration<double>(Clock::now() - start).count());
                spent += wall[i].back();
            }
        }
    std::vector<Times> out;
    for (std::size_t i = 0; i < candidates.size(); ++i)
        out.push_back({median_of(wall[i]), *std::min_element(wall[i].begin(), wall[i].end()),
                       median_of(cpu[i])});
    return out;
}

}  // namespace sf
