#pragma once

#include "tests/support/fake_backend.h"
#include "tests/support/picture.h"
#include "tests/support/runs.h"
#include "views/view.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace sf {

// A true run of a small untrained model, wide weights so that scores differ.
inline TracePtr gpu_run(const std::string& prompt = "the cat sat",
                        const std::function<void(ModelConfig&)>& change = {},
                        const RunOptions& options = {}, std::size_t batch = 1) {
    const auto shape = [&](ModelConfig& c) {
        c.initializer_range = 0.25;
        if (change) change(c);
    };
    return test::changed_run(prompt, shape, options, batch);
}

struct GpuPicture : test::Picture {
    explicit GpuPicture(TracePtr t, const std::string& step = "layers.1.heads", double w = 1280,
                        double h = 720, double text = 1, bool dark = false)
        : Picture(view(), std::move(t), step, w, h, text, dark) {}
    static const View& view() { return *find_view("gpu"); }

    std::shared_ptr<test::FakeBackend> with_device() {
        auto device = std::make_shared<test::FakeBackend>();
        frame.gpu = device;
        return device;
    }
};

inline const Hit* find_hit(const RecordingCanvas& canvas, const std::string& node) {
    for (const Hit& h : canvas.hits())
        if (h.target.node == node) return &h;
    return nullptr;
}

}  // namespace sf
