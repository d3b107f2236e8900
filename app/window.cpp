#include "app/window.h"

#include "app/controller.h"
#include "app/framebuffer.h"
#include "app/icon.h"
#include "app/pace.h"
#include "app/ui.h"
#include "core/error.h"
#include "views/canvas/cairo_canvas.h"
#include "views/canvas/font.h"

#include <epoxy/gl.h>
#include <algorithm>
#include <array>
#include <clocale>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <string_view>
#include <vector>

#define GLFW_INCLUDE_NONE
#include <GLFW/glfw3.h>

namespace sf {

namespace {

// What GLFW says about its last error.
std::string glfw_reason(const char* otherwise) {
    const char* text = nullptr;
    glfwGetError(&text);
    std::string reason = text ? text : otherwise;
    while (!reason.empty() && (reason.back() == ' ' || reason.back() == '.')) reason.pop_back();
    return reason;
}

// GLFW's start and end, in pairs.
struct Glfw {
    Glfw() {
        glfwSetErrorCallback(nullptr);
        // In the "C" locale X hands over typed Latin letters only. GLFW would ask the environment
        // too, but stop there.
        const char* const locale = std::setlocale(LC_CTYPE, "");
        if (!locale || std::string_view(locale) == "C" || std::string_view(locale) == "POSIX")
            std::setlocale(LC_CTYPE, "C.UTF-8");
        if (!glfwInit()) {
            throw DeviceError("the window needs a display: " + glfw_reason("GLFW does not start") +
                              "; 'stepformer figure' and 'stepformer shot' do without");
        }
    }
    ~Glfw() { glfwTerminate(); }
    Glfw(const Glfw&) = delete;
    Glfw& operator=(const Glfw&) = delete;
};

const char* special_key(int key) {
    switch (key) {
        case GLFW_KEY_SPACE:
            return "Space";
        case GLFW_KEY_ESCAPE:
            return "Escape";
        case GLFW_KEY_ENTER:
        case GLFW_KEY_KP_ENTER:
            return "Enter";
        case GLFW_KEY_TAB:
            return "Tab";
        case GLFW_KEY_BACKSPACE:
            return "Backspace";
        case GLFW_KEY_INSERT:
            return "Insert";
        case GLFW_KEY_DELETE:
            return "Delete";
        case GLFW_KEY_RIGHT:
            return "Right";
        case GLFW_KEY_LEFT:
            return "Left";
        case GLFW_KEY_DOWN:
            return "Down";
        case GLFW_KEY_UP:
            return "Up";
        case GLFW_KEY_PAGE_UP:
            return "PageUp";
        case GLFW_KEY_PAGE_DOWN:
            return "PageDown";
        case GLFW_KEY_HOME:
            return "Home";
        case GLFW_KEY_END:
            return "End";
        case GLFW_KEY_KP_ADD:
            return "+";
        case GLFW_KEY_KP_SUBTRACT:
            return "-";
        default:
            return nullptr;
    }
}

// The key's name in the person's keyboard layout.
std::string key_name(int key, int scancode) {
    if (const char* name = special_key(key)) return name;
    if (key >= GLFW_KEY_F1 && key <= GLFW_KEY_F12)
        return "F" + std::to_string(key - GLFW_KEY_F1 + 1);
    const char* name = glfwGetKeyName(key, scancode);
    if (!name) return "";
    std::string text = name;
    if (text.size() == 1 && text[0] >= 'a' && text[0] <= 'z')
        text[0] = static_cast<char>(text[0] - 'a' + 'A');
    return text;
}

// A context to compute with, of a window that is never shown. The window is the main thread's,
// which destroys it; the context is current where it is made so.
class HiddenWindow : public GlContext {
public:
    explicit HiddenWindow(GLFWwindow* handle) : handle_(handle) {}
    void make_current() override { glfwMakeContextCurrent(handle_); }
    void release() override { glfwMakeContextCurrent(nullptr); }

private:
    GLFWwindow* handle_;
};

struct Window {
    GLFWwindow* handle = nullptr;
    std::vector<GLFWwindow*> hidden;
    Ui* ui = nullptr;
    bool dirty = true;

    ~Window() {
        for (GLFWwindow* w : hidden) glfwDestroyWindow(w);
        if (handle) glfwDestroyWindow(handle);
    }
    static Window& of(GLFWwindow* handle) {
        return *static_cast<Window*>(glfwGetWindowUserPointer(handle));
    }
    void input(const InputEvent& event) {
        dirty = true;
        if (ui) ui->input(event);
    }
    // Screen coordinates to pixels of the framebuffer: they differ on some systems.
    Vec2 to_pixels(double x, double y) const {
        int ww = 1, wh = 1, fw = 1, fh = 1;
        glfwGetWindowSize(handle, &ww, &wh);
        glfwGetFramebufferSize(handle, &fw, &fh);
        return {x * fw / std::max(ww, 1), y * fh / std::max(wh, 1)};
    }
    void open(const WindowOptions& options);
    void listen();
    std::unique_ptr<GlContext> compute_context();
};

// Null: none of OpenGL 4.3 (macOS has 4.1).
std::unique_ptr<GlContext> Window::compute_context() {
    glfwWindowHint(GLFW_VISIBLE, GLFW_FALSE);
    glfwWindowHint(GLFW_CONTEXT_VERSION_MAJOR, 4);
    glfwWindowHint(GLFW_CONTEXT_VERSION_MINOR, 3);
    GLFWwindow* const made = glfwCreateWindow(16, 16, "Stepformer computes", nullptr, nullptr);
    if (!made) return nullptr;
    hidden.push_back(made);
    return std::make_unique<HiddenWindow>(made);
}

void Window::open(const WindowOptions& options) {
    glfwWindowHint(GLFW_CONTEXT_VERSION_MAJOR, 3);
    glfwWindowHint(GLFW_CONTEXT_VERSION_MINOR, 3);
    glfwWindowHint(GLFW_OPENGL_PROFILE, GLFW_OPENGL_CORE_PROFILE);
    glfwWindowHint(GLFW_OPENGL_FORWARD_COMPAT, GLFW_TRUE);
    glfwWindowHint(GLFW_SCALE_TO_MONITOR, GLFW_TRUE);
    glfwWindowHintString(GLFW_X11_CLASS_NAME, "stepformer");
    handle = glfwCreateWindow(options.width, options.height, "Stepformer", nullptr, nullptr);
    if (!handle) {
        const char* reason = nullptr;
        glfwGetError(&reason);
        throw DeviceError(
            "the window needs OpenGL 3.3: " + std::string(reason ? reason : "no context") +
            "; 'stepformer figure' does without");
    }
    glfwSetWindowSizeLimits(handle, 640, 400, GLFW_DONT_CARE, GLFW_DONT_CARE);
    glfwMakeContextCurrent(handle);
    glfwSwapInterval(1);
    std::array<Image, 3> icons{app_icon(16), app_icon(32), app_icon(64)};
    std::array<GLFWimage, 3> images{};
    for (std::size_t i = 0; i < icons.size(); ++i)
        images[i] = {icons[i].w, icons[i].h,
                     reinterpret_cast<unsigned char*>(icons[i].pixels.data())};
    glfwSetWindowIcon(handle, static_cast<int>(images.size()), images.data());
}

void Window::listen() {
    glfwSetWindowUserPointer(handle, this);
    glfwSetKeyCallback(handle, [](GLFWwindow* w, int key, int scancode, int action, int mods) {
        InputEvent e;
        e.key = key_name(key, scancode);
        if (e.key.empty()) return;
        e.down = action != GLFW_RELEASE;
        e.ctrl = (mods & GLFW_MOD_CONTROL) != 0;
        e.alt = (mods & GLFW_MOD_ALT) != 0;
        e.shift = (mods & GLFW_MOD_SHIFT) != 0;
        e.super = (mods & GLFW_MOD_SUPER) != 0;
        // A held key repeats: let it go first, so that every repeat is seen.
        if (action == GLFW_REPEAT) {
            InputEvent up = e;
            up.down = false;
            of(w).input(up);
        }
        of(w).input(e);
    });
    glfwSetCharCallback(handle, [](GLFWwindow* w, unsigned int c) { of(w).input(text_input(c)); });
    glfwSetCursorPosCallback(handle, [](GLFWwindow* w, double x, double y) {
        of(w).input(mouse_move(of(w).to_pixels(x, y)));
    });
    glfwSetCursorEnterCallback(handle, [](GLFWwindow* w, int entered) {
        if (entered) return;
        InputEvent e;
        e.kind = InputEvent::Kind::leave;
        of(w).input(e);
    });
    glfwSetMouseButtonCallback(handle, [](GLFWwindow* w, int button, int action, int) {
        if (button < 3) of(w).input(mouse_button(button, action == GLFW_PRESS));
    });
    glfwSetScrollCallback(handle, [](GLFWwindow* w, double right, double up) {
        InputEvent e = mouse_wheel(up);
        e.at.x = right;
        of(w).input(e);
    });
    const auto redraw = [](GLFWwindow* w) { of(w).dirty = true; };
    glfwSetWindowRefreshCallback(handle, redraw);
    glfwSetFramebufferSizeCallback(handle, [](GLFWwindow* w, int, int) { of(w).dirty = true; });
    glfwSetWindowFocusCallback(handle, [](GLFWwindow* w, int) { of(w).dirty = true; });
    glfwSetWindowContentScaleCallback(handle,
                                      [](GLFWwindow* w, float, float) { of(w).dirty = true; });
}

double pixels_per_unit(GLFWwindow* handle) {
    float x = 1, y = 1;
    glfwGetWindowContentScale(handle, &x, &y);
    return x > 0 ? static_cast<double>(x) : 1.0;
}

}  // namespace

int run_window(const WindowOptions& options) {
    const Glfw glfw;
    Window window;
    window.open(options);
    if (!epoxy_is_desktop_gl() || epoxy_gl_version() < 33)
        throw DeviceError("the window needs OpenGL 3.3, this machine has " +
                          std::to_string(epoxy_gl_version() / 10) + "." +
                          std::to_string(epoxy_gl_version() % 10) +
                          "; 'stepformer figure' does without");
    Ui* drawn = nullptr;
    Host host;
    host.wake = [] { glfwPostEmptyEvent(); };
    host.copy = [&](const std::string& text) {
        glfwSetClipboardString(window.handle, text.c_str());
    };
    host.print = [](const std::string& line) {
        std::puts(line.c_str());
        std::fflush(stdout);
    };
    host.window_png = [&] {
        int w = 0, h = 0;
        glfwGetFramebufferSize(window.handle, &w, &h);
        drawn->render();
        return encode_png(read_framebuffer(w, h));
    };
    host.compute_context = [&] { return window.compute_context(); };
    Controller controller(options, host);
    Ui ui(controller, {[&] {
                           const char* text = glfwGetClipboardString(window.handle);
                           return std::string(text ? text : "");
                       },
                       host.copy});
    drawn = &ui;
    window.ui = &ui;
    window.listen();
    // What the command line asked for, once its run is there.
    std::size_t command = 0;
    std::uint64_t shown = 0;
    double saved = glfwGetTime();
    Pace pace;
    while (!glfwWindowShouldClose(window.handle) && !controller.quitting()) {
        const double now = glfwGetTime();
        controller.tick(now);
        while (command < options.commands.size() && !controller.running())
            controller.attempt(options.commands[command++]);
        const bool trains = controller.training() &&
                            controller.training()->state == TrainingStatus::State::running &&
                            !controller.animating();
        if (pace.draws(now, controller.version() != shown, window.dirty, trains)) {
            window.dirty = false;
            int w = 0, h = 0;
            glfwGetFramebufferSize(window.handle, &w, &h);
            ui.resize(w, h, pixels_per_unit(window.handle));
            ui.frame(now);
            if (w > 0 && h > 0) {
                ui.render();
                glfwSwapBuffers(window.handle);
            }
            shown = controller.version();
            pace.drawn(now, glfwGetTime());
        }
        if (now - saved > 1) {
            controller.keep_state();
            saved = now;
        }
        double wake = controller.next_wake();
        if (controller.version() != shown) wake = std::min(wake, pace.rest_until());
        if (controller.animating())
            glfwPollEvents();
        else if (wake < 1e12)
            glfwWaitEventsTimeout(std::max(0.001, wake - glfwGetTime()));
        else
            glfwWaitEvents();
    }
    controller.keep_state();
    window.ui = nullptr;
    return 0;
}

}  // namespace sf
