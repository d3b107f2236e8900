#include "core/graph/kernel_work.h"

#include "core/ops/attention_layout.h"

#include <algorithm>
#include <cstdlib>

namespace sf {

namespace {

std::int64_t pieces(std::int64_t n, std::int64_t each) {
    return (n + each - 1) / each;
}

bool fused_as(const Node& node, std::initializer_list<Op> ops) {
    return node.fused && std::find(ops.begin(), ops.end(), *node.fused) != ops.end();
}

NodeId node_of_layer(const Graph& graph, std::int64_t layer, std::initializer_list<Op> ops) {
    for (NodeId id = 0; id < graph.size(); ++id)
        if (graph[id].layer == layer && fused_as(graph[id], ops)) return id;
    return no_node;
}

}  // namespace

std::int64_t AttentionWork::pairs() const {
    return queries * past() + queries * (queries + 1) / 2;
}

double AttentionWork::flops() const {
    return static_cast<double>(batch * heads * pairs() * (2 * key_width + 2 * value_width + 1));
}

std::int64_t AttentionWork::groups(const AttentionTiles& cut) const {
    return pieces(rows(), cut.queries);
}

std::int64_t AttentionWork::tiles(const AttentionTiles& cut) const {
    return pieces(context, cut.keys);
}

std::int64_t AttentionWork::last_token(std::int64_t group, const AttentionTiles& cut) const {
    return (std::min(rows(), (group + 1) * cut.queries) - 1) / share;
}

std::int64_t AttentionWork::walked(std::int64_t group, const AttentionTiles& cut) const {
    return pieces(seen(last_token(group, cut)), cut.keys);
}

AttentionWork::Tokens AttentionWork::tokens(std::int64_t group, std::int64_t of,
                                            const AttentionTiles& cut) const {
    const auto from = [&](std::int64_t row) {
        return std::clamp<std::int64_t>(pieces(std::max<std::int64_t>(0, row - of), share), 0,
                                        queries);
    };
    const std::int64_t first = from(group * cut.queries);
    return {first, from((group + 1) * cut.queries) - first};
}

std::int64_t AttentionWork::all_groups(const AttentionTiles& cut) const {
    return batch * (heads / share) * groups(cut) * pieces(value_width, cut.columns);
}

std::optional<AttentionWork> attention_work(const Graph& graph, NodeId id, const Extent& extent) {
    if (id == no_node || !fused_as(graph[id], {Op::attention, Op::attention_latent})) return {};
    const Node& node = graph[id];
    const Shape q = graph[node.fused_inputs[0]].shape(extent);
    const Shape keys = graph[node.fused_inputs[2]].shape(extent);
    AttentionWork w;
    w.batch = q[0];
    w.heads = node.attrs.heads;
    w.queries = q[1];
    w.context = keys[1];
    const bool latent = *node.fused == Op::attention_latent;
    w.key_width = (latent ? keys[2] : node.attrs.nope) + node.attrs.rope;
    w.value_width = latent ? keys[2] : node.attrs.value;
    w.share = latent ? w.heads : node.attrs.kv_heads > 0 ? w.heads / node.attrs.kv_heads : 1;
    return w;
}

HeadInputs head_inputs(const Graph& graph, NodeId id, const Extent& extent, std::int64_t batch,
                       std::int64_t head) {
    const Node& node = graph[id];
    const auto& in = node.fused_inputs;
    Attrs attrs = node.attrs;
    const Shape keys = graph[in[2]].shape(extent);
    if (keys.rank == 3) attrs.value = keys[2];
    const HeadLayout l = head_layout(attrs, graph[in[0]].shape(extent), keys, batch, head);
    return {{in[0], l.q.begin, l.q.ld, l.content},
            {in[1], l.q_pe.begin, l.q_pe.ld, l.rope},
            {in[2], l.key.begin, l.key.ld, l.content},
            {in[l.k_pe_in], l.k_pe.begin, l.k_pe.ld, l.rope},
            {in[l.value_in], l.value.begin, l.value.ld, l.width}};
}

double ExpertsWork::gate_up_flops() const {
    return static_cast<double>(2 * 2 * rows() * hidden * width);
}
double ExpertsWork::down_flops() const {
    return static_cast<double>(2 * rows() * hidden * width);
}
double ExpertsWork::combine_flops() const {
    return static_cast<double>(2 * rows() * hidden);
}

std::optional<ExpertsWork> experts_work(const Graph& graph, NodeId id, const Extent& extent) {
    if (id == no_node || !fused_as(graph[id], {Op::experts})) return {};
    const Node& node = graph[id];
    const Shape x = graph[node.fused_inputs[0]].shape(extent);
    ExpertsWork w;
    w.tokens = x.rows();
    w.hidden = x.cols();
    w.chosen = node.attrs.top_k;
    w.experts = node.attrs.experts;
    w.width = graph[node.fused_inputs[3]].shape(extent)[0];
    return w;
}

std::int64_t computed_rows(std::span<const ExpertTile> tiles, std::int64_t rows) {
    return static_cast<std::int64_t>(tiles.size()) * rows;
}

NodeId attention_node(const Graph& graph, std::int64_t layer) {
    return node_of_layer(graph, layer, {Op::attention, Op::attention_latent});
}

NodeId experts_node(const Graph& graph, std::int64_t layer) {
    return node_of_layer(graph, layer, {Op::experts});
}

NodeId shared_node(const Graph& graph, NodeId experts) {
    if (experts == no_node) return no_node;
    const std::string& name = graph[experts].name;
    return graph.find(name.substr(0, name.rfind('.') + 1) + "shared_out");
}

std::int64_t experts_layer(const Graph& graph, std::int64_t layer) {
    std::int64_t best = -1;
    for (NodeId id = 0; id < graph.size(); ++id)
        if (fused_as(graph[id], {Op::experts}) &&
            (best < 0 || std::abs(graph[id].layer - layer) < std::abs(best - layer)))
            best = graph[id].layer;
    return best;
}

}  // namespace sf
