#pragma once

#include "core/run/trace.h"

#include <cstdint>
#include <string>

namespace sf {

// A probe is the trace of one short fixed text, kept at chosen steps of training, so that one can
// see the same sentence being understood better and better. It keeps the nodes that tell this (the
// residual stream, attention weights, latents, routing, what the head would say after each layer)
// and what follows from them without weights; it has no weights.

inline constexpr std::int64_t max_probe_tokens = 16;  // over the whole batch

// 0, 1, 2, 5, 10, 20, 50, 100, ...: steps of training at which a probe is worth its memory.
bool is_probe_step(std::int64_t step);

// What a file keeps of a probe; complete_probe() adds the rest.
bool is_probe_node(const Graph& graph, NodeId id);

// The probe of a whole trace, as that of `step`. Throws ShapeError when the trace is longer than a
// probe, was edited or continues a cache.
TracePtr make_probe(const Trace& trace, std::int64_t step);

// The same probe under the name of the model that it is looked at with.
TracePtr named_probe(const TracePtr& probe, const std::string& model);

// Computes what is missing and follows from the kept nodes alone: affinities, gate weights, loads,
// probabilities, the last layer's lens. The bits are those of the run.
void complete_probe(Trace& probe);

}  // namespace sf
