#pragma once

#include "core/train/trainer.h"
#include "tests/support/picture.h"
#include "tests/support/runs.h"
#include "views/training_run.h"

#include <functional>
#include <memory>
#include <string>

namespace sf {

inline ModelConfig small_shape() {
    ModelConfig c = ModelConfig::preset("nano");
    c.hidden_size = 24;
    c.intermediate_size = 32;
    c.moe_intermediate_size = 12;
    c.num_nextn_predict_layers = 2;
    c.max_position_embeddings = 128;
    return c;
}

inline TrainSettings small_settings(std::int64_t steps) {
    TrainSettings s;
    s.steps = steps;
    s.batch = 2;
    s.seq = 24;
    s.warmup = 4;
    s.seed = 3;
    s.lr = 0.01;
    return s;
}

// A true run of a small model: so many steps, held-out text every tenth.
inline std::unique_ptr<Trainer> trained(const ModelConfig& config, std::int64_t steps) {
    const TrainSettings s = small_settings(std::max<std::int64_t>(steps, 1));
    auto t = std::make_unique<Trainer>(config, s, generated_text(config, s), 1);
    for (std::int64_t i = 1; i <= steps; ++i) t->step(i % 10 == 0);
    return t;
}

// The run that most tests look at, and the trace of a prompt by its last weights.
struct SmallRun {
    std::unique_ptr<Trainer> trainer;
    TracePtr trace;
};
inline const SmallRun& small_run() {
    static const SmallRun run = [] {
        SmallRun r{trained(small_shape(), 60), nullptr};
        const ModelPtr model = r.trainer->model("small");
        r.trace = run_trace(model, {model->encode("Tom has a")});
        return r;
    }();
    return run;
}

// As an older program left it: without floors of records and texts that were written.
inline History older(const History& h) {
    std::vector<StepRecord> records;
    for (std::size_t i = 0; i < h.size(); ++i) records.push_back(h[i]);
    std::map<std::int64_t, TracePtr> probes;
    for (const std::int64_t step : h.probe_steps()) probes[step] = h.probe(step);
    History copy = History::restore(h.config(), h.budget(), h.stride(), records, probes);
    copy.about = h.about;
    copy.about.beginnings.clear();
    return copy;
}

// The same history with one record changed: a deliberate fault.
inline History with_record(const History& h, std::size_t at,
                           const std::function<void(StepRecord&)>& change) {
    std::vector<StepRecord> records;
    for (std::size_t i = 0; i < h.size(); ++i) records.push_back(h[i]);
    change(records[at]);
    History copy = History::restore(h.config(), h.budget(), h.stride(), records, {});
    copy.about = h.about;
    return copy;
}

struct TrainingPicture : test::Picture {
    std::shared_ptr<const History> history;
    TrainingPicture(const std::string& page, TracePtr run, std::shared_ptr<const History> h,
                    double w = 1280, double height = 720, double text = 1, bool dark = false)
        : Picture(view(), std::move(run), "probs", w, height, text, dark), history(std::move(h)) {
        frame.history = history.get();
        set("show=" + page);
    }
    // The clock stands on a kept step.
    void look_at(std::int64_t step) {
        trace = history->probe(step);
        timeline = Timeline(*trace);
        frame.trace = trace.get();
        frame.train_step = step;
    }
    static const View& view() { return *find_view("training"); }
};

inline std::shared_ptr<const History> small_history() {
    return std::make_shared<const History>(small_run().trainer->history());
}

inline const Hit* find_hit(const RecordingCanvas& canvas, const std::string& node,
                           std::int64_t first) {
    for (const Hit& h : canvas.hits())
        if (h.target.node == node && h.target.first == first) return &h;
    return nullptr;
}

}  // namespace sf
