#include "views/canvas/font.h"

#include "embedded_fonts.h"

#include <ft2build.h>
#include <algorithm>
#include <memory>
#include <stdexcept>

#include FT_FREETYPE_H
#include FT_TRUETYPE_TABLES_H

namespace sf {

namespace {

constexpr char32_t replacement = 0xFFFD;

// Characters that steer others and have no picture of their own.
bool is_invisible(char32_t c) {
    return (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) ||
           (c >= 0x2060 && c <= 0x2064) || (c >= 0xFE00 && c <= 0xFE0F) || c == 0xFEFF || c == 0xAD;
}

char32_t shown(char32_t c) {
    if (c < 0x20) return 0x2400 + c;
    if (c == 0x7F) return 0x2421;
    if (c >= 0x80 && c < 0xA0) return replacement;
    return c;
}

std::size_t slot(Weight weight) {
    return static_cast<std::size_t>(weight);
}

}  // namespace

char32_t next_utf8(std::string_view utf8, std::size_t& at) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(utf8[i]); };
    const unsigned first = byte(at);
    const std::size_t length = first < 0x80              ? 1
                               : (first & 0xE0u) == 0xC0 ? 2
                               : (first & 0xF0u) == 0xE0 ? 3
                               : (first & 0xF8u) == 0xF0 ? 4
                                                         : 0;
    if (length == 0 || at + length > utf8.size()) {
        ++at;
        return replacement;
    }
    char32_t c = length == 1 ? first : first & (0x7Fu >> length);
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(at + i) & 0xC0u) != 0x80) {
            ++at;
            return replacement;
        }
        c = (c << 6) | (byte(at + i) & 0x3Fu);
    }
    constexpr std::array<char32_t, 5> smallest{0, 0, 0x80, 0x800, 0x10000};
    if (c < smallest[length] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) {
        ++at;
        return replacement;
    }
    at += length;
    return c;
}

void append_utf8(std::string& out, char32_t c) {
    const auto put = [&](char32_t b) { out.push_back(static_cast<char>(b)); };
    if (c < 0x80) {
        put(c);
    } else if (c < 0x800) {
        put(0xC0 | (c >> 6));
        put(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        put(0xE0 | (c >> 12));
        put(0x80 | ((c >> 6) & 0x3F));
        put(0x80 | (c & 0x3F));
    } else {
        put(0xF0 | (c >> 18));
        put(0x80 | ((c >> 12) & 0x3F));
        put(0x80 | ((c >> 6) & 0x3F));
        put(0x80 | (c & 0x3F));
    }
}

std::string printable(std::string_view utf8) {
    std::string out;
    out.reserve(utf8.size());
    for (std::size_t i = 0; i < utf8.size();) {
        const char32_t c = shown(next_utf8(utf8, i));
        // Noncharacters are not allowed in XML and would break a PDF's text.
        append_utf8(out, (c & 0xFFFE) == 0xFFFE ? replacement : c);
    }
    return out;
}

std::string_view FontSet::file(Face face) {
    return embedded_fonts()[static_cast<std::size_t>(face)].bytes;
}

std::string FontSet::family(Face face) {
    return face == Face::fallback || face == Face::fallback_bold ? "DejaVu Sans" : "Open Sans";
}

const FontSet& FontSet::standard() {
    static const FontSet fonts;
    return fonts;
}

FontSet::FontSet() {
    load(Face::regular, maps_[0]);
    load(Face::fallback, maps_[0]);
    load(Face::bold, maps_[1]);
    load(Face::fallback_bold, maps_[1]);
    load(Face::fallback, maps_[1]);  // better a sign of the other weight than none
    load(Face::italic, maps_[2]);
    maps_[2].insert(maps_[0].begin(), maps_[0].end());  // signs stand upright
    for (std::size_t w = 0; w < maps_.size(); ++w)
        for (char32_t c = 0; c < 128; ++c) {
            const auto found = maps_[w].find(shown(c));
            ascii_[w][c] = found != maps_[w].end() ? found->second : maps_[w].at(replacement);
        }
}

// Adds the characters of a face that `map` does not have yet.
void FontSet::load(Face face, Map& map) {
    FT_Library library = nullptr;
    FT_Face ft = nullptr;
    if (FT_Init_FreeType(&library) != 0) throw std::runtime_error("FreeType does not start");
    const std::unique_ptr<FT_LibraryRec_, FT_Error (*)(FT_Library)> library_guard(library,
                                                                                  FT_Done_FreeType);
    const auto bytes = file(face);
    if (FT_New_Memory_Face(library, reinterpret_cast<const FT_Byte*>(bytes.data()),
                           static_cast<FT_Long>(bytes.size()), 0, &ft) != 0)
        throw std::runtime_error("the embedded font " + family(face) + " cannot be read");
    const double em = ft->units_per_EM;
    if (face == Face::regular) {
        ascent_ = ft->ascender / em;
        descent_ = -ft->descender / em;
        if (const auto* os2 = static_cast<const TT_OS2*>(FT_Get_Sfnt_Table(ft, FT_SFNT_OS2))) {
            cap_height_ = os2->sCapHeight / em;
            x_height_ = os2->sxHeight / em;
        }
        if (cap_height_ <= 0) cap_height_ = 0.714;
        if (x_height_ <= 0) x_height_ = 0.535;
    }
    FT_UInt index = 0;
    for (FT_ULong c = FT_Get_First_Char(ft, &index); index != 0;
         c = FT_Get_Next_Char(ft, c, &index)) {
        const auto key = static_cast<char32_t>(c);
        if (map.count(key) != 0) continue;
        // Scaled, unhinted: the same numbers that the rasterisers use.
        const auto of_em = [&](FT_Pos units) {
            return static_cast<float>(static_cast<double>(units) / em);
        };
        Glyph g{index, 0.0F, face, 0.0F, 0.0F, 0.0F, 0.0F};
        if (FT_Load_Glyph(ft, index, FT_LOAD_NO_SCALE) == 0) {
            const auto& m = ft->glyph->metrics;
            g.advance = of_em(ft->glyph->advance.x);
            g.left = of_em(m.horiBearingX);
            g.right = of_em(m.horiBearingX + m.width);
            g.top = of_em(m.horiBearingY);
            g.bottom = of_em(m.horiBearingY - m.height);
        }
        map.emplace(key, g);
    }
    FT_Done_Face(ft);
}

bool FontSet::has(char32_t c, Weight weight) const {
    return maps_[slot(weight)].count(c) != 0;
}

FontSet::Glyph FontSet::glyph(char32_t c, Weight weight) const {
    if (c < 128) return ascii_[slot(weight)][c];
    if (is_invisible(c)) return Glyph{};
    const auto& map = maps_[slot(weight)];
    const auto found = map.find(shown(c));
    return found != map.end() ? found->second : map.at(replacement);
}

double FontSet::width(std::string_view utf8, double size, Weight weight) const {
    double em = 0;
    for (std::size_t i = 0; i < utf8.size();)
        em += static_cast<double>(glyph(next_utf8(utf8, i), weight).advance);
    return em * size;
}

Rect FontSet::ink(std::string_view utf8, double size, Weight weight) const {
    double em = 0, left = 1e9, right = -1e9, top = -1e9, bottom = 1e9;
    for (std::size_t i = 0; i < utf8.size();) {
        const Glyph g = glyph(next_utf8(utf8, i), weight);
        if (g.right > g.left) {
            left = std::min(left, em + static_cast<double>(g.left));
            right = std::max(right, em + static_cast<double>(g.right));
            top = std::max(top, static_cast<double>(g.top));
            bottom = std::min(bottom, static_cast<double>(g.bottom));
        }
        em += static_cast<double>(g.advance);
    }
    if (right < left) return {};
    return {left * size, -top * size, (right - left) * size, (top - bottom) * size};
}

std::vector<GlyphPlace> FontSet::layout(std::string_view utf8, double size, Weight weight) const {
    std::vector<GlyphPlace> run;
    run.reserve(utf8.size());
    double em = 0;
    for (std::size_t i = 0; i < utf8.size();) {
        const std::size_t begin = i;
        const char32_t c = next_utf8(utf8, i);
        const Glyph g = glyph(c, weight);
        run.push_back({g.face, g.index, em * size, static_cast<std::uint32_t>(i - begin)});
        em += static_cast<double>(g.advance);
    }
    return run;
}

}  // namespace sf
