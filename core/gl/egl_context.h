#pragma once

#include "core/gl/gl_context.h"

#include <memory>
#include <string>

namespace sf {

struct EglWish {
    std::string what = "a device for kernels";  // begins the sentence when there is none
    int major = 4, minor = 3;                   // the least version, core profile
    bool debug = false;                         // with the driver's own checks and messages
    bool processor = false;  // a graphics processor's own display, whoever made it, if there is one
};

// A desktop OpenGL context without a screen (EGL_MESA_platform_surfaceless). Not current anywhere
// until make_current(). Throws DeviceError: "a picture of the window needs EGL with OpenGL 3.3, and
// libEGL is not there".
class EglContext : public GlContext {
public:
    explicit EglContext(const EglWish& wish);
    ~EglContext() override;
    EglContext(const EglContext&) = delete;
    EglContext& operator=(const EglContext&) = delete;
    void make_current() override;
    void release() override;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sf
