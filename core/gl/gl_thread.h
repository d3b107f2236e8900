#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace sf {

// The one thread that a context is current on.
class GlThread {
public:
    GlThread();
    ~GlThread();  // after all that was asked for
    GlThread(const GlThread&) = delete;
    GlThread& operator=(const GlThread&) = delete;

    void post(std::function<void()> work);         // does not wait; the work must not throw
    void call(const std::function<void()>& work);  // waits; throws what the work throws

private:
    void loop();

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> queue_;
    bool stop_ = false;
    std::thread thread_;
};

}  // namespace sf
