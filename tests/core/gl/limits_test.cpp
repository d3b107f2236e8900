#include "tests/core/gl/cases.h"

// Work beyond the device's limits is cut, with the same bits; what cannot be cut says so.

namespace sf::test {
namespace {

using Limits = GlVariants;

struct Recorded {
    GlKernels& kernels;
    std::vector<KernelLaunch> launches;
    explicit Recorded(GlKernels& k) : kernels(k) { kernels.record(&launches); }
    ~Recorded() { kernels.record(nullptr); }
    Recorded(const Recorded&) = delete;
    Recorded& operator=(const Recorded&) = delete;
};

void expect_within(const std::vector<KernelLaunch>& launches, const DeviceLimits& limits) {
    for (const KernelLaunch& l : launches)
        for (std::size_t i = 0; i < 3; ++i) {
            EXPECT_GE(l.groups[i], 1);
            EXPECT_LE(l.groups[i], limits.groups[i]) << l.kernel;
        }
}

TEST_P(Limits, ProductsAreCut) {
    Dice dice(31);
    const std::int64_t rows = 100, columns = 150, depth = 64;
    const Tensor x = dice.normal({1, rows, depth}), w = dice.normal({columns, depth}, 0.1);
    const OnDevice dx(x), dw(w);
    const auto run = [&] {
        const OnDevice dy({1, rows, columns});
        kernels->product(linear_job(dx.slice, dw.slice, dy.slice, rows, columns, depth));
        return dy.read(rows * columns);
    };
    Recorded recorded(*kernels);
    const auto whole = run();
    ASSERT_EQ(recorded.launches.size(), 1U);
    for (const std::int64_t bytes : {24'000, 6'000, 1'500}) {
        device->info.limits.block_bytes = bytes;
        recorded.launches.clear();
        EXPECT_EQ(run(), whole) << bytes;
        EXPECT_GT(recorded.launches.size(), 1U) << bytes;
    }
    device->info.limits = given.limits;
    device->info.limits.groups = {1, 2, 1};
    recorded.launches.clear();
    EXPECT_EQ(run(), whole);
    EXPECT_GT(recorded.launches.size(), 1U);
    expect_within(recorded.launches, device->info.limits);
    device->info.limits = given.limits;
    device->info.limits.block_bytes = 200;  // one row has 256
    EXPECT_THROW(run(), DeviceError);
}

TEST_P(Limits, ProductsOfHeadsAreCut) {
    Dice dice(32);
    Attrs a;
    a.heads = 5;
    a.nope = 12;
    a.rope = 4;
    a.value = 8;
    const std::int64_t rows = 70, rank = 20;
    const Tensor q = dice.normal({1, rows, 5, 16}), kv_b = dice.normal({5 * 20, rank}, 0.2);
    const OnDevice dq(q), dw(kv_b);
    const auto run = [&] {
        const OnDevice y({1, rows, 5, rank});
        kernels->product(absorb_q_job(dq.slice, dw.slice, y.slice, a, rows, rank));
        return y.read(rows * 5 * rank);
    };
    const auto whole = run();
    Recorded recorded(*kernels);
    device->info.limits.block_bytes = 3'000;
    EXPECT_EQ(run(), whole);
    EXPECT_GT(recorded.launches.size(), 4U);
    device->info.limits = given.limits;
    device->info.limits.groups = {65535, 1, 2};
    EXPECT_EQ(run(), whole);
    expect_within(recorded.launches, device->info.limits);
}

TEST_P(Limits, AttentionIsCutWithItsRecord) {
    Dice dice(33);
    for (const Layout layout : {Layout::expanded, Layout::latent, Layout::grouped}) {
        AttentionCase c;
        c.layout = layout;
        c.attrs.heads = 4;
        c.attrs.kv_heads = layout == Layout::grouped ? 2 : 0;
        c.attrs.nope = 8;
        c.attrs.rope = 4;
        c.attrs.value = 8;
        c.rank = layout == Layout::latent ? 12 : 0;
        c.attrs.scale = 0.3;
        c.batch = 3;
        c.tokens = 90;
        c.past = 7;
        c.fill(dice);
        SCOPED_TRACE(c.text());
        AttentionOnDevice d(c, false);
        OnlineRecord whole, parts;
        d.job.online = &whole;
        kernels->attention(d.job);
        const auto out = d.read();
        EXPECT_LE(difference(out, c.on_cpu().real), tolerance);
        Recorded recorded(*kernels);
        d.job.online = &parts;
        device->info.limits.block_bytes = 97 * 4 * 16 * 4 + 100;  // one sequence's keys and values
        if (layout == Layout::latent) device->info.limits.block_bytes = 9'000;
        // The record is one block.
        const auto blocks = device->info.limits.block_bytes;
        if (3 * 4 * 90 * 4 * 8 > blocks) {
            EXPECT_THROW(kernels->attention(d.job), DeviceError);
            d.job.online = nullptr;
        }
        kernels->attention(d.job);
        EXPECT_EQ(d.read(), out);
        EXPECT_GE(recorded.launches.size(), 3U);
        device->info.limits = given.limits;
        device->info.limits.groups = {2, 65535, 2};
        d.job.online = &parts;
        recorded.launches.clear();
        kernels->attention(d.job);
        EXPECT_EQ(d.read(), out);
        EXPECT_EQ(parts.m, whole.m);
        EXPECT_EQ(parts.d, whole.d);
        EXPECT_GT(recorded.launches.size(), 1U);
        expect_within(recorded.launches, device->info.limits);
        device->info.limits = given.limits;
        device->info.limits.block_bytes = 2'000;
        d.job.online = nullptr;
        EXPECT_THROW(kernels->attention(d.job), DeviceError);
        device->info.limits = given.limits;
    }
}

TEST_P(Limits, ExpertsAreCut) {
    Dice dice(34);
    ExpertsCase c;
    c.attrs.experts = 6;
    c.attrs.top_k = 2;
    c.tokens = 50;
    c.dim = 24;
    c.inter = 16;
    c.fill(dice, 6);
    const auto whole = on_device(*kernels, *device, c, false);
    EXPECT_LE(difference(whole, c.on_cpu().real), tolerance);
    Recorded recorded(*kernels);
    for (const std::int64_t bytes : {24 * 16 * 4 * 2 + 100, 24 * 16 * 4 + 100}) {
        device->info.limits.block_bytes = bytes;
        recorded.launches.clear();
        EXPECT_EQ(on_device(*kernels, *device, c, false), whole) << bytes;
        EXPECT_GT(recorded.launches.size(), 6U) << bytes;
    }
    device->info.limits.block_bytes = 1'000;
    EXPECT_THROW(on_device(*kernels, *device, c, false), DeviceError);
    device->info.limits = given.limits;
    device->info.limits.groups = {1, 3, 1};
    recorded.launches.clear();
    EXPECT_EQ(on_device(*kernels, *device, c, false), whole);
    expect_within(recorded.launches, device->info.limits);
}

TEST_P(Limits, LaunchesTellWhatTheyDid) {
    Dice dice(35);
    AttentionCase c;
    c.attrs.heads = 2;
    c.attrs.nope = 8;
    c.attrs.rope = 4;
    c.attrs.value = 8;
    c.tokens = 70;
    c.past = 3;
    c.fill(dice);
    const AttentionOnDevice d(c, false);
    Recorded recorded(*kernels);
    kernels->attention(d.job);
    ASSERT_EQ(recorded.launches.size(), 1U);
    const KernelLaunch& l = recorded.launches[0];
    const AttentionTiles tiles = attention_tiles(GetParam(), 12, 8);
    EXPECT_EQ(l.kernel, "attention");
    EXPECT_EQ(l.groups,
              (std::array<std::int64_t, 3>{(70 + tiles.queries - 1) / tiles.queries, 2, 1}));
    EXPECT_GT(l.local[0], 1);
    EXPECT_GT(l.seconds, 0);
    double flops = 0;  // each visible key: its score, its exponential, its share of the output
    for (int t = 0; t < 70; ++t) flops += 2.0 * (3 + t + 1) * (2 * 12 + 1 + 2 * 8);
    EXPECT_DOUBLE_EQ(l.flops, flops);
    // At least what there is, read and written once.
    EXPECT_GE(l.bytes, 4.0 * (70 * 2 * 12 + 73 * 2 * 16 + 70 * 2 * 8));
    EXPECT_LE(l.shared_bytes, device->info.limits.shared_bytes);
    EXPECT_EQ(l.shared_bytes > 0, GetParam() != KernelVariant::registers);
}

INSTANTIATE_TEST_SUITE_P(On, Limits, every_variant, variant_name);

}  // namespace
}  // namespace sf::test
