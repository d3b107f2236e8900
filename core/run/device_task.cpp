#include "core/run/device_task.h"

#include <algorithm>

namespace sf {

namespace {

std::size_t at(std::int64_t i) {
    return static_cast<std::size_t>(i);
}

// An edit below the part's own inputs, which the device would not see.
std::string edited_inside(const Trace& trace, const DeviceTask& task,
                          const std::vector<NodeId>& outside) {
    if (trace.edits.empty()) return "";
    const Graph& g = *trace.graph;
    std::vector<NodeId> stack{task.operations.back().id};
    for (const DeviceOperation& o : task.operations) stack.push_back(o.id);
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
std::vector<NodeId> outside_of(const DeviceTask& task) {
    std::vector<NodeId> all;
    for (const DeviceOperation& o : task.operations)
        for (const NodeId in : o.inputs)
            if (std::none_of(task.operations.begin(), task.operations.end(),
                             [&](const DeviceOperation& other) { return other.id == in; }) &&
                std::find(all.begin(), all.end(), in) == all.end())
                all.push_back(in);
    return all;
}

void collect(const Trace& trace, DeviceTask& task) {
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

DeviceOperation fused(const Graph& g, NodeId id) {
    return {id, *g[id].fused, g[id].fused_inputs};
}
DeviceOperation step(const Graph& g, NodeId id) {
    return {id, g[id].op, g[id].inputs};
}

}  // namespace

DeviceTask attention_task(const Trace& trace, NodeId id) {
    const Graph& g = *trace.graph;
    DeviceTask task;
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

DeviceTask experts_task(const Trace& trace, NodeId id) {
    DeviceTask task;
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
DeviceTask shared_task(const Trace& trace, NodeId down) {
    const Graph& g = *trace.graph;
    DeviceTask task;
    task.title = "Shared expert";
    const NodeId h = g[down].inputs[0];
    task.operations = {step(g, g[h].inputs[0]), step(g, g[h].inputs[1]), step(g, h), step(g, down)};
    collect(trace, task);
    return task;
}

}  // namespace sf
