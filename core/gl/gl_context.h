#pragma once

namespace sf {

// An OpenGL context that computes. Made on one thread, current on whichever calls make_current().
class GlContext {
public:
    virtual ~GlContext() = default;
    virtual void make_current() = 0;  // on the calling thread; throws DeviceError
    virtual void release() = 0;       // current nowhere
};

}  // namespace sf
