#include "core/gl/gl_buffer.h"

#include "core/error.h"
#include "core/io/half.h"

#include <epoxy/gl.h>
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace sf {

namespace {

constexpr std::int64_t word = 4;

// Whole texels, and never a power of two: llvmpipe compiles a kernel anew for each mixture of such
// and other sizes among the buffers that it reads as textures.
std::int64_t size_for(std::int64_t words) {
    const auto whole = std::max<std::int64_t>(4, (words + 3) / 4 * 4);
    return (whole & (whole - 1)) == 0 ? whole + 4 : whole;
}

void write_bytes(unsigned id, std::int64_t first, const void* data, std::size_t words) {
    if (words == 0) return;
    glBindBuffer(GL_COPY_WRITE_BUFFER, id);
    glBufferSubData(GL_COPY_WRITE_BUFFER, first * word, static_cast<GLsizeiptr>(words) * word,
                    data);
}

}  // namespace

GlBuffer::GlBuffer(std::int64_t words) : words_(size_for(words)) {
    const auto bytes = words_ * word;
    glGenBuffers(1, &id_);
    glBindBuffer(GL_COPY_WRITE_BUFFER, id_);
    while (glGetError() != GL_NO_ERROR) {
    }
    glBufferData(GL_COPY_WRITE_BUFFER, bytes, nullptr, GL_DYNAMIC_DRAW);
    if (const GLenum error = glGetError(); error != GL_NO_ERROR) {
        glDeleteBuffers(1, &id_);
        id_ = 0;
        throw DeviceError("the device has no memory for a buffer of " + std::to_string(bytes) +
                          " bytes");
    }
}

GlBuffer::~GlBuffer() {
    if (id_) glDeleteBuffers(1, &id_);
}

GlBuffer::GlBuffer(GlBuffer&& other) noexcept
    : id_(std::exchange(other.id_, 0)), words_(std::exchange(other.words_, 0)) {}

GlBuffer& GlBuffer::operator=(GlBuffer&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(words_, other.words_);
    return *this;
}

void GlBuffer::write(std::int64_t first, std::span<const float> data) {
    write_bytes(id_, first, data.data(), data.size());
}
void GlBuffer::write(std::int64_t first, std::span<const std::uint32_t> data) {
    write_bytes(id_, first, data.data(), data.size());
}
void GlBuffer::read(std::int64_t first, std::span<float> data) const {
    if (data.empty()) return;
    glMemoryBarrier(GL_BUFFER_UPDATE_BARRIER_BIT);
    glBindBuffer(GL_COPY_READ_BUFFER, id_);
    glGetBufferSubData(GL_COPY_READ_BUFFER, first * word,
                       static_cast<GLsizeiptr>(data.size()) * word, data.data());
}

std::int64_t words_of(std::int64_t numbers, bool half) {
    return half ? (numbers + 1) / 2 : numbers;
}

void store(GlBuffer& buffer, std::int64_t first, std::span<const float> numbers, bool half) {
    if (!half) return buffer.write(first, numbers);
    std::vector<std::uint32_t> words(
        static_cast<std::size_t>(words_of(static_cast<std::int64_t>(numbers.size()), true)));
    for (std::size_t i = 0; i < numbers.size(); ++i)
        words[i / 2] |= static_cast<std::uint32_t>(to_f16(numbers[i])) << (i % 2 * 16);
    buffer.write(first / 2, words);
}

}  // namespace sf
