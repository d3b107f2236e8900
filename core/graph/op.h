#pragma once

#include "core/graph/graph.h"
#include "core/run/trace.h"

#include <memory>
#include <span>
#include <vector>

namespace sf {

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
    ThreadPool* pool = nullptr;
    Scratch* scratch = nullptr;
    Real* saved = nullptr;  // what backward wants to find again (OpDef::saved numbers)
};

// Where a gradient goes. `data` is null where nobody asks for it; `add`: onto what is there.
struct GradView {
    Real* data = nullptr;
    bool add = false;
    explicit operator bool() const { return data != nullptr; }
    // data[i] = or += x
    void give(std::int64_t i, Real x) const { data[i] = add ? data[i] + x : x; }
};

// One node going backward (reverse-mode differentiation): from dL/d(out) to dL/d(in), shapes as in
// `in`. Only what OpDef::reads names may be read of `in` and `out`.
struct BackwardContext {
    const Node& node;
    const Extent& extent;
    std::span<const ConstView> in;
    ConstView out;
    const Real* grad = nullptr;  // dL/d(out), (out.shape)
    std::span<const GradView> to;
    const RopeTable& rope;
    const Prepared* prepared = nullptr;  // by prepare_backward
    ThreadPool* pool = nullptr;
    Scratch* scratch = nullptr;
    const Real* saved = nullptr;
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
    // Rearranges the inputs that are weights, in the memory of the last time; null: none.
    void (*prepare)(const Node& node, std::span<const ConstView> in, Prepared& p) = nullptr;
    // Fills numbers, value and cells (whose `node` is an index into inputs until the caller maps
    // it).
    void (*explain)(const ExplainContext& c, Explanation& e) = nullptr;
    // The fused form of a composite: computed fast, explained step by step.
    bool composite = false;
    // Null: no gradient passes (integers, choices, what is counted).
    void (*backward)(const BackwardContext& c) = nullptr;
    void (*prepare_backward)(const Node& node, std::span<const ConstView> in,
                             Prepared& p) = nullptr;
    // How many numbers forward leaves for backward.
    std::int64_t (*saved)(const Node& node, std::span<const ConstView> in) = nullptr;
    // The values that backward reads: inputs by bit (the last bit stands for all that follow) and
    // its own output.
    std::uint32_t reads = ~0U;
    bool reads_output = false;
};

const OpDef& op_def(Op op);
std::span<const OpDef> op_table();

}  // namespace sf
