#include "core/engine/background.h"

#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#ifdef __linux__
#include <sys/resource.h>
#endif

namespace sf {

void be_humble() {
#ifdef __linux__
    constexpr int niceness = 10;
    const int now = getpriority(PRIO_PROCESS, 0);
    // Not being let is no harm.
    static_cast<void>(setpriority(PRIO_PROCESS, 0, now + niceness));
#endif
}

struct Background::Impl {
    std::mutex mutex;
    std::condition_variable changed;
    const std::function<void()>* work = nullptr;
    std::exception_ptr thrown;
    bool stop = false;
    std::thread thread;

    void loop() {
        be_humble();
        std::unique_lock lock(mutex);
        for (;;) {
            changed.wait(lock, [&] { return stop || work; });
            if (stop) return;
            const auto* const now = work;
            lock.unlock();
            std::exception_ptr error;
            try {
                (*now)();
            } catch (...) {
                error = std::current_exception();
            }
            lock.lock();
            thrown = error;
            work = nullptr;
            changed.notify_all();
        }
    }
};

Background::Background() : impl_(std::make_unique<Impl>()) {
    impl_->thread = std::thread([impl = impl_.get()] { impl->loop(); });
}

Background::~Background() {
    {
        std::lock_guard lock(impl_->mutex);
        impl_->stop = true;
    }
    impl_->changed.notify_all();
    impl_->thread.join();
}

void Background::run(const std::function<void()>& work) {
    std::unique_lock lock(impl_->mutex);
    impl_->work = &work;
    impl_->thrown = nullptr;
    impl_->changed.notify_all();
    impl_->changed.wait(lock, [&] { return !impl_->work; });
    if (impl_->thrown) std::rethrow_exception(impl_->thrown);
}

}  // namespace sf
