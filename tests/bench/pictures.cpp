#include "tests/bench/pictures.h"

#include "core/error.h"
#include "core/gl/egl_context.h"
#include "core/gl/gl_backend.h"
#include "core/random.h"
#include "core/run/runner.h"
#include "core/run/timeline.h"
#include "views/canvas/recording_canvas.h"
#include "views/view.h"

#include <algorithm>
#include <chrono>
#include <functional>

namespace sf {

namespace {

constexpr std::int64_t tokens = 128;
constexpr Rect area{0, 0, 1280, 720};

double seconds(const std::function<void()>& work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double share(std::vector<double> all, double part) {
    std::sort(all.begin(), all.end());
    return all[static_cast<std::size_t>(part * static_cast<double>(all.size() - 1))];
}

PictureTimes times_of(const View& view, const std::string& page, Frame frame, bool quick) {
    Settings settings;
    Derived derived;
    frame.settings = &settings;
    frame.derived = &derived;
    if (!page.empty()) set_setting(settings, view, frame, page);
    const std::int64_t steps = quick ? 3 : 24, runs = quick ? 1 : 8;
    PictureTimes t{view.id(), page};
    std::vector<double> drawn, replayed;
    for (std::int64_t i = 0; i < steps; ++i) {
        frame.cursor.step = i * (frame.timeline->size() - 1) / (steps - 1);
        derived.settle(view.needs(frame));
        for (std::int64_t run = 0; run < runs; ++run) {
            RecordingCanvas canvas(area), again(area);
            drawn.push_back(seconds([&] { view.draw(canvas, frame); }));
            replayed.push_back(seconds([&] { canvas.replay(again); }));
            t.strokes = std::max(t.strokes, canvas.primitives().size());
        }
    }
    t.median = share(drawn, 0.5);
    t.p95 = share(drawn, 0.95);
    t.replay = share(replayed, 0.5);
    return t;
}

// The pages of measured results are empty without one.
BackendPtr any_device() {
    try {
        return std::make_shared<GlBackend>(
            std::make_unique<EglContext>(EglWish{.processor = true}));
    } catch (const DeviceError&) {
        return nullptr;
    }
}

}  // namespace

double PictureTimes::limit() const {
    return view == "map" ? 2e-3 : 1e-3;  // the map is the densest
}

std::vector<PictureTimes> picture_times(bool quick, const ModelPtr& trained) {
    const ModelPtr model = trained ? trained : preset_model("micro", 0);
    std::vector<std::int64_t> ids;
    for (std::int64_t i = 0; i < tokens; ++i)
        ids.push_back(
            static_cast<std::int64_t>(random_bits(7, 1, static_cast<std::uint64_t>(i)) %
                                      static_cast<std::uint64_t>(model->config.vocab_size)));
    const TracePtr trace = run_trace(model, {ids});
    const Timeline timeline(*trace);
    const Theme theme = Theme::light(1);
    Frame frame;
    frame.trace = trace.get();
    frame.timeline = &timeline;
    frame.history = model->history.get();
    frame.theme = &theme;
    frame.gpu = any_device();
    frame.area = area;
    std::vector<PictureTimes> all;
    for (const auto& view : views()) {
        std::vector<std::string> pages;
        for (const Parameter& p : view->parameters(frame))
            if (p.name == "show")
                for (const std::string& value : p.choices) pages.push_back("show=" + value);
        if (pages.empty()) pages.emplace_back();
        for (const std::string& page : pages) all.push_back(times_of(*view, page, frame, quick));
    }
    return all;
}

}  // namespace sf
