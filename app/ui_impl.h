#pragma once

#include "app/imgui_compat.h"
#include "app/input.h"
#include "app/palette.h"
#include "app/panel.h"
#include "app/shell.h"
#include "app/texture_cache.h"
#include "app/ui.h"
#include "views/canvas/imgui_canvas.h"

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace sf {

// Frames that ImGui takes until a field that asked for the keys has them.
inline constexpr int frames_to_settle = 2;

// The inside of Ui: ui_input.cpp takes what comes in, ui.cpp lays out and draws.
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
    bool can_set = false;  // the cell of the menu is a value of the run
    double set_to = 0;

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
    // A canvas on the current window while `draw` runs.
    void paint(const std::function<void(Canvas&)>& draw) {
        ImGuiCanvas canvas(*ImGui::GetWindowDrawList(), {0, 0}, scale, 1, atlas, *textures);
        draw(canvas);
    }
};

}  // namespace sf
