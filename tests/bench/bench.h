#pragma once

#include "core/model/model.h"

namespace sf {

// The benchmarks on the preset `bench`: training steps of 8x128 with one and two threads, forward
// passes, one decoded token. Each beside its floors measured in the same process, the matrix
// products alone (Eigen's and the core's own kernel, operands streamed and in cache), and all
// beside what the machine can do. Then decoding with drafts by a trained model (null: left out),
// the time to draw each page of each view, and the kernels of a device beside the CPU. Prints a
// table, or JSON (its fields: `bench --help`). `quick`: a few runs of each, rough, in seconds.
// Returns 0.
int run_benchmarks(bool json, bool quick, const ModelPtr& trained);

}  // namespace sf
