#pragma once

#include "app/chrome_icons.h"
#include "app/controller.h"
#include "core/train/settings.h"
#include "views/canvas/canvas.h"

#include <functional>
#include <map>
#include <optional>
#include <string>

namespace sf {

// The foldable panel: caption and lesson, then a widget for every declared parameter, then what
// must hold. Text goes through the Canvas, only the widgets are ImGui's.
class Panel {
public:
    explicit Panel(Controller& controller) : controller_(controller) {}
    // A canvas on the current ImGui window, for as long as the function given runs: ImGui's widgets
    // and the canvas must not draw in turns.
    using Paint = std::function<void(const std::function<void(Canvas&)>&)>;
    // Inside an ImGui child window that fills `area` (logical pixels); `scale` pixels each.
    void build(const Paint& paint, const Rect& area, double scale);
    // A text field of the panel has the keys.
    bool typing() const { return typing_; }

private:
    void words(const std::string& text, const TextStyle& style, double gap);
    void widget(const Parameter& parameter);
    void plain();
    void slider(const Parameter& parameter);
    // Name and value on one line, a thin track with a knob at `part` (0..1) of it below. Where the
    // knob is dragged to, else nothing.
    std::optional<double> track(const std::string& name, const std::string& value, double part);
    void tip(const std::string& help);

    // The training section (panel_training.cpp).
    void training();
    bool icon_button(const char* id, Icon icon, bool lit, int place);
    void training_slider(const TrainSettingInfo& info);
    void training_choice(const TrainSettingInfo& info);

    Controller& controller_;
    const Paint* paint_ = nullptr;
    double scale_ = 1, width_ = 0, left_ = 0;
    bool typing_ = false;
    std::uint64_t version_ = 0;
    std::string description_;
    std::map<std::string, std::string> drafts_;  // text parameters while they are typed
};

}  // namespace sf
