#include "core/error.h"
#include "core/io/config_json.h"

#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    try {
        const sf::ModelConfig config = sf::parse_config(text, "config.json");
        // What is taken is sound and survives writing.
        if (!config.problems().empty()) std::abort();
        if (sf::parse_config(sf::config_json(config), "again") != config) std::abort();
    } catch (const sf::UserError&) {
    }
    return 0;
}
