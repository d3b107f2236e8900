#pragma once

#include "core/io/safetensors.h"
#include "core/run/trace.h"

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace sf {

// A trace as a safetensors file: every kept tensor under its node's name with the batch dimension,
// floats F32, indices I64; `extra` tensors (decode_logits) beside them. Metadata: format version,
// config, attention mode, ids, token strings, order, symbols, formulas, edits, model name; no
// times, so that the same run gives the same bytes. Parameters are not written. Of a run with
// gradients: each as "grad.NAME" (parameters too), `graph` says training, `loss` is a readable
// formula and `loss_terms` its nodes and weights.
void write_trace(const std::filesystem::path& file, const Trace& trace,
                 const std::map<std::string, TensorPtr>& extra = {});

// Rebuilds the graph from the stored config; tensors whose shapes do not fit are refused. Throws
// UserError naming file, tensor and reason.
TracePtr read_trace(const std::filesystem::path& file);

// The tensors alone, for files that hold traces beside other things: read_trace_tensors keeps in
// `trace`, whose graph, extent and ids are set, every tensor of the file that is called `prefix`
// and a node's name. Shapes, types and indices are checked as in read_trace; `file` begins the
// sentence.
void read_trace_tensors(const SafetensorsFile& tensors, const std::string& file,
                        const std::string& prefix, Trace& trace);
std::string_view attention_name(AttentionMode mode);  // "naive" or "absorbed"
// Throws UserError naming `file`.
AttentionMode parse_attention(const std::string& text, const std::string& file);

}  // namespace sf
