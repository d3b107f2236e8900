#pragma once

#include "core/error.h"
#include "core/io/files.h"

#include <gtest/gtest.h>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace sf::test {

// A folder of its own for one test, removed at its end.
class Scratch {
public:
    Scratch() {
        const auto* info = testing::UnitTest::GetInstance()->current_test_info();
        std::string name = std::string("sf-") + info->test_suite_name() + "-" + info->name();
        for (char& c : name)
            if (c == '/') c = '-';
        folder_ = std::filesystem::path(testing::TempDir()) / name;
        std::filesystem::remove_all(folder_);
        std::filesystem::create_directories(folder_);
    }
    ~Scratch() {
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    std::filesystem::path operator/(const std::string& name) const { return folder_ / name; }
    const std::filesystem::path& path() const { return folder_; }
    std::filesystem::path with(const std::string& name, std::string_view bytes) const {
        // Not synced to the disk as write_file does: thousands of these are written.
        std::ofstream(folder_ / name, std::ios::binary)
            .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        return folder_ / name;
    }
    std::size_t entries() const {
        std::size_t n = 0;
        for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
            (void)entry;
            ++n;
        }
        return n;
    }

private:
    std::filesystem::path folder_;
};

// The sentence of the UserError that `action` throws; "" when it throws none.
template <class Action>
std::string user_error(Action&& action) {
    try {
        action();
    } catch (const UserError& e) {
        return e.what();
    }
    return "";
}

inline std::filesystem::path reference(const std::string& file) {
    return std::filesystem::path(SF_SOURCE_DIR) / "tests" / "reference" / file;
}

// A safetensors file of any header and data.
inline std::string safetensors_bytes(std::string_view header, std::size_t data_bytes) {
    const std::uint64_t length = header.size();
    std::string bytes(sizeof length, '\0');
    std::memcpy(bytes.data(), &length, sizeof length);
    return bytes + std::string(header) + std::string(data_bytes, '\0');
}

}  // namespace sf::test
