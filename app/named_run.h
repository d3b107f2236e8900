#pragma once

#include "core/run/derived.h"
#include "views/view.h"

#include <string>
#include <string_view>
#include <vector>

namespace sf {

// Runs to compare with: how they are named and where they come from.

// The folder's own name, without spaces and '='.
std::string standard_run_name(const std::string& folder);

// Throws UserError (beginning with `source`) for a name that is empty, has a space or a '=', or is
// taken.
void check_run_name(const std::string& source, const std::string& name, bool taken);

// A folder of `train --out`, or any other with a model, with its history where there is one. Throws
// UserError.
NamedRun load_run(const std::string& folder, const std::string& name);
// The same elsewhere: the result of a need. `attempt`: what makes each one a question of its own.
struct LoadedRun : DerivedValue {
    NamedRun run;
};
Need loaded_run(const std::string& folder, const std::string& name, std::uint64_t attempt);
// Writes a run into a folder and gives it back as the folder's.
Need saved_run(const NamedRun& run, const std::string& folder, std::uint64_t attempt);

// Those of --compare DIR[=NAME], in order. Throws UserError naming the option.
std::vector<NamedRun> compared_runs(const std::vector<std::string>& arguments);

}  // namespace sf
