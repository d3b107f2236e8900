#pragma once

#include "core/backend/backend.h"
#include "core/graph/graph.h"
#include "core/graph/op.h"
#include "core/model/kv_cache.h"
#include "core/model/weights.h"
#include "core/ops/rope.h"

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace sf {

// Watches a run. Asked once a node before anything is computed, told after each wanted value.
class Observer {
public:
    virtual ~Observer() = default;
    virtual bool wants(NodeId id) = 0;
    virtual void value(NodeId id, const ConstView& value, double seconds) = 0;
};

// A value set by hand, with its node resolved.
struct NodeEdit {
    NodeId node = no_node;
    std::int64_t index = 0;
    double value = 0;
};

// Runs a graph with one version of the weights: on the CPU, and on a device what that takes. What
// nobody needs is not computed, memory is planned once per shape and reused, a composite runs fused
// unless one of its inner values is edited. Values stay on the device between its operations. A
// device that fails is given up and the run is done again on the CPU (an observer is then told
// again). Not thread-safe; threads of its own work on pieces of one operation.
class Executor {
public:
    Executor(std::shared_ptr<const Graph> graph, WeightsPtr weights, int threads,
             BackendPtr backend = nullptr);
    ~Executor();

    struct Request {
        Extent extent;
        std::span<const std::int64_t> ids;  // (batch, tokens)
        std::span<const Real> state;        // (batch, tokens, hidden), of a graph with such a node
        KvCache* cache = nullptr;           // batch 1; extent.past is its length
        std::vector<NodeId> outputs;        // readable by value() until the next run
        Observer* observer = nullptr;
        std::span<const NodeEdit> edits;
        // Values that are given instead of computed (a trace's, when only what follows an edit
        // runs).
        std::function<const Tensor*(NodeId)> known;
    };
    void run(const Request& request);
    ConstView value(NodeId id) const { return values_[static_cast<std::size_t>(id)]; }

private:
    struct Plan;
    struct PackedWeights;
    struct Work;
    void run_with(const Request& request, DeviceRun* device);
    void make_plan(const Request& request, bool device);
    void compute(const Request& request, const Work& work, const MutView& out, DeviceRun* device);
    void set_params(const Request& request);
    const Prepared* prepare(const Node& node, NodeId id, bool fused, std::span<const ConstView> in);

    std::shared_ptr<const Graph> graph_;
    WeightsPtr weights_;
    BackendPtr backend_;  // null: none, or it was given up
    std::unique_ptr<ThreadPool> pool_;
    RopeTable rope_;
    Scratch scratch_;
    std::unique_ptr<Plan> plan_;
    std::vector<ConstView> values_;
    std::vector<ConstView> inputs_;  // of the operation at work
    std::vector<std::unique_ptr<PackedWeights>> packed_;
    std::vector<Tensor> edited_params_;
    std::vector<std::byte> arena_;
    std::byte* base_ = nullptr;  // 64-byte boundary inside arena_
};

}  // namespace sf
