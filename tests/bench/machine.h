#pragma once

namespace sf {

// What this machine can do, in our vectors of Real: the ceilings that figures stand beside.
struct MachinePeaks {
    double fma_gflops = 0;      // multiply-adds on registers alone, one thread
    double fma_gflops_two = 0;  // two threads together
    // Reading, one thread, GB/s; the bytes are the buffers' sizes.
    double l2_gbs = 0, l3_gbs = 0, memory_gbs = 0;
    static constexpr long l2_bytes = 256L << 10, l3_bytes = 6L << 20, memory_bytes = 256L << 20;
};

// The best of several short runs of each; about a second.
MachinePeaks measure_peaks();

// How many others want to run: the load average over the last minute, -1 where nobody knows.
double machine_load();

}  // namespace sf
