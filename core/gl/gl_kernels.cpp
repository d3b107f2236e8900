#include "core/gl/gl_kernels.h"

#include "core/error.h"
#include "core/gl/gl_parts.h"

#include <algorithm>

namespace sf {

struct GlKernels::Impl {
    GlLauncher launcher;
    bool half;
    ExpertKernels experts;
};

namespace {

// y_i of a_i and b_i, for n of them.
void elementwise(GlLauncher& l, const char* kernel, const char* define, GlSlice a, GlSlice b,
                 GlSlice y, std::int64_t n, double flops) {
    const auto most = std::min(l.most_numbers(false), l.device.info.limits.groups[0] * 64) / 8 * 8;
    if (most <= 0) throw DeviceError("the device's blocks hold less than eight numbers");
    GlProgram& p = l.program("elementwise.comp", {define});
    for (std::int64_t first = 0; first < n; first += most) {
        const auto count = std::min(most, n - first);
        const auto at = [&](GlSlice s) {
            s.offset += first;
            return s;
        };
        p.set("n", count);
        p.set("a_begin", l.storage(0, at(a), count));
        p.set("b_begin", l.storage(1, at(b), count));
        p.set("y_begin", l.storage(2, at(y), count) / (y.half ? 2 : 1));
        const auto invocations = y.half ? (count + 1) / 2 : count;
        const double numbers = static_cast<double>(count);
        l.run(p, {kernel,
                  {(invocations + 63) / 64, 1, 1},
                  0,
                  flops * numbers,
                  (y.half ? 6 : 12) * numbers});
    }
}

}  // namespace

GlKernels::GlKernels(GlDevice& device, KernelVariant variant, bool half) {
    for (const auto& [refused, why] : device.info.refused)
        if (refused == variant)
            throw DeviceError("the device cannot run the " + std::string(name_of(variant)) +
                              " kernels: " + why);
    impl_ = std::unique_ptr<Impl>(new Impl{{device, variant}, half, {}});
}
GlKernels::~GlKernels() = default;

KernelVariant GlKernels::variant() const {
    return impl_->launcher.variant;
}
bool GlKernels::half() const {
    return impl_->half;
}
void GlKernels::warm_up(const std::function<void(int done, int of)>& progress) {
    sf::warm_up(*this, impl_->launcher.device, progress);
}
Roofline GlKernels::roofline() {
    return measure_roofline(impl_->launcher);
}
void GlKernels::record(std::vector<KernelLaunch>* launches) {
    impl_->launcher.launches = launches;
}

void GlKernels::product(const ProductJob& job) {
    run_product(impl_->launcher, job);
}
void GlKernels::attention(const AttentionJob& job) {
    run_attention(impl_->launcher, job);
}
void GlKernels::experts(const ExpertsJob& job) {
    impl_->experts.run(impl_->launcher, job);
}
void GlKernels::swiglu(GlSlice gate, GlSlice up, GlSlice y, std::int64_t n) {
    elementwise(impl_->launcher, "swiglu", "SWIGLU", gate, up, y, n, 5);
}
void GlKernels::add(GlSlice a, GlSlice b, GlSlice y, std::int64_t n) {
    elementwise(impl_->launcher, "add", "ADD", a, b, y, n, 1);
}
void GlKernels::to_half(GlSlice from, GlSlice to, std::int64_t n) {
    to.half = true;
    elementwise(impl_->launcher, "to half", "HALVES", from, from, to, n, 1);
}

}  // namespace sf
