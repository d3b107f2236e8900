#include "core/gl/gl_launch.h"

#include <epoxy/gl.h>
#include <algorithm>
#include <cctype>

namespace sf {

namespace {

struct Range {
    std::int64_t byte, bytes;  // what is bound
    std::int64_t first;        // element in it
};
// The smallest range that begins where the device wants and ends with a whole texel.
Range range_of(const GlSlice& s, std::int64_t count, std::int64_t alignment) {
    const std::int64_t size = s.half ? 2 : 4;
    const auto byte = s.offset * size / alignment * alignment;
    const auto end = ((s.offset + count) * size + 15) / 16 * 16;
    return {byte, std::min(end, s.buffer->words() * 4) - byte, s.offset - byte / size};
}

}  // namespace

GlLauncher::GlLauncher(GlDevice& of, KernelVariant which) : device(of), variant(which) {
    glGenTextures(static_cast<GLsizei>(textures_.size()), textures_.data());
    glGenQueries(1, &query_);
}

GlLauncher::~GlLauncher() {
    glDeleteTextures(static_cast<GLsizei>(textures_.size()), textures_.data());
    glDeleteQueries(1, &query_);
}

GlProgram& GlLauncher::program(const std::string& file, std::vector<std::string> defines) {
    std::string name = name_of(variant);
    for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    defines.push_back(name);
    std::string key = file;
    for (const std::string& d : defines) key += " " + d;
    auto& program = programs_[key];
    if (!program) program = std::make_unique<GlProgram>(GlSource{file, std::move(defines)});
    return *program;
}

std::int64_t GlLauncher::most_numbers(bool half) const {
    const DeviceLimits& l = device.info.limits;
    const auto fit = (l.block_bytes - l.alignment - 16) / (half ? 2 : 4);
    return variant == KernelVariant::registers ? std::min(fit, l.texels - l.alignment) : fit;
}

std::int64_t GlLauncher::input(unsigned slot, const GlSlice& slice, std::int64_t count,
                               bool aligned) {
    if (variant != KernelVariant::registers) return storage(slot, slice, count);
    const Range r = range_of(slice, count, device.info.limits.alignment);
    const GLenum format =
        slice.half ? (aligned ? GL_RG32UI : GL_R32UI) : (aligned ? GL_RGBA32F : GL_R32F);
    glActiveTexture(GL_TEXTURE0 + slot);
    glBindTexture(GL_TEXTURE_BUFFER, textures_[slot]);
    glTexBufferRange(GL_TEXTURE_BUFFER, format, slice.buffer->id(), r.byte, r.bytes);
    return r.first;
}

std::int64_t GlLauncher::storage(unsigned slot, const GlSlice& slice, std::int64_t count) {
    const Range r = range_of(slice, count, device.info.limits.alignment);
    glBindBufferRange(GL_SHADER_STORAGE_BUFFER, slot, slice.buffer->id(), r.byte, r.bytes);
    return r.first;
}

// Nanoseconds. A software renderer's queries know nothing of kernels, its clock is the host's.
std::int64_t GlLauncher::clock() const {
    glFinish();
    GLint64 now = 0;
    glGetInteger64v(GL_TIMESTAMP, &now);
    return now;
}

void GlLauncher::run(GlProgram& program, const Work& work) {
    const bool timed = launches != nullptr, by_clock = device.info.software;
    const auto begin = timed && by_clock ? clock() : 0;
    glUseProgram(program.id());
    const auto [x, y, z] = work.groups;
    if (timed && !by_clock) glBeginQuery(GL_TIME_ELAPSED, query_);
    glDispatchCompute(static_cast<GLuint>(x), static_cast<GLuint>(y), static_cast<GLuint>(z));
    if (timed && !by_clock) glEndQuery(GL_TIME_ELAPSED);
    glMemoryBarrier(GL_SHADER_STORAGE_BARRIER_BIT | GL_TEXTURE_FETCH_BARRIER_BIT |
                    GL_BUFFER_UPDATE_BARRIER_BIT);
    device.check(work.kernel);
    if (!timed) return;
    GLint64 nanoseconds = 0;
    if (by_clock)
        nanoseconds = clock() - begin;
    else
        glGetQueryObjecti64v(query_, GL_QUERY_RESULT, &nanoseconds);
    launches->push_back({work.kernel, work.groups, program.local(), work.shared_bytes, work.flops,
                         work.bytes, 1e-9 * static_cast<double>(nanoseconds)});
}

}  // namespace sf
