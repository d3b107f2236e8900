#pragma once

namespace sf {

// The benchmarks, each beside its floor measured in the same process: the matrix products alone,
// with Eigen where the build has it and with the core's own kernel. Prints a table, or JSON.
// Returns 0.
int run_benchmarks(bool json);

}  // namespace sf
