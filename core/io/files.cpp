#include "core/io/files.h"

#include "core/error.h"

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <string>
#include <system_error>

#ifndef _WIN32
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#else
#include <process.h>
#endif

namespace sf {

namespace fs = std::filesystem;

namespace {

std::string reason_of(int error) {
    return std::generic_category().message(error);
}

// Reads in pieces, so that what reports no size (a pipe, /proc) is read too, and never beyond.
constexpr std::size_t piece = 1 << 16;

constexpr int max_attempts = 1000;

// Short: it must fit where the target's name does.
fs::path temporary_name(const fs::path& target, long process, int attempt) {
    return target.parent_path() /
           (".sf-" + std::to_string(process) + "-" + std::to_string(attempt) + ".tmp");
}

}  // namespace

std::string read_file(const fs::path& file, std::int64_t limit) {
    std::error_code error;
    const fs::file_status status = fs::status(file, error);
    if (status.type() == fs::file_type::not_found)
        throw UserError(file.string(), "", "no such file");
    if (error) throw UserError(file.string(), "", "cannot be read: " + error.message());
    if (fs::is_directory(status)) throw UserError(file.string(), "", "is a folder, not a file");

    const auto too_large = [&] {
        return UserError(file.string(), "", "is larger than " + std::to_string(limit) + " bytes");
    };
    std::string bytes;
    if (fs::is_regular_file(status)) {
        const auto size = fs::file_size(file, error);
        if (!error && size > static_cast<std::uintmax_t>(limit)) throw too_large();
        if (!error) bytes.reserve(static_cast<std::size_t>(size));
    }
    errno = 0;
    std::ifstream in(file, std::ios::binary);
    if (!in) throw UserError(file.string(), "", "cannot be opened: " + reason_of(errno));
    char buffer[piece];
    while (in.read(buffer, piece), in.gcount() > 0) {
        bytes.append(buffer, static_cast<std::size_t>(in.gcount()));
        if (static_cast<std::int64_t>(bytes.size()) > limit) throw too_large();
    }
    if (in.bad()) throw UserError(file.string(), "", "cannot be read: " + reason_of(errno));
    return bytes;
}

void write_file(const fs::path& file, std::string_view bytes) {
    FileWriter writer(file);
    writer.write(bytes);
    writer.commit();
}

struct FileWriter::Impl {
    std::string shown;   // the path as the user gave it
    fs::path target;     // symbolic links followed
    fs::path temporary;  // empty when written to directly
    bool committed = false;
#ifdef _WIN32
    std::FILE* out = nullptr;
#else
    int out = -1;
#endif

    [[noreturn]] void fail(int error) const {
        throw UserError(shown, "", "cannot be written: " + reason_of(error));
    }
    void open(bool direct);
    void put(const char* data, std::size_t bytes);
    void sync_and_close();
    void discard() noexcept;
};

#ifdef _WIN32

void FileWriter::Impl::open(bool direct) {
    if (direct) out = _wfopen(target.c_str(), L"wb");
    for (int i = 0; !direct && !out && i < max_attempts; ++i) {
        temporary = temporary_name(target, _getpid(), i);
        out = _wfopen(temporary.c_str(), L"wbx");
        if (!out && errno != EEXIST) break;
    }
    if (!out) {
        const int error = errno;
        temporary.clear();
        fail(error);
    }
}

void FileWriter::Impl::put(const char* data, std::size_t bytes) {
    if (std::fwrite(data, 1, bytes, out) != bytes) fail(errno);
}

void FileWriter::Impl::sync_and_close() {
    std::FILE* file = out;
    out = nullptr;
    if (std::fclose(file) != 0) fail(errno);
}

void FileWriter::Impl::discard() noexcept {
    if (out) std::fclose(out);
    std::error_code ignored;
    if (!temporary.empty()) fs::remove(temporary, ignored);
}

#else

void FileWriter::Impl::open(bool direct) {
    if (direct) {
        out = ::open(target.c_str(), O_WRONLY | O_CLOEXEC);
    } else {
        // A read-only file would be replaced by a rename; respect it.
        if (::access(target.c_str(), F_OK) == 0 && ::access(target.c_str(), W_OK) != 0) fail(errno);
        for (int i = 0; out < 0 && i < max_attempts; ++i) {
            temporary = temporary_name(target, ::getpid(), i);
            out = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
            if (out < 0 && errno != EEXIST) break;
        }
    }
    if (out < 0) {
        const int error = errno;
        temporary.clear();
        fail(error);
    }
    struct stat old {};
    if (!direct && ::stat(target.c_str(), &old) == 0)
        (void)::fchmod(out, old.st_mode & 07777);  // the new file is as readable as the old one
}

void FileWriter::Impl::put(const char* data, std::size_t bytes) {
    while (bytes > 0) {
        const ssize_t done = ::write(out, data, bytes);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) fail(errno);
        data += done;
        bytes -= static_cast<std::size_t>(done);
    }
}

void FileWriter::Impl::sync_and_close() {
    // A pipe or a device cannot be synced; that is no failure.
    if (::fsync(out) != 0 && errno != EINVAL && errno != ENOTSUP && errno != EROFS) fail(errno);
    const int closing = out;
    out = -1;
    if (::close(closing) != 0 && errno != EINTR) fail(errno);
}

void FileWriter::Impl::discard() noexcept {
    if (out >= 0) ::close(out);
    if (!temporary.empty()) ::unlink(temporary.c_str());
}

#endif

FileWriter::FileWriter(const fs::path& file) : impl_(std::make_unique<Impl>()) {
    impl_->shown = file.string();
    if (file.empty()) throw UserError("output file: the name is empty");
    std::error_code error;
    const fs::file_status status = fs::status(file, error);
    if (fs::is_directory(status) || !file.has_filename())
        throw UserError(impl_->shown, "", "cannot be written: is a folder");
    const bool direct = fs::exists(status) && !fs::is_regular_file(status);

    impl_->target = file;
    if (!direct && fs::is_symlink(fs::symlink_status(file, error))) {
        const fs::path followed = fs::weakly_canonical(file, error);
        if (!error) impl_->target = followed;
    }
    if (!direct) {
        const fs::path folder = impl_->target.parent_path();
        if (!folder.empty() && !fs::is_directory(folder, error))
            throw UserError(impl_->shown, "",
                            "cannot be written: there is no folder " + folder.string());
    }
    impl_->open(direct);
}

FileWriter::~FileWriter() {
    if (!impl_->committed) impl_->discard();
}

void FileWriter::write(const void* data, std::size_t bytes) {
    impl_->put(static_cast<const char*>(data), bytes);
}

void FileWriter::commit() {
    impl_->sync_and_close();
    if (!impl_->temporary.empty()) {
        std::error_code error;
        fs::rename(impl_->temporary, impl_->target, error);
        if (error) impl_->fail(error.value());
    }
    impl_->committed = true;
}

}  // namespace sf
