#include "core/run/timeline.h"

#include "core/graph/graph.h"
#include "core/ops/ops.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace sf {

namespace {

std::string place_text(const Graph& g, const Node& node) {
    if (node.layer < 0) return "";
    const auto layers = static_cast<int>(g.config.num_hidden_layers);
    if (node.layer >= layers) return "MTP " + std::to_string(node.layer - layers + 1);
    return "Layer " + std::to_string(node.layer);
}

// "norm 0.012, largest −0.0034 at [0, 3, 7]"
std::string size_text(const Tensor& t) {
    double squares = 0;
    std::int64_t largest = 0;
    for (std::int64_t i = 0; i < t.size(); ++i) {
        squares += t.at(i) * t.at(i);
        if (std::fabs(t.at(i)) > std::fabs(t.at(largest))) largest = i;
    }
    if (t.size() == 0) return "no values";
    std::string place;
    std::int64_t rest = largest;
    for (int d = t.shape.rank - 1; d >= 0; rest /= t.shape[d--])
        place = std::to_string(rest % t.shape[d]) + (place.empty() ? "" : ", ") + place;
    return "norm " + number_text(std::sqrt(squares)) + ", largest " + number_text(t.at(largest)) +
           " at [" + place + "]";
}

bool is_part(const Step& step) {
    return step.kind == Step::Kind::tile || step.kind == Step::Kind::expert;
}

// The way back through a layer is not the way through it.
bool same_layer(const Step& a, const Step& b) {
    return a.layer == b.layer &&
           (a.kind == Step::Kind::gradient) == (b.kind == Step::Kind::gradient);
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
    add_backward(trace);
}

void Timeline::add_backward(const Trace& trace) {
    const Graph& g = *trace.graph;
    for (NodeId id = g.size() - 1; id >= 0; --id) {
        const Node& node = g[id];
        const Tensor* gradient = node.op == Op::param ? nullptr : trace.gradient(id);
        if (gradient == nullptr) continue;
        Step step;
        step.name = gradient_name(node.name);
        step.title = "Gradient of " + node.title;
        step.node = id;
        step.kind = Step::Kind::gradient;
        step.layer = node.layer;
        step.part = node.part;
        const std::string place = place_text(g, node);
        step.sentence = (place.empty() ? "G" : place + ": g") + "radient of " + node.title + ", " +
                        to_string(gradient->shape) + ": " + size_text(*gradient) + ".";
        steps_.push_back(std::move(step));
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
        if (node != no_node && (*this)[i].node == node)
            return (*this)[i].kind == Step::Kind::gradient ? -1 : i;
    return -1;
}

std::int64_t Timeline::gradient_of(NodeId node) const {
    for (std::int64_t i = size() - 1; i >= 0 && (*this)[i].kind == Step::Kind::gradient; --i)
        if ((*this)[i].node == node) return i;
    return -1;
}

std::int64_t Timeline::next_operation(std::int64_t i) const {
    for (std::int64_t j = i + 1; j < size(); ++j)
        if (!is_part((*this)[j])) return j;
    return i;
}

std::int64_t Timeline::previous_operation(std::int64_t i) const {
    for (std::int64_t j = i - 1; j >= 0; --j)
        if (!is_part((*this)[j])) return j;
    return 0;
}

std::int64_t Timeline::next_layer(std::int64_t i) const {
    for (std::int64_t j = i + 1; j < size(); ++j)
        if (!same_layer((*this)[j], (*this)[i])) return j;
    return std::max<std::int64_t>(0, size() - 1);
}

// The first step of this layer, or of the one before when already there.
std::int64_t Timeline::previous_layer(std::int64_t i) const {
    if (i <= 0) return 0;
    std::int64_t j = i - 1;
    while (j > 0 && same_layer((*this)[j - 1], (*this)[j])) --j;
    return j;
}

}  // namespace sf
