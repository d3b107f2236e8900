#include "app/backend_choice.h"

#include "core/error.h"
#include "core/gl/egl_context.h"
#include "core/gl/gl_backend.h"

#include <cstdlib>
#include <filesystem>
#include <utility>

namespace sf {

namespace {

// Below this an operation is done on the CPU before it has been taken to a graphics processor and
// back.
constexpr double worth_the_way = 5e7;

// Linux lists graphics processors here; to look costs nothing, to open EGL a twentieth of a second.
bool may_have_a_gpu() {
#ifdef __linux__
    std::error_code error;
    for (const char* place : {"/dev/dri", "/dev/nvidia0"})
        if (std::filesystem::exists(place, error)) return true;
    return false;
#else
    return true;
#endif
}

}  // namespace

BackendWish backend_wish(const std::string& word) {
    return word == "gl"    ? BackendWish::gl
           : word == "cpu" ? BackendWish::cpu
                           : BackendWish::automatic;
}

bool opens_a_device(BackendWish wish) {
    return wish == BackendWish::gl || (wish == BackendWish::automatic && may_have_a_gpu());
}

ChosenBackend open_backend(BackendWish wish, bool warm_up, std::unique_ptr<GlContext> context) {
    if (wish == BackendWish::cpu) return {nullptr, "--backend cpu: all is computed on the CPU"};
    const bool automatic = wish == BackendWish::automatic;
    if (automatic && !may_have_a_gpu())
        return {nullptr, "This machine has no graphics processor, all is computed on the CPU"};
    GlOptions options;
    options.warm_up = warm_up;
    if (automatic) options.least_flops = worth_the_way;
    if (const char* const fault = std::getenv("STEPFORMER_GL_FAULT")) options.fault = fault;
    try {
        if (!context)
            context =
                std::make_unique<EglContext>(EglWish{.what = "the GL backend", .processor = true});
        auto backend = std::make_shared<GlBackend>(std::move(context), options);
        if (automatic && backend->device().software)
            return {nullptr, backend->device().name +
                                 " is a software renderer, slower than the CPU's own path: all is "
                                 "computed on the CPU (--backend gl takes it nevertheless)"};
        return {std::move(backend), "", false, !automatic};
    } catch (const DeviceError& e) {
        return {nullptr, std::string(e.what()) + ": all is computed on the CPU", true};
    }
}

}  // namespace sf
