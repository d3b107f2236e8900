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

}  // namespace sf::test
