#pragma once

#include "core/model/model.h"
#include "core/run/edited_run.h"
#include "tests/support/picture.h"
#include "tests/support/runs.h"
#include "views/view.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sf {

// Small untrained weights whose routers have biases, as after some training.
inline WeightsPtr biased_weights(const ModelConfig& config, std::uint64_t seed, double spread) {
    auto weights = std::make_shared<Weights>(*initial_weights(config, seed));
    for (auto& [name, tensor] : weights->tensors) {
        if (!name.ends_with("e_score_correction_bias")) continue;
        auto copy = std::make_shared<Tensor>(*tensor);
        for (std::size_t i = 0; i < copy->real.size(); ++i)
            copy->real[i] =
                static_cast<Real>(0.5 + spread * std::sin(3.7 * static_cast<double>(i) + 0.4));
        tensor = copy;
    }
    return weights;
}

// A true run: 16 experts in 4 nodes, 2 of them kept, top-4, 1 shared; changed as a test needs it.
inline TracePtr experts_run(const std::string& prompt = "the cat sat",
                            const std::function<void(ModelConfig&)>& change = {},
                            const RunOptions& options = {}, std::size_t batch = 1) {
    Model model = *preset_model("nano", 0);
    model.config.n_routed_experts = 16;
    model.config.num_experts_per_tok = 4;
    model.config.initializer_range = 0.3;
    if (change) change(model.config);
    model.weights = biased_weights(model.config, 7, 0.15);
    const auto ids = model.encode(prompt);
    std::vector<std::vector<std::int64_t>> rows(batch, ids);
    for (std::size_t b = 1; b < batch; ++b)
        for (auto& id : rows[b]) id = (id + static_cast<std::int64_t>(b)) % 256;
    return run_trace(std::make_shared<Model>(model), rows, options);
}

struct ExpertsPicture : test::Picture {
    std::shared_ptr<const EditedRun> edited;

    explicit ExpertsPicture(TracePtr t, const std::string& step = "layers.1.ffn_out",
                            double w = 1280, double h = 720, double text = 1, bool dark = false)
        : Picture(view(), std::move(t), step, w, h, text, dark) {}
    static const View& view() { return *find_view("experts"); }

    // The run with what the settings set by hand, as the window shows it.
    void apply_edits() {
        const std::vector<Edit> edits = shown.edits(frame);
        ASSERT_FALSE(edits.empty());
        const Need need = edited_run(trace, edits);
        derived.settle({need});
        edited = std::dynamic_pointer_cast<const EditedRun>(derived.entry(need.key)->value);
        ASSERT_NE(edited, nullptr) << derived.entry(need.key)->error;
        frame.trace = edited->run.get();
        frame.base = trace.get();
        frame.timeline = edited->timeline.get();
    }
};

}  // namespace sf
