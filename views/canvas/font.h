#pragma once

#include "views/canvas/canvas.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace sf {

// The faces of the pinned fonts: the two weights and the italic, and for characters that those lack
// (arrows, mathematical signs) a fallback of each weight; the italic's stands upright.
enum class Face : std::uint8_t { regular, bold, italic, fallback, fallback_bold };
constexpr int face_count = 5;

// A glyph of a run: its place from the run's start in pixels, and the bytes that it stands for.
struct GlyphPlace {
    Face face = Face::regular;
    std::uint32_t index = 0;  // of the face; 0: nothing to draw
    double x = 0;
    std::uint32_t bytes = 0;  // of the UTF-8 text, in order; glyphs partition the text
};

// Measures text for every canvas, so that one layout serves all: unhinted, fractional advances,
// no kerning; figures are tabular. Knows nothing of drawing. Immutable, so any thread may ask.
// Characters that no face has (and invalid UTF-8) show as U+FFFD, control characters as their
// pictures (U+2400 ...), invisible format characters as nothing.
class FontSet {
public:
    static const FontSet& standard();  // the embedded fonts

    double width(std::string_view utf8, double size, Weight weight) const;
    std::vector<GlyphPlace> layout(std::string_view utf8, double size, Weight weight) const;
    // Where its glyphs may leave ink, from the run's start and baseline, y down; empty where
    // nothing is drawn.
    Rect ink(std::string_view utf8, double size, Weight weight) const;
    // Height above and depth below the baseline that any text of the main face may take.
    double ascent(double size) const { return ascent_ * size; }
    double descent(double size) const { return descent_ * size; }
    double cap_height(double size) const { return cap_height_ * size; }
    double x_height(double size) const { return x_height_ * size; }
    // Whether one of the faces has a picture for it.
    bool has(char32_t c, Weight weight) const;

    // The file of a face, for those that rasterise or embed it.
    static std::string_view file(Face face);
    static std::string family(Face face);  // "Open Sans"

private:
    FontSet();
    struct Glyph {
        std::uint32_t index = 0;
        float advance = 0;  // of the em
        Face face = Face::regular;
        float left = 0, right = 0, top = 0, bottom = 0;  // ink, of the em, y up
    };
    using Map = std::unordered_map<char32_t, Glyph>;
    Glyph glyph(char32_t c, Weight weight) const;
    void load(Face face, Map& map);

    std::array<Map, weight_count> maps_;
    std::array<std::array<Glyph, 128>, weight_count> ascii_;
    double ascent_ = 0, descent_ = 0, cap_height_ = 0, x_height_ = 0;
};

// The next character of a UTF-8 text, `at` moved behind it. An invalid byte gives U+FFFD and
// moves one byte on.
char32_t next_utf8(std::string_view utf8, std::size_t& at);
void append_utf8(std::string& out, char32_t c);
// What can be shown: invalid bytes as U+FFFD, control characters as their pictures.
std::string printable(std::string_view utf8);

}  // namespace sf
