#include "core/backend/thread_pool.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace sf {

struct ThreadPool::Impl {
    std::vector<std::thread> workers;
    std::mutex mutex;
    std::condition_variable wake, done;
    const std::function<void(std::int64_t, int)>* work = nullptr;
    std::int64_t pieces = 0;
    std::atomic<std::int64_t> next{0};
    std::uint64_t round = 0;
    int busy = 0;
    bool stop = false;

    void take(int thread) {
        for (std::int64_t i = next.fetch_add(1); i < pieces; i = next.fetch_add(1))
            (*work)(i, thread);
    }

    void loop(int thread) {
        std::uint64_t seen = 0;
        for (;;) {
            {
                std::unique_lock lock(mutex);
                wake.wait(lock, [&] { return stop || round != seen; });
                if (stop) return;
                seen = round;
            }
            take(thread);
            {
                std::lock_guard lock(mutex);
                if (--busy == 0) done.notify_one();
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
    {
        std::lock_guard lock(impl_->mutex);
        impl_->work = &work;
        impl_->pieces = pieces;
        impl_->next = 0;
        impl_->busy = static_cast<int>(impl_->workers.size());
        ++impl_->round;
    }
    impl_->wake.notify_all();
    impl_->take(0);
    std::unique_lock lock(impl_->mutex);
    impl_->done.wait(lock, [&] { return impl_->busy == 0; });
}

}  // namespace sf
