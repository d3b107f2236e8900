#pragma once

#include "core/run/timeline.h"
#include "tests/support/picture.h"
#include "tests/support/runs.h"
#include "views/canvas/recording_canvas.h"
#include "views/view.h"

#include <functional>
#include <string>
#include <utility>

namespace sf {

inline TracePtr latent_run(const std::string& prompt = "the cat sat",
                           const std::function<void(ModelConfig&)>& change = {},
                           const RunOptions& options = {}, std::size_t batch = 1) {
    return test::changed_run(prompt, change, options, batch);
}
inline TracePtr grouped_run(std::int64_t groups, const std::string& prompt = "the cat sat") {
    return latent_run(prompt, [groups](ModelConfig& c) {
        c.attention_kind = "gqa";
        c.num_key_value_heads = groups;
    });
}
inline TracePtr absorbed_run(const std::string& prompt = "the cat sat", std::size_t batch = 1) {
    RunOptions options;
    options.attention = AttentionMode::absorbed;
    return latent_run(prompt, {}, options, batch);
}

struct LatentPicture : test::Picture {
    explicit LatentPicture(TracePtr t, const std::string& step = "layers.1.kv_latent",
                           double w = 1280, double h = 720, double text = 1, bool dark = false)
        : Picture(view(), std::move(t), step, w, h, text, dark) {}
    static const View& view() { return *find_view("latent-kv"); }
};

}  // namespace sf
