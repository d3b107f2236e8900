#include "views/place.h"

#include "views/draw/shapes.h"
#include "views/view.h"

#include <algorithm>

namespace sf {

int layer_at_cursor(const Frame& frame) {
    if (frame.timeline == nullptr || frame.timeline->size() == 0) return 0;
    std::int64_t i = std::clamp<std::int64_t>(frame.cursor.step, 0, frame.timeline->size() - 1);
    for (; i >= 0; --i)
        if ((*frame.timeline)[i].layer >= 0) return (*frame.timeline)[i].layer;
    return 0;
}

std::string layer_prefix(const ModelConfig& config, std::int64_t layer) {
    const std::int64_t module = layer - config.num_hidden_layers + 1;
    return module >= 1 ? "mtp." + std::to_string(module) + "."
                       : "layers." + std::to_string(layer) + ".";
}

std::string layer_name(const ModelConfig& config, std::int64_t layer) {
    const std::int64_t module = layer - config.num_hidden_layers + 1;
    return module >= 1 ? "MTP module " + std::to_string(module) : "layer " + std::to_string(layer);
}

const Tensor* fitting_tensor(const Trace& trace, const std::string& name) {
    const NodeId id = trace.graph->find(name);
    const Tensor* t = id == no_node ? nullptr : trace.find(id);
    return t != nullptr && t->shape == trace.shape(id) ? t : nullptr;
}

std::string quoted_token(const Trace& trace, std::int64_t batch, std::int64_t token) {
    const auto i = static_cast<std::size_t>(batch * trace.extent.tokens + token);
    return "“" + (i < trace.tokens.size() ? token_label(trace.tokens[i]) : std::string("?")) + "”";
}

}  // namespace sf
