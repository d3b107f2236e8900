#pragma once

#include "core/graph/graph.h"
#include "core/model/weights.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sf {

class Backend;
class Tokenizer;

// A value that a person set: this element of this node has this value, everything downstream
// follows.
struct Edit {
    std::string node;
    std::int64_t index = 0;  // flat, row-major
    double value = 0;
    bool operator==(const Edit&) const = default;
};
// "layers.1.scores[17]=2.5 ...", exact: different edits have different texts.
std::string edits_text(const std::vector<Edit>& edits);

// One term of the loss L = sum of weight x node, a node of one number.
struct LossTerm {
    std::string node;
    double weight = 1;
    bool operator==(const LossTerm&) const = default;
};

// dL/d(tensor NAME) is called "grad.NAME": in files, steps, settings and hits.
inline constexpr std::string_view gradient_prefix = "grad.";
std::string gradient_name(std::string_view name);
// "∂L/∂c^{KV}", in parentheses where the symbol is a product or sum.
std::string gradient_symbol(const Node& node);
// What a name stands for: a node's values or, with the prefix, its gradient. `node` is no_node
// when there is none.
struct TensorName {
    NodeId node = no_node;
    bool gradient = false;
};
TensorName named_tensor(const Graph& graph, std::string_view name);

// What one forward pass left behind: every named tensor that was kept, in order, and on request
// the gradients of the backward pass. Immutable and shared between threads once made. Does not
// know views, files or threads.
class Trace {
public:
    std::shared_ptr<const Graph> graph;
    WeightsPtr weights;  // null when the trace came from a file
    Extent extent;
    std::vector<std::int64_t> ids;  // (batch, tokens)
    std::vector<std::string>
        tokens;  // how each id reads, same order; "⟨17⟩" where there is no text
    std::shared_ptr<const Tokenizer> tokenizer;  // null: no text
    std::vector<Edit> edits;
    std::string model_name;
    std::int64_t trained_step = 0;
    std::shared_ptr<Backend> backend;  // that computed a part of it; null: the CPU computed all
    // What the gradients are of; empty: none were recorded (the graph then need not have losses).
    std::vector<LossTerm> loss;

    // The tensor of a node, or null when it was not kept (memory budget) or not in the file.
    // Parameters come from the weights.
    const Tensor* find(NodeId id) const;
    const Tensor* find(std::string_view name) const;  // "grad.NAME": the gradient
    // dL/d(value), of the value's shape; null where it was not recorded or no gradient passes.
    const Tensor* gradient(NodeId id) const;
    bool has(std::string_view name) const { return find(name) != nullptr; }
    // Seconds that the node took, 0 where it was not timed (a fused neighbour did its work).
    double seconds(NodeId id) const;
    Shape shape(NodeId id) const;
    std::vector<std::int64_t> sequence(std::int64_t batch) const;  // its ids
    std::int64_t bytes() const;                                    // of values and gradients
    // How any id of the vocabulary reads: by the tokenizer, else as in `tokens`, else "⟨17⟩".
    std::string label(std::int64_t id) const;

    // For the recorder, the reader and overlays that share what an edit leaves alone.
    TensorPtr share(NodeId id) const;
    void keep(NodeId id, TensorPtr tensor, double seconds);
    void keep_gradient(NodeId id, TensorPtr tensor);
    // An edit makes them those of another run.
    void drop_gradients();

private:
    std::vector<TensorPtr> values_, gradients_;
    std::vector<double> seconds_;
};
using TracePtr = std::shared_ptr<const Trace>;

// The name of the device that computed a node, "llvmpipe"; empty: the CPU did, or some of it (in a
// run with edits).
std::string computed_by(const Trace& trace, NodeId id);

// Reads a trace's cell by the name of its node and (b, ...) indices: what views use, so that a
// wrong name fails loudly. Throws ShapeError.
double value_at(const Trace& trace, std::string_view node,
                std::initializer_list<std::int64_t> index);

// One cell in words: the formula with its numbers, and the cells that it was made from.
struct Explanation {
    std::string formula;  // "c^{KV}_{3,5}"-like symbol with the node's formula
    std::string numbers;  // "0.12·0.5 + … (64 terms) = 0.731"
    double value = 0;     // recomputed in double from the inputs as recorded
    struct Cell {
        NodeId node = no_node;
        std::int64_t begin = 0;  // flat range [begin, end) of the input, step `stride`
        std::int64_t end = 0;
        std::int64_t stride = 1;
    };
    std::vector<Cell> cells;
};
// Empty numbers when an input was not kept.
Explanation explain(const Trace& trace, NodeId node, std::int64_t index);
// The same of a cell's gradient: what a small change of the cell does to the loss. No cells.
Explanation explain_gradient(const Trace& trace, NodeId node, std::int64_t index);

// "loss + 0.3·mtp.1.loss": what the gradients are of, with the names of the nodes.
std::string loss_text(const std::vector<LossTerm>& loss);

}  // namespace sf
