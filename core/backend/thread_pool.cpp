#include "core/backend/thread_pool.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace sf {

namespace {

// Operations follow one another within microseconds: a thread looks for the next one this often
// before it sleeps, since waking takes longer than most of them.
constexpr int looks = 2000;

void pause() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

template <class Condition>
bool soon(Condition&& condition) {
    for (int i = 0; i < looks; ++i) {
        if (condition()) return true;
        pause();
    }
    return false;
}

}  // namespace

struct ThreadPool::Impl {
    std::vector<std::thread> workers;
    std::mutex mutex;
    std::condition_variable wake, done;
    const std::function<void(std::int64_t, int)>* work = nullptr;
    std::int64_t pieces = 0;
    std::atomic<std::int64_t> next{0};
    std::atomic<std::uint64_t> round{0};
    std::atomic<int> busy{0};
    std::atomic<bool> stop{false};

    void take(int thread) {
        for (std::int64_t i = next.fetch_add(1); i < pieces; i = next.fetch_add(1))
            (*work)(i, thread);
    }

    void loop(int thread) {
        std::uint64_t seen = 0;
        const auto called = [&] { return stop || round != seen; };
        for (;;) {
            if (!soon(called)) {
                std::unique_lock lock(mutex);
                wake.wait(lock, called);
            }
            if (stop) return;
            seen = round;
            take(thread);
            if (--busy == 0) {
                std::lock_guard lock(mutex);
                done.notify_one();
            }
        }
    }
};

ThreadPool::ThreadPool(int threads) : impl_(std::make_unique<Impl>()) {
    for (int t = 1; t < threads; ++t)
        impl_->workers.emplace_back([impl = impl_.get(), t] { impl->loop(t); });
}

ThreadPool::~ThreadPool() {
    {
        std::lock_guard lock(impl_->mutex);
        impl_->stop = true;
    }
    impl_->wake.notify_all();
    for (auto& w : impl_->workers) w.join();
}

int ThreadPool::threads() const {
    return static_cast<int>(impl_->workers.size()) + 1;
}

void ThreadPool::run(std::int64_t pieces, const std::function<void(std::int64_t, int)>& work) {
    if (impl_->workers.empty() || pieces <= 1) {
        for (std::int64_t i = 0; i < pieces; ++i) work(i, 0);
        return;
    }
    impl_->work = &work;
    impl_->pieces = pieces;
    impl_->next = 0;
    impl_->busy = static_cast<int>(impl_->workers.size());
    {
        std::lock_guard lock(impl_->mutex);
        ++impl_->round;
    }
    impl_->wake.notify_all();
    impl_->take(0);
    const auto finished = [&] { return impl_->busy == 0; };
    if (soon(finished)) return;
    std::unique_lock lock(impl_->mutex);
    impl_->done.wait(lock, finished);
}

}  // namespace sf
