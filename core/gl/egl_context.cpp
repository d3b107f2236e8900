#include "core/gl/egl_context.h"

#include "core/error.h"

#include <epoxy/egl.h>
#include <array>
#include <span>
#include <string_view>
#include <vector>

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
    EGLContext created(EGLConfig config, bool reports_reset) const;
    void open();
    void open_surfaceless();
    void make_context();
};

namespace {

// Of the first device that is no software renderer (EGL_EXT_platform_device), started;
// EGL_NO_DISPLAY when there is none.
EGLDisplay display_of_a_processor() {
    for (const char* needed : {"EGL_EXT_platform_base", "EGL_EXT_platform_device",
                               "EGL_EXT_device_enumeration", "EGL_EXT_device_query"})
        if (!epoxy_has_egl_extension(EGL_NO_DISPLAY, needed)) return EGL_NO_DISPLAY;
    std::array<EGLDeviceEXT, 16> devices{};
    EGLint count = 0;
    if (!eglQueryDevicesEXT(static_cast<EGLint>(devices.size()), devices.data(), &count))
        return EGL_NO_DISPLAY;
    for (const EGLDeviceEXT device : std::span(devices).first(static_cast<std::size_t>(count))) {
        const char* const says = eglQueryDeviceStringEXT(device, EGL_EXTENSIONS);
        if (!says || std::string_view(says).find("software") != std::string_view::npos) continue;
        const EGLDisplay display =
            eglGetPlatformDisplayEXT(EGL_PLATFORM_DEVICE_EXT, device, nullptr);
        if (display != EGL_NO_DISPLAY && eglInitialize(display, nullptr, nullptr)) return display;
    }
    return EGL_NO_DISPLAY;
}

}  // namespace

EGLContext EglContext::Impl::created(EGLConfig config, bool reports_reset) const {
    std::vector<EGLint> attributes{
        EGL_CONTEXT_MAJOR_VERSION,       wish.major,
        EGL_CONTEXT_MINOR_VERSION,       wish.minor,
        EGL_CONTEXT_OPENGL_PROFILE_MASK, EGL_CONTEXT_OPENGL_CORE_PROFILE_BIT};
    if (wish.debug) attributes.insert(attributes.end(), {EGL_CONTEXT_OPENGL_DEBUG, EGL_TRUE});
    if (reports_reset)
        attributes.insert(attributes.end(), {EGL_CONTEXT_OPENGL_RESET_NOTIFICATION_STRATEGY,
                                             EGL_LOSE_CONTEXT_ON_RESET});
    attributes.push_back(EGL_NONE);
    return eglCreateContext(display, config, EGL_NO_CONTEXT, attributes.data());
}

void EglContext::Impl::open() {
    if (!epoxy_has_egl()) fail("libEGL is not there");
    if (wish.processor) display = display_of_a_processor();
    if (display == EGL_NO_DISPLAY) open_surfaceless();
    make_context();
}

void EglContext::Impl::open_surfaceless() {
    if (!epoxy_has_egl_extension(EGL_NO_DISPLAY, "EGL_MESA_platform_surfaceless") ||
        !epoxy_has_egl_extension(EGL_NO_DISPLAY, "EGL_EXT_platform_base"))
        fail("this EGL cannot do without a screen");
    display = eglGetPlatformDisplayEXT(EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, nullptr);
    if (display == EGL_NO_DISPLAY || !eglInitialize(display, nullptr, nullptr))
        fail("EGL does not start");
}

void EglContext::Impl::make_context() {
    if (!eglBindAPI(EGL_OPENGL_API)) fail("this EGL has no desktop OpenGL");
    EGLConfig config = nullptr;
    if (!epoxy_has_egl_extension(display, "EGL_KHR_no_config_context")) {
        const EGLint wanted[] = {EGL_RENDERABLE_TYPE, EGL_OPENGL_BIT, EGL_SURFACE_TYPE, 0,
                                 EGL_NONE};
        EGLint count = 0;
        if (!eglChooseConfig(display, wanted, &config, 1, &count) || count == 0)
            fail("it has no configuration for it");
    }
    // A device that was reset then says so, where it can.
    context = created(config, true);
    if (context == EGL_NO_CONTEXT) context = created(config, false);
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
