#pragma once

#include "core/graph/graph.h"
#include "core/run/trace.h"

#include <memory>
#include <span>
#include <vector>

namespace sf {

class LayerCache;
class PackedMatrix;
class RopeTable;
class ThreadPool;

// Weights rearranged for the product kernel: made once per node and version of its weights.
using Prepared = std::vector<PackedMatrix>;

// Memory that an op may use while it runs; grows, never shrinks, reused from node to node.
class Scratch {
public:
    Real* get(std::size_t slot, std::int64_t count);

private:
    std::vector<std::vector<Real>> slots_;
};

// One node at work: its inputs (of `op(inputs)` or of the fused form), where to write, and what
// else an op may use. `cache` is null outside decoding.
struct OpContext {
    const Node& node;
    const Extent& extent;
    std::span<const ConstView> in;
    MutView out;
    const RopeTable& rope;
    const Prepared* prepared = nullptr;
    LayerCache* cache = nullptr;
    ThreadPool* pool = nullptr;
    Scratch* scratch = nullptr;
};

// One element of a node put into words, in double from the inputs as recorded.
struct ExplainContext {
    const Node& node;
    const Extent& extent;
    std::span<const ConstView> in;
    const RopeTable& rope;
    std::int64_t index;
    const Tensor& value;
};

// One row an op: everything there is to know of it. A test fails for an op without a row.
struct OpDef {
    Op op;
    const char* name;
    // The dimensions of the output from those of the inputs; throws ShapeError with the node's
    // name.
    void (*shape)(const Graph& graph, Node& node);
    void (*forward)(const OpContext& c);
    // Which inputs are weights to rearrange, and how; null: none.
    Prepared (*prepare)(const Node& node, std::span<const ConstView> in) = nullptr;
    // Fills numbers, value and cells (whose `node` is an index into inputs until the caller maps
    // it).
    void (*explain)(const ExplainContext& c, Explanation& e) = nullptr;
    // The fused form of a composite: computed fast, explained step by step.
    bool composite = false;
};

const OpDef& op_def(Op op);
std::span<const OpDef> op_table();

}  // namespace sf
