#include "core/engine/derived_worker.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>

namespace sf {
namespace {

struct Number : DerivedValue {
    explicit Number(int v) : value(v) {}
    int value;
};

Need number(const std::string& name, int value, std::atomic<int>* computed = nullptr) {
    return {{name}, [=](const Progress&) -> DerivedPtr {
                if (computed) ++*computed;
                return std::make_shared<Number>(value);
            }};
}

// A door that a test opens.
class Gate {
public:
    void open() {
        {
            const std::lock_guard lock(mutex_);
            open_ = true;
        }
        changed_.notify_all();
    }
    void pass() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return open_; });
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool open_ = false;
};

TEST(DerivedWorker, ComputesWhatIsWanted) {
    std::atomic<int> told = 0;
    DerivedWorker worker([&] { ++told; });
    EXPECT_TRUE(worker.idle());
    worker.want({number("a", 1), number("b", 2)});
    worker.wait_idle();
    const auto results = worker.results();
    EXPECT_EQ(results->find<Number>({"a"})->value, 1);
    EXPECT_EQ(results->find<Number>({"b"})->value, 2);
    EXPECT_EQ(worker.results(), results);
    worker.want({});
    EXPECT_TRUE(worker.idle());
}

TEST(DerivedWorker, NeverMakesTheCallerWait) {
    Gate gate;
    DerivedWorker worker;
    worker.want({{{"slow"}, [&](const Progress&) -> DerivedPtr {
                      gate.pass();
                      return std::make_shared<Number>(1);
                  }}});
    EXPECT_FALSE(worker.idle());
    EXPECT_EQ(worker.results()->find<Number>({"slow"}), nullptr);
    gate.open();
    worker.wait_idle();
    EXPECT_EQ(worker.results()->find<Number>({"slow"})->value, 1);
}

TEST(DerivedWorker, KeepsResultsForLater) {
    std::atomic<int> computed = 0;
    DerivedWorker worker;
    for (int i = 0; i < 3; ++i) {
        worker.want({number("a", 1, &computed)});
        worker.wait_idle();
        worker.want({number("b", 2)});
        worker.wait_idle();
    }
    EXPECT_EQ(computed, 1);
}

TEST(DerivedWorker, ForgetsTheOldestThatNobodyWants) {
    std::atomic<int> computed = 0;
    DerivedWorker worker;
    worker.want({number("first", 1, &computed)});
    worker.wait_idle();
    for (std::size_t i = 0; i <= DerivedWorker::kept + 1; ++i) {
        worker.want({number(std::to_string(i), 2)});
        worker.wait_idle();
    }
    EXPECT_EQ(worker.results()->entry({"first"}), nullptr);
    EXPECT_NE(worker.results()->entry({std::to_string(DerivedWorker::kept)}), nullptr);
    worker.want({number("first", 1, &computed)});
    worker.wait_idle();
    EXPECT_EQ(computed, 2);
}

TEST(DerivedWorker, GivesUpWhatIsNoLongerWanted) {
    Gate begun;
    std::atomic<bool> gave_up = false;
    DerivedWorker worker;
    worker.want({{{"long"}, [&](const Progress& progress) -> DerivedPtr {
                      begun.open();
                      while (progress(0.5)) {
                      }
                      gave_up = true;
                      return nullptr;
                  }}});
    begun.pass();
    worker.want({number("a", 1)});
    worker.wait_idle();
    EXPECT_TRUE(gave_up);
    EXPECT_EQ(worker.results()->find<Number>({"a"})->value, 1);
    EXPECT_EQ(worker.results()->entry({"long"}), nullptr);
}

TEST(DerivedWorker, TellsHowFarItIs) {
    std::mutex mutex;
    double seen = 0;
    DerivedWorker* of = nullptr;
    Gate ready;
    DerivedWorker worker([&] {
        ready.pass();
        const auto* entry = of->results()->entry({"long"});
        const std::lock_guard lock(mutex);
        if (entry && !entry->settled()) seen = entry->progress;
    });
    of = &worker;
    ready.open();
    const auto told = [&] {
        const std::lock_guard lock(mutex);
        return seen > 0;
    };
    worker.want({{{"long"}, [&](const Progress& progress) -> DerivedPtr {
                      while (progress(0.25) && !told()) {
                      }
                      return std::make_shared<Number>(1);
                  }}});
    worker.wait_idle();
    EXPECT_EQ(seen, 0.25);
}

TEST(DerivedWorker, EndsInTheMiddleOfAComputation) {
    Gate begun;
    DerivedWorker worker;
    worker.want({{{"long"}, [&](const Progress& progress) -> DerivedPtr {
                      begun.open();
                      while (progress(0.5)) {
                      }
                      return nullptr;
                  }}});
    begun.pass();
}

}  // namespace
}  // namespace sf
