#pragma once

#include <functional>
#include <memory>

namespace sf {

// From now on this thread gives way to those that are not humble, and so do threads that it starts:
// a window beside them keeps answering. Linux alone knows the niceness of a thread; elsewhere
// nothing changes.
void be_humble();

// A humble thread for work that the caller waits for.
class Background {
public:
    Background();
    ~Background();
    Background(const Background&) = delete;
    Background& operator=(const Background&) = delete;

    // Returns when `work` is done; throws what it threw.
    void run(const std::function<void()>& work);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sf
