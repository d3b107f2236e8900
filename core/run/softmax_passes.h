#pragma once

#include "core/ops/attention_kernel.h"
#include "core/real.h"

#include <cstdint>
#include <span>
#include <vector>

namespace sf {

// One query's softmax over its keys and the sum of values that it weighs, by the three algorithms
// that differ in how often they see the row: three passes (maximum, sum, weights), two (Milakov and
// Gimelshein 2018: maximum and sum together) and one (FlashAttention, Dao et al. 2022: the output
// too). Each counts what it moves while it runs.

// Numbers moved between slow memory, where scores and values lie, and fast memory, where one works.
struct Traffic {
    std::int64_t scores_read = 0;
    std::int64_t weights_written = 0, weights_read = 0;  // the probabilities on their way to V
    std::int64_t values_read = 0, out_written = 0;       // the same for all three
    std::int64_t row() const { return scores_read + weights_written + weights_read; }
    bool operator==(const Traffic&) const = default;
};
// What it must be for n keys and values of `width`: `passes` reads of the row, and for three and
// two passes the weights written and read once.
Traffic traffic_formula(int passes, std::int64_t n, std::int64_t width);

// Scores (n) over values (n, width) with row stride ld; width 0: no values.
struct SoftmaxRow {
    const Real* scores = nullptr;
    std::int64_t n = 0;
    const Real* values = nullptr;
    std::int64_t width = 0, ld = 0;
};
struct SoftmaxResult {
    Real m = 0, d = 0;                // maximum, sum of e^(score - m)
    std::vector<Real> o;              // (width), divided by d
    std::vector<OnlineState> states;  // one pass: after each tile as it arrived
    Traffic traffic;
};
SoftmaxResult three_pass(const SoftmaxRow& row);
SoftmaxResult two_pass(const SoftmaxRow& row);
// `order`: the numbers of the tiles (of `tile` keys) as they arrive, each once.
SoftmaxResult one_pass(const SoftmaxRow& row, std::int64_t tile,
                       std::span<const std::int64_t> order);

// e^x as the model's attention computes it.
Real attention_exp(Real x);
// The tiles in an order without rule, the same every time.
std::vector<std::int64_t> shuffled_tiles(std::int64_t tiles);

// Without subtracting the maximum, every result rounded to binary16 as a half-precision kernel
// would: e^a is infinite from a = 11.09 on, and infinite / infinite is NaN. States after each tile,
// o not divided; all numbers are exact halves.
struct HalfState {
    float d = 0;
    std::vector<float> o;
};
std::vector<HalfState> half_softmax(const SoftmaxRow& row, std::int64_t tile,
                                    std::span<const std::int64_t> order);
float half_exp(float score);
float to_half(float value);  // rounded to binary16

}  // namespace sf
