#pragma once

#include <imgui.h>
#include <imgui_stdlib.h>
#if __has_include(<backends/imgui_impl_opengl3.h>)
#include <backends/imgui_impl_opengl3.h>
#else
#include <imgui_impl_opengl3.h>
#endif

#include <cstdint>

// What changed between releases of Dear ImGui since 1.86, in one place for the program.
namespace sf::compat {

inline void setup_keys(ImGuiIO& io) {
#if IMGUI_VERSION_NUM < 18700
    // Our own numbers of keys are ImGui's names.
    for (int key = 0; key < ImGuiKey_COUNT; ++key) io.KeyMap[key] = key;
#else
    static_cast<void>(io);
#endif
}

inline void add_key(ImGuiIO& io, ImGuiKey key, bool down) {
#if IMGUI_VERSION_NUM < 18700
    io.KeysDown[key] = down;
#else
    io.AddKeyEvent(key, down);
#endif
}

inline void set_modifiers(ImGuiIO& io, bool ctrl, bool shift, bool alt, bool super) {
#if IMGUI_VERSION_NUM < 18700
    io.KeyCtrl = ctrl;
    io.KeyShift = shift;
    io.KeyAlt = alt;
    io.KeySuper = super;
#elif IMGUI_VERSION_NUM < 18900
    io.AddKeyEvent(ImGuiKey_ModCtrl, ctrl);
    io.AddKeyEvent(ImGuiKey_ModShift, shift);
    io.AddKeyEvent(ImGuiKey_ModAlt, alt);
    io.AddKeyEvent(ImGuiKey_ModSuper, super);
#else
    io.AddKeyEvent(ImGuiMod_Ctrl, ctrl);
    io.AddKeyEvent(ImGuiMod_Shift, shift);
    io.AddKeyEvent(ImGuiMod_Alt, alt);
    io.AddKeyEvent(ImGuiMod_Super, super);
#endif
}

inline void mouse_position(ImGuiIO& io, float x, float y) {
#if IMGUI_VERSION_NUM < 18700
    io.MousePos = ImVec2(x, y);
#else
    io.AddMousePosEvent(x, y);
#endif
}

inline void mouse_button(ImGuiIO& io, int button, bool down) {
#if IMGUI_VERSION_NUM < 18700
    io.MouseDown[button] = down;
#else
    io.AddMouseButtonEvent(button, down);
#endif
}

inline void mouse_wheel(ImGuiIO& io, float right, float up) {
#if IMGUI_VERSION_NUM < 18700
    io.MouseWheelH += right;
    io.MouseWheel += up;
#else
    io.AddMouseWheelEvent(right, up);
#endif
}

// `get` returns text that stays until the next call.
inline void set_clipboard(void* user, const char* (*get)(void*), void (*set)(void*, const char*)) {
#if IMGUI_VERSION_NUM < 19110
    ImGuiIO& io = ImGui::GetIO();
    io.ClipboardUserData = user;
    io.GetClipboardTextFn = get;
    io.SetClipboardTextFn = set;
#else
    // The platform's functions take a context; ours find theirs in the user data.
    static const char* (*getter)(void*) = nullptr;
    static void (*setter)(void*, const char*) = nullptr;
    getter = get;
    setter = set;
    ImGuiPlatformIO& io = ImGui::GetPlatformIO();
    io.Platform_ClipboardUserData = user;
    io.Platform_GetClipboardTextFn = [](ImGuiContext*) {
        return getter(ImGui::GetPlatformIO().Platform_ClipboardUserData);
    };
    io.Platform_SetClipboardTextFn = [](ImGuiContext*, const char* text) {
        setter(ImGui::GetPlatformIO().Platform_ClipboardUserData, text);
    };
#endif
}

// A child window without a frame.
inline bool begin_child(const char* id, ImVec2 size, ImGuiWindowFlags flags) {
#if IMGUI_VERSION_NUM < 19000
    return ImGui::BeginChild(id, size, false, flags);
#else
    return ImGui::BeginChild(id, size, ImGuiChildFlags_None, flags);
#endif
}

// Whether fonts have to be uploaded by us after the atlas was built anew (until 1.92).
inline void upload_fonts() {
#if IMGUI_VERSION_NUM < 19200
    ImGui_ImplOpenGL3_DestroyFontsTexture();
    ImGui_ImplOpenGL3_CreateFontsTexture();
#endif
}

}  // namespace sf::compat
