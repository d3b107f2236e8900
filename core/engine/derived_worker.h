#pragma once

#include "core/run/derived.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace sf {

// Computes what pictures need on a thread of its own, in the order in which it is wanted. What is
// no longer wanted is given up; results are kept for when they are wanted again. The caller never
// waits, except in `wait_idle` and the destructor (until the computation next tells its progress).
class DerivedWorker {
public:
    static constexpr std::size_t kept = 32;  // results that nobody wants at the moment

    // `on_change` is called on the worker's thread when a result or its progress is there.
    explicit DerivedWorker(std::function<void()> on_change = {});
    ~DerivedWorker();
    DerivedWorker(const DerivedWorker&) = delete;
    DerivedWorker& operator=(const DerivedWorker&) = delete;

    // What is wanted from now on. `sparing`: takes a tenth of a processor's time (while training).
    void want(std::vector<Need> needs, bool sparing = false);
    // Immutable; another pointer when something changed.
    std::shared_ptr<const Derived> results() const;
    bool idle() const;  // all that is wanted is there
    void wait_idle() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sf
