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
void add_expert_ops(std::vector<OpDef>& table);       // expert_load .. experts

// ---- shapes ----
// Throws ShapeError with the node's name unless the condition holds.
void require(const Node& node, bool condition, const std::string& reason);
const Node& input(const Graph& graph, const Node& node, std::size_t i);
Dim fixed(std::int64_t n);

// ---- rows in pieces ----
// Calls work(first_row, last_row, thread) over fixed pieces of rows.
template <class F>
void for_rows(const OpContext& c, std::int64_t rows, std::int64_t piece, F&& work);

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

template <class F>
void for_rows(const OpContext& c, std::int64_t rows, std::int64_t piece, F&& work) {
    const std::int64_t pieces = (rows + piece - 1) / piece;
    if (c.pool == nullptr || c.pool->threads() == 1 || pieces <= 1) {
        if (rows > 0) work(std::int64_t{0}, rows, 0);
        return;
    }
    c.pool->run(pieces, [&](std::int64_t p, int thread) {
        work(p * piece, std::min(rows, (p + 1) * piece), thread);
    });
}

}  // namespace sf
