#pragma once

#include "views/canvas/recording_canvas.h"
#include "views/draw/theme.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

// What holds of every picture, at every size, text scale and theme.

namespace sf::test {

struct PageSize {
    double w, h;
    int percent;
    bool dark;
    Theme theme() const {
        return dark ? Theme::dark_theme(percent / 100.0) : Theme::light(percent / 100.0);
    }
};
inline void PrintTo(const PageSize& s, std::ostream* out) {
    *out << s.w << "x" << s.h << "_" << s.percent;
}

// Nothing overlaps, is cut or leaves its frame.
inline void expect_clean(const RecordingCanvas& canvas, const std::string& what) {
    const std::vector<std::string> none;
    EXPECT_TRUE(canvas.clips_balanced()) << what;
    EXPECT_EQ(canvas.overlapping_texts(), none) << what;
    EXPECT_EQ(canvas.outside(), none) << what;
    EXPECT_EQ(canvas.cut_texts(), none) << what;
}

}  // namespace sf::test
