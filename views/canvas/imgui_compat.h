#pragma once

#include <imgui.h>
#include <cstdint>

// What changed in Dear ImGui's drawing since 1.86, in one place for the canvas. Shapes and text are
// written as triangles (PrimReserve, PrimWriteVtx), which have stayed the same; AddRect and
// AddPolyline, whose arguments were swapped in 1.92.8, are not used.
namespace sf::compat {

// A texture for what is written next. ImTextureID is a pointer before 1.91.4, a 64-bit number
// since; 1.92 wraps it in ImTextureRef.
inline void push_texture(ImDrawList& list, ImTextureID id) {
#if IMGUI_VERSION_NUM < 19200
    list.PushTextureID(id);
#else
    list.PushTexture(ImTextureRef(id));
#endif
}

inline void pop_texture(ImDrawList& list) {
#if IMGUI_VERSION_NUM < 19200
    list.PopTextureID();
#else
    list.PopTexture();
#endif
}

// The name of a GL texture as ImGui's OpenGL backend takes it.
inline ImTextureID texture_id(unsigned int gl_name) {
#if IMGUI_VERSION_NUM < 19140
    return reinterpret_cast<ImTextureID>(static_cast<std::uintptr_t>(gl_name));
#else
    return static_cast<ImTextureID>(gl_name);
#endif
}

}  // namespace sf::compat
