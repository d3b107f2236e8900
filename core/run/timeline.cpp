#include "core/run/timeline.h"

#include "core/graph/graph.h"

#include <algorithm>
#include <charconv>

namespace sf {

namespace {

std::string place_text(const Graph& g, const Node& node) {
    if (node.layer < 0) return "";
    const auto layers = static_cast<int>(g.config.num_hidden_layers);
    if (node.layer >= layers) return "MTP " + std::to_string(node.layer - layers + 1);
    return "Layer " + std::to_string(node.layer);
}

}  // namespace

Timeline::Timeline(const Trace& trace) {
    const Graph& g = *trace.graph;
    for (NodeId id = 0; id < g.size(); ++id) {
        const Node& node = g[id];
        // The lens looks at the stream from beside: it is no step of the model's own work.
        if (node.op == Op::param || node.part == Part::lens) continue;
        Step step;
        step.name = node.name;
        step.title = node.title;
        step.node = id;
        step.layer = node.layer;
        step.part = node.part;
        const std::string place = place_text(g, node);
        step.sentence = (place.empty() ? "" : place + ": ") + node.title + ", " +
                        to_string(trace.shape(id)) + ".";
        steps_.push_back(step);

        const std::string prefix = node.name.substr(0, node.name.rfind('.') + 1);
        if (node.op == Op::causal_softmax) {
            const std::int64_t context = trace.shape(id)[3];
            const std::int64_t tiles = (context + attention_tile - 1) / attention_tile;
            for (std::int64_t j = 0; j < tiles; ++j) {
                Step sub = step;
                sub.name = node.name + ".tile." + std::to_string(j);
                sub.title = "Tile " + std::to_string(j);
                sub.kind = Step::Kind::tile;
                sub.sub = j;
                const auto end = std::min(context, (j + 1) * attention_tile) - 1;
                sub.sentence = place + ": keys " + std::to_string(j * attention_tile) + " to " +
                               std::to_string(end) + " arrive; the running maximum and sum follow.";
                steps_.push_back(sub);
            }
        }
        if (node.op == Op::combine) {
            const Tensor* load = trace.find(prefix + "expert_load");
            for (std::int64_t e = 0; load != nullptr && e < load->size(); ++e) {
                const auto tokens = load->ints[static_cast<std::size_t>(e)];
                if (tokens == 0) continue;
                Step sub = step;
                sub.name = prefix + "experts." + std::to_string(e);
                sub.title = "Expert " + std::to_string(e);
                sub.kind = Step::Kind::expert;
                sub.sub = e;
                sub.sentence = place + ": expert " + std::to_string(e) + " works on " +
                               std::to_string(tokens) + (tokens == 1 ? " token." : " tokens.");
                steps_.push_back(sub);
            }
        }
    }
}

std::int64_t Timeline::find(std::string_view step) const {
    std::int64_t number = -1;
    const auto [end, error] = std::from_chars(step.data(), step.data() + step.size(), number);
    if (error == std::errc() && end == step.data() + step.size())
        return number >= 0 && number < size() ? number : -1;
    for (std::int64_t i = 0; i < size(); ++i)
        if ((*this)[i].name == step) return i;
    return -1;
}

std::int64_t Timeline::of(NodeId node) const {
    for (std::int64_t i = 0; i < size(); ++i)
        if (node != no_node && (*this)[i].node == node) return i;
    return -1;
}

std::int64_t Timeline::next_operation(std::int64_t i) const {
    for (std::int64_t j = i + 1; j < size(); ++j)
        if ((*this)[j].kind == Step::Kind::operation) return j;
    return i;
}

std::int64_t Timeline::previous_operation(std::int64_t i) const {
    for (std::int64_t j = i - 1; j >= 0; --j)
        if ((*this)[j].kind == Step::Kind::operation) return j;
    return 0;
}

std::int64_t Timeline::next_layer(std::int64_t i) const {
    for (std::int64_t j = i + 1; j < size(); ++j)
        if ((*this)[j].layer != (*this)[i].layer) return j;
    return std::max<std::int64_t>(0, size() - 1);
}

// The first step of this layer, or of the one before when already there.
std::int64_t Timeline::previous_layer(std::int64_t i) const {
    if (i <= 0) return 0;
    std::int64_t j = i - 1;
    const int layer = (*this)[j].layer;
    while (j > 0 && (*this)[j - 1].layer == layer) --j;
    return j;
}

}  // namespace sf
