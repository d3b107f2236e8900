#pragma once

#include "views/canvas/glyph_atlas.h"
#include "views/canvas/imgui_canvas.h"

#include <cstdint>
#include <map>
#include <memory>
#include <unordered_map>

namespace sf {

// Pictures and glyph pages as OpenGL textures. Pictures go by their content, so that a view that
// makes the same one again finds it; what was not drawn for a while goes. Needs a current context,
// from construction to destruction.
class TextureCache : public TextureSource {
public:
    TextureCache() = default;
    ~TextureCache() override;
    TextureCache(const TextureCache&) = delete;
    TextureCache& operator=(const TextureCache&) = delete;

    ImTextureID texture(const std::shared_ptr<const Image>& image) override;
    ImTextureID glyph_page(const GlyphAtlas::Page& page) override;

    // Before the frame is rendered: the pages as they are now.
    void upload(const GlyphAtlas& atlas);
    // After it: lets go of what was not used lately.
    void collect();

private:
    struct Picture {
        unsigned int name = 0;
        std::shared_ptr<const Image> image;  // to tell equal hashes apart
        std::uint64_t used = 0;
    };
    struct Page {
        unsigned int name = 0;
        std::uint64_t version = 0;
    };
    std::unordered_multimap<std::uint64_t, Picture> pictures_;
    std::map<int, Page> pages_;
    std::uint64_t frame_ = 0;
};

}  // namespace sf
