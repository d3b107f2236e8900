#include "views/track.h"

#include "views/draw/number.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"

#include <algorithm>
#include <cmath>

namespace sf {

void draw_track(Canvas& canvas, const Theme& t, const Parameter& p, const Track& k) {
    const double u = t.text_scale, knob = 5 * u;
    const Rect& r = k.area;
    const Rect room{r.x + k.label + knob, r.y, r.w - k.label - k.figure - 2 * knob, r.h};
    if (room.w < 32 * u) return;
    // A cell a value; of a log scale an eighth of an octave. The knob stands in a cell's middle.
    const auto cells =
        p.log ? std::llround(8 * std::log2(p.max / p.min)) + 1 : std::llround(p.max - p.min) + 1;
    const auto n = static_cast<double>(std::max<std::int64_t>(cells, 2));
    const double beyond = std::min(room.w / (n - 1) / 2, std::min(k.label, k.figure));
    const Rect hit{room.x - beyond, r.y, room.w + 2 * beyond, r.h};
    const Rect track{hit.x + hit.w / n / 2, r.y, hit.w * (1 - 1 / n), r.h};
    text_in(canvas, {r.x, r.y, k.label, r.h}, k.name, t.text(t.small(), t.ink_soft));
    text_in(canvas, {r.right() - k.figure, r.y, k.figure, r.h}, format_count(std::llround(k.value)),
            t.text(t.small(), k.set ? t.accent : t.ink, Weight::bold, Align::right));
    const double y = track.centre().y, x = track.x + track.w * p.part_of(k.value);
    canvas.line({track.x, y}, {track.right(), y}, t.hairline, 2 * u);
    canvas.line({track.x, y}, {x, y}, t.accent, 2 * u);
    draw_circle(canvas, {x, y}, knob, t.accent);
    canvas.hit(hit,
               {"setting:" + p.name, p.log ? 0 : static_cast<std::int64_t>(p.min), 1, cells, 0, 1});
}

}  // namespace sf
