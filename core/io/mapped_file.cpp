#include "core/io/mapped_file.h"

#include "core/error.h"

#include <cerrno>
#include <fstream>
#include <system_error>

#ifndef _WIN32
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace sf {

namespace {

[[noreturn]] void fail(const std::filesystem::path& file, int error) {
    throw UserError(file.string(), "", "cannot be read: " + std::generic_category().message(error));
}

void check_regular(const std::filesystem::path& file) {
    std::error_code error;
    const auto status = std::filesystem::status(file, error);
    if (status.type() == std::filesystem::file_type::not_found)
        throw UserError(file.string(), "", "no such file");
    if (error) fail(file, error.value());
    if (!std::filesystem::is_regular_file(status))
        throw UserError(file.string(), "", "is not a regular file");
}

}  // namespace

#ifndef _WIN32

MappedFile::MappedFile(const std::filesystem::path& file) {
    check_regular(file);
    const int in = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (in < 0) fail(file, errno);
    struct stat info {};
    void* mapped = nullptr;
    bool failed = ::fstat(in, &info) != 0;
    if (!failed && info.st_size > 0) {
        mapped =
            ::mmap(nullptr, static_cast<std::size_t>(info.st_size), PROT_READ, MAP_PRIVATE, in, 0);
        failed = mapped == MAP_FAILED;
    }
    const int error = errno;
    ::close(in);
    if (failed) fail(file, error);
    data_ = static_cast<const char*>(mapped);
    size_ = static_cast<std::size_t>(info.st_size);
    mapped_ = size_ > 0;
}

MappedFile::~MappedFile() {
    if (mapped_) ::munmap(const_cast<char*>(data_), size_);
}

#else

MappedFile::MappedFile(const std::filesystem::path& file) {
    check_regular(file);
    std::ifstream in(file, std::ios::binary | std::ios::ate);
    if (!in) fail(file, errno);
    size_ = static_cast<std::size_t>(in.tellg());
    copy_ = std::make_unique<char[]>(size_);
    in.seekg(0);
    if (!in.read(copy_.get(), static_cast<std::streamsize>(size_))) fail(file, errno);
    data_ = copy_.get();
}

MappedFile::~MappedFile() = default;

#endif

}  // namespace sf
