#include "app/ui.h"

#include "app/command_table.h"
#include "app/imgui_compat.h"
#include "app/imgui_style.h"
#include "app/numpy.h"
#include "app/palette.h"
#include "app/panel.h"
#include "app/shell.h"
#include "app/texture_cache.h"
#include "views/canvas/imgui_canvas.h"
#include "views/draw/text.h"

#include <epoxy/gl.h>
#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <utility>

namespace sf {

namespace {

const std::map<std::string, ImGuiKey>& imgui_keys() {
    static const std::map<std::string, ImGuiKey> keys{{"Tab", ImGuiKey_Tab},
                                                      {"Left", ImGuiKey_LeftArrow},
                                                      {"Right", ImGuiKey_RightArrow},
                                                      {"Up", ImGuiKey_UpArrow},
                                                      {"Down", ImGuiKey_DownArrow},
                                                      {"PageUp", ImGuiKey_PageUp},
                                                      {"PageDown", ImGuiKey_PageDown},
                                                      {"Home", ImGuiKey_Home},
                                                      {"End", ImGuiKey_End},
                                                      {"Insert", ImGuiKey_Insert},
                                                      {"Delete", ImGuiKey_Delete},
                                                      {"Backspace", ImGuiKey_Backspace},
                                                      {"Space", ImGuiKey_Space},
                                                      {"Enter", ImGuiKey_Enter},
                                                      {"Escape", ImGuiKey_Escape},
                                                      {"A", ImGuiKey_A},
                                                      {"C", ImGuiKey_C},
                                                      {"V", ImGuiKey_V},
                                                      {"X", ImGuiKey_X},
                                                      {"Y", ImGuiKey_Y},
                                                      {"Z", ImGuiKey_Z}};
    return keys;
}

// Keys that a text field needs for itself although they are modified.
bool edits_text(const InputEvent& e) {
    if (e.alt || e.super) return false;
    if (!e.ctrl) return e.key.empty() || e.key[0] != 'F' || e.key.size() < 2;
    if (e.shift) return e.key == "Left" || e.key == "Right" || e.key == "Home" || e.key == "End";
    for (const char* key : {"A", "C", "V", "X", "Y", "Z", "Left", "Right", "Home", "End",
                            "Backspace", "Delete", "Insert"})
        if (e.key == key) return true;
    return false;
}

ImVec2 pixels(Vec2 p, double k) {
    return ImVec2(static_cast<float>(p.x * k), static_cast<float>(p.y * k));
}

constexpr ImGuiWindowFlags plain_window =
    ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove | ImGuiWindowFlags_NoSavedSettings |
    ImGuiWindowFlags_NoNav | ImGuiWindowFlags_NoScrollWithMouse;
constexpr int frames_to_settle = 2;
constexpr std::size_t palette_rows = 12;

}  // namespace

struct Ui::Impl {
    Controller& controller;
    Clipboard clipboard;
    std::string clipboard_text;
    Shell shell;
    Panel panel;
    GlyphAtlas atlas;
    std::unique_ptr<TextureCache> textures;
    int width = 1280, height = 720;
    double scale = 1;
    double last = -1;
    std::deque<InputEvent> queue;
    bool styled_dark = false;
    double styled_text = 0, styled_scale = 0;

    // The prompt, and who has the keys.
    std::string prompt;
    std::string shown_prompt;
    bool prompt_active = false;
    bool field_wants = false;  // a field of ImGui's has the keys
    int wait_for_focus = 0;    // frames until a field that asked for the keys has them
    bool focus_prompt = false, leave_fields = false;

    // The palette.
    std::string query;
    std::vector<Found> found;
    int selected = 0;
    bool palette_open = false, focus_query = false;

    Vec2 mouse{-1, -1};
    bool on_widget = false;
    double last_press = -1;
    Vec2 last_press_at;
    bool open_menu = false;

    Impl(Controller& c, Clipboard clip)
        : controller(c), clipboard(std::move(clip)), shell(c), panel(c) {}

    bool typing() const { return prompt_active || palette_open || field_wants; }
    void feed(double now);
    void key(const InputEvent& e);
    void character(char32_t c);
    void palette_key(const InputEvent& e);
    void run_palette();
    void restyle();
    void build();
    void build_prompt();
    void build_panel();
    void build_palette();
    void build_menu();
    void one_frame(double now);
    void replay(const RecordingCanvas& recording, ImDrawList* list);
};

// ---- input ---------------------------------------------------------------------------------

void Ui::Impl::palette_key(const InputEvent& e) {
    const int n = static_cast<int>(found.size());
    if (e.key == "Down" && n > 0) selected = (selected + 1) % n;
    if (e.key == "Up" && n > 0) selected = (selected + n - 1) % n;
    if (e.key == "Enter") run_palette();
    if (e.key == "Escape") controller.back();
}

void Ui::Impl::run_palette() {
    if (selected < 0 || selected >= static_cast<int>(found.size())) return;
    const std::string line = found[static_cast<std::size_t>(selected)].line;
    if (line.ends_with(' ')) {
        // A command that wants an argument: the person goes on typing.
        const AppCommand* command = find_command(line.substr(0, line.size() - 1));
        const bool optional = command && !command->keys.empty();
        if (!optional || query == line) {
            query = line;
            focus_query = true;
            wait_for_focus = frames_to_settle;
            return;
        }
    }
    controller.toggle(Overlay::palette);
    leave_fields = true;
    controller.attempt(line.ends_with(' ') ? line.substr(0, line.size() - 1) : line);
}

void Ui::Impl::key(const InputEvent& e) {
    ImGuiIO& io = ImGui::GetIO();
    compat::set_modifiers(io, e.ctrl, e.shift, e.alt, e.super);
    const auto named = imgui_keys().find(e.key);
    if (!e.down) {
        if (named != imgui_keys().end()) compat::add_key(io, named->second, false);
        return;
    }
    const std::string chord = e.chord();
    if (palette_open && (chord == "Down" || chord == "Up" || chord == "Enter" || chord == "Escape"))
        return palette_key(e);
    if (prompt_active && !palette_open && chord == "Enter") {
        leave_fields = true;
        controller.run_prompt(prompt);
        return;
    }
    if (prompt_active && !palette_open && (chord == "Escape" || chord == "Tab")) {
        leave_fields = true;
        return;
    }
    if (typing() && edits_text(e)) {
        if (named != imgui_keys().end()) compat::add_key(io, named->second, true);
        return;
    }
    if (e.printable() && !e.ctrl && !e.alt) return;  // comes as text, too
    if (const std::string line = command_of_key(chord); !line.empty()) controller.attempt(line);
}

void Ui::Impl::character(char32_t c) {
    if (typing()) {
        ImGui::GetIO().AddInputCharacter(c);
        return;
    }
    if (c == U' ') return;  // the key does it
    std::string chord;
    append_utf8(chord, c);
    if (chord.size() == 1 && chord[0] >= 'A' && chord[0] <= 'Z')
        chord[0] = static_cast<char>(chord[0] - 'A' + 'a');
    if (const std::string line = command_of_key(chord); !line.empty()) controller.attempt(line);
}

// What came in, up to where its order would be lost: ImGui sees a frame between.
void Ui::Impl::feed(double now) {
    ImGuiIO& io = ImGui::GetIO();
    if (wait_for_focus > 0 || queue.empty()) return;
    const InputEvent::Kind kind = queue.front().kind;
    while (!queue.empty() && queue.front().kind == kind) {
        const InputEvent e = queue.front();
        queue.pop_front();
        switch (e.kind) {
            case InputEvent::Kind::key:
                key(e);
                return;
            case InputEvent::Kind::text:
                character(e.character);
                if (!typing() || wait_for_focus > 0 || controller.wants_prompt_focus()) return;
                break;
            case InputEvent::Kind::mouse_move:
                mouse = e.at * (1 / scale);
                compat::mouse_position(io, static_cast<float>(e.at.x), static_cast<float>(e.at.y));
                break;
            case InputEvent::Kind::leave:
                mouse = {-1, -1};
                compat::mouse_position(io, -1e9F, -1e9F);
                shell.leave();
                return;
            case InputEvent::Kind::mouse_button:
                compat::mouse_button(io, e.button, e.down);
                shell.pointer(mouse, on_widget);
                if (e.button == 0 && e.down) {
                    const bool twice =
                        now - last_press < 0.35 &&
                        std::hypot(mouse.x - last_press_at.x, mouse.y - last_press_at.y) < 5;
                    last_press = twice ? -1 : now;
                    last_press_at = mouse;
                    if (!on_widget && prompt_active) leave_fields = true;
                    if (!palette_open) shell.press(twice);
                } else if (e.button == 0) {
                    shell.release();
                } else if (e.button == 1 && e.down && !on_widget && !palette_open) {
                    shell.press(false);
                    shell.release_quietly();
                    open_menu = shell.cell() != nullptr;
                }
                return;
            case InputEvent::Kind::wheel:
                compat::mouse_wheel(io, static_cast<float>(e.at.x), static_cast<float>(e.at.y));
                if (!palette_open) shell.wheel(e.at.y);
                break;
        }
    }
}

// ---- one frame -----------------------------------------------------------------------------

void Ui::Impl::restyle() {
    const Theme t = controller.theme();
    if (styled_text != t.text_scale || styled_scale != scale) load_imgui_fonts(t, scale);
    if (styled_text != t.text_scale || styled_scale != scale || styled_dark != t.dark)
        style_imgui(t, scale);
    styled_text = t.text_scale;
    styled_scale = scale;
    styled_dark = t.dark;
}

void Ui::Impl::replay(const RecordingCanvas& recording, ImDrawList* list) {
    ImGuiCanvas canvas(*list, {0, 0}, scale, 1, atlas, *textures);
    recording.replay(canvas);
}

void Ui::Impl::build_prompt() {
    const Theme t = controller.theme();
    if (controller.wants_prompt_focus()) {
        controller.prompt_focus_taken();
        focus_prompt = true;
        wait_for_focus = frames_to_settle;
    }
    if (controller.state().prompt != shown_prompt)
        prompt = shown_prompt = controller.state().prompt;
    if (focus_prompt) {
        ImGui::SetKeyboardFocusHere();
        focus_prompt = false;
    }
    const Rect r = shell.where().prompt;
    ImGui::SetCursorScreenPos(pixels({r.x, r.y}, scale));
    ImGui::SetNextItemWidth(static_cast<float>(r.w * scale));
    const double pad = (r.h * scale - ImGui::GetFontSize()) / 2;
    ImGui::PushStyleVar(ImGuiStyleVar_FramePadding,
                        ImVec2(static_cast<float>(12 * scale), static_cast<float>(pad)));
    ImGui::InputTextWithHint("##prompt", "Type a text and press Enter", &prompt,
                             ImGuiInputTextFlags_AutoSelectAll);
    ImGui::PopStyleVar();
    prompt_active = ImGui::IsItemActive();
    if (prompt != shown_prompt) {
        shown_prompt = prompt;
        controller.set_prompt_text(prompt);
    }
    if (prompt_active)
        ImGui::GetWindowDrawList()->AddRect(
            pixels({r.x, r.y}, scale), pixels({r.right(), r.bottom()}, scale),
            IM_COL32(t.accent.r, t.accent.g, t.accent.b, 255), static_cast<float>(4 * scale), 0,
            static_cast<float>(1.5 * scale));
}

void Ui::Impl::build_panel() {
    const Rect r = shell.where().panel;
    if (r.w < 1) return;
    ImGui::SetCursorScreenPos(pixels({r.x + 1, r.y}, scale));
    if (compat::begin_child("panel", pixels({r.w - 1, r.h - 1}, scale), ImGuiWindowFlags_NoNav)) {
        ImGuiCanvas canvas(*ImGui::GetWindowDrawList(), {0, 0}, scale, 1, atlas, *textures);
        panel.build(canvas, r, scale);
    }
    ImGui::EndChild();
}

void Ui::Impl::build_palette() {
    const bool open = controller.overlay() == Overlay::palette;
    if (open && !palette_open) {
        query.clear();
        selected = 0;
        focus_query = true;
        wait_for_focus = frames_to_settle;
    }
    palette_open = open;
    if (!open) return;
    const Theme t = controller.theme();
    const double s = t.text_scale;
    const double w = width / scale, h = height / scale;
    ImGui::SetNextWindowPos(ImVec2(0, 0));
    ImGui::SetNextWindowSize(pixels({w, h}, scale));
    ImGui::SetNextWindowFocus();
    ImGui::Begin("palette", nullptr, plain_window | ImGuiWindowFlags_NoBackground);
    ImGuiCanvas canvas(*ImGui::GetWindowDrawList(), {0, 0}, scale, 1, atlas, *textures);
    const double row = 26 * s;
    const double top = std::min(72 * s, h * 0.1);
    const double wide = std::min(640 * s, w - 32);
    const double field = 34 * s;
    const auto fits = static_cast<std::size_t>(std::max(1.0, (h - top - field - 48) / row));
    found = find_anything(controller, query, std::min(fits, palette_rows));
    selected = std::clamp(selected, 0, std::max(0, static_cast<int>(found.size()) - 1));
    const double list = std::max(1.0, static_cast<double>(found.size())) * row;
    const Rect card{w / 2 - wide / 2, top, wide, field + list + 32};
    canvas.fill_rect({0, 0, w, h}, (t.dark ? Colour{0, 0, 0} : t.background).alpha(0.6));
    canvas.fill_rect({card.x - 3, card.y, card.w + 6, card.h + 6}, Colour{0, 0, 0, 24}, 10);
    canvas.fill_rect(card, t.background, 8);
    canvas.stroke_rect(card, t.hairline, 1, 8);
    const std::string before = query;
    if (focus_query) ImGui::SetKeyboardFocusHere();
    focus_query = false;
    ImGui::SetCursorScreenPos(pixels({card.x + 12, card.y + 12}, scale));
    ImGui::SetNextItemWidth(static_cast<float>((card.w - 24) * scale));
    ImGui::InputTextWithHint("##query", "A command, view, tensor or step", &query);
    if (query != before) selected = 0;
    double y = card.y + field + 20;
    if (found.empty())
        text_in(canvas, {card.x + 20, y, card.w - 40, row}, "Nothing has that name.",
                t.text(t.normal(), t.ink_faint));
    for (std::size_t i = 0; i < found.size(); ++i) {
        const Rect r{card.x + 8, y, card.w - 16, row};
        const bool on = static_cast<int>(i) == selected;
        if (on) canvas.fill_rect(r, t.accent_soft, 4);
        const double detail = r.w * 0.42;
        text_in(canvas, {r.x + 12, r.y, r.w - detail - 90 * s, r.h}, found[i].title,
                t.text(t.normal(), t.ink, on ? Weight::bold : Weight::regular));
        text_in(canvas, {r.right() - detail - 70 * s, r.y, detail, r.h}, found[i].detail,
                t.text(t.small(), t.ink_soft, Weight::regular, Align::right));
        text_in(canvas, {r.right() - 68 * s, r.y, 58 * s, r.h}, found[i].kind,
                t.text(t.small(), t.ink_faint, Weight::regular, Align::right));
        if (r.contains(mouse) && ImGui::IsMouseClicked(0)) {
            selected = static_cast<int>(i);
            run_palette();
        }
        y += row;
    }
    if (ImGui::IsMouseClicked(0) && !card.contains(mouse)) controller.back();
    ImGui::End();
}

void Ui::Impl::build_menu() {
    if (std::exchange(open_menu, false)) ImGui::OpenPopup("cell");
    ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, pixels({8, 8}, scale));
    if (ImGui::BeginPopup("cell")) {
        const Pick* cell = shell.cell();
        const TracePtr trace = controller.snapshot().trace;
        if (cell && trace) {
            if (ImGui::MenuItem("Copy value"))
                controller.copy_text(copy_value(*trace, cell->node, cell->index), "the value");
            if (ImGui::MenuItem("Copy row"))
                controller.copy_text(copy_row(*trace, cell->node, cell->index), "the row");
            if (ImGui::MenuItem("Copy as NumPy"))
                controller.copy_text(copy_numpy(*trace, cell->node, cell->index), "for NumPy");
            ImGui::Separator();
            if (ImGui::MenuItem("Inspect")) controller.attempt("inspect " + cell->node);
        }
        ImGui::EndPopup();
    }
    ImGui::PopStyleVar();
}

void Ui::Impl::build() {
    const double w = width / scale, h = height / scale;
    shell.layout(w, h);
    ImGui::SetNextWindowPos(ImVec2(0, 0));
    ImGui::SetNextWindowSize(ImVec2(static_cast<float>(width), static_cast<float>(height)));
    ImGui::Begin("root", nullptr, plain_window | ImGuiWindowFlags_NoBringToFrontOnFocus);
    for (const RecordingCanvas* picture : shell.under())
        replay(*picture, ImGui::GetWindowDrawList());
    build_prompt();
    build_panel();
    build_menu();
    ImGui::End();
    build_palette();
    if (const RecordingCanvas* over = shell.over()) replay(*over, ImGui::GetForegroundDrawList());
}

void Ui::Impl::one_frame(double now) {
    feed(now);
    controller.tick(now);
    if (controller.wants_picture_focus()) {
        controller.picture_focus_taken();
        leave_fields = true;
    }
    restyle();
    ImGuiIO& io = ImGui::GetIO();
    io.DisplaySize = ImVec2(static_cast<float>(width), static_cast<float>(height));
    io.DeltaTime = static_cast<float>(last < 0 ? 1.0 / 60 : std::clamp(now - last, 1e-3, 0.2));
    last = now;
    atlas.begin_frame();
    ImGui_ImplOpenGL3_NewFrame();
    ImGui::NewFrame();
    if (std::exchange(leave_fields, false)) {
        ImGui::SetWindowFocus(nullptr);
        focus_prompt = false;
    }
    build();
    field_wants = ImGui::GetIO().WantTextInput || panel.typing();
    on_widget = ImGui::IsAnyItemHovered() || ImGui::IsAnyItemActive() ||
                ImGui::IsPopupOpen(nullptr, ImGuiPopupFlags_AnyPopup) ||
                (shell.where().panel.contains(mouse) && controller.overlay() == Overlay::none);
    ImGui::Render();
    if (wait_for_focus > 0) --wait_for_focus;
    shell.pointer(mouse, on_widget);
}

// ---- the outside ---------------------------------------------------------------------------

Ui::Ui(Controller& controller, Clipboard clipboard)
    : impl_(std::make_unique<Impl>(controller, std::move(clipboard))) {
    IMGUI_CHECKVERSION();
    ImGui::CreateContext();
    ImGuiIO& io = ImGui::GetIO();
    io.IniFilename = nullptr;
    io.LogFilename = nullptr;
    io.ConfigInputTextCursorBlink = false;  // a still frame needs no redraw
    io.BackendPlatformName = "stepformer";
    compat::setup_keys(io);
    compat::set_clipboard(
        impl_.get(),
        [](void* self) -> const char* {
            auto& ui = *static_cast<Impl*>(self);
            ui.clipboard_text = ui.clipboard.get ? ui.clipboard.get() : "";
            return ui.clipboard_text.c_str();
        },
        [](void* self, const char* text) {
            auto& ui = *static_cast<Impl*>(self);
            if (ui.clipboard.set) ui.clipboard.set(text);
        });
    ImGui_ImplOpenGL3_Init("#version 330 core");
    impl_->textures = std::make_unique<TextureCache>();
}

Ui::~Ui() {
    impl_->textures.reset();
    ImGui_ImplOpenGL3_Shutdown();
    ImGui::DestroyContext();
}

void Ui::resize(int width, int height, double scale) {
    impl_->width = std::max(width, 1);
    impl_->height = std::max(height, 1);
    impl_->scale = scale > 0 ? scale : 1;
}

void Ui::input(const InputEvent& event) {
    impl_->queue.push_back(event);
}

void Ui::frame(double now) {
    // ImGui needs a second frame to settle; a field that was asked for takes the keys in it, too.
    do {
        const std::size_t waiting = impl_->queue.size();
        impl_->one_frame(now);
        if (waiting == 0 && impl_->wait_for_focus == 0) break;
    } while (true);
    impl_->one_frame(now);
}

void Ui::render() {
    const Colour page = impl_->controller.theme().background;
    impl_->textures->upload(impl_->atlas);
    glViewport(0, 0, impl_->width, impl_->height);
    glClearColor(static_cast<float>(page.r) / 255, static_cast<float>(page.g) / 255,
                 static_cast<float>(page.b) / 255, 1);
    glClear(GL_COLOR_BUFFER_BIT);
    ImGui_ImplOpenGL3_RenderDrawData(ImGui::GetDrawData());
    impl_->textures->collect();
}

bool Ui::typing() const {
    return impl_->typing();
}

}  // namespace sf
