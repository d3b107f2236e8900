#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sf {

class Controller;

// One thing that the palette found.
struct Found {
    std::string title;   // "Latent KV"
    std::string kind;    // "command", "view", "tensor", "step"
    std::string detail;  // keys, or the name
    std::string line;    // the command that goes there; ends in a space when it wants an argument
};

// Everything whose name answers the query, best first. A query that is a whole command line
// ("text 150") comes first.
std::vector<Found> find_anything(const Controller& controller, std::string_view query,
                                 std::size_t most);

}  // namespace sf
