#pragma once

#include "views/canvas/canvas.h"

#include <string>

namespace sf {

// Text of several styles that runs on: pieces of one size, one behind the other, in lines no wider
// than `width`, broken at spaces. What would need more than `most` pixels of height ends in "…".
class TextFlow {
public:
    // `measure_only` draws nothing.
    TextFlow(Canvas& canvas, Vec2 top_left, double width, double most, bool measure_only = false)
        : canvas_(canvas),
          at_(top_left),
          width_(width),
          most_(most),
          measure_only_(measure_only),
          x_(top_left.x) {}

    void add(const std::string& text, const TextStyle& style);
    double height() const { return x_ > at_.x || lines_ > 0 ? (lines_ + 1) * line_ : 0; }

private:
    void word(std::string text, const TextStyle& style);
    void end(const TextStyle& style);
    void put(const std::string& text, const TextStyle& style);

    Canvas& canvas_;
    Vec2 at_;
    double width_, most_;
    bool measure_only_;
    double x_, line_ = 0, lines_ = 0;
    bool full_ = false;
};

}  // namespace sf
