#pragma once

#include "core/run/timeline.h"
#include "tests/support/runs.h"
#include "views/canvas/recording_canvas.h"
#include "views/view.h"

#include <functional>
#include <string>
#include <utility>

namespace sf {

// The same trace with one cell changed.
inline TracePtr latent_fault(const Trace& trace, const std::string& node, std::int64_t at,
                             double add) {
    auto other = std::make_shared<Trace>(trace);
    auto tensor = std::make_shared<Tensor>(*trace.find(node));
    tensor->real[static_cast<std::size_t>(at)] += static_cast<Real>(add);
    other->keep(trace.graph->find(node), tensor, 0);
    return other;
}

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

// One picture: everything that a drawing depends on, its costly results settled unless asked not
// to.
struct LatentPicture {
    TracePtr trace;
    Timeline timeline;
    Theme theme;
    Settings settings;
    Derived derived;
    Frame frame;

    explicit LatentPicture(TracePtr t, const std::string& step = "layers.1.kv_latent",
                           double w = 1280, double h = 720, double text = 1, bool dark = false)
        : trace(std::move(t)), theme(dark ? Theme::dark_theme(text) : Theme::light(text)) {
        frame.trace = trace.get();
        if (trace) timeline = Timeline(*trace);
        frame.timeline = &timeline;
        frame.settings = &settings;
        frame.derived = &derived;
        frame.theme = &theme;
        frame.area = {0, 0, w, h};
        frame.cursor.step = trace ? std::max<std::int64_t>(0, timeline.find(step)) : 0;
    }
    LatentPicture(const LatentPicture&) = delete;
    LatentPicture& operator=(const LatentPicture&) = delete;

    static const View& view() { return *find_view("latent-kv"); }
    void set(const std::string& assignment) { set_setting(settings, view(), frame, assignment); }
    void settle() { derived.settle(view().needs(frame)); }
    RecordingCanvas draw() const {
        RecordingCanvas canvas(frame.area);
        view().draw(canvas, frame);
        return canvas;
    }
    Invariant check(const std::string& name) {
        settle();
        for (const Invariant& i : view().invariants(frame))
            if (i.name.find(name) != std::string::npos) return i;
        return {"there is no check " + name, false, ""};
    }
};

}  // namespace sf
