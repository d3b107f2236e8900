#include "tests/bench/machine.h"

#include "core/backend/thread_pool.h"
#include "core/real.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <vector>

namespace sf {

namespace {

// As wide as the product kernel's (core/ops/matmul.cpp).
#if defined(__AVX512F__)
constexpr int vector_bytes = 64;
#elif defined(__AVX__)
constexpr int vector_bytes = 32;
#else
constexpr int vector_bytes = 16;
#endif
constexpr int lanes = vector_bytes / static_cast<int>(sizeof(Real));
#if defined(__GNUC__)
using Vec = Real __attribute__((vector_size(vector_bytes)));
#else
struct Vec {
    Real v[lanes];
    friend Vec operator+(const Vec& a, const Vec& b) {
        Vec r;
        for (int i = 0; i < lanes; ++i) r.v[i] = a.v[i] + b.v[i];
        return r;
    }
    friend Vec operator*(const Vec& a, const Vec& b) {
        Vec r;
        for (int i = 0; i < lanes; ++i) r.v[i] = a.v[i] * b.v[i];
        return r;
    }
};
#endif

Vec load(const Real* p) {
    Vec v;
    std::memcpy(&v, p, sizeof v);
    return v;
}
Real first(const Vec& v) {
    Real r;
    std::memcpy(&r, &v, sizeof r);
    return r;
}

double seconds_of(const std::function<void()>& work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Enough independent sums to keep two units of latency 4 busy, few enough for sixteen registers.
constexpr int chains = 12;
constexpr std::int64_t fma_rounds = 400'000;
Real multiply_adds(const Real* numbers) {
    const Vec a = load(numbers), b = load(numbers + lanes);
    Vec sum[chains];
    for (int i = 0; i < chains; ++i) sum[i] = load(numbers + i);
    for (std::int64_t r = 0; r < fma_rounds; ++r)
        for (int i = 0; i < chains; ++i) sum[i] = sum[i] * a + b;
    for (int i = 1; i < chains; ++i) sum[0] = sum[0] + sum[i];
    return first(sum[0]);
}

Real read_all(const Real* p, std::int64_t n) {
    Vec sum[8];
    for (Vec& s : sum) s = load(p);
    for (std::int64_t i = 0; i + 8 * lanes <= n; i += 8 * lanes)
        for (int j = 0; j < 8; ++j) sum[j] = sum[j] + load(p + i + j * lanes);
    for (int j = 1; j < 8; ++j) sum[0] = sum[0] + sum[j];
    return first(sum[0]);
}

}  // namespace

MachinePeaks measure_peaks() {
    MachinePeaks peaks;
    std::atomic<Real> kept{0};  // results somebody could read, or the loops would go
    std::vector<Real> numbers(2 * 64, Real(0.75));
    const auto best = [](int times, const std::function<void()>& work) {
        double t = seconds_of(work);
        for (int i = 1; i < times; ++i) t = std::min(t, seconds_of(work));
        return t;
    };
    const double flops = 2.0 * chains * lanes * static_cast<double>(fma_rounds);
    peaks.fma_gflops = flops / best(15, [&] { kept = multiply_adds(numbers.data()); }) * 1e-9;
    ThreadPool pool(2);
    peaks.fma_gflops_two =
        8 * flops /
        best(10,
             [&] {
                 pool.run(8, [&](std::int64_t, int) { kept = multiply_adds(numbers.data()); });
             }) *
        1e-9;

    std::vector<Real> buffer(MachinePeaks::memory_bytes / sizeof(Real), Real(0.001));
    const auto reading = [&](long bytes, int times) {
        const std::int64_t n = bytes / static_cast<long>(sizeof(Real));
        const std::int64_t passes = std::max<std::int64_t>(1, (32L << 20) / bytes);
        const double t = best(times, [&] {
            for (std::int64_t i = 0; i < passes; ++i) kept = read_all(buffer.data(), n);
        });
        return static_cast<double>(bytes * passes) / t * 1e-9;
    };
    peaks.l2_gbs = reading(MachinePeaks::l2_bytes, 20);
    peaks.l3_gbs = reading(MachinePeaks::l3_bytes, 20);
    peaks.memory_gbs = reading(MachinePeaks::memory_bytes, 5);
    return peaks;
}

double machine_load() {
#if defined(__unix__) || defined(__APPLE__)
    double load = 0;
    if (getloadavg(&load, 1) == 1) return load;
#endif
    return -1;
}

}  // namespace sf
