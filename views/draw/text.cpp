#include "views/draw/text.h"

#include "views/canvas/font.h"

#include <algorithm>

namespace sf {

namespace {

constexpr const char* ellipsis = "…";

// Where the characters of a text begin, and its end.
std::vector<std::size_t> boundaries(std::string_view utf8) {
    std::vector<std::size_t> at;
    for (std::size_t i = 0; i < utf8.size();) {
        at.push_back(i);
        next_utf8(utf8, i);
    }
    at.push_back(utf8.size());
    return at;
}

// The longest beginning (in bytes, whole characters) that is no wider than `width`.
std::size_t fitting(const Canvas& canvas, std::string_view utf8, const TextStyle& style,
                    double width) {
    const auto at = boundaries(utf8);
    std::size_t low = 0, high = at.size() - 1;
    while (low < high) {
        const std::size_t middle = (low + high + 1) / 2;
        if (canvas.text_width(utf8.substr(0, at[middle]), style) <= width)
            low = middle;
        else
            high = middle - 1;
    }
    return at[low];
}

double aligned(const Rect& r, Align align) {
    return align == Align::left ? r.x : align == Align::centre ? r.x + r.w / 2 : r.right();
}

}  // namespace

double line_height(double size) {
    return FontSet::standard().ascent(size) + FontSet::standard().descent(size);
}

double cap_height(double size) {
    return FontSet::standard().cap_height(size);
}

std::string elide(const Canvas& canvas, std::string_view utf8, const TextStyle& style,
                  double width) {
    constexpr double slack = 0.01;  // what is measured to fit must fit
    if (canvas.text_width(utf8, style) <= width + slack) return std::string(utf8);
    const double room = width - canvas.text_width(ellipsis, style);
    if (room < 0) return {};
    std::string cut(utf8.substr(0, fitting(canvas, utf8, style, room)));
    while (!cut.empty() && cut.back() == ' ') cut.pop_back();
    return cut + ellipsis;
}

void text_in(Canvas& canvas, const Rect& r, std::string_view utf8, const TextStyle& style) {
    const auto shown = elide(canvas, utf8, style, r.w);
    if (shown.empty()) return;
    canvas.text({aligned(r, style.align), r.y + r.h / 2 + cap_height(style.size) / 2}, shown,
                style);
}

std::vector<std::string> wrap(const Canvas& canvas, std::string_view utf8, const TextStyle& style,
                              double width) {
    std::vector<std::string> lines;
    while (true) {
        const std::size_t end = std::min(utf8.find('\n'), utf8.size());
        std::string_view rest = utf8.substr(0, end);
        do {
            std::size_t n = fitting(canvas, rest, style, width);
            if (n < rest.size()) {
                const std::size_t space = rest.rfind(' ', n);
                if (space != std::string_view::npos && space > 0)
                    n = space;
                else if (n == 0)  // narrower than one character: one a line all the same
                    n = boundaries(rest)[1];
            }
            std::string_view line = rest.substr(0, n);
            while (!line.empty() && line.back() == ' ') line.remove_suffix(1);
            lines.emplace_back(line);
            rest.remove_prefix(n);
            while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
        } while (!rest.empty());
        if (end == utf8.size()) return lines;
        utf8.remove_prefix(end + 1);
    }
}

double paragraph(Canvas& canvas, Vec2 top_left, double width, std::string_view utf8,
                 const TextStyle& style, double max_height) {
    const double step = line_height(style.size);
    auto lines = wrap(canvas, utf8, style, width);
    if (max_height > 0) {
        const auto room = static_cast<std::size_t>(std::max(0.0, max_height / step + 1e-6));
        if (lines.size() > room) {
            lines.resize(room);
            if (room > 0) {
                auto& last = lines.back();
                while (!last.empty() && canvas.text_width(last + ellipsis, style) > width + 0.01)
                    last.resize(boundaries(last)[boundaries(last).size() - 2]);
                last += ellipsis;
            }
        }
    }
    const double x = aligned({top_left.x, top_left.y, width, 0}, style.align);
    double y = top_left.y + FontSet::standard().ascent(style.size);
    for (const auto& line : lines) {
        if (!line.empty()) canvas.text({x, y}, line, style);
        y += step;
    }
    return static_cast<double>(lines.size()) * step;
}

double paragraph_height(const Canvas& canvas, double width, std::string_view utf8,
                        const TextStyle& style) {
    return static_cast<double>(wrap(canvas, utf8, style, width).size()) * line_height(style.size);
}

}  // namespace sf
