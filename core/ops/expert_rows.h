#pragma once

#include "core/real.h"

#include <cstdint>
#include <vector>

namespace sf {

// The (token, rank) slots by expert, then by token: order (slots). `load`: slots of each expert.
void order_slots(const std::int64_t* indices, std::int64_t slots, const std::int64_t* load,
                 std::int64_t experts, std::int64_t* order);
// Where each slot stands in the order.
std::vector<std::int64_t> inverse(const std::int64_t* order, std::int64_t n);
// y (tokens, cols): the weighted sum of a token's rows. row_of[slot]: where the slot's row lies.
// Sums in the order of the choices, whatever else is computed.
void combine_rows(const Real* rows, const std::int64_t* row_of, const Real* weights,
                  std::int64_t tokens, std::int64_t top_k, std::int64_t cols, Real* y);

}  // namespace sf
