#include "app/egl_context.h"

#include "core/error.h"

#include <epoxy/egl.h>
#include <epoxy/gl.h>
#include <algorithm>
#include <string>

namespace sf {

struct EglContext::Impl {
    EGLDisplay display = EGL_NO_DISPLAY;
    EGLContext context = EGL_NO_CONTEXT;
    GLuint framebuffer = 0, colour = 0;
    int width = 0, height = 0;

    ~Impl() {
        if (framebuffer) glDeleteFramebuffers(1, &framebuffer);
        if (colour) glDeleteRenderbuffers(1, &colour);
        if (context != EGL_NO_CONTEXT) {
            eglMakeCurrent(display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
            eglDestroyContext(display, context);
        }
        if (display != EGL_NO_DISPLAY) eglTerminate(display);
    }
    void open();
};

void EglContext::Impl::open() {
    const auto fail = [](const std::string& reason) {
        throw DeviceError("a picture of the window needs EGL with OpenGL 3.3, and " + reason);
    };
    if (!epoxy_has_egl()) fail("libEGL is not there");
    if (!epoxy_has_egl_extension(EGL_NO_DISPLAY, "EGL_MESA_platform_surfaceless") ||
        !epoxy_has_egl_extension(EGL_NO_DISPLAY, "EGL_EXT_platform_base"))
        fail("this EGL cannot do without a screen");
    display = eglGetPlatformDisplayEXT(EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, nullptr);
    if (display == EGL_NO_DISPLAY || !eglInitialize(display, nullptr, nullptr)) {
        display = EGL_NO_DISPLAY;
        fail("EGL does not start");
    }
    if (!eglBindAPI(EGL_OPENGL_API)) fail("this EGL has no desktop OpenGL");
    EGLConfig config = nullptr;
    if (!epoxy_has_egl_extension(display, "EGL_KHR_no_config_context")) {
        const EGLint wanted[] = {EGL_RENDERABLE_TYPE, EGL_OPENGL_BIT, EGL_SURFACE_TYPE, 0,
                                 EGL_NONE};
        EGLint count = 0;
        if (!eglChooseConfig(display, wanted, &config, 1, &count) || count == 0)
            fail("it has no configuration for it");
    }
    const EGLint version[] = {EGL_CONTEXT_MAJOR_VERSION,
                              3,
                              EGL_CONTEXT_MINOR_VERSION,
                              3,
                              EGL_CONTEXT_OPENGL_PROFILE_MASK,
                              EGL_CONTEXT_OPENGL_CORE_PROFILE_BIT,
                              EGL_NONE};
    context = eglCreateContext(display, config, EGL_NO_CONTEXT, version);
    if (context == EGL_NO_CONTEXT) fail("it has no OpenGL 3.3");
    if (!eglMakeCurrent(display, EGL_NO_SURFACE, EGL_NO_SURFACE, context))
        fail("its context cannot be used");
    GLint most = 0;
    glGetIntegerv(GL_MAX_RENDERBUFFER_SIZE, &most);
    if (width > most || height > most)
        throw UserError("--size", "", "at most " + std::to_string(most) + " pixels a side here");
    glGenRenderbuffers(1, &colour);
    glBindRenderbuffer(GL_RENDERBUFFER, colour);
    glRenderbufferStorage(GL_RENDERBUFFER, GL_RGBA8, width, height);
    glGenFramebuffers(1, &framebuffer);
    glBindFramebuffer(GL_FRAMEBUFFER, framebuffer);
    glFramebufferRenderbuffer(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_RENDERBUFFER, colour);
    if (glCheckFramebufferStatus(GL_FRAMEBUFFER) != GL_FRAMEBUFFER_COMPLETE)
        fail("a framebuffer of " + std::to_string(width) + "x" + std::to_string(height) +
             " cannot be made");
}

EglContext::EglContext(int width, int height) : impl_(std::make_unique<Impl>()) {
    impl_->width = width;
    impl_->height = height;
    impl_->open();
}

EglContext::~EglContext() = default;

Image EglContext::read() const {
    glBindFramebuffer(GL_FRAMEBUFFER, impl_->framebuffer);
    return read_framebuffer(impl_->width, impl_->height);
}

Image read_framebuffer(int width, int height) {
    Image image;
    image.w = width;
    image.h = height;
    const auto w = static_cast<std::size_t>(width), h = static_cast<std::size_t>(height);
    image.pixels.resize(w * h);
    glPixelStorei(GL_PACK_ALIGNMENT, 1);
    glReadPixels(0, 0, width, height, GL_RGBA, GL_UNSIGNED_BYTE, image.pixels.data());
    // OpenGL counts rows from the bottom.
    for (std::size_t y = 0; y < h / 2; ++y)
        std::swap_ranges(image.pixels.begin() + static_cast<std::ptrdiff_t>(y * w),
                         image.pixels.begin() + static_cast<std::ptrdiff_t>((y + 1) * w),
                         image.pixels.begin() + static_cast<std::ptrdiff_t>((h - 1 - y) * w));
    for (Colour& c : image.pixels) c.a = 255;
    return image;
}

}  // namespace sf
