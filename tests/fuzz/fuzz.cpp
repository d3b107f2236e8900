// Everything that reads a file, fed by libFuzzer. Compiled once a reader, SF_READ being its body:
// whatever the bytes are, the answer is a value or one UserError.
#include "core/error.h"
#include "core/io/checkpoint.h"
#include "core/io/ids.h"
#include "core/io/trace_io.h"
#include "core/text/tokenizer.h"

#include <unistd.h>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace {

using namespace sf;

// The readers map files, so the bytes become one (in memory, where there is /dev/shm).
std::filesystem::path as_file(std::string_view bytes) {
    const std::filesystem::path memory = "/dev/shm";
    const auto folder =
        std::filesystem::exists(memory) ? memory : std::filesystem::temp_directory_path();
    const auto file = folder / ("sf_fuzz_" + std::to_string(getpid()));
    std::ofstream(file, std::ios::binary | std::ios::trunc)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return file;
}

[[maybe_unused]] void config(std::string_view bytes) {
    parse_config(bytes, "config.json");
}

[[maybe_unused]] void ids(std::string_view bytes) {
    parse_ids(bytes, "ids.json");
}

[[maybe_unused]] void safetensors(std::string_view bytes) {
    const SafetensorsFile file(as_file(bytes));
    for (const auto& [name, entry] : file.entries()) file.read(name);
}

[[maybe_unused]] void trace(std::string_view bytes) {
    read_trace(as_file(bytes));
}

[[maybe_unused]] void tokenizer(std::string_view bytes) {
    const auto made = byte_tokenizer(258);
    if (made->decode(made->encode(bytes)) != bytes) std::abort();
    if (first_invalid_utf8(to_valid_utf8(bytes))) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    try {
        SF_READ({reinterpret_cast<const char*>(data), size});
    } catch (const sf::UserError&) {
    }
    return 0;
}
