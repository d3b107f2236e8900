#pragma once

#include "core/backend/backend.h"
#include "core/error.h"
#include "core/graph/op.h"
#include "core/ops/attention_kernel.h"
#include "core/ops/matmul.h"
#include "core/ops/rope.h"
#include "core/run/softmax_passes.h"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace sf::test {

// A device that is the CPU in disguise: it computes by the table of operations, tells launches cut
// by the tiles of core/backend/device.h, and errs or fails where a test wants it to.
class FakeBackend : public Backend {
public:
    DeviceInfo info{"Fake device",
                    "FakeGL 4.3",
                    false,
                    {},
                    {KernelVariant::shared, KernelVariant::registers},
                    {{KernelVariant::subgroups, "this device has no subgroup arithmetic"}}};
    Roofline roof{10e9, 50e9};
    // Added to one element of this operation's result.
    struct Fault {
        Op op{};
        std::int64_t at = 0;
        double add = 0;
    };
    std::vector<Fault> faults;
    double m_fault = 0;                          // added to the last m that is told
    std::function<std::string(Op, bool)> fails;  // (operation, half) -> what is thrown; "": nothing
    std::function<bool(Op)> refuses;             // operations that it leaves to the CPU
    bool unsteady = false;                       // a second run gives other bits
    double told_flops = 1;                       // times what there are
    std::string gone;
    int computed = 0;  // operations
    int begun = 0;

    const DeviceInfo& device() const override { return info; }
    bool takes(const Graph&, NodeId, Op op, const Extent&) const override {
        return !refuses || !refuses(op);
    }
    std::unique_ptr<DeviceRun> begin(WeightsPtr weights) override {
        return begin(std::move(weights), info.variants.front(), false);
    }
    std::unique_ptr<DeviceRun> begin(WeightsPtr, KernelVariant variant, bool half) override {
        ++begun;
        if (!gone.empty()) return nullptr;
        return std::make_unique<Run>(*this, variant, half);
    }
    Roofline roofline() override { return roof; }
    std::string given_up() const override { return gone; }
    void give_up(const std::string& reason) override { gone = reason; }

private:
    class Run : public DeviceRun {
    public:
        Run(FakeBackend& device, KernelVariant variant, bool half)
            : device_(device), variant_(variant), half_(half) {}
        void compute(const DeviceJob& job) override;

    private:
        Tensor forward(const DeviceJob& job, Op op, const Shape& shape,
                       std::span<const ConstView> in);
        void tell_attention(const DeviceJob& job, std::span<const ConstView> in);
        void tell_experts(const DeviceJob& job, std::span<const ConstView> in);
        void tell(const DeviceJob& job, const std::string& kernel,
                  std::array<std::int64_t, 3> groups, double flops, double bytes);
        void record_online(const DeviceJob& job, std::span<const ConstView> in);

        FakeBackend& device_;
        KernelVariant variant_;
        bool half_;
        std::map<NodeId, Tensor> kept_;
    };
};

inline std::int64_t pieces(std::int64_t n, std::int64_t each) {
    return (n + each - 1) / each;
}

inline Tensor FakeBackend::Run::forward(const DeviceJob& job, Op op, const Shape& shape,
                                        std::span<const ConstView> in) {
    RopeTable rope(job.graph.config);
    rope.reserve(job.extent.context());
    Scratch scratch;
    Prepared prepared;
    const Node& node = job.graph[job.id];
    const OpDef& def = op_def(op);
    if (def.prepare != nullptr) def.prepare(node, in, prepared);
    Tensor out(shape, DType::real);
    def.forward({.node = node,
                 .extent = job.extent,
                 .in = in,
                 .out = {shape, out.real.data(), nullptr},
                 .rope = rope,
                 .prepared = &prepared,
                 .scratch = &scratch});
    return out;
}

inline void FakeBackend::Run::compute(const DeviceJob& job) {
    ++device_.computed;
    if (device_.fails)
        if (const std::string why = device_.fails(job.op, half_); !why.empty())
            throw DeviceError(why);
    std::vector<ConstView> in(job.in.begin(), job.in.end());
    std::vector<Tensor> halves(in.size());
    for (std::size_t i = 0; i < in.size(); ++i) {
        if (in[i].real == nullptr && in[i].ints == nullptr && in[i].size() > 0)
            in[i] = kept_.at(job.inputs[i]).view();
        // Stored in 16 bits: weights, and what attention reads of keys and values.
        const bool keys = (job.op == Op::attention || job.op == Op::attention_latent) && i >= 2;
        const bool weight = job.graph[job.inputs[i]].op == Op::param;
        if (!half_ || in[i].real == nullptr || !(keys || weight)) continue;
        halves[i] = Tensor(in[i].shape, DType::real);
        for (std::int64_t k = 0; k < in[i].size(); ++k)
            halves[i].real[static_cast<std::size_t>(k)] =
                static_cast<Real>(to_half(static_cast<float>(in[i].real[k])));
        in[i] = halves[i].view();
    }
    Tensor out = forward(job, job.op, job.out.shape, in);
    for (const Fault& f : device_.faults)
        if (f.op == job.op && f.at < out.size())
            out.real[static_cast<std::size_t>(f.at)] += static_cast<Real>(f.add);
    if (device_.unsteady && !out.real.empty())
        out.real[0] += static_cast<Real>(1e-6 * device_.computed);
    if (job.out.real != nullptr) std::copy(out.real.begin(), out.real.end(), job.out.real);
    if (job.keep) kept_[job.id] = std::move(out);
    if (job.online != nullptr) record_online(job, in);
    if (job.launches == nullptr) return;
    if (job.op == Op::attention || job.op == Op::attention_latent)
        tell_attention(job, in);
    else if (job.op == Op::experts)
        tell_experts(job, in);
    else
        tell(job, op_def(job.op).name, {pieces(job.out.shape.rows(), 64), 1, 1},
             job.op == Op::linear
                 ? 2.0 * static_cast<double>(job.out.shape.size() * in[0].shape.cols())
                 : 4.0 * static_cast<double>(job.out.shape.size()),
             8.0 * static_cast<double>(job.out.shape.size()));
}

inline void FakeBackend::Run::tell(const DeviceJob& job, const std::string& kernel,
                                   std::array<std::int64_t, 3> groups, double flops, double bytes) {
    const std::int64_t shared = variant_ == KernelVariant::registers ? 0 : 16384;
    job.launches->push_back(
        {kernel, groups, {64, 1, 1}, shared, device_.told_flops * flops, bytes, flops / 20e9});
}

inline void FakeBackend::Run::tell_attention(const DeviceJob& job, std::span<const ConstView> in) {
    const std::int64_t B = in[0].shape[0], T = in[0].shape[1], H = job.graph[job.id].attrs.heads;
    const std::int64_t S = in[2].shape[1], past = S - T;
    const Attrs& a = job.graph[job.id].attrs;
    const bool latent = job.op == Op::attention_latent;
    const std::int64_t kw = (latent ? in[2].shape[2] : a.nope) + a.rope;
    const std::int64_t vw = job.out.shape[3];
    const std::int64_t share = latent ? H : a.kv_heads > 0 ? H / a.kv_heads : 1;
    const AttentionTiles cut = attention_tiles(variant_, kw, vw);
    double pairs = 0;
    for (std::int64_t t = 0; t < T; ++t) pairs += static_cast<double>(past + t + 1);
    tell(job, "attention", {pieces(T * share, cut.queries), H / share, B * pieces(vw, cut.columns)},
         pairs * static_cast<double>(B * H * (2 * kw + 2 * vw + 1)),
         4.0 * static_cast<double>(B * H * (T * (kw + vw) + S * (kw + vw))));
}

inline void FakeBackend::Run::tell_experts(const DeviceJob& job, std::span<const ConstView> in) {
    const Attrs& a = job.graph[job.id].attrs;
    const std::int64_t slots = in[1].shape.size(), D = in[0].shape.cols(), W = in[3].shape[0];
    std::vector<std::int64_t> load(static_cast<std::size_t>(a.experts));
    for (std::int64_t i = 0; i < slots; ++i) ++load[static_cast<std::size_t>(in[1].ints[i])];
    const ProductTiles cut = product_tiles(variant_), pair = product_tiles(variant_, true);
    const auto rows = std::ssize(expert_tiles(load, cut.rows));
    const auto n = static_cast<double>(slots), d = static_cast<double>(D),
               w = static_cast<double>(W);
    tell(job, "experts gate and up", {pieces(W, pair.columns), rows, 1}, 4 * n * d * w,
         4 * (n * (d + w) + 2 * d * w));
    tell(job, "experts down", {pieces(D, cut.columns), rows, 1}, 2 * n * d * w,
         4 * (n * (d + w) + d * w));
    tell(job, "combine", {pieces(in[0].shape.rows() * D, 64), 1, 1}, 2 * n * d, 4 * n * d);
}

// By the model's own online softmax, tile by tile.
inline void FakeBackend::Run::record_online(const DeviceJob& job, std::span<const ConstView> in) {
    const Node& node = job.graph[job.id];
    const bool latent = job.op == Op::attention_latent;
    const std::int64_t B = in[0].shape[0], T = in[0].shape[1], H = node.attrs.heads;
    const std::int64_t S = in[2].shape[1];
    const Tensor scores = forward(job, latent ? Op::scores_latent : Op::scores, {B, H, T, S}, in);
    OnlineRecord& r = *job.online;
    r.keys = attention_tile;
    r.tiles = pieces(S, attention_tile);
    for (std::int64_t row = 0; row < B * H * T; ++row)
        for (const OnlineState& s :
             online_softmax(scores.real.data() + row * S, S, nullptr, 0, 0, attention_tile)) {
            r.m.push_back(s.m);
            r.d.push_back(s.d);
        }
    if (!r.m.empty()) r.m.back() += static_cast<Real>(device_.m_fault);
}

}  // namespace sf::test
