#pragma once

#include "core/run/timeline.h"
#include "tests/support/picture.h"
#include "tests/support/runs.h"
#include "views/canvas/recording_canvas.h"
#include "views/view.h"

#include <functional>
#include <string>

namespace sf {

// A true run of a small untrained model, changed as a test needs it.
inline TracePtr rope_run(const std::string& prompt = "the cat sat",
                         const std::function<void(ModelConfig&)>& change = {},
                         const RunOptions& options = {}, std::size_t batch = 1) {
    return test::changed_run(prompt, change, options, batch);
}

struct RopePicture : test::Picture {
    explicit RopePicture(TracePtr t, const std::string& step = "layers.1.k_pe", double w = 1280,
                         double h = 720, double text = 1, bool dark = false)
        : Picture(view(), std::move(t), step, w, h, text, dark) {}
    static const View& view() { return *find_view("rope"); }
};

}  // namespace sf
