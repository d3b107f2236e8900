#include "tests/core/gl/cases.h"

// Each kernel in each variant against the CPU's operations on random shapes.

namespace sf::test {
namespace {

using Kernels = GlVariants;

// Barriers cost a software renderer dearly.
std::int64_t most_tokens(KernelVariant variant) {
    return variant == KernelVariant::registers ? 200 : 70;
}

TEST_P(Kernels, ProductsAreTheCpus) {
    Dice dice(11);
    for (int i = 0; i < 80; ++i) {
        const bool even = i % 2 == 0;
        const auto size = [&](std::int64_t high) {
            const auto n = dice.from(1, high);
            return even ? std::max<std::int64_t>(4, n / 4 * 4) : n;
        };
        const auto rows = dice.from(1, most_tokens(GetParam()));
        if (i % 4 < 2) {
            const auto columns = size(150), depth = size(150);
            SCOPED_TRACE("linear " + std::to_string(rows) + "x" + std::to_string(columns) + "x" +
                         std::to_string(depth));
            const Tensor x = dice.normal({1, rows, depth}),
                         w = dice.normal({columns, depth}, 1 / std::sqrt(double(depth)));
            const OnDevice dx(x, false, dice.from(0, 1) * 4), dw(w), dy({1, rows, columns});
            kernels->product(linear_job(dx.slice, dw.slice, dy.slice, rows, columns, depth));
            const Tensor cpu = on_cpu(Op::linear, {}, {&x, &w}, {1, rows, columns});
            EXPECT_LE(difference(dy.read(rows * columns), cpu.real), tolerance);
            continue;
        }
        Attrs a;
        a.heads = dice.from(1, 4);
        a.nope = size(40);
        a.rope = size(20);
        a.value = size(40);
        const auto rank = size(70), H = a.heads;
        const Tensor kv_b = dice.normal({H * (a.nope + a.value), rank}, 0.2);
        const OnDevice dw(kv_b);
        SCOPED_TRACE("rows " + std::to_string(rows) + " heads " + std::to_string(H) + " nope " +
                     std::to_string(a.nope) + " value " + std::to_string(a.value) + " rank " +
                     std::to_string(rank));
        const Tensor q = dice.normal({1, rows, H, a.nope + a.rope});
        const OnDevice dq(q), absorbed({1, rows, H, rank}), expanded({1, rows, H, a.value});
        kernels->product(absorb_q_job(dq.slice, dw.slice, absorbed.slice, a, rows, rank));
        const Tensor latent = on_cpu(Op::absorb_q, a, {&q, &kv_b}, {1, rows, H, rank});
        EXPECT_LE(difference(absorbed.read(rows * H * rank), latent.real), tolerance);
        // Straight from what still lies on the device.
        kernels->product(expand_v_job(absorbed.slice, dw.slice, expanded.slice, a, rows, rank));
        const Tensor cpu = on_cpu(Op::expand_v, a, {&latent, &kv_b}, {1, rows, H, a.value});
        EXPECT_LE(difference(expanded.read(rows * H * a.value), cpu.real), tolerance);
    }
}

TEST_P(Kernels, AttentionIsTheCpus) {
    Dice dice(12);
    for (int i = 0; i < 60; ++i) {
        const AttentionCase c = random_attention(dice, most_tokens(GetParam()));
        SCOPED_TRACE(c.text());
        const AttentionOnDevice d(c, false);
        kernels->attention(d.job);
        EXPECT_LE(difference(d.read(), c.on_cpu().real), tolerance);
    }
}

TEST_P(Kernels, ExpertsAreTheCpus) {
    Dice dice(13);
    for (int i = 0; i < 40; ++i) {
        const ExpertsCase c = random_experts(dice, most_tokens(GetParam()));
        SCOPED_TRACE(c.text());
        EXPECT_LE(difference(on_device(*kernels, *device, c, false), c.on_cpu().real), tolerance);
    }
}

TEST_P(Kernels, LongTextsAreTheCpus) {
    Dice dice(14);
    const Tensor x = dice.normal({1, 1000, 48}), w = dice.normal({64, 48}, 0.15);
    const OnDevice dx(x), dw(w), dy({1, 1000, 64});
    kernels->product(linear_job(dx.slice, dw.slice, dy.slice, 1000, 64, 48));
    EXPECT_LE(difference(dy.read(64000), on_cpu(Op::linear, {}, {&x, &w}, {1, 1000, 64}).real),
              tolerance);

    for (const std::int64_t tokens :
         {1000, 1}) {  // read at once, and the last one after the others
        AttentionCase c;
        c.attrs.heads = 2;
        c.attrs.nope = 24;
        c.attrs.rope = 8;
        c.attrs.value = 32;
        c.attrs.scale = 0.18;
        c.tokens = tokens;
        c.past = 1000 - tokens;
        c.fill(dice);
        const AttentionOnDevice d(c, false);
        kernels->attention(d.job);
        EXPECT_LE(difference(d.read(), c.on_cpu().real), tolerance) << c.text();
    }

    ExpertsCase e;  // one expert with all tokens, seven with none
    e.attrs.experts = 8;
    e.attrs.top_k = 1;
    e.tokens = 1000;
    e.dim = 48;
    e.inter = 36;
    e.fill(dice, 1);
    EXPECT_LE(difference(on_device(*kernels, *device, e, false), e.on_cpu().real), tolerance);
}

TEST_P(Kernels, TheRunningMaximumAndSumAreTheCpus) {
    Dice dice(15);
    for (int i = 0; i < 8; ++i) {
        const AttentionCase c = random_attention(dice, 150);
        SCOPED_TRACE(c.text());
        AttentionOnDevice d(c, false);
        OnlineRecord record;
        d.job.online = &record;
        kernels->attention(d.job);
        EXPECT_LE(difference(d.read(), c.on_cpu().real), tolerance);

        std::vector<const Tensor*> in;
        for (std::size_t k = 0; k < c.in.size(); ++k)
            if (c.layout != Layout::grouped || k < 3) in.push_back(&c.in[k]);
        const auto H = c.attrs.heads, T = c.tokens, S = c.context();
        const auto tiles = (S + attention_tile - 1) / attention_tile;
        const Tensor scores = on_cpu(c.layout == Layout::latent ? Op::scores_latent : Op::scores,
                                     c.attrs, in, {c.batch, H, T, S});
        ASSERT_EQ(record.keys, attention_tile);
        ASSERT_EQ(record.tiles, tiles);
        const Shape shape{c.batch, H, T, tiles};
        EXPECT_LE(difference(record.m, on_cpu(Op::online_m, c.attrs, {&scores}, shape).real),
                  tolerance);
        EXPECT_LE(difference(record.d, on_cpu(Op::online_d, c.attrs, {&scores}, shape).real),
                  tolerance);
    }
}

TEST_P(Kernels, ElementwiseIsTheCpus) {
    Dice dice(16);
    for (const std::int64_t n : {1, 63, 64, 1000}) {
        const Tensor a = dice.normal({1, 1, n}), b = dice.normal({1, 1, n});
        const OnDevice da(a), db(b), y({1, 1, n});
        kernels->swiglu(da.slice, db.slice, y.slice, n);
        EXPECT_LE(difference(y.read(n), on_cpu(Op::swiglu, {}, {&a, &b}, {1, 1, n}).real),
                  tolerance);
        kernels->add(da.slice, db.slice, y.slice, n);
        EXPECT_LE(difference(y.read(n), on_cpu(Op::add, {}, {&a, &b}, {1, 1, n}).real), tolerance);
    }
}

TEST_P(Kernels, TheSameBitsInEveryRun) {
    Dice dice(17);
    const AttentionCase a = random_attention(dice, 60);
    const AttentionOnDevice d(a, false);
    kernels->attention(d.job);
    const auto first = d.read();
    kernels->attention(d.job);
    EXPECT_EQ(d.read(), first);
    const ExpertsCase e = random_experts(dice, 60);
    EXPECT_EQ(on_device(*kernels, *device, e, false), on_device(*kernels, *device, e, false));
}

INSTANTIATE_TEST_SUITE_P(On, Kernels, every_variant, variant_name);

}  // namespace
}  // namespace sf::test
