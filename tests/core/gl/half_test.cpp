#include "tests/core/gl/cases.h"

// Weights, keys and values kept in 16 bits. A stored number is off by at most 2^-11 of itself, and
// nothing else is: the kernels agree with the CPU on the rounded numbers as closely as they do in
// float32, and stay near what float32 gives.

namespace sf::test {
namespace {

using Halves = GlVariants;
constexpr double half_step = 0x1p-11;

double sum_of_magnitudes(const Real* a, const Real* b, std::int64_t n) {
    double sum = 0;
    for (std::int64_t i = 0; i < n; ++i) sum += std::abs(double(a[i]) * double(b[i]));
    return sum;
}

TEST_P(Halves, ProductsOfRoundedWeights) {
    Dice dice(21);
    for (int i = 0; i < 12; ++i) {
        const auto rows = dice.from(1, 60), columns = dice.from(1, 80);
        const auto depth = i % 2 == 0 ? dice.from(1, 20) * 4 : dice.from(1, 80);
        SCOPED_TRACE(std::to_string(rows) + "x" + std::to_string(columns) + "x" +
                     std::to_string(depth));
        const Tensor x = dice.normal({1, rows, depth}), w = dice.normal({columns, depth});
        const OnDevice dx(x), dw(w, true), dy({1, rows, columns});
        kernels->product(linear_job(dx.slice, dw.slice, dy.slice, rows, columns, depth));
        const auto got = dy.read(rows * columns);
        const Tensor rounded = rounded_to_half(w);
        const Shape out{1, rows, columns};
        EXPECT_LE(difference(got, on_cpu(Op::linear, {}, {&x, &rounded}, out).real), tolerance);
        const Tensor exact = on_cpu(Op::linear, {}, {&x, &w}, out);
        for (std::int64_t at = 0; at < rows * columns; ++at) {
            const double bound =
                half_step * sum_of_magnitudes(x.real.data() + at / columns * depth,
                                              w.real.data() + at % columns * depth, depth);
            const auto k = static_cast<std::size_t>(at);
            ASSERT_NEAR(double(got[k]), double(exact.real[k]), bound + 1e-5) << at;
        }
    }
}

TEST_P(Halves, AttentionOverRoundedKeysAndValues) {
    Dice dice(22);
    for (int i = 0; i < 12; ++i) {
        const AttentionCase c = random_attention(dice, 50);
        SCOPED_TRACE(c.text());
        const AttentionOnDevice d(c, true);
        kernels->attention(d.job);
        AttentionCase rounded = c;
        for (std::size_t k = 2; k < c.in.size(); ++k) rounded.in[k] = rounded_to_half(c.in[k]);
        EXPECT_LE(difference(d.read(), rounded.on_cpu().real), tolerance);
        // Float32's own answer is another one: the numbers were indeed rounded.
        if (c.context() > 8) {
            EXPECT_GT(difference(d.read(), c.on_cpu().real), 1e-6);
        }
        EXPECT_LE(difference(d.read(), c.on_cpu().real), 32 * half_step);
    }
}

TEST_P(Halves, ExpertsOfRoundedWeights) {
    Dice dice(23);
    for (int i = 0; i < 8; ++i) {
        const ExpertsCase c = random_experts(dice, 40);
        SCOPED_TRACE(c.text());
        ExpertsCase rounded = c;
        for (std::size_t k = 3; k < c.in.size(); ++k) rounded.in[k] = rounded_to_half(c.in[k]);
        EXPECT_LE(difference(on_device(*kernels, *device, c, true), rounded.on_cpu().real),
                  tolerance);
    }
}

TEST_P(Halves, TheDeviceRoundsAsTheCpu) {
    Dice dice(24);
    for (const std::int64_t n : {1, 2, 129}) {
        const Tensor x = dice.normal({1, 1, n}, 3);
        const OnDevice from(x);
        const OnDevice to(Tensor({1, 1, n}, DType::real), true);
        kernels->to_half(from.slice, to.slice, n);
        std::vector<float> words(static_cast<std::size_t>(words_of(n, true)));
        to.buffer.read(0, words);
        for (std::int64_t i = 0; i < n; ++i) {
            const auto word = std::bit_cast<std::uint32_t>(words[static_cast<std::size_t>(i / 2)]);
            const double got = from_f16(static_cast<std::uint16_t>(word >> (i % 2 * 16)));
            const double wanted = double(x.real[static_cast<std::size_t>(i)]);
            // packHalf2x16 may round to either neighbour.
            EXPECT_NEAR(got, wanted, 2 * half_step * std::abs(wanted) + 0x1p-24) << i;
        }
    }
}

TEST_P(Halves, KeysAndValuesAreStoredAlike) {
    Dice dice(25);
    const AttentionCase c = random_attention(dice, 5);
    AttentionOnDevice d(c, true);
    d.job.value.slice.half = false;
    EXPECT_THROW(kernels->attention(d.job), ShapeError);
}

INSTANTIATE_TEST_SUITE_P(On, Halves, every_variant, variant_name);

}  // namespace
}  // namespace sf::test
