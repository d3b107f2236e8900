#pragma once

#include <span>
#include <string_view>

namespace sf {

// A file that was put into the program when it was built (cmake/embed.cmake).
struct EmbeddedFile {
    std::string_view name;   // without folders
    std::string_view bytes;  // aligned to 8, followed by a zero byte
};

// The first file of that name, empty when there is none.
inline std::string_view find_embedded(std::span<const EmbeddedFile> files, std::string_view name) {
    for (const auto& file : files)
        if (file.name == name) return file.bytes;
    return {};
}

}  // namespace sf
