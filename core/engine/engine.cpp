#include "core/engine/engine.h"

#include "core/engine/live_training.h"
#include "core/error.h"
#include "core/io/trace_io.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace sf {

namespace {

constexpr double publish_seconds = 1.0 / 60;
// Rest after a refresh, in its own durations: a tenth of the time goes into what is on screen.
constexpr double refresh_rest = 9;
constexpr double shortest_rest = 0.1;

double steady_seconds() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

}  // namespace

struct Engine::Impl {
    Options options;
    std::function<void()> on_change;

    mutable std::mutex mutex;
    mutable std::condition_variable changed;
    std::deque<Command> queue;
    std::uint64_t posted = 0;
    bool stop = false;
    SnapshotPtr published;
    std::thread thread;

    // The worker's own, no one else touches them.
    Snapshot now;
    TracePtr base;  // without edits
    std::vector<std::vector<std::int64_t>> ids;
    std::vector<Edit> edits;
    AttentionMode attention = AttentionMode::naive;
    std::unique_ptr<LiveTraining> training;
    bool follow = true;
    double last_publication = 0, next_refresh = 0;

    void publish() {
        last_publication = options.clock();
        {
            std::lock_guard lock(mutex);
            ++now.version;
            published = std::make_shared<Snapshot>(now);
        }
        changed.notify_all();
        if (on_change) on_change();
    }

    void show(TracePtr trace) {
        now.timeline = std::make_shared<Timeline>(*trace);
        now.trace = std::move(trace);
    }

    TracePtr traced(const ModelPtr& model,
                    const std::vector<std::vector<std::int64_t>>& rows) const {
        RunOptions o;
        o.attention = attention;
        o.threads = options.threads;
        o.budget_bytes = options.budget_bytes;
        o.gradients = now.gradients;
        return run_trace(model, rows, o);
    }
    void run(std::vector<std::vector<std::int64_t>> rows) {
        base = traced(now.model, rows);
        ids = std::move(rows);
        edits.clear();
        ++now.run;
        show(base);
    }
    void run_text(const std::string& text) {
        need_model();
        take_newest();
        run({now.model->encode(text)});
        now.prompt = text;
    }
    void need_model() const {
        if (!now.model)
            throw UserError("model: this trace came without a model, open one to run text");
    }
    // The new model takes over only when the text runs on it; otherwise all stays as it was.
    void use(ModelPtr model) {
        const Snapshot before = now;
        const auto old_base = base;
        const auto old_ids = ids;
        now.model = std::move(model);
        now.live = false;
        now.trace = nullptr;
        now.timeline = nullptr;
        base = nullptr;
        ids.clear();
        try {
            if (!now.prompt.empty() && now.model->tokenizer) run_text(now.prompt);
        } catch (...) {
            now = before;
            base = old_base;
            ids = old_ids;
            throw;
        }
    }

    void carry_out(const RunPrompt& c) { run_text(c.text); }
    // What a training run stands at, when the screen follows it.
    void take_newest() {
        if (!training || !follow || shows_newest()) return;
        now.model = training->model();
        now.live = true;
    }
    bool shows_newest() const {
        return now.live && now.model->weights->trained_step == training->steps_done();
    }
    void need_no_training() const {
        if (training)
            throw UserError(
                "training: another model can be shown when this run is stopped (train-stop; "
                "train-save keeps it)");
    }

    void carry_out(const RunIds& c) {
        need_model();
        take_newest();
        run(c.ids);
        now.prompt.clear();
    }
    void carry_out(const UsePreset& c) {
        need_no_training();
        use(preset_model(c.name, c.seed));
    }
    void carry_out(const OpenModel& c) {
        need_no_training();
        use(load_model(c.folder));
    }
    void carry_out(const OpenTrace& c) {
        need_no_training();
        base = read_trace(c.file);
        ids.clear();
        edits.clear();
        ++now.run;
        now.live = false;
        now.model = nullptr;
        now.prompt.clear();
        show(base);
    }
    void carry_out(const SetEdits& c) {
        if (!base) throw UserError("edit: nothing has run yet");
        show(c.edits.empty() ? base : edit_trace(*base, c.edits));
        edits = c.edits;
    }
    void carry_out(const SetAttention& c) {
        const auto before = std::exchange(attention, c.mode);
        if (ids.empty() || before == c.mode) return;
        run(ids);
    }
    void carry_out(const SetGradients& c) {
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
    void carry_out(const Continue& c) {
        need_model();
        if (ids.empty()) throw UserError("generate: nothing has run yet");
        auto rows = ids;
        for (auto& row : rows)
            for (const Drawn& d : generate(now.model, row, c.options).drawn) row.push_back(d.id);
        run(rows);
        // A text only where it gives these very ids again.
        now.prompt.clear();
        if (!now.model->tokenizer || rows.size() != 1) return;
        const std::string text = now.model->tokenizer->decode(rows.front());
        if (!first_invalid_utf8(text) && now.model->tokenizer->encode(text) == rows.front())
            now.prompt = text;
    }
    void carry_out(const Complete& c) {
        if (!now.trace) return;
        const NodeId id = now.trace->graph->find(c.node);
        if (id == no_node || now.trace->find(id)) return;
        TensorPtr tensor = complete(*now.trace, id);
        if (!tensor)
            throw UserError(c.node + ": was not kept, and a trace from a file has no weights");
        auto trace = std::make_shared<Trace>(*now.trace);
        trace->keep(id, std::move(tensor), 0);
        if (now.trace == base) base = trace;
        now.trace = trace;
    }

    // ---- training

    LiveTraining& run_in_training() const {
        if (!training) throw UserError("training: there is no run; 'train' starts one");
        return *training;
    }
    void tell() {
        if (!training) {
            now.training = nullptr;
            return;
        }
        auto status = training->status();
        status->follows = follow;
        now.training = std::move(status);
    }
    // What is on screen, with the newest weights.
    void refresh() {
        if (!training || !follow || shows_newest()) return;
        const double begin = options.clock();
        const ModelPtr model = training->model();
        if (!ids.empty()) {
            TracePtr next = traced(model, ids);
            show(edits.empty() ? next : edit_trace(*next, edits));
            base = std::move(next);
        }
        now.model = model;
        now.live = true;
        const double end = options.clock();
        next_refresh = end + std::max(refresh_rest * (end - begin), shortest_rest);
    }
    // The text that is on screen, read by the new run's model; where it cannot be, there is none.
    void show_new_run() {
        const ModelPtr model = training->model();
        const bool same = now.model && now.model->config == model->config &&
                          now.model->tokenizer == model->tokenizer;
        now.live = false;
        if (!same) {
            ++now.run;
            edits.clear();
            now.trace = nullptr;
            now.timeline = nullptr;
            base = nullptr;
            auto rows = std::exchange(ids, {});
            now.model = model;
            if (!now.prompt.empty() && model->tokenizer) rows = {model->encode(now.prompt)};
            for (const auto& row : rows) model->check_ids(row, "ids");
            ids = std::move(rows);
        }
        refresh();
    }

    void carry_out(const TrainStart& c) {
        if (training)
            throw UserError(
                "training: there is a run already; train-restart begins it anew, train-stop ends "
                "it");
        training = std::make_unique<LiveTraining>(c, now.model, options.threads);
        if (follow) show_new_run();
    }
    void carry_out(const TrainPause&) {
        run_in_training().pause();
        refresh();
    }
    void carry_out(const TrainResume&) { run_in_training().resume(); }
    void carry_out(const TrainStep& c) { run_in_training().step(c.count); }
    void carry_out(const TrainRestart& c) {
        run_in_training().restart(c.seed);
        now.live = false;  // step 0 of another run
        refresh();
    }
    void carry_out(const TrainSet& c) { run_in_training().set(c.name, c.value); }
    void carry_out(const TrainSave& c) { run_in_training().save(c.folder); }
    void carry_out(const TrainFollow& c) {
        follow = c.on;
        refresh();
    }
    void carry_out(const TrainStop&) {
        const ModelPtr last = run_in_training().model(true);
        follow_once();
        training.reset();
        now.model = last;
        now.live = true;
    }
    // The screen comes to stand at the weights that stay.
    void follow_once() {
        const bool before = std::exchange(follow, true);
        refresh();
        follow = before;
    }

    template <class Work>
    void attempt(Work&& work) {
        try {
            work();
        } catch (const std::bad_alloc&) {
            fail("memory: there is not enough for this run");
        } catch (const std::exception& e) {
            fail(e.what());
        }
    }
    void train() {
        training->advance();
        if (!training->running() || options.clock() >= next_refresh) {
            const std::uint64_t errors = now.error_version;
            attempt([this] { refresh(); });
            // A text that does not run (memory) is not tried again at every step.
            if (now.error_version != errors) follow = false;
        }
        if (training->running() && options.clock() - last_publication < publish_seconds) return;
        tell();
        if (now.training->state == TrainingStatus::State::failed) fail(now.training->message);
        publish();
    }
    void loop() {
        for (;;) {
            std::optional<Command> command;
            {
                std::unique_lock lock(mutex);
                changed.wait(lock, [&] {
                    return stop || !queue.empty() || (training && training->running());
                });
                if (stop) return;
                if (!queue.empty()) {
                    command = std::move(queue.front());
                    queue.pop_front();
                }
            }
            if (!command) {
                train();
                continue;
            }
            now.error.clear();
            attempt([&] { std::visit([this](const auto& c) { carry_out(c); }, *command); });
            tell();
            ++now.done;
            publish();
        }
    }
    void fail(const std::string& sentence) {
        now.error = sentence;
        ++now.error_version;
    }
};

Engine::Engine(ModelPtr model, const Options& options, std::function<void()> on_change)
    : impl_(std::make_unique<Impl>()) {
    impl_->options = options;
    if (!impl_->options.clock) impl_->options.clock = steady_seconds;
    impl_->on_change = std::move(on_change);
    impl_->now.model = std::move(model);
    impl_->published = std::make_shared<Snapshot>(impl_->now);
    impl_->thread = std::thread([impl = impl_.get()] { impl->loop(); });
}

Engine::~Engine() {
    {
        std::lock_guard lock(impl_->mutex);
        impl_->stop = true;
    }
    impl_->changed.notify_all();
    impl_->thread.join();
}

std::uint64_t Engine::post(Command command) {
    std::uint64_t n = 0;
    {
        std::lock_guard lock(impl_->mutex);
        impl_->queue.push_back(std::move(command));
        n = ++impl_->posted;
    }
    impl_->changed.notify_all();
    return n;
}

SnapshotPtr Engine::snapshot() const {
    std::lock_guard lock(impl_->mutex);
    return impl_->published;
}

bool Engine::busy() const {
    std::lock_guard lock(impl_->mutex);
    return impl_->published->done < impl_->posted;
}

void Engine::wait_idle() const {
    std::unique_lock lock(impl_->mutex);
    impl_->changed.wait(lock, [&] { return impl_->published->done >= impl_->posted; });
}

SnapshotPtr Engine::wait_for(const std::function<bool(const Snapshot&)>& so) const {
    std::unique_lock lock(impl_->mutex);
    impl_->changed.wait(lock, [&] { return so(*impl_->published); });
    return impl_->published;
}

}  // namespace sf
