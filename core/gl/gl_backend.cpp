#include "core/gl/gl_backend.h"

#include "core/error.h"
#include "core/gl/gl_kernels.h"
#include "core/gl/gl_program.h"
#include "core/gl/gl_thread.h"
#include "core/gl/gl_weights.h"
#include "core/graph/kernel_work.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <utility>

namespace sf {

namespace {

std::string mebibytes(std::int64_t bytes) {
    return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MiB";
}

// For what only passes values on: of the product that made them.
double flops_of(const Graph& g, NodeId id, Op op, const Extent& e) {
    if (const auto attention = attention_work(g, id, e)) return attention->flops();
    if (const auto experts = experts_work(g, id, e)) return experts->flops();
    const Node& node = g[id];
    const auto depth = op == Op::linear     ? g[node.inputs[1]].shape(e)[1]
                       : op == Op::absorb_q ? node.attrs.nope
                       : op == Op::expand_v ? g[node.inputs[0]].shape(e)[3]
                                            : g.config.hidden_size;
    return static_cast<double>(2 * node.shape(e).size() * depth);
}

// What runs while it lives is timed.
struct Recording {
    Recording(GlKernels& k, std::vector<KernelLaunch>* launches) : kernels(k) {
        kernels.record(launches);
    }
    ~Recording() { kernels.record(nullptr); }
    Recording(const Recording&) = delete;
    Recording& operator=(const Recording&) = delete;
    GlKernels& kernels;
};

}  // namespace

struct GlBackend::Impl {
    GlOptions options;
    std::unique_ptr<GlContext> context;
    DeviceInfo info;
    std::atomic<double> ready{0};

    mutable std::mutex mutex;
    std::string reason;  // why it was given up
    std::string note;
    std::optional<Roofline> roof;

    // Of the thread alone.
    std::unique_ptr<GlDevice> device;
    std::map<std::pair<KernelVariant, bool>, std::unique_ptr<GlKernels>> kernels;
    std::unique_ptr<GlPool> pool;
    std::unique_ptr<GlWeights> weights;
    bool fault_due = false;

    std::atomic<bool> closing{false};
    GlThread thread;  // the last: what is above outlives it

    ~Impl() {
        closing = true;
        thread.call([this] { close(); });
    }
    KernelVariant standard() const { return options.variant.value_or(info.variants.front()); }
    GlKernels& kernels_of(KernelVariant variant, bool half) {
        auto& k = kernels[{variant, half}];
        if (!k) k = std::make_unique<GlKernels>(*device, variant, half);
        return *k;
    }
    void open();
    void close();
    void warm_up();
    void fail_on_purpose();
    bool fits(const std::string& what, std::int64_t bytes);
    std::string given_up_because(const std::string& why) const {
        return info.name + " was given up, the CPU computes all: " + why.substr(0, why.find('\n'));
    }
};

void GlBackend::Impl::open() {
    context->make_current();
    device = std::make_unique<GlDevice>();
    if (options.limits) device->info.limits = *options.limits;
    info = device->info;
    if (info.variants.empty()) throw DeviceError(info.name + " runs none of the kernels");
    pool = std::make_unique<GlPool>();
    weights = std::make_unique<GlWeights>(*device);
    fault_due = !options.fault.empty();
}

void GlBackend::Impl::close() {
    kernels.clear();
    weights = nullptr;
    pool = nullptr;
    device = nullptr;
    context->release();
}

void GlBackend::Impl::warm_up() {
    struct Closing {};
    try {
        kernels_of(standard(), options.half_storage).warm_up([this](int done, int of) {
            if (closing) throw Closing();
            ready = static_cast<double>(done) / of;
        });
    } catch (const Closing&) {
    } catch (const std::exception& e) {
        const std::lock_guard lock(mutex);
        reason = given_up_because(e.what());
    }
    ready = 1;
}

// The driver's own errors, brought about.
void GlBackend::Impl::fail_on_purpose() {
    if (!std::exchange(fault_due, false)) return;
    if (options.fault == "compile")
        GlProgram({"fault.comp", {}}, "\nvoid main() { undeclared = 1; }\n");
    if (options.fault == "memory") GlBuffer(std::int64_t{1} << 45);
    if (options.fault == "lost") throw DeviceError("the context was lost");
}

// Leaves a note when it does not fit a block.
bool GlBackend::Impl::fits(const std::string& what, std::int64_t bytes) {
    const DeviceLimits& l = info.limits;
    if (bytes <= std::min(l.block_bytes - l.alignment - 16, 4 * (l.texels - l.alignment)))
        return true;
    const std::lock_guard lock(mutex);
    note = what + " takes " + mebibytes(bytes) + " and " + info.name + " binds " +
           mebibytes(info.limits.block_bytes) + " at a time: the CPU computes it";
    return false;
}

// ---- one run ----

class GlBackend::Run : public DeviceRun {
public:
    Run(std::shared_ptr<Impl> impl, WeightsPtr weights, KernelVariant variant, bool half)
        : impl_(std::move(impl)), weights_(std::move(weights)), half_(half) {
        impl_->thread.call([&] { kernels_ = &impl_->kernels_of(variant, half); });
    }
    ~Run() override {
        impl_->thread.call([this] {
            for (auto& [id, buffer] : values_) impl_->pool->give(std::move(buffer));
        });
    }
    void compute(const DeviceJob& job) override {
        impl_->thread.call([&] { work(job); });
    }

private:
    void work(const DeviceJob& job);
    void dispatch(const DeviceJob& job, GlSlice out);
    void experts(const DeviceJob& job, GlSlice out);
    GlSlice input(const DeviceJob& job, std::size_t i);
    GlSlice stored(const DeviceJob& job, std::size_t i);

    std::shared_ptr<Impl> impl_;
    WeightsPtr weights_;
    bool half_;
    GlKernels* kernels_ = nullptr;
    std::map<NodeId, GlBuffer> values_;
    std::vector<GlBuffer> halves_;  // of the operation at work
};

void GlBackend::Run::work(const DeviceJob& job) {
    impl_->fail_on_purpose();
    const auto size = job.out.shape.size();
    GlBuffer out = impl_->pool->take(size);
    {
        const Recording recording(*kernels_, job.launches);
        dispatch(job, {&out});
    }
    for (GlBuffer& b : halves_) impl_->pool->give(std::move(b));
    halves_.clear();
    if (job.out.real) out.read(0, {job.out.real, static_cast<std::size_t>(size)});
    impl_->device->check(job.graph[job.id].name);
    for (const NodeId id : job.last)
        if (const auto it = values_.find(id); it != values_.end()) {
            impl_->pool->give(std::move(it->second));
            values_.erase(it);
        }
    if (job.keep)
        values_[job.id] = std::move(out);
    else
        impl_->pool->give(std::move(out));
}

GlSlice GlBackend::Run::input(const DeviceJob& job, std::size_t i) {
    const NodeId id = job.inputs[i];
    const ConstView& view = job.in[i];
    if (job.graph[id].op == Op::param)
        return {impl_->weights->matrix(weights_, job.graph[id].name, view, half_), 0, half_};
    auto it = values_.find(id);
    if (it == values_.end()) {
        it = values_.emplace(id, impl_->pool->take(view.size())).first;
        it->second.write(0, std::span(view.real, static_cast<std::size_t>(view.size())));
    }
    return {&it->second};
}

// Keys and values, as the kernels store them.
GlSlice GlBackend::Run::stored(const DeviceJob& job, std::size_t i) {
    const GlSlice full = input(job, i);
    if (!half_) return full;
    const auto n = job.in[i].size();
    halves_.push_back(impl_->pool->take(words_of(n, true)));
    const GlSlice half{&halves_.back(), 0, true};
    kernels_->to_half(full, half, n);
    return half;
}

void GlBackend::Run::dispatch(const DeviceJob& job, GlSlice out) {
    const Node& node = job.graph[job.id];
    const auto rows = job.out.shape[0] * job.out.shape[1];
    switch (job.op) {
        case Op::linear: {
            const Shape& w = job.in[1].shape;
            return kernels_->product(
                linear_job(input(job, 0), input(job, 1), out, rows, w[0], w[1]));
        }
        case Op::absorb_q:
            return kernels_->product(absorb_q_job(input(job, 0), input(job, 1), out, node.attrs,
                                                  rows, job.in[1].shape[1]));
        case Op::expand_v:
            return kernels_->product(expand_v_job(input(job, 0), input(job, 1), out, node.attrs,
                                                  rows, job.in[1].shape[1]));
        case Op::attention:
        case Op::attention_latent: {
            std::vector<GlSlice> in;
            halves_.reserve(job.in.size());
            for (std::size_t i = 0; i < job.in.size(); ++i)
                in.push_back(i < 2 ? input(job, i) : stored(job, i));
            AttentionJob attention =
                attention_job(node.attrs, job.in[0].shape, job.in[2].shape, in, out);
            attention.online = job.online;
            return kernels_->attention(attention);
        }
        case Op::experts:
            return experts(job, out);
        case Op::swiglu:
            return kernels_->swiglu(input(job, 0), input(job, 1), out, job.out.shape.size());
        case Op::add:
            return kernels_->add(input(job, 0), input(job, 1), out, job.out.shape.size());
        default:
            throw DeviceError(node.name + " is no operation of the device's");
    }
}

void GlBackend::Run::experts(const DeviceJob& job, GlSlice out) {
    const Node& node = job.graph[job.id];
    const ConstView &indices = job.in[1], &gates = job.in[2];
    ExpertsJob e;
    e.x = input(job, 0);
    e.y = out;
    e.weights =
        impl_->weights->experts(weights_, job.graph[job.inputs[3]].name, job.in.subspan(3), half_);
    e.tokens = job.out.shape.rows();
    e.top_k = node.attrs.top_k;
    e.indices = {indices.ints, static_cast<std::size_t>(indices.size())};
    e.gates = {gates.real, static_cast<std::size_t>(gates.size())};
    kernels_->experts(e);
}

// ---- the backend ----

GlBackend::GlBackend(std::unique_ptr<GlContext> context, const GlOptions& options)
    : impl_(std::make_shared<Impl>()) {
    impl_->options = options;
    impl_->context = std::move(context);
    impl_->thread.call([this] { impl_->open(); });
    if (options.warm_up)
        impl_->thread.post([impl = impl_.get()] { impl->warm_up(); });
    else
        impl_->ready = 1;
}

GlBackend::~GlBackend() = default;

const DeviceInfo& GlBackend::device() const {
    return impl_->info;
}

bool GlBackend::takes(const Graph& g, NodeId id, Op op, const Extent& e) const {
    const Node& node = g[id];
    const auto bytes = [&](NodeId x, std::int64_t parts) {
        return g[x].shape(e).size() / std::max<std::int64_t>(1, parts) * 4;
    };
    if (node.shape(e).size() == 0 || (node.part != Part::attn && node.part != Part::ffn))
        return false;
    switch (op) {
        case Op::linear: {
            // The router chooses where the other values are chosen from.
            const auto& users = g.users(id);
            if (std::any_of(users.begin(), users.end(),
                            [&](NodeId u) { return g[u].op == Op::gate_scores; }))
                return false;
            break;
        }
        case Op::absorb_q:
        case Op::expand_v:
            break;
        case Op::attention:
        case Op::attention_latent:
            for (std::size_t i = 2; i < node.fused_inputs.size(); ++i)
                if (!impl_->fits(
                        node.name + ": " + g[node.fused_inputs[i]].title + " of a sequence",
                        bytes(node.fused_inputs[i], e.batch)))
                    return false;
            break;
        case Op::experts:
            if (!impl_->fits(node.name + ": a weight of one expert",
                             bytes(node.fused_inputs[3], 1)))
                return false;
            break;
        case Op::swiglu:
            if (g[node.inputs[0]].op != Op::linear) return false;
            break;
        case Op::add:
            break;
        default:
            return false;
    }
    return flops_of(g, id, op, e) >= impl_->options.least_flops;
}

std::unique_ptr<DeviceRun> GlBackend::begin(WeightsPtr weights) {
    if (!given_up().empty()) return nullptr;
    return begin(std::move(weights), impl_->standard(), impl_->options.half_storage);
}

std::unique_ptr<DeviceRun> GlBackend::begin(WeightsPtr weights, KernelVariant variant, bool half) {
    for (const auto& [refused, why] : impl_->info.refused)
        if (refused == variant) throw DeviceError(std::string(name_of(variant)) + ": " + why);
    return std::make_unique<Run>(impl_, std::move(weights), variant, half);
}

Roofline GlBackend::roofline() {
    impl_->thread.call([this] {
        if (!impl_->roof)
            impl_->roof =
                impl_->kernels_of(impl_->standard(), impl_->options.half_storage).roofline();
    });
    return *impl_->roof;
}

double GlBackend::ready() const {
    return impl_->ready;
}

std::string GlBackend::note() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->note;
}

std::string GlBackend::given_up() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->reason;
}

void GlBackend::give_up(const std::string& reason) {
    const std::lock_guard lock(impl_->mutex);
    if (impl_->reason.empty()) impl_->reason = impl_->given_up_because(reason);
}

std::string GlBackend::complaints() const {
    std::string all;
    impl_->thread.call([&] {
        for (const std::string& c : impl_->device->complaints()) all += c + "\n";
    });
    return all;
}

}  // namespace sf
