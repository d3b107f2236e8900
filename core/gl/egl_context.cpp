#include "core/gl/egl_context.h"

#include "core/error.h"

#include <epoxy/egl.h>

namespace sf {

struct EglContext::Impl {
    EglWish wish;
    EGLDisplay display = EGL_NO_DISPLAY;
    EGLContext context = EGL_NO_CONTEXT;

    ~Impl() {
        if (context != EGL_NO_CONTEXT) {
            if (eglGetCurrentContext() == context)
                eglMakeCurrent(display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
            eglDestroyContext(display, context);
        }
    }
    std::string opengl() const {
        return "OpenGL " + std::to_string(wish.major) + "." + std::to_string(wish.minor);
    }
    [[noreturn]] void fail(const std::string& reason) const {
        throw DeviceError(wish.what + " needs EGL with " + opengl() + ", and " + reason);
    }
    void open();
};

void EglContext::Impl::open() {
    if (!epoxy_has_egl()) fail("libEGL is not there");
    if (!epoxy_has_egl_extension(EGL_NO_DISPLAY, "EGL_MESA_platform_surfaceless") ||
        !epoxy_has_egl_extension(EGL_NO_DISPLAY, "EGL_EXT_platform_base"))
        fail("this EGL cannot do without a screen");
    display = eglGetPlatformDisplayEXT(EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, nullptr);
    if (display == EGL_NO_DISPLAY || !eglInitialize(display, nullptr, nullptr))
        fail("EGL does not start");
    if (!eglBindAPI(EGL_OPENGL_API)) fail("this EGL has no desktop OpenGL");
    EGLConfig config = nullptr;
    if (!epoxy_has_egl_extension(display, "EGL_KHR_no_config_context")) {
        const EGLint wanted[] = {EGL_RENDERABLE_TYPE, EGL_OPENGL_BIT, EGL_SURFACE_TYPE, 0,
                                 EGL_NONE};
        EGLint count = 0;
        if (!eglChooseConfig(display, wanted, &config, 1, &count) || count == 0)
            fail("it has no configuration for it");
    }
    const EGLint attributes[] = {EGL_CONTEXT_MAJOR_VERSION,
                                 wish.major,
                                 EGL_CONTEXT_MINOR_VERSION,
                                 wish.minor,
                                 EGL_CONTEXT_OPENGL_PROFILE_MASK,
                                 EGL_CONTEXT_OPENGL_CORE_PROFILE_BIT,
                                 wish.debug ? EGL_CONTEXT_OPENGL_DEBUG : EGL_NONE,
                                 EGL_TRUE,
                                 EGL_NONE};
    context = eglCreateContext(display, config, EGL_NO_CONTEXT, attributes);
    if (context == EGL_NO_CONTEXT) fail("it has no " + opengl());
}

EglContext::EglContext(const EglWish& wish) : impl_(std::make_unique<Impl>()) {
    impl_->wish = wish;
    impl_->open();
}
EglContext::~EglContext() = default;

void EglContext::make_current() {
    // Of the calling thread: another may have bound another API.
    eglBindAPI(EGL_OPENGL_API);
    if (!eglMakeCurrent(impl_->display, EGL_NO_SURFACE, EGL_NO_SURFACE, impl_->context))
        impl_->fail("its context cannot be used");
}

void EglContext::release() {
    eglMakeCurrent(impl_->display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
}

}  // namespace sf
