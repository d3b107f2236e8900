#pragma once

#include "core/run/trace.h"

#include <filesystem>
#include <map>
#include <string>

namespace sf {

// A trace as a safetensors file: every kept tensor under its node's name with the batch dimension,
// floats F32, indices I64; `extra` tensors (decode_logits) beside them. Metadata: format version,
// config, attention mode, ids, token strings, order, symbols, formulas, edits, model name; no
// times, so that the same run gives the same bytes. Parameters are not written.
void write_trace(const std::filesystem::path& file, const Trace& trace,
                 const std::map<std::string, TensorPtr>& extra = {});

// Rebuilds the graph from the stored config; tensors whose shapes do not fit are refused. Throws
// UserError naming file, tensor and reason.
TracePtr read_trace(const std::filesystem::path& file);

}  // namespace sf
