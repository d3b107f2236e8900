#include "core/run/trace.h"

#include "core/backend/backend.h"
#include "core/error.h"
#include "core/graph/op.h"
#include "core/ops/ops.h"
#include "core/ops/rope.h"
#include "core/text/tokenizer.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace sf {

std::string gradient_name(std::string_view name) {
    return std::string(gradient_prefix) + std::string(name);
}

std::string gradient_symbol(const Node& node) {
    const bool alone = node.symbol.find_first_of(" +(;/") == std::string::npos &&
                       node.symbol.find("·") == std::string::npos &&
                       node.symbol.find("−") == std::string::npos;
    return alone ? "∂L/∂" + node.symbol : "∂L/∂(" + node.symbol + ")";
}

TensorName named_tensor(const Graph& graph, std::string_view name) {
    if (!name.starts_with(gradient_prefix)) return {graph.find(name), false};
    return {graph.find(name.substr(gradient_prefix.size())), true};
}

const Tensor* Trace::find(NodeId id) const {
    if (id < 0 || id >= graph->size()) return nullptr;
    const auto i = static_cast<std::size_t>(id);
    if (i < values_.size() && values_[i]) return values_[i].get();
    if ((*graph)[id].op != Op::param || !weights) return nullptr;
    const auto it = weights->tensors.find((*graph)[id].name);
    return it == weights->tensors.end() ? nullptr : it->second.get();
}

const Tensor* Trace::find(std::string_view name) const {
    const auto [id, of_gradient] = named_tensor(*graph, name);
    return of_gradient ? gradient(id) : find(id);
}

const Tensor* Trace::gradient(NodeId id) const {
    const auto i = static_cast<std::size_t>(id);
    return id >= 0 && i < gradients_.size() ? gradients_[i].get() : nullptr;
}

double Trace::seconds(NodeId id) const {
    const auto i = static_cast<std::size_t>(id);
    return i < seconds_.size() ? seconds_[i] : 0;
}

std::vector<std::int64_t> Trace::sequence(std::int64_t batch) const {
    const auto first = ids.begin() + batch * extent.tokens;
    return {first, first + extent.tokens};
}

Shape Trace::shape(NodeId id) const {
    return (*graph)[id].shape(extent);
}

std::int64_t Trace::bytes() const {
    std::int64_t n = 0;
    for (const auto* kept : {&values_, &gradients_})
        for (const TensorPtr& t : *kept)
            if (t) n += t->bytes();
    return n;
}

std::string Trace::label(std::int64_t id) const {
    if (tokenizer) return tokenizer->label(id);
    const auto at = std::find(ids.begin(), ids.end(), id) - ids.begin();
    return at < static_cast<std::ptrdiff_t>(tokens.size()) ? tokens[static_cast<std::size_t>(at)]
                                                           : id_label(id);
}

TensorPtr Trace::share(NodeId id) const {
    const auto i = static_cast<std::size_t>(id);
    return i < values_.size() ? values_[i] : nullptr;
}

void Trace::keep(NodeId id, TensorPtr tensor, double seconds) {
    const auto n = static_cast<std::size_t>(graph->size());
    values_.resize(n);
    seconds_.resize(n);
    values_[static_cast<std::size_t>(id)] = std::move(tensor);
    seconds_[static_cast<std::size_t>(id)] = seconds;
}

void Trace::keep_gradient(NodeId id, TensorPtr tensor) {
    gradients_.resize(static_cast<std::size_t>(graph->size()));
    gradients_[static_cast<std::size_t>(id)] = std::move(tensor);
}

void Trace::drop_gradients() {
    gradients_.clear();
    loss.clear();
}

std::string computed_by(const Trace& trace, NodeId id) {
    // Of an edited run the CPU did what the edits touch, which is not told apart here.
    if (id == no_node || !trace.backend || !trace.edits.empty()) return "";
    const Node& node = (*trace.graph)[id];
    const Op op = node.fused.value_or(node.op);
    return trace.backend->takes(*trace.graph, id, op, trace.extent)
               ? short_name(trace.backend->device())
               : "";
}

double value_at(const Trace& trace, std::string_view node,
                std::initializer_list<std::int64_t> index) {
    const std::string name(node);
    const Tensor* t = trace.find(node);
    if (t == nullptr) throw ShapeError(name, "is not in the trace");
    if (static_cast<int>(index.size()) != t->shape.rank)
        throw ShapeError(name, "has " + std::to_string(t->shape.rank) + " dimensions");
    std::int64_t flat = 0;
    int d = 0;
    for (const std::int64_t i : index) {
        if (i < 0 || i >= t->shape[d])
            throw ShapeError(name, "index outside " + to_string(t->shape));
        flat = flat * t->shape[d++] + i;
    }
    return t->at(flat);
}

Explanation explain(const Trace& trace, NodeId id, std::int64_t index) {
    const Node& node = (*trace.graph)[id];
    Explanation e;
    e.formula = node.formula;
    const Tensor* value = trace.find(id);
    if (value == nullptr || index < 0 || index >= value->size()) return e;
    e.value = value->at(index);
    for (const Edit& edit : trace.edits)
        if (edit.node == node.name && edit.index == index) {
            e.numbers = "set by hand";
            return e;
        }
    const OpDef& def = op_def(node.op);
    if (def.explain == nullptr) return e;
    std::vector<ConstView> in;
    for (NodeId input : node.inputs) {
        const Tensor* t = trace.find(input);
        if (t == nullptr) return e;
        in.push_back(t->view());
    }
    const RopeTable rope(trace.graph->config);
    def.explain({node, trace.extent, in, rope, index, *value}, e);
    for (auto& cell : e.cells) cell.node = node.inputs[static_cast<std::size_t>(cell.node)];
    return e;
}

Explanation explain_gradient(const Trace& trace, NodeId id, std::int64_t index) {
    // Small enough for most values that the loss is straight, large enough to read.
    constexpr double change = 0.01;
    Explanation e;
    e.formula = gradient_symbol((*trace.graph)[id]);
    const Tensor* gradient = trace.gradient(id);
    if (gradient == nullptr || index < 0 || index >= gradient->size()) return e;
    e.value = gradient->at(index);
    e.numbers = "raising this value by " + number_text(change) + " changes the loss by about " +
                number_text(change * e.value);
    return e;
}

std::string edits_text(const std::vector<Edit>& edits) {
    std::string text;
    for (const Edit& e : edits) {
        std::array<char, 32> value{};
        const auto end = std::to_chars(value.data(), value.data() + value.size(), e.value).ptr;
        text += (text.empty() ? "" : " ") + e.node + "[" + std::to_string(e.index) +
                "]=" + std::string(value.data(), end);
    }
    return text;
}

std::string loss_text(const std::vector<LossTerm>& loss) {
    std::string text;
    for (const LossTerm& term : loss)
        text += (text.empty() ? "" : " + ") +
                (term.weight == 1 ? "" : number_text(term.weight) + "·") + term.node;
    return text;
}

}  // namespace sf
