#pragma once

#include "core/graph/op.h"

#include <string>

// The rows of the table (core/ops/table.cpp), one function here for each op's file, and what
// several of them use.
namespace sf {

void add_input_ops(std::vector<OpDef>& table);        // ids, param, shift_ids, take_rows, embedding
void add_elementwise_ops(std::vector<OpDef>& table);  // add, concat, swiglu, softmax
void add_norm_ops(std::vector<OpDef>& table);         // rms_norm
void add_linear_ops(std::vector<OpDef>& table);       // linear
void add_rope_ops(std::vector<OpDef>& table);         // rope, cache
void add_attention_ops(std::vector<OpDef>& table);    // scores .. attention
void add_latent_ops(std::vector<OpDef>& table);       // absorb_q .. expand_v
void add_router_ops(std::vector<OpDef>& table);       // gate_scores .. gate_weights
void add_expert_ops(std::vector<OpDef>& table);       // expert_load .. combine
void add_fused_expert_ops(std::vector<OpDef>& table);  // experts
void add_loss_ops(std::vector<OpDef>& table);          // cross_entropy .. balance_loss

// ---- shapes ----
// Throws ShapeError with the node's name unless the condition holds.
void require(const Node& node, bool condition, const std::string& reason);
const Node& input(const Graph& graph, const Node& node, std::size_t i);
Dim fixed(std::int64_t n);

// ---- rows in pieces ----
// Calls work(first_row, last_row, thread) over pieces of rows, small enough to stay in a near cache
// while an operation passes over them. C: OpContext or BackwardContext.
template <class C, class F>
void for_rows(const C& c, std::int64_t rows, std::int64_t piece, F&& work);
// Calls work(piece, thread), in order on one thread.
template <class C, class F>
void for_pieces(const C& c, std::int64_t pieces, F&& work);
template <class C>
int threads_of(const C& c);

// ---- gradients ----
// data[i] = or += f(i), one vector loop each.
template <class F>
void give_all(GradView g, std::int64_t n, F&& f) {
    Real* y = g.data;
    if (g.add)
        for (std::int64_t i = 0; i < n; ++i) y[i] += f(i);
    else
        for (std::int64_t i = 0; i < n; ++i) y[i] = f(i);
}
// dW (n, k) = or += dy^T x for dy (rows, n) with row stride ldy and x (rows, k).
void weight_gradient(const BackwardContext& c, const Real* dy, std::int64_t n, std::int64_t ldy,
                     const Real* x, std::int64_t k, std::int64_t rows, GradView dw);

// ---- explanations ----
// Collects a sum of products and prints its first terms: "0.12·0.5 + 0.3·(−1) + … (64 terms)".
class Terms {
public:
    void add(double a, double b);
    double sum() const { return sum_; }
    std::string text() const;

private:
    double sum_ = 0;
    std::int64_t count_ = 0;
    std::string text_;
};
std::string number_text(double x);  // four significant digits, U+2212 minus
void use_cells(Explanation& e, std::size_t input, std::int64_t begin, std::int64_t count,
               std::int64_t stride = 1);
// A key after the query's position scores -inf; true when that is all there is to say.
bool explain_mask(std::int64_t key, std::int64_t query, Explanation& e);
// Flat index to coordinates of a shape.
std::array<std::int64_t, Shape::max_rank> coordinates(const Shape& shape, std::int64_t index);

}  // namespace sf

#include "core/backend/thread_pool.h"

#include <algorithm>

namespace sf {

template <class C>
int threads_of(const C& c) {
    return c.pool ? c.pool->threads() : 1;
}

template <class C, class F>
void for_pieces(const C& c, std::int64_t pieces, F&& work) {
    if (threads_of(c) > 1 && pieces > 1)
        c.pool->run(pieces, work);
    else
        for (std::int64_t p = 0; p < pieces; ++p) work(p, 0);
}

template <class C, class F>
void for_rows(const C& c, std::int64_t rows, std::int64_t piece, F&& work) {
    for_pieces(c, (rows + piece - 1) / piece, [&](std::int64_t p, int thread) {
        work(p * piece, std::min(rows, (p + 1) * piece), thread);
    });
}

}  // namespace sf
