#pragma once

#include "gpu_fixture.h"

#include "views/draw/colour_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

// What a picture of the view "On the GPU" shows, read back from the recording canvas.
namespace sf {

inline std::vector<const Hit*> hits_of(const RecordingCanvas& canvas, const std::string& node) {
    std::vector<const Hit*> all;
    for (const Hit& h : canvas.hits())
        if (h.target.node == node) all.push_back(&h);
    return all;
}

// The picture that lies exactly under a hit, each pixel compared with the value it stands for.
inline void expect_pixels(const RecordingCanvas& canvas, const Theme& theme, const Hit& hit,
                          const ColourScale& scale,
                          const std::function<double(std::int64_t, std::int64_t)>& value,
                          const std::function<bool(std::int64_t, std::int64_t)>& filled = {}) {
    for (const Primitive& p : canvas.primitives()) {
        if (p.kind != Primitive::Kind::image || !(p.rect == hit.rect)) continue;
        ASSERT_EQ(p.image->w, hit.target.cols) << hit.target.node;
        ASSERT_EQ(p.image->h, hit.target.rows) << hit.target.node;
        for (std::int64_t r = 0; r < hit.target.rows; ++r)
            for (std::int64_t c = 0; c < hit.target.cols; ++c)
                if (!filled || filled(r, c)) {
                    EXPECT_EQ(p.image->pixels[static_cast<std::size_t>(r * hit.target.cols + c)],
                              scale.colour(theme, value(r, c)))
                        << hit.target.node << " " << r << " " << c;
                }
        return;
    }
    ADD_FAILURE() << "no picture of " << hit.target.node;
}

inline double largest(const Tensor& t, std::int64_t first, std::int64_t count) {
    double most = 0;
    for (std::int64_t i = first; i < first + count; ++i)
        if (std::isfinite(t.at(i))) most = std::max(most, std::abs(t.at(i)));
    return most;
}

inline bool says(const RecordingCanvas& canvas, const std::string& text) {
    return canvas.has_text(text);
}

}  // namespace sf
