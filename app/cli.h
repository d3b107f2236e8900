#pragma once

namespace sf {

// The command line (shared contract: commands, options and exit statuses are scripts' interface).
// Returns the exit status: 0; 2 the user's mistake; 1 ours; an interrupt ends the process with 130.
int run_cli(int argc, const char* const* argv);

}  // namespace sf
