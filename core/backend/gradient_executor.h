#pragma once

#include "core/graph/graph.h"
#include "core/graph/op.h"
#include "core/ops/rope.h"

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace sf {

// Runs a graph forward and then backward: one loop up, one loop down (reverse-mode differentiation
// of L = sum of weight x loss node). Memory of both directions is planned once per shape and used
// again; composites run fused, or step by step so that their inner values have gradients too. The
// same bits for any number of threads. Not thread-safe.
class GradientExecutor {
public:
    GradientExecutor(std::shared_ptr<const Graph> graph, std::shared_ptr<ThreadPool> pool);
    ~GradientExecutor();

    struct Seed {
        NodeId loss = no_node;  // a node of one number
        double weight = 1;
        bool operator==(const Seed&) const = default;
    };
    struct Request {
        Extent extent;
        std::span<const std::int64_t> ids;  // (batch, tokens)
        std::span<const ConstView> params;  // by node: the parameters' numbers
        std::span<Real* const> gradients;   // by node: where dL/d(parameter) goes, null: nowhere
        std::vector<Seed> seeds;
        std::vector<NodeId> outputs;  // values that stay readable until the next run
        bool steps = false;           // composites step by step
        // Told each node's dL/d(value) when it is complete; may be empty.
        std::function<void(NodeId, const Shape&, const Real*)> on_gradient;
    };
    // Parameters are read as they are now unless `same_params` says that they have not changed
    // since the last run.
    void run(const Request& request, bool same_params = false);
    ConstView value(NodeId id) const { return values_[static_cast<std::size_t>(id)]; }

private:
    struct Plan;
    void make_plan(const Request& request);
    const std::vector<NodeId>& inputs_of(NodeId id) const;
    const OpDef& def_of(NodeId id) const;
    void forward(const Request& request);
    void backward(const Request& request);

    std::shared_ptr<const Graph> graph_;
    std::shared_ptr<ThreadPool> pool_;
    RopeTable rope_;
    Scratch scratch_;
    std::unique_ptr<Plan> plan_;
    std::vector<ConstView> values_;
    std::vector<Prepared> prepared_, prepared_backward_;
    std::vector<std::uint64_t> packed_at_, packed_backward_at_;  // versions
    std::uint64_t version_ = 0;
    std::vector<std::byte> arena_;
    std::byte* base_ = nullptr;
};

}  // namespace sf
