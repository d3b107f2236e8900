#pragma once

#include "core/run/timeline.h"
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

// The same trace with one cell changed.
inline TracePtr rope_fault(const Trace& trace, const std::string& node, std::int64_t at,
                           double add) {
    auto other = std::make_shared<Trace>(trace);
    auto tensor = std::make_shared<Tensor>(*trace.find(node));
    tensor->real[static_cast<std::size_t>(at)] += static_cast<Real>(add);
    other->keep(trace.graph->find(node), tensor, 0);
    return other;
}

// One picture: everything that a drawing depends on.
struct RopePicture {
    TracePtr trace;
    Timeline timeline;
    Theme theme;
    Settings settings;
    Frame frame;

    explicit RopePicture(TracePtr t, const std::string& step = "layers.1.k_pe", double w = 1280,
                         double h = 720, double text = 1, bool dark = false)
        : trace(std::move(t)), theme(dark ? Theme::dark_theme(text) : Theme::light(text)) {
        frame.trace = trace.get();
        if (trace) timeline = Timeline(*trace);
        frame.timeline = &timeline;
        frame.settings = &settings;
        frame.theme = &theme;
        frame.area = {0, 0, w, h};
        frame.cursor.step = trace ? timeline.find(step) : 0;
    }
    RopePicture(const RopePicture&) = delete;
    RopePicture& operator=(const RopePicture&) = delete;

    static const View& view() { return *find_view("rope"); }
    void set(const std::string& assignment) { set_setting(settings, view(), frame, assignment); }
    RecordingCanvas draw() const {
        RecordingCanvas canvas(frame.area);
        view().draw(canvas, frame);
        return canvas;
    }
    Invariant check(const std::string& name) const {
        for (const Invariant& i : view().invariants(frame))
            if (i.name.find(name) != std::string::npos) return i;
        return {"there is no check " + name, false, ""};
    }
};

}  // namespace sf
