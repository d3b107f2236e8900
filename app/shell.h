#pragma once

#include "app/chrome.h"
#include "app/controller.h"
#include "views/canvas/recording_canvas.h"

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace sf {

// What is drawn of a frame, kept until something changes, and what the pointer does with it. Knows
// no ImGui: a pointer in logical pixels comes in, pictures come out.
class Shell {
public:
    explicit Shell(Controller& controller) : controller_(controller) {}

    // Draws anew what changed since the last time.
    void layout(double width, double height);
    const Layout& where() const { return layout_; }
    // In the order in which they lie on one another; `over` lies over the widgets, too.
    std::vector<const RecordingCanvas*> under() const;
    const RecordingCanvas* over() const { return over_ ? &*over_ : nullptr; }

    void pointer(Vec2 at, bool on_widget);
    void leave();
    // Keys are used: the tip goes until the pointer moves again.
    void rest();
    // The next layout draws something else although nothing came in.
    bool stale() const { return stale_; }
    void press(bool twice);
    void release();
    void release_quietly();  // without the click
    void wheel(double up);
    // The cell that the pointer is on, for the menu; null when it is on none.
    const Pick* cell() const { return cell_ ? &*cell_ : nullptr; }

private:
    std::optional<Pick> find(Vec2 at) const;
    // The topmost "setting:" target at a point, also below a cell.
    std::optional<Hit> find_setting(Vec2 at) const;
    int pane_at(Vec2 at) const;
    void click(const Pick& pick, bool twice);
    void click_cell(const Pick& pick, bool twice);
    void look_at_training(Vec2 at);
    bool is_cell(const Pick& pick) const;
    const Explanation& explanation(const Pick& pick);

    Controller& controller_;
    Layout layout_;
    double width_ = 0, height_ = 0;
    std::uint64_t drawn_version_ = 0;
    bool stale_ = true;
    std::optional<RecordingCanvas> base_, over_;
    std::array<std::optional<RecordingCanvas>, 2> panes_;

    Vec2 at_{-1, -1};
    bool on_widget_ = false, resting_ = false;
    std::optional<Pick> hover_, cell_, pressed_;
    enum class Drag : std::uint8_t { none, waiting, pan, scrub, train, setting };
    std::optional<SettingDrag> dragged_;  // drag_ is `setting`
    Drag drag_ = Drag::none;
    Vec2 drag_from_, drag_last_;
    int drag_pane_ = -1;
    double strip_scroll_ = 0;
    std::int64_t strip_token_ = -1;

    TracePtr explained_trace_;
    Pick explained_;
    Explanation explanation_;
};

}  // namespace sf
