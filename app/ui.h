#pragma once

#include "app/controller.h"
#include "app/input.h"

#include <functional>
#include <memory>
#include <string>

namespace sf {

struct Clipboard {
    std::function<std::string()> get;
    std::function<void(const std::string&)> set;
};

// The window's content: takes input, lays out frames with ImGui, draws them with OpenGL. The same
// on a screen and headless. Needs a current OpenGL 3.3 context from construction to destruction;
// one at a time. Knows no GLFW, no EGL and no clock.
class Ui {
public:
    Ui(Controller& controller, Clipboard clipboard);
    ~Ui();
    Ui(const Ui&) = delete;
    Ui& operator=(const Ui&) = delete;

    // The framebuffer's size and how many of its pixels a logical pixel takes.
    void resize(int width, int height, double scale);
    void input(const InputEvent& event);
    // Carries out all input in order and lays out the frame. `now` in seconds.
    void frame(double now);
    // Draws the frame into the current framebuffer.
    void render();
    // A text field has the keys.
    bool typing() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sf
