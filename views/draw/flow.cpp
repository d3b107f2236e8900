#include "views/draw/flow.h"

#include "views/draw/text.h"

#include <algorithm>
#include <utility>

namespace sf {

void TextFlow::add(const std::string& text, const TextStyle& style) {
    line_ = line_height(style.size);
    for (std::size_t from = 0; from < text.size() && !full_;) {
        const std::size_t to = std::min(text.find(' ', from + 1), text.size());
        word(text.substr(from, to - from), style);
        from = to;
    }
}

// A word has the space before it along, but at the begin of a line.
void TextFlow::word(std::string text, const TextStyle& style) {
    double w = canvas_.text_width(text, style);
    if (x_ > at_.x && x_ + w > at_.x + width_) {
        if ((lines_ + 2) * line_ > most_) return end(style);
        ++lines_;
        x_ = at_.x;
        if (text.front() == ' ') text.erase(0, 1);
        w = canvas_.text_width(text, style);
    }
    if (w > width_) {
        text = elide(canvas_, text, style, width_);
        w = width_;
    }
    put(text, style);
    x_ += w;
}

void TextFlow::end(const TextStyle& style) {
    full_ = true;
    if (x_ + canvas_.text_width("…", style) <= at_.x + width_) put("…", style);
}

void TextFlow::put(const std::string& text, const TextStyle& style) {
    if (measure_only_ || text.empty()) return;
    const double y = at_.y + lines_ * line_ + line_ / 2 + cap_height(style.size) / 2;
    canvas_.text({x_, y}, text, style);
}

}  // namespace sf
