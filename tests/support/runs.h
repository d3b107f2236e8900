#pragma once

#include "core/model/model.h"
#include "core/run/runner.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

// True runs of small untrained models.

namespace sf::test {

// Nano, changed as a test needs it; each further row of the batch has every token moved by one.
inline TracePtr changed_run(const std::string& prompt,
                            const std::function<void(ModelConfig&)>& change = {},
                            const RunOptions& options = {}, std::size_t batch = 1) {
    Model model = *preset_model("nano", 0);
    if (change) change(model.config);
    model.weights = initial_weights(model.config, 7);
    const auto ids = model.encode(prompt);
    std::vector<std::vector<std::int64_t>> rows(batch, ids);
    for (std::size_t b = 1; b < batch; ++b)
        for (auto& id : rows[b]) id = (id + static_cast<std::int64_t>(b)) % 256;
    return run_trace(std::make_shared<Model>(model), rows, options);
}

// A text and the same backwards.
inline TracePtr mirrored_run(const std::string& prompt, const RunOptions& options,
                             const std::string& preset = "nano") {
    const ModelPtr model = preset_model(preset, 3);
    auto other = model->encode(prompt);
    std::reverse(other.begin(), other.end());
    return run_trace(model, {model->encode(prompt), other}, options);
}

// The same trace with one cell of a tensor changed: a deliberate fault.
inline TracePtr with_value(const Trace& trace, const std::string& node, std::int64_t at,
                           double value) {
    auto copy = std::make_shared<Trace>(trace);
    auto tensor = std::make_shared<Tensor>(*trace.find(node));
    if (tensor->dtype == DType::i64)
        tensor->ints[static_cast<std::size_t>(at)] = static_cast<std::int64_t>(value);
    else
        tensor->real[static_cast<std::size_t>(at)] = static_cast<Real>(value);
    copy->keep(trace.graph->find(node), tensor, 0);
    return copy;
}
inline TracePtr with_added(const Trace& trace, const std::string& node, std::int64_t at,
                           double add) {
    return with_value(trace, node, at, trace.find(node)->at(at) + add);
}

}  // namespace sf::test
