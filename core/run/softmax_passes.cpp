#include "core/run/softmax_passes.h"

#include "core/io/half.h"
#include "core/ops/math.h"
#include "core/random.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace sf {

namespace {

std::size_t at(std::int64_t i) {
    return static_cast<std::size_t>(i);
}

// Slow memory: whatever is touched is counted.
class Slow {
public:
    Slow(const SoftmaxRow& row, Traffic& traffic) : row_(row), traffic_(traffic) {}
    Real score(std::int64_t i) {
        ++traffic_.scores_read;
        return row_.scores[i];
    }
    Real value(std::int64_t i, std::int64_t c) {
        ++traffic_.values_read;
        return row_.values[i * row_.ld + c];
    }
    void put_weight(Real w) {
        ++traffic_.weights_written;
        weights_.push_back(w);
    }
    Real weight(std::int64_t i) {
        ++traffic_.weights_read;
        return weights_[at(i)];
    }
    void put_out(std::vector<Real>& out, Real o) {
        ++traffic_.out_written;
        out.push_back(o);
    }

private:
    const SoftmaxRow& row_;
    Traffic& traffic_;
    std::vector<Real> weights_;
};

// The last pass of two and three, and the product with V behind it.
void weigh(const SoftmaxRow& row, Slow& slow, SoftmaxResult& r) {
    const Real inverse = Real(1) / r.d;
    for (std::int64_t i = 0; i < row.n; ++i)
        slow.put_weight(fast_exp(slow.score(i) - r.m) * inverse);
    std::vector<Real> o(at(row.width));
    for (std::int64_t i = 0; i < row.n; ++i) {
        const Real w = slow.weight(i);
        for (std::int64_t c = 0; c < row.width; ++c) o[at(c)] += w * slow.value(i, c);
    }
    for (const Real v : o) slow.put_out(r.o, v);
}

}  // namespace

Traffic traffic_formula(int passes, std::int64_t n, std::int64_t width) {
    Traffic t;
    t.scores_read = passes * n;
    t.weights_written = t.weights_read = passes > 1 ? n : 0;
    t.values_read = n * width;
    t.out_written = width;
    return t;
}

SoftmaxResult three_pass(const SoftmaxRow& row) {
    SoftmaxResult r;
    Slow slow(row, r.traffic);
    r.m = -std::numeric_limits<Real>::infinity();
    for (std::int64_t i = 0; i < row.n; ++i) r.m = std::max(r.m, slow.score(i));
    for (std::int64_t i = 0; i < row.n; ++i) r.d += fast_exp(slow.score(i) - r.m);
    weigh(row, slow, r);
    return r;
}

SoftmaxResult two_pass(const SoftmaxRow& row) {
    SoftmaxResult r;
    Slow slow(row, r.traffic);
    r.m = -std::numeric_limits<Real>::infinity();
    for (std::int64_t i = 0; i < row.n; ++i) {
        const Real a = slow.score(i), m = std::max(r.m, a);
        r.d = (r.m < m ? r.d * fast_exp(r.m - m) : r.d) + fast_exp(a - m);
        r.m = m;
    }
    weigh(row, slow, r);
    return r;
}

SoftmaxResult one_pass(const SoftmaxRow& row, std::int64_t tile,
                       std::span<const std::int64_t> order) {
    SoftmaxResult r;
    Slow slow(row, r.traffic);
    OnlineState state = online_start(row.width);
    // Fast memory: one tile of scores and of values.
    std::vector<Real> scores, values;
    for (const std::int64_t j : order) {
        const std::int64_t begin = j * tile, end = std::min(row.n, begin + tile);
        scores.clear();
        values.clear();
        for (std::int64_t i = begin; i < end; ++i) {
            scores.push_back(slow.score(i));
            for (std::int64_t c = 0; c < row.width; ++c) values.push_back(slow.value(i, c));
        }
        online_tile(state, scores.data(), end - begin, values.data(), row.width, row.width);
        r.states.push_back(state);
    }
    r.m = state.m;
    r.d = state.d;
    const Real inverse = Real(1) / state.d;
    for (const Real o : state.o) slow.put_out(r.o, o * inverse);
    return r;
}

Real attention_exp(Real x) {
    return fast_exp(x);
}

std::vector<std::int64_t> shuffled_tiles(std::int64_t tiles) {
    std::vector<std::int64_t> order(at(tiles));
    std::iota(order.begin(), order.end(), 0);
    const auto draw = [](std::int64_t j) {
        return random_bits(1, stream_of("tiles"), static_cast<std::uint64_t>(j));
    };
    std::sort(order.begin(), order.end(),
              [&](std::int64_t a, std::int64_t b) { return draw(a) < draw(b); });
    return order;
}

float to_half(float value) {
    return from_f16(to_f16(value));
}

float half_exp(float score) {
    return to_half(std::exp(to_half(score)));
}

std::vector<HalfState> half_softmax(const SoftmaxRow& row, std::int64_t tile,
                                    std::span<const std::int64_t> order) {
    std::vector<HalfState> states;
    HalfState s{0, std::vector<float>(at(row.width))};
    for (const std::int64_t j : order) {
        for (std::int64_t i = j * tile; i < std::min(row.n, (j + 1) * tile); ++i) {
            const float p = half_exp(static_cast<float>(row.scores[i]));
            s.d = to_half(s.d + p);
            for (std::int64_t c = 0; c < row.width; ++c) {
                const float v = to_half(static_cast<float>(row.values[i * row.ld + c]));
                s.o[at(c)] = to_half(s.o[at(c)] + to_half(p * v));
            }
        }
        states.push_back(s);
    }
    return states;
}

}  // namespace sf
