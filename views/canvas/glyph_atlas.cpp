#include "views/canvas/glyph_atlas.h"

#include <ft2build.h>
#include <algorithm>
#include <cmath>
#include <stdexcept>

#include FT_FREETYPE_H

namespace sf {

namespace {

constexpr double largest = 256;  // pixels of the em that are rasterised; larger ones are scaled
constexpr std::size_t few_pages = 6;  // before an old page is emptied rather than a new one made
constexpr int gap = 1;                // between glyphs, so that sampling never meets a neighbour

constexpr std::size_t white_side = 4;

}  // namespace

struct GlyphAtlas::Faces {
    FT_Library library = nullptr;
    std::array<FT_Face, face_count> face{};

    Faces() {
        if (FT_Init_FreeType(&library) != 0) throw std::runtime_error("FreeType does not start");
        for (std::size_t i = 0; i < face.size(); ++i) {
            const auto bytes = FontSet::file(static_cast<Face>(i));
            if (FT_New_Memory_Face(library, reinterpret_cast<const FT_Byte*>(bytes.data()),
                                   static_cast<FT_Long>(bytes.size()), 0, &face[i]) != 0) {
                FT_Done_FreeType(library);
                throw std::runtime_error("an embedded font cannot be read");
            }
        }
    }
    Faces(const Faces&) = delete;
    Faces& operator=(const Faces&) = delete;
    ~Faces() { FT_Done_FreeType(library); }
};

GlyphAtlas::GlyphAtlas() : faces_(std::make_unique<Faces>()) {
    add_page();
}
GlyphAtlas::~GlyphAtlas() = default;

GlyphAtlas::Glyph GlyphAtlas::glyph(Face face, std::uint32_t index, double pixels,
                                    double fraction) {
    if (index == 0 || !(pixels > 0)) return {};
    const double scale = pixels > largest ? pixels / largest : 1;
    const double size = pixels / scale;
    // Large text needs no sub-pixel places.
    const auto place = static_cast<std::uint64_t>(
        size > 48 ? 0 : std::clamp(static_cast<int>(fraction * 4), 0, 3));
    const auto units = static_cast<std::uint64_t>(std::lround(size * 64));  // FreeType's 26.6
    const std::uint64_t key =
        static_cast<std::uint64_t>(face) << 60 | place << 56 | units << 32 | index;
    auto found = glyphs_.find(key);
    if (found == glyphs_.end())
        found =
            glyphs_.emplace(key, rasterise(face, index, size, static_cast<double>(place) / 4, key))
                .first;
    Glyph g = found->second;
    g.scale = scale;
    if (g.page != nullptr)
        for (auto& page : pages_)
            if (page.get() == g.page) page->used = frame_;
    return g;
}

GlyphAtlas::Glyph GlyphAtlas::rasterise(Face face, std::uint32_t index, double pixels,
                                        double fraction, std::uint64_t key) {
    FT_Face ft = faces_->face[static_cast<std::size_t>(face)];
    FT_Set_Char_Size(ft, static_cast<FT_F26Dot6>(std::lround(pixels * 64)), 0, 72, 72);
    FT_Vector shift{static_cast<FT_Pos>(std::lround(fraction * 64)), 0};
    FT_Set_Transform(ft, nullptr, &shift);
    if (FT_Load_Glyph(ft, index, FT_LOAD_NO_HINTING | FT_LOAD_NO_BITMAP) != 0 ||
        FT_Render_Glyph(ft->glyph, FT_RENDER_MODE_NORMAL) != 0)
        return {};
    const FT_Bitmap& mask = ft->glyph->bitmap;
    Glyph g;
    g.w = static_cast<int>(mask.width);
    g.h = static_cast<int>(mask.rows);
    if (g.w == 0 || g.h == 0 || g.w > page_size - 2 * gap || g.h > page_size - 2 * gap) return {};
    g.left = ft->glyph->bitmap_left;
    g.top = -ft->glyph->bitmap_top;
    Page& page = room(g.w, g.h);
    g.page = &page;
    g.x = page.x;
    g.y = page.y;
    for (int y = 0; y < g.h; ++y) {
        const unsigned char* row = mask.buffer + y * mask.pitch;
        std::copy_n(row, g.w,
                    page.alpha.begin() + static_cast<std::ptrdiff_t>(g.y + y) * page_size + g.x);
    }
    page.x += g.w + gap;
    page.row = std::max(page.row, g.h + gap);
    page.keys.push_back(key);
    ++page.version;
    return g;
}

// A page whose next place (x, y) has room for the mask.
GlyphAtlas::Page& GlyphAtlas::room(int w, int h) {
    const auto fits = [&](Page& p) {
        if (p.x + w + gap > page_size) {  // the next row
            p.x = gap;
            p.y += p.row;
            p.row = 0;
        }
        return p.y + h + gap <= page_size;
    };
    for (auto& p : pages_)
        if (fits(*p)) return *p;
    Page* page = nullptr;
    if (pages_.size() >= few_pages) {
        auto oldest = std::min_element(pages_.begin(), pages_.end(),
                                       [](auto& a, auto& b) { return a->used < b->used; });
        // What this frame has drawn already must stay.
        if ((*oldest)->used < frame_) page = oldest->get();
    }
    if (page == nullptr) return add_page();
    for (const auto key : page->keys) glyphs_.erase(key);
    clear(*page);
    page->used = frame_;
    return *page;
}

void GlyphAtlas::clear(Page& page) {
    page.alpha.assign(static_cast<std::size_t>(page_size) * page_size, 0);
    for (std::size_t y = 0; y < white_side; ++y)
        std::fill_n(page.alpha.begin() + static_cast<std::ptrdiff_t>(y * page_size), white_side,
                    std::uint8_t{255});
    page.keys.clear();
    page.x = static_cast<int>(white_side) + gap;
    page.y = gap;
    page.row = static_cast<int>(white_side) + gap;
    ++page.version;
}

GlyphAtlas::Page& GlyphAtlas::add_page() {
    pages_.push_back(std::make_unique<Page>());
    Page& page = *pages_.back();
    page.id = static_cast<int>(pages_.size()) - 1;
    page.used = frame_;
    clear(page);
    return page;
}

}  // namespace sf
