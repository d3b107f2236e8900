#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace sf {

// The whole file; throws UserError when missing, a folder, unreadable or larger than `limit` bytes.
std::string read_file(const std::filesystem::path& file,
                      std::int64_t limit = std::int64_t{1} << 30);

// Temporary name in the same folder, synced, then rename. Throws UserError (no such folder,
// unwritable, full disk); leaves nothing behind. A device or a pipe (/dev/stdout) is written to
// directly.
void write_file(const std::filesystem::path& file, std::string_view bytes);

// The same piece by piece, for what need not be in memory as a whole. Without `commit` the
// destructor removes what was written and the old file stays as it was.
class FileWriter {
public:
    explicit FileWriter(const std::filesystem::path& file);
    ~FileWriter();
    FileWriter(const FileWriter&) = delete;
    FileWriter& operator=(const FileWriter&) = delete;

    void write(const void* data, std::size_t bytes);
    void write(std::string_view bytes) { write(bytes.data(), bytes.size()); }
    void commit();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sf
