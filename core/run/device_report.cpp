#include "core/run/device_report.h"

#include "core/backend/executor.h"
#include "core/error.h"
#include "core/graph/kernel_work.h"
#include "core/io/half.h"
#include "core/run/device_task.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <sstream>
#include <utility>

namespace sf {

namespace {

// A run that takes less than this, in seconds, is timed again: other work disturbs it.
constexpr double worth_repeating = 0.02;
constexpr int most_repeats = 4;

std::size_t at(std::int64_t i) {
    return static_cast<std::size_t>(i);
}

struct Question {
    std::shared_ptr<const Graph> graph;
    WeightsPtr weights;
    Extent extent;
    BackendPtr backend;
    std::string layer;
    bool recorded = true;  // the trace's values are the CPU's
    std::vector<DeviceTask> tasks;
};

ConstView view_of(const Question& q, const DeviceTask& task, NodeId id) {
    const Node& node = (*q.graph)[id];
    if (node.op == Op::param) return q.weights->at(node.name).view();
    for (const auto& [given, tensor] : task.given)
        if (given == id) return tensor->view();
    return {node.shape(q.extent), nullptr, nullptr};  // on the device
}

void compute(const Question& q, const DeviceTask& task, DeviceRun& device, Tensor& out,
             DeviceReport::Run& run) {
    run.launches.clear();
    run.online = {};
    for (const DeviceOperation& o : task.operations) {
        std::vector<ConstView> in;
        for (const NodeId id : o.inputs) in.push_back(view_of(q, task, id));
        const bool last = &o == &task.operations.back();
        const Shape shape = (*q.graph)[o.id].shape(q.extent);
        DeviceJob job{.graph = *q.graph,
                      .id = o.id,
                      .op = o.op,
                      .extent = q.extent,
                      .inputs = o.inputs,
                      .in = in,
                      .out = {shape, last ? out.real.data() : nullptr, nullptr},
                      .keep = !last,
                      .launches = &run.launches,
                      .online = last && task.m ? &run.online : nullptr};
        device.compute(job);
    }
}

TensorPtr rounded(const Tensor& t) {
    auto half = std::make_shared<Tensor>(t);
    for (Real& v : half->real) v = static_cast<Real>(from_f16(to_f16(static_cast<float>(v))));
    return half;
}

// What the CPU makes of the same inputs; `half`: with weights, keys and values rounded to 16 bits.
TensorPtr on_cpu(const Question& q, const DeviceTask& task, bool half) {
    const NodeId result = task.operations.back().id;
    std::map<NodeId, TensorPtr> known(task.given.begin(), task.given.end());
    std::shared_ptr<Weights> weights;
    if (q.weights) weights = std::make_shared<Weights>(*q.weights);
    for (const DeviceOperation& o : task.operations)
        for (std::size_t i = 0; half && i < o.inputs.size(); ++i) {
            const Node& node = (*q.graph)[o.inputs[i]];
            if (node.op == Op::param)
                weights->tensors[node.name] = rounded(q.weights->at(node.name));
            else if ((o.op == Op::attention || o.op == Op::attention_latent) && i >= 2)
                known[o.inputs[i]] = rounded(*known[o.inputs[i]]);
        }
    Executor executor(q.graph, weights, 1);
    Executor::Request request;
    request.extent = q.extent;
    request.outputs = {result};
    request.known = [&](NodeId id) -> const Tensor* {
        const auto it = known.find(id);
        return it == known.end() ? nullptr : it->second.get();
    };
    executor.run(request);
    const ConstView value = executor.value(result);
    auto tensor = std::make_shared<Tensor>(value.shape, DType::real);
    std::copy_n(value.real, value.size(), tensor->real.begin());
    return tensor;
}

double largest_difference(const Tensor& a, const Tensor& b) {
    double most = 0;
    for (std::int64_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a.at(i) - b.at(i)));
    return most;
}

void compare(const Tensor& expected, double rounding, DeviceReport::Run& run) {
    double largest = 0;
    run.error = 0;
    for (std::int64_t i = 0; i < expected.size(); ++i) {
        const double want = expected.at(i);
        largest = std::max(largest, std::abs(want));
        double e = std::abs(run.value->at(i) - want);
        if (std::isnan(e)) e = std::numeric_limits<double>::infinity();
        if (e > run.error) {
            run.error = e;
            run.at = i;
        }
    }
    run.tolerance = device_tolerance(largest) + 2 * rounding;
}

// Both are (B, H, T, tiles); tiles behind the diagonal are nobody's.
std::optional<DeviceReport::OnlineError> states_error(const DeviceTask& task, std::int64_t past,
                                                      const DeviceReport::Run& run) {
    const OnlineRecord& r = run.online;
    if (!task.m || !task.d || r.keys != attention_tile || r.tiles != task.m->shape.cols() ||
        std::ssize(r.m) != task.m->size() || std::ssize(r.d) != task.d->size())
        return {};
    DeviceReport::OnlineError e;
    const std::int64_t tokens = task.m->shape[2];  // fewer than the text's in an MTP module
    double largest = 0;
    for (std::int64_t row = 0; row < task.m->shape.rows(); ++row) {
        const std::int64_t last = (past + row % tokens) / r.keys;
        for (std::int64_t j = 0; j <= last; ++j) {
            const std::int64_t i = row * r.tiles + j;
            for (const auto& [device, host] : {std::pair{&r.m, &task.m}, {&r.d, &task.d}}) {
                const double want = (*host)->at(i);
                const double off = std::abs(static_cast<double>((*device)[at(i)]) - want);
                e.error = std::max(e.error, off);
                if (std::isnan(off)) e.error = std::numeric_limits<double>::infinity();
                if (j == last) e.last = std::isnan(off) ? e.error : std::max(e.last, off);
                largest = std::max(largest, std::abs(want));
            }
        }
    }
    e.tolerance = device_tolerance(largest);
    return e;
}

void run_on(const Question& q, const DeviceTask& task, const Tensor& expected, double rounding,
            DeviceReport::Run& run) {
    const auto device = q.backend->begin(q.weights, run.variant, run.half);
    if (!device) {
        run.refused = q.backend->given_up();
        if (run.refused.empty()) run.refused = "the device cannot run it";
        return;
    }
    const Shape shape = (*q.graph)[task.operations.back().id].shape(q.extent);
    const auto first = std::make_shared<Tensor>(shape, DType::real);
    const auto second = std::make_shared<Tensor>(shape, DType::real);
    // The first time compiles and uploads; of the others each kernel's best time counts.
    compute(q, task, *device, *first, run);
    compute(q, task, *device, *second, run);
    for (int more = 0; more < most_repeats && run.seconds() < worth_repeating; ++more) {
        const std::vector<KernelLaunch> before = std::move(run.launches);
        compute(q, task, *device, *second, run);
        for (std::size_t i = 0; i < run.launches.size() && i < before.size(); ++i)
            run.launches[i].seconds = std::min(run.launches[i].seconds, before[i].seconds);
    }
    run.repeats =
        std::equal(first->real.begin(), first->real.end(), second->real.begin(),
                   [](Real a, Real b) { return a == b || (std::isnan(a) && std::isnan(b)); });
    run.value = second;
    compare(expected, run.half ? rounding : 0, run);
    if (!run.half) run.states = states_error(task, q.extent.past, run);
}

std::string not_taken(const Question& q, const DeviceTask& task) {
    for (const DeviceOperation& o : task.operations)
        if (!q.backend->takes(*q.graph, o.id, o.op, q.extent))
            return "the device leaves " + (*q.graph)[o.id].name + " of this size to the CPU";
    return "";
}

DerivedPtr measure(const Question& q, const Progress& progress) {
    auto report = std::make_shared<DeviceReport>();
    report->device = q.backend->device();
    report->layer = q.layer;
    const auto& variants = report->device.variants;
    const double total = 1 + 2.0 * static_cast<double>(variants.size() * q.tasks.size());
    double done = 0;
    for (const DeviceTask& task : q.tasks) {
        DeviceReport::Part part{task.title, task.node, task.missing, task.expected, q.recorded, {}};
        if (part.missing.empty()) part.missing = not_taken(q, task);
        if (!progress(done / total)) return nullptr;
        double rounding = 0;
        if (part.missing.empty()) {
            if (!part.recorded) part.expected = on_cpu(q, task, false);
            rounding = largest_difference(*part.expected, *on_cpu(q, task, true));
        }
        for (const KernelVariant variant : variants)
            for (const bool half : {false, true}) {
                if (!progress(done++ / total)) return nullptr;
                if (!part.missing.empty()) continue;
                DeviceReport::Run run;
                run.variant = variant;
                run.half = half;
                try {
                    run_on(q, task, *part.expected, rounding, run);
                } catch (const DeviceError& e) {
                    run.value = nullptr;
                    run.refused = e.what();
                }
                part.runs.push_back(std::move(run));
            }
        report->parts.push_back(std::move(part));
    }
    if (!progress(done / total)) return nullptr;
    report->stopped = q.backend->given_up();
    if (report->stopped.empty()) try {
            report->roofline = q.backend->roofline();
        } catch (const DeviceError& e) {
            report->stopped = e.what();
        }
    return report;
}

// Everything that the answer depends on, by address; the question keeps all of it alive.
DerivedKey key_of(const Question& q) {
    std::ostringstream name;
    name << "device report, " << q.layer << ", weights " << q.weights.get();
    for (const DeviceTask& task : q.tasks) {
        name << ", " << task.node << " " << task.expected.get();
        for (const auto& [id, tensor] : task.given) name << " " << tensor.get();
        if (!task.missing.empty()) name << " " << task.missing;
    }
    return {name.str(), q.backend.get()};
}

}  // namespace

double DeviceReport::Run::seconds() const {
    double all = 0;
    for (const KernelLaunch& l : launches) all += l.seconds;
    return all;
}

double DeviceReport::Run::flops() const {
    double all = 0;
    for (const KernelLaunch& l : launches) all += l.flops;
    return all;
}

const DeviceReport::Run* DeviceReport::Part::run(KernelVariant variant) const {
    for (const Run& r : runs)
        if (r.variant == variant && !r.half && r.refused.empty()) return &r;
    return nullptr;
}

const DeviceReport::Part* DeviceReport::part(const std::string& node) const {
    for (const Part& p : parts)
        if (p.node == node) return &p;
    return nullptr;
}

std::int64_t DeviceReport::bytes() const {
    std::int64_t all = 0;
    for (const Part& p : parts)
        for (const Run& r : p.runs)
            all +=
                (r.value ? r.value->bytes() : 0) +
                static_cast<std::int64_t>((r.online.m.size() + r.online.d.size()) * sizeof(Real));
    return all;
}

double device_tolerance(double largest) {
    return 1e-4 * (1 + largest);
}

Need device_report(const Trace& trace, std::int64_t layer, const BackendPtr& backend) {
    const Graph& g = *trace.graph;
    auto q = std::make_shared<Question>();
    q->graph = trace.graph;
    q->weights = trace.weights;
    q->extent = trace.extent;
    q->backend = backend;
    q->recorded = trace.backend == nullptr;
    const NodeId attention = attention_node(g, layer);
    const NodeId experts = experts_node(g, experts_layer(g, layer));
    q->layer = "layer " + std::to_string(layer);
    q->tasks.push_back(attention_task(trace, attention));
    q->tasks.push_back(experts_task(trace, experts));
    if (const NodeId shared = shared_node(g, experts); shared != no_node)
        q->tasks.push_back(shared_task(trace, shared));
    return {key_of(*q), [q](const Progress& progress) { return measure(*q, progress); }};
}

}  // namespace sf
