#pragma once

#include "read_back.h"
#include "tests/support/runs.h"
#include "views/draw/number.h"
#include "views/registry.h"

#include <algorithm>
#include <memory>

// A run of the nano model and all that a frame of the inspector points to.

namespace sf::test {

inline const std::string prompt = "the cat sat on";

inline TracePtr nano(AttentionMode mode, std::int64_t budget = std::int64_t{512} << 20,
                     bool gradients = false) {
    RunOptions options;
    options.attention = mode;
    options.budget_bytes = budget;
    options.gradients = gradients;
    return mirrored_run(prompt, options);
}

// Everything that a frame points to.
struct Scene {
    TracePtr trace;
    Timeline timeline;
    Settings settings;
    Theme theme = Theme::light();
    Rect area{0, 0, 1280, 720};
    Cursor cursor;
    std::string hover_node;
    std::int64_t hover_index = -1;
    std::unique_ptr<const View> view = make_inspector_view();

    explicit Scene(TracePtr t) : trace(std::move(t)) {
        if (trace) timeline = Timeline(*trace);
    }
    Frame frame() const {
        Frame f;
        f.trace = trace.get();
        f.timeline = trace ? &timeline : nullptr;
        f.cursor = cursor;
        f.settings = &settings;
        f.theme = &theme;
        f.area = area;
        f.hover_node = hover_node;
        f.hover_index = hover_index;
        return f;
    }
    RecordingCanvas draw() const {
        RecordingCanvas canvas(area);
        view->draw(canvas, frame());
        return canvas;
    }
    void look_at(const std::string& node) { settings["node"] = node; }
};

inline std::vector<std::string> all_nodes(const Trace& trace) {
    std::vector<std::string> names;
    for (NodeId id = 0; id < trace.graph->size(); ++id) names.push_back((*trace.graph)[id].name);
    return names;
}

}  // namespace sf::test
