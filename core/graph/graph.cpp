#include "core/graph/graph.h"

#include "core/error.h"

#include <utility>

namespace sf {

std::int64_t Dim::value(const Extent& e) const {
    std::int64_t n = scale * (per_batch ? e.batch : 1);
    switch (sym) {
        case Sym::one:
            return n;
        case Sym::tokens:
            return n * std::max<std::int64_t>(0, e.tokens + offset);
        case Sym::context:
            return n * std::max<std::int64_t>(0, e.context() + offset);
        case Sym::tiles: {
            const auto context = std::max<std::int64_t>(0, e.context() + offset);
            return n * ((context + attention_tile - 1) / attention_tile);
        }
    }
    return n;
}

Shape Node::shape(const Extent& e) const {
    Shape s;
    for (const Dim& d : dims) s.push(d.value(e));
    return s;
}

NodeId Graph::find(std::string_view name) const {
    const auto it = by_name_.find(std::string(name));
    return it == by_name_.end() ? no_node : it->second;
}

NodeId Graph::add(Node node) {
    const NodeId id = size();
    if (!by_name_.emplace(node.name, id).second) throw ShapeError(node.name, "the name is taken");
    users_.emplace_back();
    for (NodeId input : node.inputs) {
        auto& users = users_[static_cast<std::size_t>(input)];
        if (users.empty() || users.back() != id) users.push_back(id);
    }
    nodes_.push_back(std::move(node));
    return id;
}

}  // namespace sf
