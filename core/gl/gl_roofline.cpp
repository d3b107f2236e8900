#include "core/gl/gl_parts.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace sf {

namespace {

// The best of five.
double seconds_of(GlLauncher& l, GlProgram& p, std::int64_t invocations) {
    std::vector<KernelLaunch> runs;
    auto* before = std::exchange(l.launches, &runs);
    for (int i = 0; i < 5; ++i) l.run(p, {"roofline", {invocations / 64, 1, 1}});
    l.launches = before;
    double best = runs.front().seconds;
    for (const KernelLaunch& run : runs) best = std::min(best, run.seconds);
    return std::max(best, 1e-9);
}

}  // namespace

Roofline measure_roofline(GlLauncher& l) {
    const bool software = l.device.info.software;
    const auto wanted = std::int64_t{1} << (software ? 18 : 23);  // invocations, four numbers each
    const auto most = std::min(l.most_numbers(false) / 4, 64 * l.device.info.limits.groups[0]);
    const auto n = std::max<std::int64_t>(64, std::min(wanted, most) / 64 * 64);
    const GlBuffer from(4 * n), to(4 * n);
    const auto bind = [&](GlProgram& p, std::int64_t rounds) {
        l.input(0, {&from}, 4 * n, true);
        l.storage(1, {&to}, 4 * n);
        p.set("n", n);
        p.set("rounds", rounds);
    };
    Roofline roof;
    GlProgram& copy = l.program("roofline.comp", {"ALIGNED", "COPY"});
    bind(copy, 0);
    roof.copy_bytes_per_second = 32 * static_cast<double>(n) / seconds_of(l, copy, n);
    GlProgram& fma = l.program("roofline.comp", {"ALIGNED", "FMA"});
    const std::int64_t rounds = 256, few = software ? n / 8 / 64 * 64 : n / 4 / 64 * 64;
    bind(fma, rounds);
    const auto invocations = std::max<std::int64_t>(64, few);
    roof.flops_per_second =
        64 * static_cast<double>(rounds * invocations) / seconds_of(l, fma, invocations);
    return roof;
}

}  // namespace sf
