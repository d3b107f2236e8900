#include "core/engine/engine.h"

#include "core/error.h"
#include "core/io/trace_io.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

namespace sf {

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
    AttentionMode attention = AttentionMode::naive;

    void publish() {
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

    void run(std::vector<std::vector<std::int64_t>> rows) {
        RunOptions o;
        o.attention = attention;
        o.threads = options.threads;
        o.budget_bytes = options.budget_bytes;
        o.gradients = now.gradients;
        base = run_trace(now.model, rows, o);
        ids = std::move(rows);
        show(base);
    }
    void run_text(const std::string& text) {
        need_model();
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
    void carry_out(const RunIds& c) {
        need_model();
        run(c.ids);
        now.prompt.clear();
    }
    void carry_out(const UsePreset& c) { use(preset_model(c.name, c.seed)); }
    void carry_out(const OpenModel& c) { use(load_model(c.folder)); }
    void carry_out(const OpenTrace& c) {
        base = read_trace(c.file);
        ids.clear();
        now.model = nullptr;
        now.prompt.clear();
        show(base);
    }
    void carry_out(const SetEdits& c) {
        if (!base) throw UserError("edit: nothing has run yet");
        show(c.edits.empty() ? base : edit_trace(*base, c.edits));
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

    void loop() {
        for (;;) {
            Command command;
            {
                std::unique_lock lock(mutex);
                changed.wait(lock, [&] { return stop || !queue.empty(); });
                if (stop) return;
                command = std::move(queue.front());
                queue.pop_front();
            }
            now.error.clear();
            try {
                std::visit([this](const auto& c) { carry_out(c); }, command);
            } catch (const std::bad_alloc&) {
                fail("memory: there is not enough for this run");
            } catch (const std::exception& e) {
                fail(e.what());
            }
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

}  // namespace sf
