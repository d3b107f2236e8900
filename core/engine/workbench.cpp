#include "core/engine/workbench.h"

#include "core/error.h"
#include "core/io/trace_io.h"

#include <algorithm>
#include <utility>

namespace sf {

namespace {

// Rest after a refresh, in its own durations: a tenth of the time goes into what is on screen.
constexpr double refresh_rest = 9;
constexpr double shortest_rest = 0.1;

}  // namespace

void Workbench::show(TracePtr trace) {
    now.timeline = std::make_shared<Timeline>(*trace);
    now.trace = std::move(trace);
}

TracePtr Workbench::traced(const ModelPtr& model,
                           const std::vector<std::vector<std::int64_t>>& rows) const {
    RunOptions o;
    o.attention = attention;
    o.threads = options.threads;
    o.budget_bytes = options.budget_bytes;
    o.gradients = now.gradients;
    o.backend = now.backend;
    return run_trace(model, rows, o);
}

void Workbench::run(std::vector<std::vector<std::int64_t>> rows) {
    TracePtr trace = traced(now.model, rows);
    ids = std::move(rows);
    ++now.run;
    show(std::move(trace));
}

void Workbench::run_text(const std::string& text) {
    need_model();
    take_newest();
    run({now.model->encode(text)});
    now.prompt = text;
}

void Workbench::need_model() const {
    if (!now.model) throw UserError("model: this trace came without a model, open one to run text");
}

// The new model takes over only when the text runs on it; otherwise all stays as it was.
void Workbench::use(ModelPtr model) {
    const Snapshot before = now;
    const auto old_ids = ids;
    now.model = std::move(model);
    now.live = false;
    now.trace = nullptr;
    now.timeline = nullptr;
    ids.clear();
    try {
        if (!now.prompt.empty() && now.model->tokenizer) run_text(now.prompt);
    } catch (...) {
        now = before;
        ids = old_ids;
        throw;
    }
}

void Workbench::carry_out(const RunPrompt& c) {
    run_text(c.text);
}

// What a training run stands at, when the screen follows it.
void Workbench::take_newest() {
    if (!training || !follow || shows_newest()) return;
    now.model = training->model();
    now.live = true;
    kicked = false;
}

bool Workbench::shows_newest() const {
    return !kicked && now.live && now.model->weights->trained_step == training->steps_done();
}

void Workbench::need_no_training() const {
    if (training)
        throw UserError(
            "training: another model can be shown when this run is stopped (train-stop; "
            "train-save keeps it)");
}

void Workbench::carry_out(const RunIds& c) {
    need_model();
    take_newest();
    run(c.ids);
    now.prompt.clear();
}

void Workbench::carry_out(const UsePreset& c) {
    need_no_training();
    use(preset_model(c.name, c.seed));
}

void Workbench::carry_out(const OpenModel& c) {
    need_no_training();
    use(load_model(c.folder));
}

void Workbench::carry_out(const OpenTrace& c) {
    need_no_training();
    TracePtr trace = read_trace(c.file);
    ids.clear();
    ++now.run;
    now.live = false;
    now.model = nullptr;
    now.prompt.clear();
    show(std::move(trace));
}

void Workbench::carry_out(const SetAttention& c) {
    const auto before = std::exchange(attention, c.mode);
    if (ids.empty() || before == c.mode) return;
    run(ids);
}

void Workbench::carry_out(const SetBackend& c) {
    const auto before = std::exchange(now.backend, c.backend);
    if (ids.empty() || before == c.backend) return;
    run(ids);
}

void Workbench::carry_out(const SetGradients& c) {
    if (now.trace) need_model();
    if (c.on == now.gradients) return;
    now.gradients = c.on;
    try {
        if (!ids.empty()) run(ids);
    } catch (...) {
        now.gradients = !c.on;
        throw;
    }
}

void Workbench::carry_out(const Continue& c) {
    need_model();
    if (ids.empty()) throw UserError("generate: nothing has run yet");
    auto rows = ids;
    SamplingOptions o = c.options;
    o.backend = now.backend;
    for (auto& row : rows)
        for (const Drawn& d : generate(now.model, row, o).drawn) row.push_back(d.id);
    run(rows);
    // A text only where it gives these very ids again.
    now.prompt.clear();
    if (!now.model->tokenizer || rows.size() != 1) return;
    const std::string text = now.model->tokenizer->decode(rows.front());
    if (!first_invalid_utf8(text) && now.model->tokenizer->encode(text) == rows.front())
        now.prompt = text;
}

void Workbench::carry_out(const Complete& c) {
    if (!now.trace) return;
    const NodeId id = now.trace->graph->find(c.node);
    if (id == no_node || now.trace->find(id)) return;
    TensorPtr tensor = complete(*now.trace, id);
    if (!tensor) throw UserError(c.node + ": was not kept, and a trace from a file has no weights");
    auto trace = std::make_shared<Trace>(*now.trace);
    trace->keep(id, std::move(tensor), 0);
    now.trace = trace;
}

// ---- training

LiveTraining& Workbench::run_in_training() const {
    if (!training) throw UserError("training: there is no run; 'train' starts one");
    return *training;
}

void Workbench::tell() {
    if (!training) {
        now.training = nullptr;
        return;
    }
    auto status = training->status();
    status->follows = follow;
    now.training = std::move(status);
}

// What is on screen, with the newest weights.
void Workbench::refresh() {
    if (!training || !follow || shows_newest()) return;
    const double begin = options.clock();
    const ModelPtr model = training->model();
    if (!ids.empty()) show(traced(model, ids));
    now.model = model;
    now.live = true;
    kicked = false;
    const double end = options.clock();
    next_refresh = end + std::max(refresh_rest * (end - begin), shortest_rest);
}

// The text that is on screen, read by the new run's model; where it cannot be, there is none.
void Workbench::show_new_run() {
    const ModelPtr model = training->model();
    const bool same =
        now.model && now.model->config == model->config && now.model->tokenizer == model->tokenizer;
    now.live = false;
    if (!same) {
        ++now.run;
        now.trace = nullptr;
        now.timeline = nullptr;
        auto rows = std::exchange(ids, {});
        now.model = model;
        if (!now.prompt.empty() && model->tokenizer) rows = {model->encode(now.prompt)};
        for (const auto& row : rows) model->check_ids(row, "ids");
        ids = std::move(rows);
    }
    refresh();
}

void Workbench::carry_out(const TrainStart& c) {
    // A run that stands before its first step gives way to one of another shape.
    if (training && c.config && training->steps_done() > 0)
        throw UserError("training: the run has taken " + std::to_string(training->steps_done()) +
                        " steps, which another shape would lose; train-stop ends it, train-save "
                        "keeps it");
    if (training && !c.config)
        throw UserError(
            "training: there is a run already; train-restart begins it anew, train-stop ends "
            "it");
    training = std::make_unique<LiveTraining>(c, now.model, options.threads);
    if (follow) show_new_run();
}

void Workbench::carry_out(const TrainPause&) {
    run_in_training().pause();
    refresh();
}

void Workbench::carry_out(const TrainResume&) {
    run_in_training().resume();
}

void Workbench::carry_out(const TrainStep& c) {
    run_in_training().step(c.count);
}

void Workbench::carry_out(const TrainRestart& c) {
    run_in_training().restart(c.seed);
    now.live = false;  // step 0 of another run
    refresh();
}

void Workbench::carry_out(const TrainSet& c) {
    run_in_training().set(c.name, c.value);
}

void Workbench::carry_out(const TrainKick& c) {
    run_in_training().kick(c);
    kicked = true;
    refresh();
}

void Workbench::carry_out(const TrainSave& c) {
    run_in_training().save(c.folder);
}

void Workbench::carry_out(const TrainFollow& c) {
    follow = c.on;
    refresh();
}

void Workbench::carry_out(const TrainStop&) {
    const ModelPtr last = run_in_training().model(true);
    follow_once();
    training.reset();
    now.model = last;
    now.live = true;
}

// The screen comes to stand at the weights that stay.
void Workbench::follow_once() {
    const bool before = std::exchange(follow, true);
    refresh();
    follow = before;
}

}  // namespace sf
