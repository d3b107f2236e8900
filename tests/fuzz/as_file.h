#pragma once

#include <unistd.h>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

namespace sf::fuzz {

// The fuzzer's bytes as a file, for readers that map one.
inline std::filesystem::path as_file(const std::uint8_t* data, std::size_t size) {
    const auto path =
        std::filesystem::temp_directory_path() / ("sf-fuzz-" + std::to_string(::getpid()));
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
    return path;
}

}  // namespace sf::fuzz
