#include "core/error.h"
#include "core/io/ids.h"

#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    try {
        for (const auto& row : sf::parse_ids(text, "ids.json")) {
            if (row.empty()) std::abort();
            for (const auto id : row)
                if (id < 0) std::abort();
        }
    } catch (const sf::UserError&) {
    }
    return 0;
}
