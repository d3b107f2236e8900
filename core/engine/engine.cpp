#include "core/engine/engine.h"

#include "core/engine/workbench.h"
#include "core/error.h"

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

double steady_seconds() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

}  // namespace

struct Engine::Impl {
    std::function<void()> on_change;

    mutable std::mutex mutex;
    mutable std::condition_variable changed;
    std::deque<Command> queue;
    std::uint64_t posted = 0;
    bool stop = false;
    SnapshotPtr published;
    std::thread thread;

    Workbench bench;  // the worker's own
    double last_publication = 0;

    void publish() {
        last_publication = bench.options.clock();
        {
            std::lock_guard lock(mutex);
            ++bench.now.version;
            published = std::make_shared<Snapshot>(bench.now);
        }
        changed.notify_all();
        if (on_change) on_change();
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
        bench.training->advance();
        if (!bench.training->running() || bench.options.clock() >= bench.next_refresh) {
            const std::uint64_t errors = bench.now.error_version;
            attempt([this] { bench.refresh(); });
            // A text that does not run (memory) is not tried again at every step.
            if (bench.now.error_version != errors) bench.follow = false;
        }
        if (bench.training->running() && bench.options.clock() - last_publication < publish_seconds)
            return;
        bench.tell();
        if (bench.now.training->state == TrainingStatus::State::failed)
            fail(bench.now.training->message);
        publish();
    }
    void loop() {
        for (;;) {
            std::optional<Command> command;
            {
                std::unique_lock lock(mutex);
                changed.wait(lock, [&] {
                    return stop || !queue.empty() || (bench.training && bench.training->running());
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
            bench.now.error.clear();
            attempt([&] { std::visit([this](const auto& c) { bench.carry_out(c); }, *command); });
            bench.tell();
            ++bench.now.done;
            publish();
        }
    }
    void fail(const std::string& sentence) {
        bench.now.error = sentence;
        ++bench.now.error_version;
    }
};

Engine::Engine(ModelPtr model, const Options& options, std::function<void()> on_change)
    : impl_(std::make_unique<Impl>()) {
    impl_->bench.options = options;
    if (!impl_->bench.options.clock) impl_->bench.options.clock = steady_seconds;
    impl_->on_change = std::move(on_change);
    impl_->bench.now.model = std::move(model);
    impl_->bench.now.backend = options.backend;
    impl_->published = std::make_shared<Snapshot>(impl_->bench.now);
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
