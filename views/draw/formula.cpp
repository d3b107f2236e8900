#include "views/draw/formula.h"

#include "views/canvas/font.h"

#include <algorithm>
#include <array>
#include <vector>

namespace sf {

namespace {

constexpr double script_size = 0.68;          // of the size it stands beside
constexpr double smallest_script = 7;         // pixels; below that nobody can read it
constexpr double raise = 0.40, lower = 0.19;  // of the size
constexpr int deepest = 8;                    // nested groups; deeper ones are read as plain text

struct Run {
    std::string text;
    double x = 0, y = 0, size = 0;  // from the formula's start and baseline, y down
};

// One character, or what stands between braces.
std::string_view group(std::string_view markup, std::size_t& at) {
    if (at >= markup.size()) return {};
    const std::size_t begin = at;
    if (markup[at] != '{') {
        next_utf8(markup, at);
        return markup.substr(begin, at - begin);
    }
    int depth = 0;
    for (std::size_t i = at; i < markup.size(); ++i) {
        if (markup[i] == '{') ++depth;
        if (markup[i] == '}' && --depth == 0) {
            at = i + 1;
            return markup.substr(begin + 1, i - begin - 1);
        }
    }
    at = markup.size();  // never closed: the rest
    return markup.substr(begin + 1);
}

// A script mark is one only when something follows it.
bool is_script(std::string_view markup, std::size_t at) {
    return (markup[at] == '^' || markup[at] == '_') && at + 1 < markup.size() &&
           markup[at + 1] != ' ';
}

class Layout {
public:
    Layout(const Canvas& canvas, const TextStyle& style) : canvas_(canvas), style_(style) {}

    // Sets the markup at (x, y), returns where it ends.
    double set(std::string_view markup, double x, double y, double size, int depth) {
        std::string plain;
        const auto flush = [&] {
            if (plain.empty()) return;
            x = put(plain, x, y, size);
            plain.clear();
        };
        for (std::size_t i = 0; i < markup.size();) {
            if (!is_script(markup, i) || depth >= deepest) {
                if (markup[i] != '{' && markup[i] != '}') plain += markup[i];
                ++i;
                continue;
            }
            flush();
            // Scripts that follow one another stand above each other and start together.
            double end = x;
            const Span none{runs_.size(), runs_.size()};
            Span above = none, below = none;
            while (i < markup.size() && is_script(markup, i) &&
                   (markup[i] == '^' ? above : below).empty()) {
                const bool up = markup[i] == '^';
                ++i;
                const auto script = group(markup, i);
                const double small = std::max(size * script_size, std::min(size, smallest_script));
                const std::size_t first = runs_.size();
                end = std::max(end, set(script, x + size * 0.02, y + (up ? -raise : lower) * size,
                                        small, depth + 1));
                (up ? above : below) = {first, runs_.size()};
                if (first == runs_.size()) break;  // an empty group
            }
            part(above, below);
            x = end + size * 0.04;
        }
        flush();
        return x;
    }

    const std::vector<Run>& runs() const { return runs_; }

private:
    // Runs [first, last).
    struct Span {
        std::size_t first, last;
        bool empty() const { return first == last; }
    };

    // Moves a superscript and the subscript below it apart until their ink does not touch.
    void part(const Span& above, const Span& below) {
        if (above.empty() || below.empty()) return;
        const auto& fonts = FontSet::standard();
        double bottom = -1e9, top = 1e9;
        for (std::size_t k = above.first; k < above.last; ++k)
            bottom = std::max(bottom, runs_[k].y + fonts.descent(runs_[k].size) * 0.7);
        for (std::size_t k = below.first; k < below.last; ++k)
            top = std::min(top, runs_[k].y - fonts.cap_height(runs_[k].size));
        const double shift = std::max(0.0, bottom - top) / 2;
        for (std::size_t k = above.first; k < above.last; ++k) runs_[k].y -= shift;
        for (std::size_t k = below.first; k < below.last; ++k) runs_[k].y += shift;
    }

    double put(const std::string& text, double x, double y, double size) {
        runs_.push_back({text, x, y, size});
        TextStyle s = style_;
        s.size = size;
        return x + canvas_.text_width(text, s);
    }

    const Canvas& canvas_;
    TextStyle style_;
    std::vector<Run> runs_;
};

// Unicode's raised or lowered sign for a character; empty when there is none.
std::string unicode_script(char32_t c, bool up) {
    struct Sign {
        char32_t plain;
        const char* up;
        const char* down;
    };
    static constexpr std::array<Sign, 19> signs{{{U'0', "⁰", "₀"},
                                                 {U'1', "¹", "₁"},
                                                 {U'2', "²", "₂"},
                                                 {U'3', "³", "₃"},
                                                 {U'4', "⁴", "₄"},
                                                 {U'5', "⁵", "₅"},
                                                 {U'6', "⁶", "₆"},
                                                 {U'7', "⁷", "₇"},
                                                 {U'8', "⁸", "₈"},
                                                 {U'9', "⁹", "₉"},
                                                 {U'+', "⁺", "₊"},
                                                 {U'-', "⁻", "₋"},
                                                 {U'\u2212', "⁻", "₋"},
                                                 {U'i', "ⁱ", "ᵢ"},
                                                 {U'j', "ʲ", "ⱼ"},
                                                 {U'n', "ⁿ", "ₙ"},
                                                 {U't', "ᵗ", "ₜ"},
                                                 {U'T', "ᵀ", ""},
                                                 {U's', "ˢ", "ₛ"}}};
    for (const auto& s : signs)
        if (s.plain == c) return up ? s.up : s.down;
    return {};
}

std::string plain(std::string_view markup, int depth) {
    std::string out;
    for (std::size_t i = 0; i < markup.size();) {
        if (!is_script(markup, i) || depth >= deepest) {
            if (markup[i] != '{' && markup[i] != '}') out += markup[i];
            ++i;
            continue;
        }
        const char mark = markup[i++];
        const auto script = group(markup, i);
        std::string signs;
        for (std::size_t k = 0; k < script.size();) {
            const auto sign = unicode_script(next_utf8(script, k), mark == '^');
            if (sign.empty()) {
                signs.clear();
                break;
            }
            signs += sign;
        }
        out += signs.empty() ? mark + plain(script, depth + 1) : signs;
    }
    return out;
}

}  // namespace

double formula_width(const Canvas& canvas, std::string_view markup, const TextStyle& style) {
    return Layout(canvas, style).set(markup, 0, 0, style.size, 0);
}

double draw_formula(Canvas& canvas, Vec2 baseline, std::string_view markup,
                    const TextStyle& style) {
    Layout layout(canvas, style);
    const double width = layout.set(markup, 0, 0, style.size, 0);
    const double shift = style.align == Align::left     ? 0
                         : style.align == Align::centre ? width / 2
                                                        : width;
    for (const auto& run : layout.runs()) {
        TextStyle s = style;
        s.size = run.size;
        s.align = Align::left;
        canvas.text({baseline.x - shift + run.x, baseline.y + run.y}, run.text, s);
    }
    return width;
}

std::string formula_plain(std::string_view markup) {
    return plain(markup, 0);
}

}  // namespace sf
