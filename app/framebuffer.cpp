#include "app/framebuffer.h"

#include "core/error.h"
#include "core/gl/egl_context.h"

#include <epoxy/gl.h>
#include <algorithm>
#include <string>

namespace sf {

struct HeadlessFramebuffer::Impl {
    EglContext context{{"a picture of the window", 3, 3, false}};
    GLuint framebuffer = 0, colour = 0;
    int width = 0, height = 0;

    Impl(int w, int h) : width(w), height(h) { context.make_current(); }
    ~Impl() {
        if (framebuffer) glDeleteFramebuffers(1, &framebuffer);
        if (colour) glDeleteRenderbuffers(1, &colour);
    }
    void open();
};

void HeadlessFramebuffer::Impl::open() {
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
        throw DeviceError(
            "a picture of the window needs EGL with OpenGL 3.3, and a framebuffer of " +
            std::to_string(width) + "x" + std::to_string(height) + " cannot be made");
}

HeadlessFramebuffer::HeadlessFramebuffer(int width, int height)
    : impl_(std::make_unique<Impl>(width, height)) {
    impl_->open();
}

HeadlessFramebuffer::~HeadlessFramebuffer() = default;

Image HeadlessFramebuffer::read() const {
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
