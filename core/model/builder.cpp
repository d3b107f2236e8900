#include "core/model/builder.h"

#include "core/error.h"
#include "core/model/weights.h"

namespace sf {

Builder::Builder(const ModelConfig& config, AttentionMode attention)
    : graph_(std::make_shared<Graph>()) {
    graph_->config = config;
    graph_->attention = attention;
    for (const ParameterSpec& p : parameters(config)) shapes_.emplace(p.name, p.shape);
}

NodeId Builder::put(Node node, const Label& label) {
    node.name = place.prefix + label.name;
    node.symbol = label.symbol;
    node.title = label.title;
    node.formula = label.formula;
    node.layer = place.layer;
    node.part = place.part;
    op_def(node.op).shape(*graph_, node);
    return graph_->add(std::move(node));
}

NodeId Builder::add(Op op, const Label& label, std::vector<NodeId> inputs, const Attrs& attrs) {
    Node node;
    node.op = op;
    node.inputs = std::move(inputs);
    node.attrs = attrs;
    return put(std::move(node), label);
}

NodeId Builder::add_composite(Op op, const Label& label, std::vector<NodeId> inputs, Op fused,
                              std::vector<NodeId> fused_inputs, const Attrs& attrs) {
    Node node;
    node.op = op;
    node.inputs = std::move(inputs);
    node.fused = fused;
    node.fused_inputs = std::move(fused_inputs);
    node.attrs = attrs;
    return put(std::move(node), label);
}

NodeId Builder::param(const std::string& name) {
    if (const NodeId known = graph_->find(name); known != no_node) return known;
    const auto shape = shapes_.find(name);
    if (shape == shapes_.end()) throw ShapeError(name, "the config has no such parameter");
    Node node;
    node.op = Op::param;
    node.name = name;
    node.symbol = "W";
    node.title = "Weight";
    node.formula = "learned";
    node.layer = place.layer;
    for (int i = 0; i < shape->second.rank; ++i) {
        Dim d;
        d.scale = shape->second[i];
        node.dims.push_back(d);
    }
    return graph_->add(std::move(node));
}

NodeId Builder::rms_norm(const Label& label, NodeId x, const std::string& weight,
                         std::int64_t begin, std::int64_t width) {
    Attrs a;
    a.begin = begin;
    a.width = width;
    a.eps = config().rms_norm_eps;
    return add(Op::rms_norm, label, {x, param(weight)}, a);
}

NodeId Builder::linear(const Label& label, NodeId x, const std::string& weight,
                       std::int64_t heads) {
    Attrs a;
    a.heads = heads;
    return add(Op::linear, label, {x, param(weight)}, a);
}

}  // namespace sf
