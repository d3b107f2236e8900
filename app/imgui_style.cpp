#include "app/imgui_style.h"

#include "app/imgui_compat.h"
#include "views/canvas/font.h"

namespace sf {

namespace {

ImVec4 colour(Colour c, double alpha = 1) {
    return ImGui::ColorConvertU32ToFloat4(IM_COL32(c.r, c.g, c.b, c.alpha(alpha).a));
}

}  // namespace

void style_imgui(const Theme& t, double scale) {
    const float k = static_cast<float>(scale);
    const float s = static_cast<float>(t.text_scale * scale);
    ImGuiStyle style;
    style.WindowPadding = ImVec2(0, 0);
    style.WindowRounding = 0;
    style.WindowBorderSize = 0;
    style.ChildBorderSize = 0;
    style.PopupRounding = 6 * k;
    style.PopupBorderSize = k;
    style.FramePadding = ImVec2(8 * s, 4 * s);
    style.FrameRounding = 4 * k;
    style.FrameBorderSize = 0;
    style.ItemSpacing = ImVec2(8 * k, 8 * k);
    style.ItemInnerSpacing = ImVec2(8 * k, 4 * k);
    style.ScrollbarSize = 10 * k;
    style.ScrollbarRounding = 5 * k;
    style.GrabMinSize = 12 * s;
    style.GrabRounding = 4 * k;
    style.WindowMinSize = ImVec2(1, 1);
    style.AntiAliasedLines = true;
    style.AntiAliasedFill = true;
    const auto set = [&style](ImGuiCol which, ImVec4 value) { style.Colors[which] = value; };
    set(ImGuiCol_Text, colour(t.ink));
    set(ImGuiCol_TextDisabled, colour(t.ink_faint));
    set(ImGuiCol_WindowBg, colour(t.background));
    set(ImGuiCol_ChildBg, colour(t.surface, 0));
    set(ImGuiCol_PopupBg, colour(t.background));
    set(ImGuiCol_Border, colour(t.hairline));
    set(ImGuiCol_FrameBg, colour(t.raised));
    set(ImGuiCol_FrameBgHovered, colour(t.raised));
    set(ImGuiCol_FrameBgActive, colour(t.raised));
    set(ImGuiCol_ScrollbarBg, colour(t.surface, 0));
    set(ImGuiCol_ScrollbarGrab, colour(t.hairline));
    set(ImGuiCol_ScrollbarGrabHovered, colour(t.ink_faint));
    set(ImGuiCol_ScrollbarGrabActive, colour(t.ink_faint));
    set(ImGuiCol_CheckMark, colour(t.accent));
    set(ImGuiCol_SliderGrab, colour(t.accent));
    set(ImGuiCol_SliderGrabActive, colour(t.accent));
    set(ImGuiCol_Button, colour(t.raised));
    set(ImGuiCol_ButtonHovered, colour(t.accent_soft));
    set(ImGuiCol_ButtonActive, colour(t.accent_soft));
    set(ImGuiCol_Header, colour(t.accent_soft));
    set(ImGuiCol_HeaderHovered, colour(t.accent_soft));
    set(ImGuiCol_HeaderActive, colour(t.accent_soft));
    set(ImGuiCol_Separator, colour(t.hairline));
    set(ImGuiCol_TextSelectedBg, colour(t.accent, 0.3));
    set(ImGuiCol_NavHighlight, colour(t.accent, 0));
    set(ImGuiCol_ModalWindowDimBg, colour(t.background, 0.6));
    ImGui::GetStyle() = style;
}

void load_imgui_fonts(const Theme& t, double scale) {
    // Characters that people type into fields; the pictures have a glyph store of their own.
    static const ImWchar ranges[] = {0x0020, 0x024F, 0x0370, 0x052F, 0x1E00, 0x1EFF,
                                     0x2010, 0x22FF, 0x2400, 0x26FF, 0};
    const FontSet& fonts = FontSet::standard();
    // ImGui's size is the height of a line, ours that of the em.
    const double em = t.normal() * scale;
    ImGuiIO& io = ImGui::GetIO();
    io.Fonts->Clear();
    const auto add = [&](Face face, bool merge) {
        const std::string_view file = FontSet::file(face);
        ImFontConfig config;
        config.FontDataOwnedByAtlas = false;
        config.MergeMode = merge;
        config.OversampleH = 2;
        config.OversampleV = 1;
        config.PixelSnapH = false;
        io.Fonts->AddFontFromMemoryTTF(
            const_cast<char*>(file.data()), static_cast<int>(file.size()),
            static_cast<float>(em * (fonts.ascent(1) + fonts.descent(1))), &config, ranges);
    };
    add(Face::regular, false);
    add(Face::fallback, true);
    compat::upload_fonts();
}

}  // namespace sf
