#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>

namespace sf {

// The bytes of a regular file, read-only: mapped where the system can, else read. Throws UserError.
class MappedFile {
public:
    explicit MappedFile(const std::filesystem::path& file);
    ~MappedFile();
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;
    const char* data() const { return data_; }
    std::size_t size() const { return size_; }

private:
    const char* data_ = nullptr;
    std::size_t size_ = 0;
    std::unique_ptr<char[]> copy_;  // where nothing is mapped
};

}  // namespace sf
