#include "core/run/probe.h"

#include "core/error.h"
#include "core/graph/op.h"
#include "core/ops/rope.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

namespace sf {

namespace {

// By the last part of the name, which is the same in every layer and MTP module.
constexpr std::array<std::string_view, 11> kept_names{
    "ids",           "hidden",       "attn_probs",    "kv_latent",      "router_logits",
    "router_biased", "group_scores", "router_groups", "router_indices", "lens",
    "logits"};

bool is_last_lens(const Graph& graph, NodeId id) {
    const Node& node = graph[id];
    return node.op == Op::linear && node.part == Part::lens &&
           node.layer + 1 == graph.config.num_hidden_layers;
}

bool needs_no_weights(Op op) {
    return op == Op::softmax || op == Op::gate_scores || op == Op::gate_weights ||
           op == Op::expert_load || op == Op::expert_slots;
}

}  // namespace

bool is_probe_step(std::int64_t step) {
    if (step == 0) return true;
    while (step > 0 && step % 10 == 0) step /= 10;
    return step == 1 || step == 2 || step == 5;
}

bool is_probe_node(const Graph& graph, NodeId id) {
    const Node& node = graph[id];
    if (node.op == Op::param || is_last_lens(graph, id)) return false;
    if (node.name == "embed") return true;
    const auto dot = node.name.rfind('.');
    const auto last = std::string_view(node.name).substr(dot == std::string::npos ? 0 : dot + 1);
    return std::find(kept_names.begin(), kept_names.end(), last) != kept_names.end();
}

TracePtr make_probe(const Trace& trace, std::int64_t step) {
    if (trace.extent.batch * trace.extent.tokens > max_probe_tokens)
        throw ShapeError("probe", "holds at most " + std::to_string(max_probe_tokens) +
                                      " tokens, got " + std::to_string(trace.ids.size()));
    if (!trace.edits.empty() || trace.extent.past != 0)
        throw ShapeError("probe", "must be a whole run as it was");
    auto probe = std::make_shared<Trace>();
    probe->graph = trace.graph;
    probe->extent = trace.extent;
    probe->ids = trace.ids;
    probe->tokens = trace.tokens;
    probe->tokenizer = trace.tokenizer;
    probe->model_name = trace.model_name;
    probe->trained_step = step;
    for (NodeId id = 0; id < trace.graph->size(); ++id)
        if (is_probe_node(*trace.graph, id))
            if (TensorPtr tensor = trace.share(id)) probe->keep(id, std::move(tensor), 0);
    complete_probe(*probe);
    return probe;
}

TracePtr named_probe(const TracePtr& probe, const std::string& model) {
    auto named = std::make_shared<Trace>(*probe);
    named->model_name = model;
    return named;
}

void complete_probe(Trace& probe) {
    const Graph& graph = *probe.graph;
    const RopeTable rope(graph.config);
    // The last layer's lens is the head itself.
    for (NodeId id = 0; id < graph.size(); ++id)
        if (is_last_lens(graph, id) && !probe.find(id))
            if (TensorPtr logits = probe.share(graph.logits()))
                probe.keep(id, std::move(logits), 0);
    for (NodeId id = 0; id < graph.size(); ++id) {
        const Node& node = graph[id];
        if (!needs_no_weights(node.op) || probe.find(id)) continue;
        std::vector<ConstView> in;
        for (const NodeId input : node.inputs)
            if (const Tensor* tensor = probe.find(input)) in.push_back(tensor->view());
        if (in.size() != node.inputs.size()) continue;
        auto tensor = std::make_shared<Tensor>(probe.shape(id), node.dtype);
        MutView out{tensor->shape, nullptr, nullptr};
        if (node.dtype == DType::i64)
            out.ints = tensor->ints.data();
        else
            out.real = tensor->real.data();
        op_def(node.op).forward({node, probe.extent, in, out, rope});
        probe.keep(id, std::move(tensor), 0);
    }
}

}  // namespace sf
