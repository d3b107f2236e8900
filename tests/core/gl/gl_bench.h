#pragma once

#include "core/error.h"
#include "core/gl/egl_context.h"
#include "core/gl/gl_kernels.h"
#include "core/graph/op.h"
#include "core/io/half.h"
#include "core/ops/matmul.h"
#include "core/ops/rope.h"
#include "core/random.h"

#include <gtest/gtest.h>
#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace sf {
inline void PrintTo(KernelVariant variant, std::ostream* out) {
    *out << name_of(variant);
}
}  // namespace sf

namespace sf::test {

// A device with its debug context, shared by the tests of a suite; without one they are skipped.
class GlSuite : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        try {
            context = std::make_unique<EglContext>(EglWish{"a test of kernels", 4, 3, true});
            context->make_current();
            device = std::make_unique<GlDevice>();
        } catch (const DeviceError& error) {
            absent = error.what();
        }
    }
    static void TearDownTestSuite() {
        device.reset();
        context.reset();
        heard = 0;
    }
    void SetUp() override {
        if (!device) GTEST_SKIP() << absent;
        given = device->info;
    }
    void TearDown() override {
        if (!device) return;
        device->info = given;
        const auto& all = device->complaints();
        for (; heard < all.size(); ++heard)
            if (!complaints_expected) ADD_FAILURE() << all[heard];
    }

    static inline std::unique_ptr<EglContext> context;
    static inline std::unique_ptr<GlDevice> device;
    static inline std::string absent;
    static inline std::size_t heard = 0;  // complaints of tests before
    DeviceInfo given;
    bool complaints_expected = false;
};

// The same once for each variant; the refused ones are skipped with the device's reason.
class GlVariants : public GlSuite, public ::testing::WithParamInterface<KernelVariant> {
protected:
    static void TearDownTestSuite() {
        kernels.reset();
        GlSuite::TearDownTestSuite();
    }
    void SetUp() override {
        GlSuite::SetUp();
        if (!device) return;
        for (const auto& [variant, why] : device->info.refused)
            if (variant == GetParam()) GTEST_SKIP() << name_of(variant) << ": " << why;
        if (!kernels || kernels->variant() != GetParam())
            kernels = std::make_unique<GlKernels>(*device, GetParam(), false);
    }
    static inline std::unique_ptr<GlKernels> kernels;
};
inline const auto every_variant =
    ::testing::Values(KernelVariant::registers, KernelVariant::shared, KernelVariant::subgroups);
inline std::string variant_name(const ::testing::TestParamInfo<KernelVariant>& info) {
    return name_of(info.param);
}

// Random numbers and sizes, the same in every run.
class Dice {
public:
    explicit Dice(std::uint64_t seed) : seed_(seed) {}
    std::int64_t from(std::int64_t low, std::int64_t high) {
        return low + static_cast<std::int64_t>(random_bits(seed_, 1, next_++) %
                                               static_cast<std::uint64_t>(high - low + 1));
    }
    template <class T>
    T one_of(std::initializer_list<T> all) {
        return all.begin()[from(0, static_cast<std::int64_t>(all.size()) - 1)];
    }
    Tensor normal(const Shape& shape, double deviation = 1) {
        Tensor t(shape, DType::real);
        ++next_;
        for (std::size_t i = 0; i < t.real.size(); ++i)
            t.real[i] = static_cast<Real>(deviation * random_normal(seed_, next_ + 100, i));
        return t;
    }

private:
    std::uint64_t seed_, next_ = 0;
};

// What the CPU makes of it.
inline Tensor on_cpu(Op op, const Attrs& attrs, const std::vector<const Tensor*>& in,
                     const Shape& shape) {
    Node node;
    node.op = op;
    node.attrs = attrs;
    std::vector<ConstView> views;
    for (const Tensor* t : in) views.push_back(t->view());
    Tensor out(shape, DType::real);
    Prepared prepared;
    const OpDef& def = op_def(op);
    if (def.prepare) def.prepare(node, views, prepared);
    const RopeTable rope{ModelConfig{}};
    Scratch scratch;
    const Extent extent;
    def.forward({node,
                 extent,
                 views,
                 {shape, out.real.data(), nullptr},
                 rope,
                 &prepared,
                 nullptr,
                 &scratch});
    return out;
}

inline Tensor rounded_to_half(Tensor t) {
    for (Real& v : t.real) v = from_f16(to_f16(v));
    return t;
}

// A tensor on the device, `ahead` numbers into its buffer.
struct OnDevice {
    GlBuffer buffer;
    GlSlice slice;
    explicit OnDevice(const Tensor& t, bool half = false, std::int64_t ahead = 0)
        : buffer(words_of(t.size() + ahead, half)), slice{&buffer, ahead, half} {
        store(buffer, ahead, t.real, half);
    }
    explicit OnDevice(const Shape& shape) : OnDevice(Tensor(shape, DType::real)) {}
    OnDevice(const OnDevice&) = delete;
    OnDevice& operator=(const OnDevice&) = delete;
    std::vector<float> read(std::int64_t count) const {
        std::vector<float> numbers(static_cast<std::size_t>(count));
        buffer.read(slice.offset, numbers);
        return numbers;
    }
};

inline double magnitude(const std::vector<float>& values) {
    double most = 0;
    for (const float v : values) most = std::max(most, std::abs(static_cast<double>(v)));
    return most;
}

// The largest difference, in parts of 1 + the largest magnitude. NaN counts as infinitely wrong.
inline double difference(const std::vector<float>& got, const std::vector<Real>& wanted) {
    if (got.size() != wanted.size()) return std::numeric_limits<double>::infinity();
    double most = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
        const double d = std::abs(static_cast<double>(got[i]) - static_cast<double>(wanted[i]));
        if (!(d <= std::numeric_limits<double>::max()))
            return std::numeric_limits<double>::infinity();
        most = std::max(most, d);
    }
    return most / (1 + magnitude(wanted));
}

inline constexpr double tolerance = 1e-4;

}  // namespace sf::test
