#include "tests/bench/kernels.h"

#include "core/backend/thread_pool.h"
#include "core/error.h"
#include "core/gl/egl_context.h"
#include "core/gl/gl_kernels.h"
#include "core/graph/op.h"
#include "core/ops/matmul.h"
#include "core/ops/rope.h"
#include "core/random.h"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <numeric>
#include <thread>

namespace sf {

namespace {

using Matrix = Eigen::Matrix<Real, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Stride = Eigen::OuterStride<>;
using View = Eigen::Map<Matrix, 0, Stride>;
using ConstMatrix = Eigen::Map<const Matrix, 0, Stride>;

struct Sizes {
    std::string name;
    std::int64_t batch, tokens, dim, columns, heads, nope, rope, value, experts, top_k, inter;
    std::int64_t rows() const { return batch * tokens; }
};

Tensor random_tensor(const Shape& shape, double deviation) {
    constexpr std::size_t period = 65'521;
    Tensor t(shape, DType::real);
    for (std::size_t i = 0; i < t.real.size(); ++i)
        t.real[i] =
            i < period ? static_cast<Real>(deviation * random_normal(9, 9, i)) : t.real[i - period];
    return t;
}

// An operation of the CPU, its weights prepared once.
class CpuOp {
public:
    CpuOp(Op op, const Attrs& attrs, std::vector<const Tensor*> in, const Shape& out,
          ThreadPool& pool)
        : out_(out, DType::real), pool_(pool) {
        node_.op = op;
        node_.attrs = attrs;
        for (const Tensor* t : in) views_.push_back(t->view());
        if (op_def(op).prepare) op_def(op).prepare(node_, views_, prepared_);
    }
    void run() {
        op_def(node_.op).forward({node_,
                                  extent_,
                                  views_,
                                  {out_.shape, out_.real.data(), nullptr},
                                  rope_,
                                  &prepared_,
                                  &pool_,
                                  &scratch_});
    }

private:
    Node node_;
    Extent extent_;
    std::vector<ConstView> views_;
    Tensor out_;
    Prepared prepared_;
    RopeTable rope_{ModelConfig{}};
    Scratch scratch_;
    ThreadPool& pool_;
};

struct OnDevice {
    GlBuffer buffer;
    explicit OnDevice(const Tensor& t) : buffer(t.size()) { buffer.write(0, t.real); }
    explicit OnDevice(std::int64_t n) : buffer(n) {}
    GlSlice slice() const { return {&buffer}; }
    void wait() const {
        float number = 0;
        buffer.read(0, {&number, 1});
    }
};

class Race {
public:
    Race(GlDevice& device, GlKernels& kernels, ThreadPool& pool, const Effort& effort)
        : device_(device), kernels_(kernels), pool_(pool), effort_(effort) {}
    KernelTimes product(const Sizes& s);
    KernelTimes attention(const Sizes& s);
    KernelTimes experts(const Sizes& s);

private:
    using Work = std::function<void()>;
    KernelTimes run(const std::string& name, const Work& kernel, const Work& cpu,
                    const Work& eigen);
    GlDevice& device_;
    GlKernels& kernels_;
    ThreadPool& pool_;
    Effort effort_;
};

KernelTimes Race::run(const std::string& name, const Work& kernel, const Work& cpu,
                      const Work& eigen) {
    KernelTimes k;
    k.name = name;
    std::vector<KernelLaunch> launches;
    kernels_.record(&launches);
    kernel();  // compiles it, too
    kernels_.record(nullptr);
    for (const KernelLaunch& l : launches) {
        k.flops += l.flops;
        k.bytes += l.bytes;
    }
    std::vector<Work> works{kernel, cpu};
    if (eigen) works.push_back(eigen);
    const auto t = measure(works, effort_);
    k.device = t[0];
    k.cpu = t[1];
    if (eigen) k.eigen = t[2];
    return k;
}

KernelTimes Race::product(const Sizes& s) {
    const auto rows = s.rows();
    const Tensor x = random_tensor({1, rows, s.dim}, 1),
                 w = random_tensor({s.columns, s.dim}, 0.05);
    Matrix y(rows, s.columns);
    const OnDevice dx(x), dw(w), dy(rows * s.columns);
    CpuOp cpu(Op::linear, {}, {&x, &w}, {1, rows, s.columns}, pool_);
    const auto share = (rows + pool_.threads() - 1) / pool_.threads();
    return run(
        s.name + "product " + std::to_string(rows) + "x" + std::to_string(s.columns) + "x" +
            std::to_string(s.dim),
        [&] {
            kernels_.product(
                linear_job(dx.slice(), dw.slice(), dy.slice(), rows, s.columns, s.dim));
            dy.wait();
        },
        [&] { cpu.run(); },
        [&] {
            pool_.run(pool_.threads(), [&](std::int64_t i, int) {
                const auto first = std::min(rows, i * share), n = std::min(share, rows - first);
                const ConstMatrix a(x.real.data() + first * s.dim, n, s.dim, Stride(s.dim)),
                    b(w.real.data(), s.columns, s.dim, Stride(s.dim));
                y.middleRows(first, n).noalias() = a * b.transpose();
            });
        });
}

KernelTimes Race::attention(const Sizes& s) {
    Attrs a;
    a.heads = s.heads;
    a.nope = s.nope;
    a.rope = s.rope;
    a.value = s.value;
    const auto T = s.tokens, k = s.nope + s.rope, kv = s.nope + s.value, H = s.heads;
    a.scale = 1 / std::sqrt(static_cast<double>(k));
    const Shape out{s.batch, T, H, s.value};
    const Tensor q = random_tensor({s.batch, T, H, k}, 1),
                 q_pe = random_tensor({s.batch, T, H, s.rope}, 1),
                 keys = random_tensor({s.batch, T, H, kv}, 1),
                 k_pe = random_tensor({s.batch, T, s.rope}, 1);
    const OnDevice dq(q), dq_pe(q_pe), dkeys(keys), dk_pe(k_pe), dout(out.size());
    const std::vector<GlSlice> inputs{dq.slice(), dq_pe.slice(), dkeys.slice(), dk_pe.slice()};
    CpuOp cpu(Op::attention, a, {&q, &q_pe, &keys, &k_pe}, out, pool_);
    std::vector<Real> o(static_cast<std::size_t>(out.size()));
    // Scores, softmax and values of one head after the other; the mask as the triangle that it is.
    const auto eigen_head = [&](std::int64_t i, int) {
        const auto b = i / H, h = i % H;
        const ConstMatrix content(q.real.data() + (b * T * H + h) * k, T, s.nope, Stride(H * k)),
            position(q_pe.real.data() + (b * T * H + h) * s.rope, T, s.rope, Stride(H * s.rope)),
            key(keys.real.data() + (b * T * H + h) * kv, T, s.nope, Stride(H * kv)),
            key_position(k_pe.real.data() + b * T * s.rope, T, s.rope, Stride(s.rope)),
            value(keys.real.data() + (b * T * H + h) * kv + s.nope, T, s.value, Stride(H * kv));
        Matrix p = content * key.transpose();
        p.noalias() += position * key_position.transpose();
        for (std::int64_t t = 0; t < T; ++t) {
            auto row = p.row(t).head(t + 1).array();
            row = ((row - row.maxCoeff()) * static_cast<Real>(a.scale)).exp();
            row /= row.sum();
            p.row(t).tail(T - t - 1).setZero();
        }
        View(o.data() + (b * T * H + h) * s.value, T, s.value, Stride(H * s.value)).noalias() =
            p * value;
    };
    return run(
        s.name + "attention " + std::to_string(s.batch) + "x" + std::to_string(T),
        [&] {
            kernels_.attention(attention_job(a, q.shape, keys.shape, inputs, {&dout.buffer}));
            dout.wait();
        },
        [&] { cpu.run(); }, [&] { pool_.run(s.batch * H, eigen_head); });
}

KernelTimes Race::experts(const Sizes& s) {
    Attrs a;
    a.experts = s.experts;
    a.top_k = s.top_k;
    const auto rows = s.rows();
    const Tensor x = random_tensor({1, rows, s.dim}, 1),
                 gates = random_tensor({1, rows, s.top_k}, 0.5);
    Tensor chosen({1, rows, s.top_k}, DType::i64);
    for (std::size_t i = 0; i < chosen.ints.size(); ++i) {
        const auto t = i / static_cast<std::size_t>(s.top_k),
                   k = i % static_cast<std::size_t>(s.top_k);
        chosen.ints[i] = static_cast<std::int64_t>((random_bits(9, 1, t) + k) %
                                                   static_cast<std::uint64_t>(s.experts));
    }
    std::vector<Tensor> weights;
    for (std::int64_t e = 0; e < s.experts; ++e) {
        weights.push_back(random_tensor({s.inter, s.dim}, 0.05));
        weights.push_back(weights.back());
        weights.push_back(random_tensor({s.dim, s.inter}, 0.05));
    }
    std::vector<const Tensor*> in{&x, &chosen, &gates};
    std::vector<ConstView> views;
    for (const Tensor& w : weights) {
        in.push_back(&w);
        views.push_back(w.view());
    }
    const ExpertWeights stored = store_experts(device_, views, false);
    const OnDevice dx(x), dy(rows * s.dim);
    CpuOp cpu(Op::experts, a, in, x.shape, pool_);
    return run(
        s.name + std::to_string(s.experts) + " experts, " + std::to_string(rows) + " tokens",
        [&] {
            kernels_.experts(
                {dx.slice(), dy.slice(), &stored, rows, s.top_k, chosen.ints, gates.real});
            dy.wait();
        },
        [&] { cpu.run(); }, nullptr);
}

}  // namespace

double DeviceTimes::share_of_roof(const KernelTimes& k) const {
    return std::max(k.flops / roof.flops_per_second, k.bytes / roof.copy_bytes_per_second) /
           k.device.median;
}

DeviceTimes kernel_times(bool quick, const Effort& effort) {
    DeviceTimes all;
    all.threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    try {
        EglContext context({.processor = true});
        context.make_current();
        GlDevice device;
        all.name = device.info.name;
        all.software = device.info.software;
        GlKernels kernels(device, device.info.variants.at(0), false);
        all.roof = kernels.roofline();
        ThreadPool pool(all.threads);
        std::vector<Sizes> sizes{{"", 8, 128, 128, 384, 4, 32, 16, 32, 16, 4, 64}};
        if (!all.software && !quick)
            sizes.push_back({"large ", 1, 4096, 2048, 2048, 16, 128, 64, 128, 64, 6, 1408});
        for (const Sizes& s : sizes) {
            Race race(device, kernels, pool, s.dim > 1000 ? Effort{1, 0.1, 1} : effort);
            all.kernels.push_back(race.product(s));
            all.kernels.push_back(race.attention(s));
            all.kernels.push_back(race.experts(s));
        }
    } catch (const DeviceError& error) {
        all.absent = error.what();
    }
    return all;
}

}  // namespace sf
