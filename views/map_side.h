#pragma once

#include "views/map_context.h"

namespace sf {

// What stands round the block diagram. Each draws into its rectangle and nothing beyond.

// The current operation: name, formula, where it is. Returns the height taken.
double draw_caption(Canvas& canvas, const MapContext& c, const Rect& r, bool with_guess);
double caption_height(const Theme& theme);
// The tokens, the followed one lit; a window round it where there are too many.
void draw_tokens(Canvas& canvas, const MapContext& c, const Rect& r);
// The residual stream: a strip of real values a layer, a column a token.
void draw_stream(Canvas& canvas, const MapContext& c, const Rect& r);
// Next-token probabilities, and the logit lens below.
void draw_predictions(Canvas& canvas, const MapContext& c, const Rect& r);
// On the way back: the gradient by depth, and the losses of the tokens that it comes from.
void draw_back_side(Canvas& canvas, const MapContext& c, const Rect& r);

}  // namespace sf
