#include "core/run/device_report.h"

#include "core/backend/executor.h"
#include "core/error.h"
#include "core/io/half.h"
#include "core/run/kernel_work.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <sstream>
#include <utility>

namespace sf {

namespace {

std::size_t at(std::int64_t i) {
    return static_cast<std::size_t>(i);
}

// One operation of a part, in the order in which they run; the last one's value is compared.
struct Operation {
    NodeId id = no_node;
    Op op{};
    std::vector<NodeId> inputs;
};

struct Task {
    std::string title, node, missing;
    std::vector<Operation> operations;
    TensorPtr expected;
    std::vector<std::pair<NodeId, TensorPtr>> given;  // values of the trace that it reads
    TensorPtr m, d;                                   // of attention, as the trace has them
};

struct Question {
    std::shared_ptr<const Graph> graph;
    WeightsPtr weights;
    Extent extent;
    BackendPtr backend;
    std::string layer;
    bool recorded = true;  // the trace's values are the CPU's
    std::vector<Task> tasks;
};

// An edit below the part's own inputs, which the device would not see.
std::string edited_inside(const Trace& trace, const Task& task,
                          const std::vector<NodeId>& outside) {
    const Graph& g = *trace.graph;
    std::vector<NodeId> stack{task.operations.back().id};
    for (const Operation& o : task.operations) stack.push_back(o.id);
    std::vector<char> seen(at(g.size()));
    while (!stack.empty()) {
        const NodeId id = stack.back();
        stack.pop_back();
        if (std::exchange(seen[at(id)], 1) != 0) continue;
        const bool param = g[id].op == Op::param;
        const bool given = std::find(outside.begin(), outside.end(), id) != outside.end();
        if (given && !param) continue;
        for (const Edit& e : trace.edits)
            if (g.find(e.node) == id)
                return e.node + " was set by hand, which the device would not see";
        if (!param) stack.insert(stack.end(), g[id].inputs.begin(), g[id].inputs.end());
    }
    return "";
}

// What the operations read and do not make themselves.
std::vector<NodeId> outside_of(const Task& task) {
    std::vector<NodeId> all;
    for (const Operation& o : task.operations)
        for (const NodeId in : o.inputs)
            if (std::none_of(task.operations.begin(), task.operations.end(),
                             [&](const Operation& other) { return other.id == in; }) &&
                std::find(all.begin(), all.end(), in) == all.end())
                all.push_back(in);
    return all;
}

void collect(const Trace& trace, Task& task) {
    const Graph& g = *trace.graph;
    const NodeId result = task.operations.back().id;
    task.node = g[result].name;
    const std::vector<NodeId> outside = outside_of(task);
    task.missing = edited_inside(trace, task, outside);
    const auto take = [&](NodeId id) {
        TensorPtr t = trace.share(id);
        if (t && !(t->shape == trace.shape(id))) t = nullptr;
        if (!t && task.missing.empty())
            task.missing = "the trace does not hold " + g[id].name +
                           (trace.weights ? ", which was not kept" : "");
        return t;
    };
    task.expected = take(result);
    if (task.expected && task.expected->size() == 0)
        task.missing = "this text is too short for the layer to see a token";
    for (const NodeId id : outside)
        if (g[id].op != Op::param)
            task.given.emplace_back(id, take(id));
        else if (!trace.weights && task.missing.empty())
            task.missing = "a saved trace holds no weights, and experts need them";
}

Operation fused(const Graph& g, NodeId id) {
    return {id, *g[id].fused, g[id].fused_inputs};
}
Operation step(const Graph& g, NodeId id) {
    return {id, g[id].op, g[id].inputs};
}

Task attention_task(const Trace& trace, NodeId id) {
    const Graph& g = *trace.graph;
    Task task;
    task.title = "Attention";
    if (id == no_node) {
        task.missing = "this layer has no attention";
        return task;
    }
    task.operations = {fused(g, id)};
    collect(trace, task);
    const std::string prefix = task.node.substr(0, task.node.rfind('.') + 1);
    for (const auto& [name, into] : {std::pair{"online_m", &task.m}, {"online_d", &task.d}})
        if (const NodeId node = g.find(prefix + name);
            node != no_node && std::none_of(trace.edits.begin(), trace.edits.end(),
                                            [&](const Edit& e) { return e.node == g[node].name; }))
            *into = trace.share(node);
    return task;
}

Task experts_task(const Trace& trace, NodeId id) {
    Task task;
    task.title = "Routed experts";
    if (id == no_node) {
        task.missing = "no layer of this model has experts";
        return task;
    }
    task.operations = {fused(*trace.graph, id)};
    collect(trace, task);
    return task;
}

// gate, up, SwiGLU and down: what lies between stays on the device.
Task shared_task(const Trace& trace, NodeId down) {
    const Graph& g = *trace.graph;
    Task task;
    task.title = "Shared expert";
    const NodeId h = g[down].inputs[0];
    task.operations = {step(g, g[h].inputs[0]), step(g, g[h].inputs[1]), step(g, h), step(g, down)};
    collect(trace, task);
    return task;
}

ConstView view_of(const Question& q, const Task& task, NodeId id) {
    const Node& node = (*q.graph)[id];
    if (node.op == Op::param) return q.weights->at(node.name).view();
    for (const auto& [given, tensor] : task.given)
        if (given == id) return tensor->view();
    return {node.shape(q.extent), nullptr, nullptr};  // on the device
}

void compute(const Question& q, const Task& task, DeviceRun& device, Tensor& out,
             DeviceReport::Run& run) {
    run.launches.clear();
    run.online = {};
    for (const Operation& o : task.operations) {
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
TensorPtr on_cpu(const Question& q, const Task& task, bool half) {
    const NodeId result = task.operations.back().id;
    std::map<NodeId, TensorPtr> known(task.given.begin(), task.given.end());
    std::shared_ptr<Weights> weights;
    if (q.weights) weights = std::make_shared<Weights>(*q.weights);
    for (const Operation& o : task.operations)
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
std::optional<DeviceReport::OnlineError> states_error(const Task& task, const Extent& extent,
                                                      const DeviceReport::Run& run) {
    const OnlineRecord& r = run.online;
    if (!task.m || !task.d || r.keys != attention_tile || r.tiles != task.m->shape.cols() ||
        std::ssize(r.m) != task.m->size() || std::ssize(r.d) != task.d->size())
        return {};
    DeviceReport::OnlineError e;
    double largest = 0;
    for (std::int64_t row = 0; row < task.m->shape.rows(); ++row) {
        const std::int64_t last = (extent.past + row % extent.tokens) / r.keys;
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

void run_on(const Question& q, const Task& task, const Tensor& expected, double rounding,
            DeviceReport::Run& run) {
    const auto device = q.backend->begin(q.weights, run.variant, run.half);
    if (!device) {
        run.refused = q.backend->given_up();
        if (run.refused.empty()) run.refused = "the device cannot run it";
        return;
    }
    const Shape shape = (*q.graph)[task.operations.back().id].shape(q.extent);
    auto first = std::make_shared<Tensor>(shape, DType::real), second = first;
    // The first time compiles and uploads; the second is timed.
    compute(q, task, *device, *first, run);
    second = std::make_shared<Tensor>(shape, DType::real);
    compute(q, task, *device, *second, run);
    run.repeats =
        std::equal(first->real.begin(), first->real.end(), second->real.begin(),
                   [](Real a, Real b) { return a == b || (std::isnan(a) && std::isnan(b)); });
    run.value = std::move(second);
    compare(expected, run.half ? rounding : 0, run);
    if (!run.half) run.states = states_error(task, q.extent, run);
}

std::string not_taken(const Question& q, const Task& task) {
    for (const Operation& o : task.operations)
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
    for (const Task& task : q.tasks) {
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
    for (const Task& task : q.tasks) {
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
