#include "app/icon.h"

#include "views/canvas/cairo_canvas.h"
#include "views/draw/theme.h"

namespace sf {

Image app_icon(int size) {
    const Theme t = Theme::light();
    const double n = size;
    const auto canvas = CairoCanvas::png(n, n, 1, Colour{0, 0, 0, 0}, {});
    canvas->fill_rect({0, 0, n, n}, t.ink, n * 0.2);
    // Three layers, the one in the middle is the step that one looks at.
    const double w = n * 0.6, h = n * 0.14, x = (n - w) / 2;
    canvas->fill_rect({x, n * 0.20, w, h}, t.meaning(Meaning::latent), h * 0.3);
    canvas->fill_rect({x, n * 0.43, w, h}, t.meaning(Meaning::key), h * 0.3);
    canvas->fill_rect({x, n * 0.66, w, h}, t.meaning(Meaning::routed_expert), h * 0.3);
    canvas->fill_polygon({{n * 0.84, n * 0.43}, {n * 0.94, n * 0.50}, {n * 0.84, n * 0.57}},
                         Colour{255, 255, 255});
    return decode_png(canvas->finish());
}

}  // namespace sf
