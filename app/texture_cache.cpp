#include "app/texture_cache.h"

#include "views/canvas/imgui_compat.h"

#include <epoxy/gl.h>
#include <cstring>

namespace sf {

namespace {

constexpr std::uint64_t frames_kept = 120;
static_assert(sizeof(Colour) == 4, "a picture's pixels are handed to OpenGL as they lie");

std::uint64_t hash(const Image& image) {
    // FNV-1a over whole pixels.
    std::uint64_t h = 0xcbf29ce484222325U;
    const auto mix = [&h](std::uint32_t v) { h = (h ^ v) * 0x100000001b3U; };
    mix(static_cast<std::uint32_t>(image.w));
    mix(static_cast<std::uint32_t>(image.h));
    for (const Colour& c : image.pixels) {
        std::uint32_t v = 0;
        std::memcpy(&v, &c, sizeof v);
        mix(v);
    }
    return h;
}

unsigned int new_texture(GLint filter) {
    GLuint name = 0;
    glGenTextures(1, &name);
    glBindTexture(GL_TEXTURE_2D, name);
    glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, filter);
    glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, filter);
    glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_S, GL_CLAMP_TO_EDGE);
    glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_T, GL_CLAMP_TO_EDGE);
    return name;
}

}  // namespace

TextureCache::~TextureCache() {
    for (auto& [key, picture] : pictures_) glDeleteTextures(1, &picture.name);
    for (auto& [id, page] : pages_) glDeleteTextures(1, &page.name);
}

ImTextureID TextureCache::texture(const std::shared_ptr<const Image>& image) {
    const std::uint64_t key = hash(*image);
    const auto [begin, end] = pictures_.equal_range(key);
    for (auto it = begin; it != end; ++it) {
        Picture& p = it->second;
        if (p.image == image || (p.image->w == image->w && p.image->h == image->h &&
                                 p.image->pixels == image->pixels)) {
            p.used = frame_;
            return compat::texture_id(p.name);
        }
    }
    Picture p;
    p.name = new_texture(GL_NEAREST);
    p.image = image;
    p.used = frame_;
    glPixelStorei(GL_UNPACK_ALIGNMENT, 1);
    glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA8, image->w, image->h, 0, GL_RGBA, GL_UNSIGNED_BYTE,
                 image->pixels.data());
    pictures_.emplace(key, p);
    return compat::texture_id(p.name);
}

ImTextureID TextureCache::glyph_page(const GlyphAtlas::Page& page) {
    Page& p = pages_[page.id];
    if (p.name == 0) {
        p.name = new_texture(GL_LINEAR);
        // One byte a pixel, read as white with that alpha.
        const GLint swizzle[] = {GL_ONE, GL_ONE, GL_ONE, GL_RED};
        glTexParameteriv(GL_TEXTURE_2D, GL_TEXTURE_SWIZZLE_RGBA, swizzle);
    }
    return compat::texture_id(p.name);
}

void TextureCache::upload(const GlyphAtlas& atlas) {
    for (const auto& page : atlas.pages()) {
        const auto it = pages_.find(page->id);
        if (it == pages_.end() || it->second.version == page->version) continue;
        it->second.version = page->version;
        glBindTexture(GL_TEXTURE_2D, it->second.name);
        glPixelStorei(GL_UNPACK_ALIGNMENT, 1);
        glTexImage2D(GL_TEXTURE_2D, 0, GL_R8, GlyphAtlas::page_size, GlyphAtlas::page_size, 0,
                     GL_RED, GL_UNSIGNED_BYTE, page->alpha.data());
    }
}

void TextureCache::collect() {
    ++frame_;
    for (auto it = pictures_.begin(); it != pictures_.end();) {
        if (it->second.used + frames_kept < frame_) {
            glDeleteTextures(1, &it->second.name);
            it = pictures_.erase(it);
        } else {
            ++it;
        }
    }
}

}  // namespace sf
