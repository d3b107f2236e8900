#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string_view>

namespace sf {

// The bytes of a regular file, read-only: mapped where the system can, else read. Throws UserError.
// Or bytes that are in memory already, which must outlive it.
class MappedFile {
public:
    explicit MappedFile(const std::filesystem::path& file);
    explicit MappedFile(std::string_view bytes) : data_(bytes.data()), size_(bytes.size()) {}
    ~MappedFile();
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;
    const char* data() const { return data_; }
    std::size_t size() const { return size_; }

private:
    const char* data_ = nullptr;
    std::size_t size_ = 0;
    bool mapped_ = false;           // to be unmapped
    std::unique_ptr<char[]> copy_;  // where nothing is mapped
};

}  // namespace sf
