#pragma once

#include "app/controller.h"
#include "views/canvas/canvas.h"

#include <vector>

namespace sf {

// Everything around the pictures, drawn through the same Canvas: where it stands and how it looks.
// Regions answer the pointer through `hit`: targets "token", "step", "view" (number in `first`) and
// "command:<line>". Knows no ImGui.

// Where things stand, logical pixels.
struct Layout {
    double unit = 8;  // the grid
    double pad = 8;
    bool narrow = false;  // the list shows numbers only
    Rect top, prompt, strip, list, centre, panel, clock, bottom, error;
    Rect pane[2];  // with its heading
    Rect area[2];  // of the picture itself
};

// Wide enough for its text that nothing has to stand back.
bool is_roomy(const Controller& controller, double width);
Layout make_layout(const Controller& controller, const Canvas& measure, double width,
                   double height);

void draw_frame_lines(Canvas& canvas, const Controller& controller, const Layout& layout);
void draw_top(Canvas& canvas, const Controller& controller, const Layout& layout);
// `scroll`: how far the strip was moved by hand from where the token in focus puts it.
void draw_strip(Canvas& canvas, const Controller& controller, const Layout& layout, double scroll);
void draw_list(Canvas& canvas, const Controller& controller, const Layout& layout);
void draw_pane_heading(Canvas& canvas, const Controller& controller, const Layout& layout,
                       int pane);
void draw_bottom(Canvas& canvas, const Controller& controller, const Layout& layout);
// The training clock: a thin bar above the timeline, where there is a history of training.
void draw_clock(Canvas& canvas, const Controller& controller, const Layout& layout);
void draw_error(Canvas& canvas, const Controller& controller, const Layout& layout);
void draw_toast(Canvas& canvas, const Controller& controller, const Layout& layout);
void draw_help(Canvas& canvas, const Controller& controller, double width, double height);
void draw_checks(Canvas& canvas, const Controller& controller, const Layout& layout);

// The step whose segment of the timeline is at x; -1 when there is none.
std::int64_t step_at(const Controller& controller, const Layout& layout, double x);
// The kept training step that is nearest to x on the clock; -1: live.
std::int64_t train_step_at(const Controller& controller, const Layout& layout, double x);
// Where a step of training stands on the clock.
double train_step_x(const Controller& controller, const Layout& layout, std::int64_t step);
// The segments of the timeline's bar, one a step: [begin, end) in pixels.
struct Segment {
    double begin = 0, end = 0;
};
std::vector<Segment> timeline_segments(const Timeline& timeline, const Rect& bar);
Rect timeline_bar(const Layout& layout, const Theme& theme);

}  // namespace sf
