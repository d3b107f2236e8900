#include "app/panel.h"

#include "app/imgui_compat.h"
#include "core/error.h"
#include "views/draw/number.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"

#include <cmath>

namespace sf {

namespace {

// "tile_size" -> "Tile size"
std::string readable(std::string name) {
    for (char& c : name)
        if (c == '_' || c == '-') c = ' ';
    if (!name.empty() && name[0] >= 'a' && name[0] <= 'z')
        name[0] = static_cast<char>(name[0] - 'a' + 'A');
    return name;
}

bool is_view_port(const Parameter& p) {
    return p.name == "zoom" || p.name == "pan_x" || p.name == "pan_y";
}

}  // namespace

// A paragraph at ImGui's cursor, which moves below it.
void Panel::words(Canvas& canvas, const std::string& text, const TextStyle& style, double gap) {
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const double high = paragraph(canvas, {left_, at.y / scale_}, width_, text, style);
    ImGui::Dummy(ImVec2(1, static_cast<float>((high + gap) * scale_)));
}

void Panel::widget(Canvas& canvas, const Parameter& p) {
    const Theme t = controller_.theme();
    const int pane = controller_.state().focus;
    const Frame frame = controller_.frame(pane);
    const View& view = controller_.view(pane);
    ImGui::PushID(p.name.c_str());
    ImGui::SetCursorScreenPos(
        ImVec2(static_cast<float>(left_ * scale_), ImGui::GetCursorScreenPos().y));
    ImGui::SetNextItemWidth(static_cast<float>(width_ * scale_));
    if (p.type != Parameter::Type::toggle)
        words(canvas, readable(p.name), t.text(t.small(), t.ink_soft), 0);
    ImGui::SetCursorScreenPos(
        ImVec2(static_cast<float>(left_ * scale_),
               ImGui::GetCursorScreenPos().y -
                   (p.type == Parameter::Type::toggle ? 0.0F : static_cast<float>(4 * scale_))));
    ImGui::SetNextItemWidth(static_cast<float>(width_ * scale_));
    switch (p.type) {
        case Parameter::Type::toggle: {
            bool value = setting_bool(frame, view, p.name);
            if (ImGui::Checkbox(readable(p.name).c_str(), &value))
                controller_.set_value(pane, p.name, value);
            break;
        }
        case Parameter::Type::integer: {
            int value = static_cast<int>(std::lround(setting_number(frame, view, p.name)));
            if (ImGui::SliderInt("##value", &value, static_cast<int>(p.min),
                                 static_cast<int>(p.max), "%d", ImGuiSliderFlags_AlwaysClamp))
                controller_.set_value(pane, p.name, static_cast<double>(value));
            break;
        }
        case Parameter::Type::real: {
            auto value = static_cast<float>(setting_number(frame, view, p.name));
            if (ImGui::SliderFloat("##value", &value, static_cast<float>(p.min),
                                   static_cast<float>(p.max), "%.3g", ImGuiSliderFlags_AlwaysClamp))
                controller_.set_value(pane, p.name, static_cast<double>(value));
            break;
        }
        case Parameter::Type::choice: {
            const std::string now = setting_text(frame, view, p.name);
            if (ImGui::BeginCombo("##value", now.c_str())) {
                for (const std::string& choice : p.choices)
                    if (ImGui::Selectable(choice.empty() ? "–" : choice.c_str(), choice == now))
                        controller_.set_value(pane, p.name, choice);
                ImGui::EndCombo();
            }
            break;
        }
        case Parameter::Type::text: {
            const std::string id = view.id() + "." + p.name;
            const std::string now = setting_text(frame, view, p.name);
            std::string draft = drafts_.contains(id) ? drafts_[id] : now;
            ImGui::InputText("##value", &draft);
            if (ImGui::IsItemActive()) {
                typing_ = true;
                drafts_[id] = draft;
            } else if (drafts_.erase(id) > 0 && draft != now) {
                controller_.attempt("set " + id + "=" + draft);
            }
            break;
        }
    }
    if (ImGui::IsItemHovered() && !p.help.empty()) {
        ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, ImVec2(8, 8));
        ImGui::BeginTooltip();
        ImGui::PushTextWrapPos(static_cast<float>(width_ * scale_));
        ImGui::TextUnformatted(p.help.c_str());
        ImGui::PopTextWrapPos();
        ImGui::EndTooltip();
        ImGui::PopStyleVar();
    }
    ImGui::PopID();
}

void Panel::build(Canvas& canvas, const Rect& area, double scale) {
    const Theme t = controller_.theme();
    const double s = t.text_scale;
    const int pane = controller_.state().focus;
    const View& view = controller_.view(pane);
    scale_ = scale;
    left_ = area.x + 16;
    width_ = area.w - 32 - 8;
    typing_ = false;
    if (version_ != controller_.version()) {
        version_ = controller_.version();
        description_ = controller_.description(pane);
    }
    const ClipScope clip(canvas, area);
    ImGui::Dummy(ImVec2(1, static_cast<float>(8 * scale)));
    words(canvas, description_, t.text(t.normal(), t.ink), 12);
    words(canvas, view.lesson(), t.text(t.normal(), t.ink_soft), 12);

    const TextStyle heading = t.text(t.small(), t.ink_faint);
    bool first = true;
    for (const Parameter& p : view.parameters(controller_.frame(pane))) {
        if (p.handle || is_view_port(p)) continue;
        if (std::exchange(first, false)) words(canvas, "Settings", heading, 4);
        widget(canvas, p);
    }
    if (!first) ImGui::Dummy(ImVec2(1, static_cast<float>(8 * scale)));

    const std::vector<Invariant>& checks = controller_.invariants(pane);
    if (checks.empty()) return;
    words(canvas, "Must hold", heading, 4);
    const double left = left_, width = width_;
    for (const Invariant& i : checks) {
        const double y = ImGui::GetCursorScreenPos().y / scale;
        draw_circle(canvas, {left + 4 * s, y + t.normal() * 0.72}, 3.5 * s,
                    i.holds ? t.good : t.bad);
        left_ = left + 16 * s;
        width_ = width - 16 * s;
        words(canvas, i.name, t.text(t.normal(), t.ink), -6);
        words(canvas, i.figure, t.text(t.small(), t.ink_soft), 0);
    }
    left_ = left;
    width_ = width;
}

}  // namespace sf
