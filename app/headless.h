#pragma once

#include "app/input.h"
#include "app/session.h"

#include <memory>
#include <string>

namespace sf {

class Controller;

struct ShotOptions : SessionOptions {
    int width = 1280, height = 720;  // pixels of the picture
    double scale = 1;                // pixels per logical pixel
    std::string theme;               // "light", "dark"; empty: the state's
    int text_percent = 0;            // 0: the state's
};

// The whole window without a screen, on a surfaceless EGL context, with a clock that only moves
// when it is told to. Throws DeviceError when there is no EGL.
class Headless {
public:
    explicit Headless(const ShotOptions& options);
    ~Headless();
    Headless(const Headless&) = delete;
    Headless& operator=(const Headless&) = delete;

    Controller& controller();
    void input(const InputEvent& event);
    void type(const std::string& text);   // as text input
    void key(const std::string& chord);   // pressed and let go
    void click(Vec2 at, int button = 0);  // logical pixels
    void advance(double seconds);         // lays out a frame that much later
    double now() const;                   // seconds since the start
    void finish();                        // waits for the engine, lets the move end
    void render();                        // the frame as it is now, to its last pixel
    Image picture();                      // the same, read back
    bool typing() const;
    std::string clipboard() const;
    std::string printed() const;  // lines for the terminal

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// The whole window as PNG bytes: runs, carries out `commands` (each one waits for the engine), lets
// moves finish. Throws DeviceError when there is no EGL, UserError for a command or a run that
// failed.
std::string shot_png(const ShotOptions& options);

}  // namespace sf
