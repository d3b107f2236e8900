#include "app/panel.h"

#include "app/imgui_compat.h"
#include "core/error.h"
#include "views/draw/number.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"

#include <algorithm>
#include <cmath>
#include <utility>

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
void Panel::words(const std::string& text, const TextStyle& style, double gap) {
    const ImVec2 at = ImGui::GetCursorScreenPos();
    double high = 0;
    (*paint_)([&](Canvas& canvas) {
        high = paragraph(canvas, {left_, at.y / scale_}, width_, text, style);
    });
    ImGui::Dummy(ImVec2(1, static_cast<float>((high + gap) * scale_)));
}

// The button that sets the plain limit of the view's mechanism, where it has one.
void Panel::plain() {
    const int pane = controller_.state().focus;
    if (!controller_.has_plain(pane)) return;
    const Theme t = controller_.theme();
    const bool on = controller_.is_plain(pane);
    const std::string name = on ? "Back from plain" : "Reduce to plain";
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const double s = t.text_scale, high = line_height(t.normal()) + 8 * s;
    const Rect r{left_, at.y / scale_, width_, high};
    ImGui::SetCursorScreenPos(ImVec2(static_cast<float>(left_ * scale_), at.y));
    const bool pressed = ImGui::InvisibleButton(
        "##plain", ImVec2(static_cast<float>(width_ * scale_), static_cast<float>(high * scale_)));
    const bool lit = on || ImGui::IsItemHovered();
    (*paint_)([&](Canvas& canvas) {
        canvas.fill_rect(r, lit ? t.accent_soft : t.raised, 4);
        canvas.text({r.centre().x, r.centre().y + cap_height(t.normal()) / 2}, name,
                    t.text(t.normal(), lit ? t.accent : t.ink, Weight::regular, Align::centre));
    });
    tip("Sets the plain limit of this mechanism, in which it must equal what it replaces (L).");
    ImGui::Dummy(ImVec2(1, static_cast<float>(4 * s * scale_)));
    if (pressed) controller_.set_plain(pane, !on);
}

void Panel::widget(const Parameter& p) {
    const Theme t = controller_.theme();
    const int pane = controller_.state().focus;
    const Frame frame = controller_.frame(pane);
    const View& view = controller_.view(pane);
    ImGui::PushID(p.name.c_str());
    ImGui::SetCursorScreenPos(
        ImVec2(static_cast<float>(left_ * scale_), ImGui::GetCursorScreenPos().y));
    // Toggles and sliders write their own names.
    const bool labelled = p.type == Parameter::Type::choice || p.type == Parameter::Type::text;
    if (labelled) words(readable(p.name), t.text(t.small(), t.ink_soft), -6);
    ImGui::SetCursorScreenPos(
        ImVec2(static_cast<float>(left_ * scale_), ImGui::GetCursorScreenPos().y));
    ImGui::SetNextItemWidth(static_cast<float>(width_ * scale_));
    switch (p.type) {
        case Parameter::Type::toggle: {
            bool value = setting_bool(frame, view, p.name);
            const auto s = static_cast<float>(t.text_scale * scale_);
            ImGui::PushStyleVar(ImGuiStyleVar_FramePadding, ImVec2(2 * s, 1 * s));
            if (ImGui::Checkbox(readable(p.name).c_str(), &value))
                controller_.set_value(pane, p.name, value);
            ImGui::PopStyleVar();
            break;
        }
        case Parameter::Type::integer:
        case Parameter::Type::real:
            slider(p);
            break;
        case Parameter::Type::choice: {
            const std::string now = setting_text(frame, view, p.name);
            if (ImGui::BeginCombo("##value", now.c_str(), ImGuiComboFlags_NoArrowButton)) {
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
    tip(p.help);
    ImGui::PopID();
}

// What the item before is for, while the pointer is on it.
void Panel::tip(const std::string& help) {
    if (!ImGui::IsItemHovered() || help.empty()) return;
    ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, ImVec2(8, 8));
    ImGui::BeginTooltip();
    ImGui::PushTextWrapPos(static_cast<float>(width_ * scale_));
    ImGui::TextUnformatted(help.c_str());
    ImGui::PopTextWrapPos();
    ImGui::EndTooltip();
    ImGui::PopStyleVar();
}

std::optional<double> Panel::track(const std::string& name, const std::string& value, double part) {
    const Theme t = controller_.theme();
    const double s = t.text_scale;
    const double y = ImGui::GetCursorScreenPos().y / scale_;
    const double row = line_height(t.small()), high = row + 18 * s;
    const double knob = 6 * s, left = left_ + knob, wide = width_ - 2 * knob;
    ImGui::InvisibleButton(
        "##value", ImVec2(static_cast<float>(width_ * scale_), static_cast<float>(high * scale_)));
    std::optional<double> dragged;
    if (ImGui::IsItemActive()) {
        const double x = ImGui::GetIO().MousePos.x / scale_;
        part = std::clamp((x - left) / wide, 0.0, 1.0);
        dragged = part;
    }
    const double line = y + row + 9 * s;
    (*paint_)([&](Canvas& canvas) {
        canvas.text({left_, y + t.small()}, name, t.text(t.small(), t.ink_soft));
        canvas.text({left_ + width_, y + t.small()}, value,
                    t.text(t.small(), t.ink, Weight::bold, Align::right));
        canvas.fill_rect({left_, line - 1.5 * s, width_, 3 * s}, t.hairline, 1.5 * s);
        canvas.fill_rect({left_, line - 1.5 * s, knob + wide * part, 3 * s}, t.accent, 1.5 * s);
        draw_circle(canvas, {left + wide * part, line}, knob, t.accent);
    });
    return dragged;
}

void Panel::slider(const Parameter& p) {
    const int pane = controller_.state().focus;
    const bool whole = p.type == Parameter::Type::integer;
    const double value = setting_number(controller_.frame(pane), controller_.view(pane), p.name);
    // Below its first whole number a setting follows the cursor.
    const bool follows = whole && p.min == -1 && value == -1;
    const auto to =
        track(readable(p.name), follows ? "auto" : format_number(value, 3), p.part_of(value));
    if (!to || p.max <= p.min) return;
    const double next = p.value_at(*to);
    if (next != value) controller_.set_value(pane, p.name, next);
}

void Panel::build(const Paint& paint, const Rect& area, double scale) {
    const Theme t = controller_.theme();
    const double s = t.text_scale;
    const int pane = controller_.state().focus;
    const View& view = controller_.view(pane);
    paint_ = &paint;
    scale_ = scale;
    left_ = area.x + 16;
    width_ = area.w - 32 - 8;
    typing_ = false;
    if (version_ != controller_.version()) {
        version_ = controller_.version();
        description_ = controller_.description(pane);
    }
    ImGui::Dummy(ImVec2(1, static_cast<float>(8 * scale)));
    training();
    words(description_, t.text(t.normal(), t.ink), 12);
    words(view.lesson(), t.text(t.normal(), t.ink_soft), 12);

    const TextStyle heading = t.text(t.small(), t.ink_faint);
    bool first = true;
    for (const Parameter& p : view.parameters(controller_.frame(pane))) {
        if (p.handle || is_view_port(p)) continue;
        if (std::exchange(first, false)) {
            words("Settings", heading, 4);
            plain();
        }
        widget(p);
    }
    if (!first) ImGui::Dummy(ImVec2(1, static_cast<float>(8 * scale)));

    const std::vector<Invariant>& checks = controller_.invariants(pane);
    if (checks.empty()) return;
    words("Must hold", heading, 4);
    const double left = left_, width = width_;
    for (const Invariant& i : checks) {
        const double y = ImGui::GetCursorScreenPos().y / scale;
        paint([&](Canvas& canvas) {
            draw_circle(canvas, {left + 4 * s, y + t.normal() * 0.72}, 3.5 * s,
                        i.holds ? t.good : t.bad);
        });
        left_ = left + 16 * s;
        width_ = width - 16 * s;
        words(i.name, t.text(t.normal(), t.ink), -6);
        words(i.figure, t.text(t.small(), t.ink_soft), 0);
    }
    left_ = left;
    width_ = width;
}

}  // namespace sf
