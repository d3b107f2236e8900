#pragma once

#include "views/canvas/font.h"

#include <cstdint>
#include <list>
#include <memory>
#include <unordered_map>
#include <vector>

namespace sf {

// Glyphs as coverage masks on square pages, made when first asked for, for a canvas that draws
// textured quads. Any pixel size; four horizontal sub-pixel places keep the spacing true. When the
// pages are full, the page that was used longest ago is emptied. Knows no GPU: a page says when its
// pixels have changed. For one thread.
class GlyphAtlas {
public:
    static constexpr int page_size = 1024;

    // The upper left corner of every page is white, so that plain shapes can share a page with
    // text: this is the middle of that corner, in pages.
    static constexpr double white = 2.0 / page_size;

    struct Page {
        int id = 0;                       // stays the same when the page is reused
        std::vector<std::uint8_t> alpha;  // page_size x page_size, row-major
        std::uint64_t version = 0;        // grows whenever pixels change
    private:
        friend class GlyphAtlas;
        std::uint64_t used = 0;     // frame
        int x = 0, y = 0, row = 0;  // where the next glyph goes
        std::vector<std::uint64_t> keys;
    };

    // Where a glyph lies on its page, and relative to its pen position (whole device pixels, y
    // down).
    struct Glyph {
        const Page* page = nullptr;  // null: nothing to draw
        int x = 0, y = 0, w = 0, h = 0;
        int left = 0, top = 0;  // from the pen to the mask's upper left corner
        double scale = 1;       // very large glyphs: mask pixels to device pixels
    };

    GlyphAtlas();
    ~GlyphAtlas();
    GlyphAtlas(const GlyphAtlas&) = delete;
    GlyphAtlas& operator=(const GlyphAtlas&) = delete;

    // Pages used before this call may be emptied from now on.
    void begin_frame() { ++frame_; }
    // `pixels`: size of the em in device pixels; `fraction` 0..1: of the pen's x. Valid until the
    // next begin_frame().
    Glyph glyph(Face face, std::uint32_t index, double pixels, double fraction);
    const std::vector<std::unique_ptr<Page>>& pages() const { return pages_; }

private:
    struct Faces;
    Glyph rasterise(Face face, std::uint32_t index, double pixels, double fraction,
                    std::uint64_t key);
    Page& room(int w, int h);
    static void clear(Page& page);
    Page& add_page();

    std::unique_ptr<Faces> faces_;
    std::vector<std::unique_ptr<Page>> pages_;
    std::unordered_map<std::uint64_t, Glyph> glyphs_;
    std::uint64_t frame_ = 1;
};

}  // namespace sf
