#include "core/error.h"
#include "core/io/safetensors.h"
#include "tests/fuzz/as_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    try {
        const sf::SafetensorsFile file(sf::fuzz::as_file(data, size));
        for (const auto& [name, entry] : file.entries())
            if (entry.shape.size() <= sf::Shape::max_rank) file.read(name);
    } catch (const sf::UserError&) {
    }
    return 0;
}
