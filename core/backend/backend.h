#pragma once

#include "core/backend/device.h"
#include "core/graph/graph.h"
#include "core/model/weights.h"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace sf {

// What a kernel left on the way, on request: the online softmax after each tile of keys.
struct OnlineRecord {
    std::int64_t keys = 0;   // of a tile
    std::vector<Real> m, d;  // (B, H, T, tiles)
    std::int64_t tiles = 0;
};

// One operation for a device. Values lie where they were made: an input without memory here lies
// on the device, an output without memory is not wanted here.
struct DeviceJob {
    const Graph& graph;
    NodeId id = no_node;
    Op op{};  // the node's, or its fused one
    const Extent& extent;
    std::span<const NodeId> inputs;
    std::span<const ConstView> in;
    MutView out;
    bool keep = false;                              // a later operation of the device reads it
    std::span<const NodeId> last = {};              // inputs that no later operation reads
    std::vector<KernelLaunch>* launches = nullptr;  // what ran, timed; null: not wanted
    OnlineRecord* online = nullptr;                 // of attention; null: not wanted
};

// One run of a graph on a device: owns the values that lie there.
class DeviceRun {
public:
    virtual ~DeviceRun() = default;
    // Throws DeviceError when it cannot (any more); what lay on the device alone is then lost.
    virtual void compute(const DeviceJob& job) = 0;
};

// A device that computes some operations in the CPU's place and must agree with it. Calls may come
// from any thread; only values in host memory cross threads.
class Backend {
public:
    virtual ~Backend() = default;
    virtual const DeviceInfo& device() const = 0;
    // Whether it computes this operation at these sizes; else the CPU does.
    virtual bool takes(const Graph& graph, NodeId id, Op op, const Extent& extent) const = 0;
    // `weights`: what the graph's parameters are; kept on the device as long as they live. Null
    // when the device has been given up.
    virtual std::unique_ptr<DeviceRun> begin(WeightsPtr weights) = 0;
    // The same with another variant of the kernels, to compare. Throws DeviceError when the device
    // cannot run it.
    virtual std::unique_ptr<DeviceRun> begin(WeightsPtr weights, KernelVariant variant,
                                             bool half_storage) = 0;
    virtual Roofline roofline() = 0;  // measured once
    // How much is done of what it does in the background before it can work, 0..1.
    virtual double ready() const { return 1; }
    // What it leaves to the CPU that it would take if it were smaller, one sentence; empty:
    // nothing.
    virtual std::string note() const { return {}; }
    // Why the CPU computes all from here on, one sentence; empty while the device works.
    virtual std::string given_up() const = 0;
    virtual void give_up(const std::string& reason) = 0;
};
using BackendPtr = std::shared_ptr<Backend>;

}  // namespace sf
