#include "app/ui.h"

#include "app/imgui_style.h"
#include "app/numpy.h"
#include "app/ui_impl.h"
#include "views/draw/text.h"

#include <epoxy/gl.h>
#include <algorithm>
#include <utility>

namespace sf {

namespace {

ImVec2 pixels(Vec2 p, double k) {
    return ImVec2(static_cast<float>(p.x * k), static_cast<float>(p.y * k));
}

constexpr ImGuiWindowFlags plain_window =
    ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove | ImGuiWindowFlags_NoSavedSettings |
    ImGuiWindowFlags_NoNav | ImGuiWindowFlags_NoScrollWithMouse;
constexpr std::size_t palette_rows = 12;

}  // namespace

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
    if (compat::begin_child("panel", pixels({r.w - 1, r.h - 1}, scale), ImGuiWindowFlags_NoNav))
        panel.build([this](const auto& draw) { paint(draw); }, r, scale);
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
    const double row = 26 * s;
    const double top = std::min(72 * s, h * 0.1);
    const double wide = std::min(640 * s, w - 32);
    const double field = 34 * s;
    const auto fits = static_cast<std::size_t>(std::max(1.0, (h - top - field - 48) / row));
    found = find_anything(controller, query, std::min(fits, palette_rows));
    selected = std::clamp(selected, 0, std::max(0, static_cast<int>(found.size()) - 1));
    const double list = std::max(1.0, static_cast<double>(found.size())) * row;
    const Rect card{w / 2 - wide / 2, top, wide, field + list + 32};
    paint([&](Canvas& canvas) {
        canvas.fill_rect({0, 0, w, h}, (t.dark ? Colour{0, 0, 0} : t.background).alpha(0.6));
        canvas.fill_rect({card.x - 3, card.y, card.w + 6, card.h + 6}, Colour{0, 0, 0, 24}, 10);
        canvas.fill_rect(card, t.background, 8);
        canvas.stroke_rect(card, t.hairline, 1, 8);
    });
    const std::string before = query;
    if (focus_query) ImGui::SetKeyboardFocusHere();
    focus_query = false;
    ImGui::SetCursorScreenPos(pixels({card.x + 12, card.y + 12}, scale));
    ImGui::SetNextItemWidth(static_cast<float>((card.w - 24) * scale));
    ImGui::InputTextWithHint("##query", "A command, view, tensor or step", &query);
    if (query != before) selected = 0;
    int clicked = -1;
    paint([&](Canvas& canvas) {
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
            if (r.contains(mouse) && ImGui::IsMouseClicked(0)) clicked = static_cast<int>(i);
            y += row;
        }
    });
    if (clicked >= 0) {
        selected = clicked;
        run_palette();
    }
    if (ImGui::IsMouseClicked(0) && !card.contains(mouse)) controller.back();
    ImGui::End();
}

void Ui::Impl::build_menu() {
    if (std::exchange(open_menu, false)) {
        ImGui::OpenPopup("cell");
        const Pick* cell = shell.cell();
        const int pane = controller.state().focus;
        const TracePtr trace = controller.trace(pane);
        const Tensor* tensor = cell && trace ? trace->find(cell->node) : nullptr;
        can_set = !controller.shows_other(pane) && tensor && trace->weights &&
                  tensor->dtype == DType::real && trace->graph->find(cell->node) != no_node &&
                  cell->index < tensor->size();
        if (can_set) set_to = tensor->at(cell->index);
    }
    ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, pixels({8, 8}, scale));
    if (ImGui::BeginPopup("cell")) {
        const Pick* cell = shell.cell();
        const TracePtr trace = controller.trace(controller.state().focus);
        if (cell && trace) {
            if (ImGui::MenuItem("Copy value"))
                controller.copy_text(copy_value(*trace, cell->node, cell->index), "the value");
            if (ImGui::MenuItem("Copy row"))
                controller.copy_text(copy_row(*trace, cell->node, cell->index), "the row");
            if (ImGui::MenuItem("Copy as NumPy"))
                controller.copy_text(copy_numpy(*trace, cell->node, cell->index), "for NumPy");
            ImGui::Separator();
            if (can_set) {
                ImGui::AlignTextToFramePadding();
                ImGui::TextUnformatted("Set to");
                ImGui::SameLine();
                ImGui::SetNextItemWidth(static_cast<float>(96 * scale) *
                                        static_cast<float>(controller.theme().text_scale));
                if (ImGui::InputDouble("##set", &set_to, 0, 0, "%.6g",
                                       ImGuiInputTextFlags_EnterReturnsTrue)) {
                    controller.attempt("edit " + edits_text({{cell->node, cell->index, set_to}}));
                    ImGui::CloseCurrentPopup();
                }
                ImGui::Separator();
            }
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
    // The page's colour is there (render): on a software renderer filling it again is dear.
    ImGui::Begin(
        "root", nullptr,
        plain_window | ImGuiWindowFlags_NoBackground | ImGuiWindowFlags_NoBringToFrontOnFocus);
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
    // All input in order; a field that was asked for takes the keys in a second frame.
    do impl_->one_frame(now);
    while (!impl_->queue.empty() || impl_->wait_for_focus > 0);
    // ImGui needs another to settle; so does what the pointer lies on in a new picture.
    constexpr int most = 3;
    for (int i = 0; i < most && (i == 0 || impl_->shell.stale()); ++i) impl_->one_frame(now);
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
