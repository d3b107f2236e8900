#pragma once

#include "views/canvas/canvas.h"

#include <memory>

namespace sf {

// An OpenGL 3.3 core context without a screen, current on the calling thread, with a framebuffer
// to draw into. Throws DeviceError when the machine has none.
class HeadlessFramebuffer {
public:
    HeadlessFramebuffer(int width, int height);
    ~HeadlessFramebuffer();
    HeadlessFramebuffer(const HeadlessFramebuffer&) = delete;
    HeadlessFramebuffer& operator=(const HeadlessFramebuffer&) = delete;
    Image read() const;  // its pixels, top row first

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// The pixels of the current framebuffer, top row first, opaque.
Image read_framebuffer(int width, int height);

}  // namespace sf
