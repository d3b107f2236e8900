#include "app/headless.h"

#include "app/command_table.h"
#include "app/controller.h"
#include "app/framebuffer.h"
#include "app/ui.h"
#include "core/error.h"
#include "views/canvas/cairo_canvas.h"
#include "views/canvas/font.h"

#include <epoxy/gl.h>

namespace sf {

namespace {

constexpr int largest_side = 16384;
constexpr double longest_move = 1.0;

const ShotOptions& checked(const ShotOptions& o) {
    if (o.width < 64 || o.height < 64 || o.width > largest_side || o.height > largest_side)
        throw UserError("--size", "",
                        std::to_string(o.width) + "x" + std::to_string(o.height) +
                            " is not between 64x64 and " + std::to_string(largest_side) + "x" +
                            std::to_string(largest_side));
    return o;
}

}  // namespace

struct Headless::Impl {
    HeadlessFramebuffer context;
    std::string clipboard, printed;
    double now = 0;
    int width, height;
    std::unique_ptr<Controller> controller;
    std::unique_ptr<Ui> ui;
    double scale;

    explicit Impl(const ShotOptions& o)
        : context(o.width, o.height), width(o.width), height(o.height), scale(o.scale) {
        Host host;
        host.copy = [this](const std::string& text) { clipboard = text; };
        host.print = [this](const std::string& line) { printed += line + "\n"; };
        host.window_png = [this] {
            ui->render();
            return encode_png(context.read());
        };
        controller = std::make_unique<Controller>(o, host);
        if (!o.theme.empty()) controller->set_dark(o.theme == "dark");
        if (o.text_percent > 0) controller->set_text_percent(o.text_percent);
        ui = std::make_unique<Ui>(*controller,
                                  Clipboard{[this] { return clipboard; },
                                            [this](const std::string& t) { clipboard = t; }});
        ui->resize(width, height, scale);
        ui->frame(now);
    }
};

Headless::Headless(const ShotOptions& options) : impl_(std::make_unique<Impl>(checked(options))) {}
Headless::~Headless() = default;

Controller& Headless::controller() {
    return *impl_->controller;
}
bool Headless::typing() const {
    return impl_->ui->typing();
}
std::string Headless::clipboard() const {
    return impl_->clipboard;
}
std::string Headless::printed() const {
    return impl_->printed;
}
void Headless::input(const InputEvent& event) {
    impl_->ui->input(event);
}

void Headless::type(const std::string& text) {
    for (std::size_t at = 0; at < text.size();) {
        const char32_t c = next_utf8(text, at);
        if (c == U' ') {
            InputEvent space;
            space.key = "Space";
            input(space);
            space.down = false;
            input(space);
        }
        input(text_input(c));
    }
    advance(0);
}

void Headless::key(const std::string& chord) {
    InputEvent event = key_press(chord);
    input(event);
    if (event.kind == InputEvent::Kind::key) {
        event.down = false;
        event.ctrl = event.alt = event.shift = false;
        input(event);
    }
    advance(0);
}

void Headless::click(Vec2 at, int button) {
    input(mouse_move(at * impl_->scale));
    input(mouse_button(button, true));
    input(mouse_button(button, false));
    advance(0);
}

void Headless::advance(double seconds) {
    impl_->now += seconds;
    impl_->ui->frame(impl_->now);
}

double Headless::now() const {
    return impl_->now;
}

void Headless::finish() {
    impl_->controller->wait_idle(impl_->now);
    if (impl_->controller->animating()) impl_->now += longest_move;
    impl_->ui->frame(impl_->now);
}

void Headless::render() {
    impl_->ui->render();
    glFinish();
}

Image Headless::picture() {
    impl_->ui->render();
    return impl_->context.read();
}

std::string shot_png(const ShotOptions& options) {
    Headless headless(options);
    Controller& controller = headless.controller();
    const auto settle = [&] {
        headless.finish();
        if (!controller.error().empty()) throw UserError(controller.error());
    };
    // A history that cannot be read is said in the window; the model runs without.
    headless.finish();
    if (options.model && controller.error() == options.model->no_history)
        controller.dismiss_error();
    settle();
    if (controller.snapshot().trace) headless.key("Escape");  // the picture has the keys
    for (const std::string& line : options.commands) {
        carry_out(controller, line);
        headless.advance(0);
        settle();
    }
    headless.advance(0);
    return encode_png(headless.picture());
}

}  // namespace sf
