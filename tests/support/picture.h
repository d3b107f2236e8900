#pragma once

#include "core/run/timeline.h"
#include "views/canvas/recording_canvas.h"
#include "views/view.h"

#include <algorithm>
#include <string>
#include <utility>

namespace sf::test {

// One picture of a view: everything that a drawing depends on. Costly results are settled when
// asked.
struct Picture {
    TracePtr trace;
    Timeline timeline;
    Theme theme;
    Settings settings;
    Derived derived;
    Frame frame;
    const View& shown;

    Picture(const View& view, TracePtr t, const std::string& step, double w, double h, double text,
            bool dark)
        : trace(std::move(t)),
          theme(dark ? Theme::dark_theme(text) : Theme::light(text)),
          shown(view) {
        frame.trace = trace.get();
        if (trace) timeline = Timeline(*trace);
        frame.timeline = &timeline;
        frame.settings = &settings;
        frame.derived = &derived;
        frame.theme = &theme;
        frame.area = {0, 0, w, h};
        frame.cursor.step = trace ? std::max<std::int64_t>(0, timeline.find(step)) : 0;
    }
    Picture(const Picture&) = delete;
    Picture& operator=(const Picture&) = delete;

    void set(const std::string& assignment) { set_setting(settings, shown, frame, assignment); }
    void settle() { derived.settle(shown.needs(frame)); }
    RecordingCanvas draw() const {
        RecordingCanvas canvas(frame.area);
        shown.draw(canvas, frame);
        return canvas;
    }
    Invariant check(const std::string& name) const {
        Derived all = derived;
        all.settle(shown.needs(frame));
        Frame settled = frame;
        settled.derived = &all;
        for (const Invariant& i : shown.invariants(settled))
            if (i.name.find(name) != std::string::npos) return i;
        return {"there is no check " + name, false, ""};
    }
};

}  // namespace sf::test
