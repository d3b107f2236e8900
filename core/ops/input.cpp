#include "core/ops/ops.h"

#include <algorithm>
#include <cstring>

namespace sf {

namespace {

// ids, states and params are given, never computed.
void given_shape(const Graph&, Node&) {}
void given(const OpContext&) {}

void shift_ids_shape(const Graph& graph, Node& n) {
    n.dims = input(graph, n, 0).dims;
    n.dims.back().offset -= n.attrs.shift;
    n.dtype = DType::i64;
}
void shift_ids(const OpContext& c) {
    const auto t = c.in[0].shape[1], rows = c.out.shape[1];
    for (std::int64_t b = 0; b < c.out.shape[0]; ++b)
        std::copy_n(c.in[0].ints + b * t + c.node.attrs.shift, rows, c.out.ints + b * rows);
}
void explain_shift_ids(const ExplainContext& c, Explanation& e) {
    const auto at = coordinates(c.value.shape, c.index);
    const auto from = at[0] * c.in[0].shape[1] + at[1] + c.node.attrs.shift;
    e.value = c.in[0].at(from);
    e.numbers = "the id at position " + std::to_string(at[1] + c.node.attrs.shift);
    use_cells(e, 0, from, 1);
}

// The first tokens - shift positions of each sequence.
void take_rows_shape(const Graph& graph, Node& n) {
    n.dims = input(graph, n, 0).dims;
    n.dims[1].offset -= n.attrs.shift;
}
void take_rows(const OpContext& c) {
    const auto cols = c.out.shape.cols(), from = c.in[0].shape[1], rows = c.out.shape[1];
    for (std::int64_t b = 0; b < c.out.shape[0]; ++b)
        std::copy_n(c.in[0].real + b * from * cols, rows * cols, c.out.real + b * rows * cols);
}
void take_rows_backward(const BackwardContext& c) {
    const auto cols = c.out.shape.cols(), all = c.in[0].shape[1], rows = c.out.shape[1];
    for (std::int64_t b = 0; b < c.out.shape[0] && c.to[0]; ++b) {
        Real* dx = c.to[0].data + b * all * cols;
        give_all({dx, c.to[0].add}, rows * cols,
                 [&](std::int64_t i) { return c.grad[b * rows * cols + i]; });
        if (!c.to[0].add) std::fill(dx + rows * cols, dx + all * cols, Real(0));
    }
}
void explain_take_rows(const ExplainContext& c, Explanation& e) {
    const auto at = coordinates(c.value.shape, c.index);
    const auto from = (at[0] * c.in[0].shape[1] + at[1]) * c.value.shape.cols() + at[2];
    e.value = c.in[0].at(from);
    e.numbers = "copied";
    use_cells(e, 0, from, 1);
}

void embedding_shape(const Graph& graph, Node& n) {
    const Node& ids = input(graph, n, 0);
    const Node& table = input(graph, n, 1);
    require(n, ids.dtype == DType::i64 && table.dims.size() == 2, "needs ids and (vocab, dim)");
    n.dims = ids.dims;
    n.dims.push_back(table.dims[1]);
}
void embedding(const OpContext& c) {
    const auto cols = c.out.shape.cols();
    for (std::int64_t r = 0; r < c.out.shape.rows(); ++r)
        std::copy_n(c.in[1].real + c.in[0].ints[r] * cols, cols, c.out.real + r * cols);
}
// Rows that occur more than once add up, in the order of their positions.
void embedding_backward(const BackwardContext& c) {
    if (!c.to[1]) return;
    const auto cols = c.out.shape.cols();
    if (!c.to[1].add) std::fill_n(c.to[1].data, c.in[1].shape.size(), Real(0));
    for (std::int64_t r = 0; r < c.out.shape.rows(); ++r)
        give_all({c.to[1].data + c.in[0].ints[r] * cols, true}, cols,
                 [&](std::int64_t i) { return c.grad[r * cols + i]; });
}
void explain_embedding(const ExplainContext& c, Explanation& e) {
    const auto cols = c.value.shape.cols(), row = c.index / cols;
    const auto id = c.in[0].ints[row], from = id * cols + c.index % cols;
    e.value = c.in[1].at(from);
    e.numbers = "row " + std::to_string(id) + " of the embedding";
    use_cells(e, 0, row, 1);
    use_cells(e, 1, from, 1);
}

}  // namespace

void add_input_ops(std::vector<OpDef>& t) {
    t.push_back({.op = Op::ids, .name = "ids", .shape = given_shape, .forward = given});
    t.push_back({.op = Op::state, .name = "state", .shape = given_shape, .forward = given});
    t.push_back({.op = Op::param, .name = "param", .shape = given_shape, .forward = given});
    t.push_back({.op = Op::shift_ids,
                 .name = "shift_ids",
                 .shape = shift_ids_shape,
                 .forward = shift_ids,
                 .explain = explain_shift_ids});
    t.push_back({.op = Op::take_rows,
                 .name = "take_rows",
                 .shape = take_rows_shape,
                 .forward = take_rows,
                 .explain = explain_take_rows,
                 .backward = take_rows_backward,
                 .reads = 0});
    t.push_back({.op = Op::embedding,
                 .name = "embedding",
                 .shape = embedding_shape,
                 .forward = embedding,
                 .explain = explain_embedding,
                 .backward = embedding_backward,
                 .reads = 1});
}

}  // namespace sf
