#include "core/engine/derived_worker.h"

#include "core/engine/background.h"

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

using Clock = std::chrono::steady_clock;
constexpr auto progress_every = std::chrono::milliseconds(100);
constexpr int sparing_rest = 9;  // in durations of the work before it

}  // namespace

struct DerivedWorker::Impl {
    std::function<void()> on_change;

    mutable std::mutex mutex;
    mutable std::condition_variable changed;
    std::vector<Need> wanted;
    bool sparing = false, stop = false;
    Derived derived;
    std::shared_ptr<const Derived> published = std::make_shared<const Derived>();
    // Settled results with what keeps their key's address from being given to something else, the
    // latest at the end.
    std::deque<Need> held;
    std::thread thread;

    bool wants(const DerivedKey& key) const {
        return std::any_of(wanted.begin(), wanted.end(),
                           [&](const Need& need) { return need.key == key; });
    }
    std::optional<Need> next() const {
        for (const Need& need : wanted)
            if (!derived.settled({need})) return need;
        return std::nullopt;
    }
    // With the mutex held.
    void hold(const Need& need, Derived::Entry entry) {
        derived.set(need.key, std::move(entry));
        held.push_back(need);
        const auto bytes = [&](const Need& h) {
            const DerivedPtr& value = derived.entry(h.key)->value;
            return value ? value->bytes() : 0;
        };
        std::size_t spare = 0;
        std::int64_t spare_bytes = 0;
        for (const Need& h : held)
            if (!wants(h.key)) ++spare, spare_bytes += bytes(h);
        for (auto it = held.begin();
             it != held.end() && (spare > kept || spare_bytes > kept_bytes);) {
            if (wants(it->key)) {
                ++it;
                continue;
            }
            --spare;
            spare_bytes -= bytes(*it);
            derived.erase(it->key);
            it = held.erase(it);
        }
        published = std::make_shared<const Derived>(derived);
    }
    bool tell(const Need& need, double part, Clock::time_point& told) {
        {
            const std::lock_guard lock(mutex);
            if (stop || !wants(need.key)) return false;
            if (Clock::now() - told < progress_every) return true;
            told = Clock::now();
            derived.set(need.key, {nullptr, "", std::clamp(part, 0.0, 1.0)});
            published = std::make_shared<const Derived>(derived);
        }
        if (on_change) on_change();
        return true;
    }
    void loop() {
        be_humble();
        for (;;) {
            std::optional<Need> need;
            {
                std::unique_lock lock(mutex);
                changed.wait(lock, [&] { return stop || (need = next()).has_value(); });
                if (stop) return;
            }
            const auto begin = Clock::now();
            auto told = begin;
            Derived::Entry entry =
                Derived::computed(*need, [&](double part) { return tell(*need, part, told); });
            const auto took = Clock::now() - begin;
            std::unique_lock lock(mutex);
            if (entry.settled())
                hold(*need, std::move(entry));
            else if (!wants(need->key))  // else it was given up and is wanted again since
                derived.erase(need->key);
            lock.unlock();
            changed.notify_all();
            if (on_change) on_change();
            lock.lock();
            if (sparing)
                changed.wait_for(lock, took * sparing_rest, [&] { return stop || !sparing; });
        }
    }
};

DerivedWorker::DerivedWorker(std::function<void()> on_change) : impl_(std::make_unique<Impl>()) {
    impl_->on_change = std::move(on_change);
    impl_->thread = std::thread([impl = impl_.get()] { impl->loop(); });
}

DerivedWorker::~DerivedWorker() {
    {
        const std::lock_guard lock(impl_->mutex);
        impl_->stop = true;
    }
    impl_->changed.notify_all();
    impl_->thread.join();
}

void DerivedWorker::want(std::vector<Need> needs, bool sparing) {
    {
        const std::lock_guard lock(impl_->mutex);
        impl_->wanted = std::move(needs);
        impl_->sparing = sparing;
    }
    impl_->changed.notify_all();
}

std::shared_ptr<const Derived> DerivedWorker::results() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->published;
}

bool DerivedWorker::idle() const {
    const std::lock_guard lock(impl_->mutex);
    return !impl_->next();
}

void DerivedWorker::wait_idle() const {
    std::unique_lock lock(impl_->mutex);
    impl_->changed.wait(lock, [&] { return !impl_->next(); });
}

}  // namespace sf
