#pragma once

#include "core/backend/backend.h"
#include "core/run/derived.h"
#include "core/run/trace.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sf {

// A layer's attention and experts computed anew on a device, from the trace's own inputs and by
// every kernel variant that the device has, beside what the CPU recorded.
struct DeviceReport : DerivedValue {
    // How far the device's m and d are from the trace's, over all tiles that a row sees, and after
    // the last of them.
    struct OnlineError {
        double error = 0, last = 0;
        double tolerance = 0;
    };
    struct Run {
        KernelVariant variant{};
        bool half = false;    // weights, keys and values stored in 16 bits
        std::string refused;  // why there is no result; else empty
        TensorPtr value;      // the device's
        double error = 0;     // the largest against the CPU; not a number counts as infinite
        std::int64_t at = 0;  // where, flat
        double tolerance = 0;
        bool repeats = true;  // computed twice: the same bits
        std::vector<KernelLaunch> launches;
        OnlineRecord online;                // attention; empty where the device left none
        std::optional<OnlineError> states;  // where its tiles are as long as the trace's
        bool agrees() const { return error <= tolerance; }
        double seconds() const;
        double flops() const;
    };
    struct Part {
        std::string title;     // "Attention"
        std::string node;      // "layers.1.heads"
        std::string missing;   // why nothing was computed, a sentence; else empty
        TensorPtr expected;    // the CPU's: the trace's, or anew where a device made that
        bool recorded = true;  // it is the trace's
        std::vector<Run> runs;
        // The variant in 32 bits; null where the device has refused or lacks it.
        const Run* run(KernelVariant variant) const;
    };
    DeviceInfo device;
    Roofline roofline;
    std::string layer;        // "layers.1"
    std::vector<Part> parts;  // attention, routed experts, shared expert
    std::string stopped;      // why the device was given up meanwhile; else empty
    const Part* part(const std::string& node) const;  // null when there is none
    std::int64_t bytes() const override;
};

// What a device may differ by from a CPU whose results are `largest` at most: sums in another
// order. With 16-bit storage it may, beside that, by twice what rounding weights, keys and values
// to 16 bits changes on the CPU.
double device_tolerance(double largest);

// Why it cannot is said in the part or run: no weights, not kept, a value set by hand in the middle
// of what the device does in one go.
Need device_report(const Trace& trace, std::int64_t layer, const BackendPtr& backend);

}  // namespace sf
