#pragma once

#include "core/run/timeline.h"
#include "tests/support/picture.h"
#include "tests/support/runs.h"
#include "views/canvas/recording_canvas.h"
#include "views/view.h"

#include <functional>
#include <memory>
#include <string>

namespace sf {

// A true run of a small untrained model, changed as a test needs it.
inline TracePtr map_run(const std::string& prompt = "the cat sat", std::int64_t layers = 3,
                        std::int64_t modules = 1,
                        const std::function<void(ModelConfig&)>& change = {},
                        const RunOptions& options = {}, std::size_t batch = 1) {
    const auto shape = [&](ModelConfig& c) {
        c.num_hidden_layers = layers;
        c.num_nextn_predict_layers = modules;
        if (change) change(c);
    };
    return test::changed_run(prompt, shape, options, batch);
}

struct MapPicture : test::Picture {
    explicit MapPicture(TracePtr t, const std::string& step = "ids", double w = 1280,
                        double h = 720, double text = 1, bool dark = false)
        : Picture(view(), std::move(t), step, w, h, text, dark) {}
    static const View& view() { return *find_view("map"); }
};

}  // namespace sf
