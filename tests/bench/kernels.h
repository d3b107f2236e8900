#pragma once

#include "core/backend/device.h"
#include "tests/bench/measure.h"

#include <string>
#include <vector>

namespace sf {

// A kernel of core/gl beside the CPU's operation and Eigen's expressions, both on `threads`.
struct KernelTimes {
    std::string name;
    Times device, cpu;
    Times eigen;                  // best 0: not measured
    double flops = 0, bytes = 0;  // as KernelLaunch counts them
};
struct DeviceTimes {
    std::string name, absent;  // absent: why there is no device
    bool software = false;
    int threads = 1;  // of the CPU's rows
    Roofline roof;
    std::vector<KernelTimes> kernels;
    // What part of the roof a kernel reaches: of the arithmetic or of the copying, the larger.
    double share_of_roof(const KernelTimes& k) const;
};

// At the shapes of the preset `bench`, 8x128 tokens; on hardware also those of a large
// configuration: dim 2048, 16 heads, 64 experts, 4,096 tokens (unless `quick`).
DeviceTimes kernel_times(bool quick, const Effort& effort);

}  // namespace sf
