#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace sf {

// Fixed pieces of work on a fixed number of threads. Which thread does a piece does not matter:
// pieces write disjoint outputs and are cut the same way whatever the number of threads.
class ThreadPool {
public:
    explicit ThreadPool(int threads);
    ~ThreadPool();
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;

    int threads() const;
    // Calls work(piece, thread) for piece 0..pieces-1, thread 0..threads()-1; returns when all are
    // done.
    void run(std::int64_t pieces, const std::function<void(std::int64_t, int)>& work);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sf
