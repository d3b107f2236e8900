#include "core/gl/gl_device.h"

#include "core/error.h"

#include <epoxy/gl.h>
#include <algorithm>
#include <array>

namespace sf {

struct GlDevice::Messages {
    std::vector<std::string> kept;

    static void GLAPIENTRY receive(GLenum, GLenum type, GLuint, GLenum severity, GLsizei length,
                                   const GLchar* text, const void* user) {
        if (type != GL_DEBUG_TYPE_ERROR && severity != GL_DEBUG_SEVERITY_HIGH) return;
        auto* self = static_cast<Messages*>(const_cast<void*>(user));
        if (self->kept.size() < 100)
            self->kept.emplace_back(text, length < 0 ? std::char_traits<char>::length(text)
                                                     : static_cast<std::size_t>(length));
    }
};

namespace {

std::string text(GLenum what) {
    const auto* s = reinterpret_cast<const char*>(glGetString(what));
    return s ? s : "";
}
std::int64_t number(GLenum what) {
    GLint64 n = 0;
    glGetInteger64v(what, &n);
    return n;
}

DeviceLimits limits() {
    DeviceLimits l;
    l.invocations = number(GL_MAX_COMPUTE_WORK_GROUP_INVOCATIONS);
    for (GLuint i = 0; i < 3; ++i) {
        GLint n = 0;
        glGetIntegeri_v(GL_MAX_COMPUTE_WORK_GROUP_COUNT, i, &n);
        l.groups[i] = n;
    }
    l.shared_bytes = number(GL_MAX_COMPUTE_SHARED_MEMORY_SIZE);
    l.block_bytes = number(GL_MAX_SHADER_STORAGE_BLOCK_SIZE);
    l.texels = number(GL_MAX_TEXTURE_BUFFER_SIZE);
    l.buffers = std::min(number(GL_MAX_COMPUTE_SHADER_STORAGE_BLOCKS),
                         number(GL_MAX_SHADER_STORAGE_BUFFER_BINDINGS));
    const std::array<std::int64_t, 3> alignments{16,
                                                 number(GL_SHADER_STORAGE_BUFFER_OFFSET_ALIGNMENT),
                                                 number(GL_TEXTURE_BUFFER_OFFSET_ALIGNMENT)};
    l.alignment = *std::max_element(alignments.begin(), alignments.end());
    return l;
}

bool is_software(const std::string& name) {
    for (const char* renderer : {"llvmpipe", "softpipe", "swrast", "SwiftShader", "Software"})
        if (name.find(renderer) != std::string::npos) return true;
    return false;
}

// Why the device cannot run a variant; empty when it can.
std::string refusal(const DeviceLimits& l, KernelVariant variant) {
    constexpr std::int64_t most = 7;  // of attention with its record of m and d
    if (l.buffers < most)
        return "its kernels see " + std::to_string(l.buffers) + " buffers, not " +
               std::to_string(most);
    if (variant == KernelVariant::registers) {
        if (l.texels < (1 << 20)) return "its buffers are read as textures of too few texels";
        return "";
    }
    if (l.invocations < 256)
        return "its work groups have " + std::to_string(l.invocations) + " invocations, not 256";
    if (l.shared_bytes < 32768)
        return "its work groups share " + std::to_string(l.shared_bytes) + " bytes, not 32768";
    if (variant == KernelVariant::shared) return "";
    if (!epoxy_has_gl_extension("GL_KHR_shader_subgroup"))
        return "it has no GL_KHR_shader_subgroup";
    const auto features = number(GL_SUBGROUP_SUPPORTED_FEATURES_KHR);
    const auto wanted =
        GL_SUBGROUP_FEATURE_ARITHMETIC_BIT_KHR | GL_SUBGROUP_FEATURE_CLUSTERED_BIT_KHR;
    if ((number(GL_SUBGROUP_SUPPORTED_STAGES_KHR) & GL_COMPUTE_SHADER_BIT) == 0 ||
        (features & wanted) != wanted)
        return "its subgroups do no clustered arithmetic in compute shaders";
    const auto size = number(GL_SUBGROUP_SIZE_KHR);
    if (size < 16 || 256 % size != 0)
        return "its subgroups have " + std::to_string(size) + " invocations";
    return "";
}

}  // namespace

GlDevice::GlDevice() : messages_(std::make_unique<Messages>()) {
    if (epoxy_gl_version() < 43 || !epoxy_is_desktop_gl())
        throw DeviceError("kernels need OpenGL 4.3, and this is " + text(GL_VERSION));
    info.name = text(GL_RENDERER);
    info.version = "OpenGL " + text(GL_VERSION);
    info.software = is_software(info.name);
    info.limits = limits();
    using enum KernelVariant;
    const auto order = info.software ? std::array{registers, shared, subgroups}
                                     : std::array{subgroups, shared, registers};
    for (const KernelVariant variant : order)
        if (const std::string why = refusal(info.limits, variant); why.empty())
            info.variants.push_back(variant);
        else
            info.refused.emplace_back(variant, why);
    glEnable(GL_DEBUG_OUTPUT);
    glEnable(GL_DEBUG_OUTPUT_SYNCHRONOUS);
    glDebugMessageCallback(&Messages::receive, messages_.get());
}

GlDevice::~GlDevice() {
    glDebugMessageCallback(nullptr, nullptr);
}

const std::vector<std::string>& GlDevice::complaints() const {
    return messages_->kept;
}

void GlDevice::check(const std::string& what) const {
    switch (const GLenum error = glGetError(); error) {
        case GL_NO_ERROR:
            return;
        case GL_OUT_OF_MEMORY:
            throw DeviceError(what + ": the device is out of memory");
        case GL_CONTEXT_LOST:
            throw DeviceError(what + ": the device was lost");
        default:
            throw DeviceError(what + ": the device reports error " + std::to_string(error));
    }
}

}  // namespace sf
