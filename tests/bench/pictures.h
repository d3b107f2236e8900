#pragma once

#include "core/model/model.h"

#include <string>
#include <vector>

namespace sf {

// Drawing one page of a view anew: the model `micro`, 128 tokens, 1280 x 720, at steps spread over
// the whole timeline, costly results settled beforehand. In seconds, over all the drawings.
struct PictureTimes {
    std::string view, page;  // page: "name=value" of the setting "show"; empty: the view has one
    double median = 0, p95 = 0;
    double replay = 0;        // the floor: the recorded calls alone, without deciding them
    std::size_t strokes = 0;  // of the fullest picture
    double limit() const;     // the target for p95
};

// With the run that `trained` (null: none) came from, for the pages on training; micro's shape.
std::vector<PictureTimes> picture_times(bool quick, const ModelPtr& trained);

}  // namespace sf
