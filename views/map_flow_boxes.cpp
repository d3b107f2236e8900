#include "views/map_flow.h"

#include <string>
#include <vector>

namespace sf {

namespace {

// A loss beside other things is not what a box is for.
bool beside(const MapContext& c, const std::vector<NodeId>& nodes, NodeId id) {
    return c.graph[id].part == Part::loss && c.graph[nodes.front()].part != Part::loss;
}

// Where the gradient comes into a box: the node itself, else the last that has one.
NodeId with_gradient(const MapContext& c, const std::vector<NodeId>& nodes, NodeId node) {
    if (c.trace.gradient(node) != nullptr) return node;
    for (auto id = nodes.rbegin(); id != nodes.rend(); ++id)
        if (c.trace.gradient(*id) != nullptr && !beside(c, nodes, *id)) return *id;
    return node;
}

}  // namespace

Flow::Box make_box(const MapContext& c, const std::string& title, const std::string& brief,
                   Meaning meaning, const std::vector<NodeId>& nodes, const Rect& r) {
    Flow::Box box{title, brief, meaning, nodes, nodes.back(), nodes.back(), r, false};
    for (const NodeId id : nodes) {
        if (beside(c, nodes, id)) continue;
        // Of leaves that nobody reads (the online softmax's states) none is a box's output.
        if (!c.graph.users(id).empty() || c.graph[id].op == Op::softmax) box.shown = id;
    }
    for (const NodeId id : nodes)
        if (c.graph[id].op == Op::expert_load) box.shown = id;
    for (const NodeId id : nodes)
        if (c.is_current(id)) {
            box.shown = id;
            box.current = true;
        }
    if (c.backward) box.shown = with_gradient(c, nodes, box.shown);
    box.out = box.shown;
    return box;
}

namespace {

const char* attention_name(const ModelConfig& c) {
    if (c.mla()) return "MLA";
    if (c.num_key_value_heads == 1) return "MQA";
    return c.num_key_value_heads == c.num_attention_heads ? "MHA" : "GQA";
}

}  // namespace

Flow::Box whole_box(const MapContext& c, const MapBand& band, const Rect& r) {
    const bool attention = band.kind == MapBand::Kind::attention;
    std::vector<NodeId> nodes;
    for (const MapBlock& block : band.blocks)
        if (block.column > 0) nodes.insert(nodes.end(), block.nodes.begin(), block.nodes.end());
    if (nodes.empty()) nodes = band.blocks.front().nodes;
    const char* const title = attention      ? attention_name(c.graph.config)
                              : band.experts ? "MoE"
                                             : "FFN";
    const Meaning meaning = attention      ? Meaning::latent
                            : band.experts ? Meaning::routed_expert
                                           : Meaning::residual;
    Flow::Box box = make_box(c, title, title, meaning, nodes, r);
    box.out = nodes.back();
    box.shown = nodes.back();
    if (c.backward) {
        box.shown = box.out = with_gradient(c, nodes, nodes.back());
        return box;
    }
    for (const NodeId id : nodes)
        if (c.graph[id].op == Op::causal_softmax || c.graph[id].op == Op::expert_load)
            box.shown = id;
    return box;
}

}  // namespace sf
