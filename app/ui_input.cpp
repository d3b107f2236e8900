#include "app/ui_impl.h"

#include "app/command_table.h"
#include "views/canvas/font.h"

#include <cmath>
#include <map>

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

}  // namespace

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
    shell.rest();
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

}  // namespace sf
