#pragma once

#include "tests/support/runs.h"
#include "views/canvas/recording_canvas.h"
#include "views/draw/colour_map.h"
#include "views/draw/number.h"
#include "views/registry.h"

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

// A run and all that a frame of the attention view points to, and what is read back from a drawing
// knowing nothing of the view's code: only hits, texts, pictures and bars.
namespace sf::test {

inline TracePtr small_run(AttentionMode mode = AttentionMode::naive,
                          const std::string& prompt = "the cat sat on",
                          const std::string& preset = "nano") {
    RunOptions options;
    options.attention = mode;
    return mirrored_run(prompt, options, preset);
}

struct Scene {
    TracePtr trace;
    Timeline timeline;
    Settings settings;
    Theme theme = Theme::light();
    Rect area{0, 0, 1280, 720};
    Cursor cursor;
    std::string hover_node;
    std::int64_t hover_index = -1;
    const View& view = *find_view("attention");

    explicit Scene(TracePtr t, const std::string& step = "layers.1.attn_out")
        : trace(std::move(t)) {
        if (!trace) return;
        timeline = Timeline(*trace);
        at(step);
    }
    void at(const std::string& step, double within = 1) {
        cursor.step = timeline.find(step);
        cursor.within = within;
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
    void set(const std::string& assignment) { set_setting(settings, view, frame(), assignment); }
    RecordingCanvas draw() const {
        RecordingCanvas canvas(area);
        view.draw(canvas, frame());
        return canvas;
    }
    std::vector<std::string> red() const {
        std::vector<std::string> names;
        for (const Invariant& i : view.invariants(frame()))
            if (!i.holds) names.push_back(i.name + ": " + i.figure);
        return names;
    }
};

// Every bar in a hit of the node must be its cell's value times one number, from one line of zero.
// Returns how many were read; failures are added.
inline int read_bars(const RecordingCanvas& canvas, const Trace& trace, const std::string& node,
                     std::optional<Colour> only = {}) {
    constexpr double tolerance = 0.02;
    const Tensor& tensor = *trace.find(node);
    struct Bar {
        double value, top, bottom;
    };
    std::vector<Bar> bars;
    for (const Hit& h : canvas.hits()) {
        if (h.target.node != node || h.target.rows != 1 || h.rect.h < 24) continue;
        const double share = h.rect.w / static_cast<double>(h.target.cols);
        for (const Primitive& p : canvas.primitives()) {
            if (p.kind != Primitive::Kind::fill_rect || (only && !(p.colour == *only)) ||
                p.rect.w > share + 0.01 || p.rect.x < h.rect.x - 0.01 ||
                p.rect.right() > h.rect.right() + 0.01 || p.rect.y < h.rect.y - 0.01 ||
                p.rect.bottom() > h.rect.bottom() + 0.01)
                continue;
            const auto c = static_cast<std::int64_t>((p.rect.centre().x - h.rect.x) / share);
            bars.push_back(
                {tensor.at(h.target.first + c * h.target.col_stride), p.rect.y, p.rect.bottom()});
        }
    }
    const Bar* tallest = nullptr;
    for (const Bar& b : bars)
        if (!tallest || b.bottom - b.top > tallest->bottom - tallest->top) tallest = &b;
    if (!tallest) return 0;
    const double zero = tallest->value > 0 ? tallest->bottom : tallest->top;
    const double scale = (tallest->bottom - tallest->top) / std::fabs(tallest->value);
    for (const Bar& b : bars) {
        const double end = zero - b.value * scale;
        EXPECT_NEAR(b.top, std::min(zero, end), tolerance) << node << " of " << b.value;
        EXPECT_NEAR(b.bottom, std::max(zero, end), tolerance) << node << " of " << b.value;
    }
    return static_cast<int>(bars.size());
}

inline std::string text_after(const RecordingCanvas& canvas, const std::string& beginning) {
    for (const std::string& text : canvas.texts())
        if (text.rfind(beginning, 0) == 0) return text.substr(beginning.size());
    return {};
}

}  // namespace sf::test
