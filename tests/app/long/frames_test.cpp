// What a window costs a training run, and how fast it answers meanwhile: figures on stdout,
// measured with the shipped model on the software renderer. Nothing here judges a time; what is
// judged is that a key shows in the next frames.
#include "app/controller.h"
#include "app/headless.h"
#include "app/pace.h"
#include "app/shipped_model.h"
#include "core/error.h"
#include "views/canvas/recording_canvas.h"
#include "views/registry.h"

#include <gtest/gtest.h>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace sf {
namespace {

// Of all threads, also those of the software renderer.
double processor_seconds() {
    timespec t{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

double seconds() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

// STEPFORMER_FRAMES_SECONDS: how long each part is measured.
double part_seconds() {
    const char* const set = std::getenv("STEPFORMER_FRAMES_SECONDS");
    return set ? std::max(0.1, std::atof(set)) : 8;
}

// STEPFORMER_FRAMES_VIEWS: "map rope"; all where it is not set.
std::vector<std::string> viewed() {
    std::vector<std::string> ids;
    if (const char* const set = std::getenv("STEPFORMER_FRAMES_VIEWS")) {
        std::istringstream words(set);
        for (std::string id; words >> id;) ids.push_back(id);
    } else {
        for (const auto& view : views()) ids.push_back(view->id());
    }
    return ids;
}

ShotOptions shipped(int threads) {
    ShotOptions o;
    o.model = shipped_model();
    if (!o.model) o.model = preset_model("micro", 1);
    o.engine.threads = threads;
    o.run = RunPrompt{"23 + 45 = 68; Mia has a red kite"};
    return o;
}

struct Figures {
    std::vector<double> frames;  // seconds each
    double drawing = 0, whole = 0;
    std::int64_t steps = 0;
    double median() {
        if (frames.empty()) return 0;
        std::nth_element(frames.begin(), frames.begin() + std::ssize(frames) / 2, frames.end());
        return frames[frames.size() / 2];
    }
    double rate() const { return static_cast<double>(steps) / whole; }
};

// The window's loop (app/window.cpp) on a surfaceless context. `key` is pressed each `every`
// seconds; 0: never. Drawing can be left out, to know what training does without a window.
class Session {
public:
    explicit Session(int threads) : window_(shipped(threads)) {
        window_.finish();
        window_.key("Escape");
        window_.controller().attempt("train-set steps=1000000");
        window_.controller().attempt("train on");
        window_.finish();
    }
    Controller& controller() { return window_.controller(); }
    Headless& window() { return window_; }

    Figures live(double span, bool draws, const char* key, double every) {
        Figures f;
        const double begin = seconds();
        window_.advance(0);
        const std::int64_t first = controller().training()->step;
        double next_key = begin + every, last = begin, now = begin;
        std::uint64_t shown = 0;
        Pace pace;
        for (; now < begin + span; now = seconds()) {
            controller().tick(window_.now() + now - last);
            bool asked = false;
            if (every > 0 && now >= next_key) {
                window_.input(key_press(key));
                InputEvent up = key_press(key);
                up.down = false;
                window_.input(up);
                next_key += every;
                asked = true;
            }
            const bool trains = !controller().animating();
            if (draws && pace.draws(now, controller().version() != shown, asked, trains)) {
                advance(now, last);
                window_.render();
                shown = controller().version();
                const double end = seconds();
                pace.drawn(now, end);
                f.frames.push_back(end - now);
                f.drawing += end - now;
            }
            if (!controller().animating())
                std::this_thread::sleep_for(std::chrono::milliseconds(4));
        }
        advance(now, last);
        f.whole = now - begin;
        f.steps = controller().training()->step - first;
        return f;
    }

    // A frame's work when nothing else happens: a walk of so many steps with training paused.
    double processor_of_a_frame(int frames) {
        controller().attempt("train off");
        window_.finish();
        const double begin = processor_seconds();
        for (int i = 0; i < frames; ++i) {
            window_.key(i % 2 ? "Left" : "Right");
            window_.render();
            window_.advance(0.1);
            window_.render();
        }
        const double each = (processor_seconds() - begin) / (2 * frames);
        controller().attempt("train on");
        window_.finish();
        return each;
    }

    // Drawing the picture and checking what must hold of it, this thread's time.
    void print_parts(const char* view) {
        const Frame frame = controller().frame(0);
        const auto time = [](const auto& work) {
            constexpr int times = 10;
            timespec begin{}, end{};
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
            for (int i = 0; i < times; ++i) work();
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
            return (static_cast<double>(end.tv_sec - begin.tv_sec) * 1e3 +
                    static_cast<double>(end.tv_nsec - begin.tv_nsec) * 1e-6) /
                   times;
        };
        const View& v = controller().view(0);
        const double draws = time([&] {
            RecordingCanvas canvas(frame.area);
            v.draw(canvas, frame);
        });
        const double checks = time([&] { v.invariants(frame); });
        const double words = time([&] { v.describe(frame); });
        std::printf("%-10s of it: drawing %.2f ms, checks %.2f ms, words %.2f ms\n", view, draws,
                    checks, words);
    }

private:
    void advance(double now, double& last) {
        window_.advance(now - last);
        last = now;
    }
    Headless window_;
};

TEST(LongFrames, WhileItTrains) {
    const int threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
    std::unique_ptr<Session> session;
    try {
        session = std::make_unique<Session>(threads);
    } catch (const DeviceError& error) {
        GTEST_SKIP() << "no headless window on this machine: " << error.what();
    }
    const double span = part_seconds();
    std::printf("training on %d threads, 1280 x 720, software renderer\n", threads);
    for (const std::string& id : viewed()) {
        const char* const view = id.c_str();
        session->controller().attempt("view " + id);
        session->controller().attempt("step layers.1.attn_probs");
        session->live(0.3, true, "Right", 0);
        const Figures without = session->live(span, false, "Right", 0);
        Figures still = session->live(span, true, "Right", 0);
        const Figures again = session->live(span, false, "Right", 0);
        Figures walking = session->live(span, true, "Right", 0.5);
        const double before = (without.rate() + again.rate()) / 2;
        std::printf(
            "%-10s still: %4zu frames, median %5.1f ms, drawing %4.1f %% of the time, "
            "training %5.1f %% slower (%.1f and %.1f steps/s without a window)\n",
            view, still.frames.size(), still.median() * 1e3, 100 * still.drawing / still.whole,
            100 * (1 - still.rate() / before), without.rate(), again.rate());
        std::printf(
            "%-10s walking: %4zu frames, median %5.1f ms, training %5.1f %% slower; a frame "
            "takes %.1f ms of a processor\n",
            view, walking.frames.size(), walking.median() * 1e3,
            100 * (1 - walking.rate() / before), session->processor_of_a_frame(20) * 1e3);
        session->print_parts(view);
        std::fflush(stdout);
        EXPECT_GT(still.frames.size(), 0U);
        EXPECT_GT(walking.frames.size(), 0U);
        EXPECT_EQ(session->controller().training()->state, TrainingStatus::State::running);
    }
}

// The key is seen by the first frame after it and drawn by the second at the latest, whatever the
// training does.
TEST(LongFrames, AKeyIsAnsweredWithinTwoFrames) {
    std::unique_ptr<Session> session;
    try {
        session = std::make_unique<Session>(2);
    } catch (const DeviceError& error) {
        GTEST_SKIP() << "no headless window on this machine: " << error.what();
    }
    Headless& window = session->window();
    session->controller().attempt("train-follow off");
    window.finish();
    for (const char* key : {"Right", "Right", "Shift+Right", "Ctrl+Right", "Left", "2", "1"}) {
        window.advance(1);
        const Image before = window.picture();
        const auto step = session->controller().step();
        const std::string view = session->controller().view(0).id();
        window.key(key);  // one frame
        EXPECT_TRUE(session->controller().step() != step ||
                    session->controller().view(0).id() != view)
            << key;
        window.advance(1.0 / 60);
        EXPECT_FALSE(window.picture().pixels == before.pixels) << key;
    }
}

}  // namespace
}  // namespace sf
