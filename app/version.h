#pragma once

#include <string>

namespace sf {

// "stepformer 0.1.0 (commit 1a2b3c4)", then one line a library: name and version.
std::string version_text();

}  // namespace sf
