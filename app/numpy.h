#pragma once

#include "core/run/trace.h"

#include <string>

namespace sf {

// Values of a trace as text for the clipboard. `index` is flat, row-major; empty when the tensor
// was not kept.
std::string copy_value(const Trace& trace, const std::string& node, std::int64_t index);
// The row (last dimension) that the cell is in, tab-separated.
std::string copy_row(const Trace& trace, const std::string& node, std::int64_t index);
// The whole tensor as a NumPy expression; the row where the tensor is longer than 65,536 values.
std::string copy_numpy(const Trace& trace, const std::string& node, std::int64_t index);

// The flat index as one index a dimension: "(0, 3, 5)".
std::string index_text(const Shape& shape, std::int64_t index);

}  // namespace sf
