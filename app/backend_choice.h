#pragma once

#include "core/backend/backend.h"
#include "core/gl/gl_context.h"

#include <cstdint>
#include <memory>
#include <string>

namespace sf {

// Who computes attention and experts, as --backend names it. automatic: a graphics processor where
// there is one and the work is large enough, never a software renderer.
enum class BackendWish : std::uint8_t { automatic, cpu, gl };
BackendWish backend_wish(const std::string& word);  // "auto", "cpu" or "gl"
// Whether a device has to be opened to know; else the answer is there at once.
bool opens_a_device(BackendWish wish);

struct ChosenBackend {
    BackendPtr backend;    // null: the CPU
    std::string note;      // why not what was asked for, or why there is no device; one sentence
    bool refused = false;  // what was asked for is not there
    bool by_name = false;  // --backend gl: a command that makes the same again has to say so
};

// Opens the device; a wish for GL that cannot be had ends on the CPU with a note. `warm_up`: all
// kernels are compiled in the background. `context`: where a surfaceless EGL one cannot be made.
// STEPFORMER_GL_FAULT=compile|memory|lost makes the device fail that way at its first operation.
ChosenBackend open_backend(BackendWish wish, bool warm_up,
                           std::unique_ptr<GlContext> context = nullptr);

}  // namespace sf
