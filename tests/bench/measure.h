#pragma once

#include <functional>
#include <vector>

namespace sf {

// Seconds of one thing, run many times. On a busy machine `best` says more than `median`; `cpu` is
// the median of the time that the whole process was computing, whoever else ran.
struct Times {
    double median = 0, best = 0, cpu = 0;
};

struct Effort {
    int rounds = 3;
    double seconds = 0.5;  // of one candidate in one round ...
    int runs = 4;          // ... but at least so often
};

// Candidates take turns by the round, so that a machine that drifts drifts for all; within a round
// one runs again and again, after a run that is not counted, so that its caches are its own.
std::vector<Times> measure(const std::vector<std::function<void()>>& candidates,
                           const Effort& effort);

}  // namespace sf
