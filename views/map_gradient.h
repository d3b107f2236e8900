#pragma once

#include "views/map_context.h"

#include <string>
#include <vector>

namespace sf {

// The way back on the map: how large the gradient is where it passes, measured against the place
// where it enters the residual stream. Norms are Euclidean, over all values of a tensor.

// NaN where no gradient was kept or none passes.
double gradient_norm(const Trace& trace, NodeId node);

// A place of the residual stream: the state that a layer leaves, or the embedding.
struct BackStation {
    std::string label;
    NodeId node = no_node;
    int layer = -1;
    double norm = 0;  // NaN: not kept
};
// The loss's end first, the embedding last.
std::vector<BackStation> back_stations(const Trace& trace, const MapModel& model);

// Norms as they are drawn: by the power of ten of their ratio to the one at the loss's end.
GradientScale gradient_scale(const std::vector<BackStation>& stations);
// -1 .. 1; NaN where there is none.
double gradient_place(const GradientScale& scale, double norm);
Colour gradient_colour(const Theme& theme, const GradientScale& scale, double norm);
// A bar from the middle, where the loss's end is: to the left smaller, to the right larger.
void draw_gradient_bar(Canvas& canvas, const Theme& theme, const Rect& r,
                       const GradientScale& scale, double norm);
// The norm in figures, or that no gradient passes, at the right end of a rectangle.
void draw_gradient_norm(Canvas& canvas, const MapContext& c, const Rect& r, NodeId node);
double gradient_norm_width(const Canvas& canvas, const MapContext& c, NodeId node);

// Does it vanish, does it explode? The longest form first; empty where it was not kept.
std::vector<std::string> gradient_headlines(const MapContext& c);
std::string gradient_description(const MapContext& c);
// The gradient of the stream before each addition = that after it, and what its branch brings.
Invariant gradient_adds_up(const MapContext& c);

// The norms of the stream from the loss's end down to the embedding, a bar a layer. Returns the
// height taken.
double draw_gradient_strip(Canvas& canvas, const MapContext& c, const Rect& r);

}  // namespace sf
