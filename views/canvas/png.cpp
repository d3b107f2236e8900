#include "core/error.h"
#include "views/canvas/cairo_canvas.h"

#include <png.h>
#include <algorithm>
#include <cstring>

namespace sf {

namespace {

[[noreturn]] void fail(png_structp png, png_const_charp message) {
    static_cast<void>(png);
    throw UserError(std::string("PNG: ") + message);
}

void ignore(png_structp, png_const_charp) {}

void append(png_structp png, png_bytep data, png_size_t size) {
    static_cast<std::string*>(png_get_io_ptr(png))
        ->append(reinterpret_cast<const char*>(data), size);
}

void flush(png_structp) {}

void take(png_structp png, png_bytep out, png_size_t size) {
    auto* rest = static_cast<std::string_view*>(png_get_io_ptr(png));
    if (size > rest->size()) fail(png, "the file ends too early");
    std::memcpy(out, rest->data(), size);
    rest->remove_prefix(size);
}

struct Writer {
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, fail, ignore);
    png_infop info = png_create_info_struct(png);
    Writer() = default;
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;
    ~Writer() { png_destroy_write_struct(&png, &info); }
};

struct Reader {
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, nullptr, fail, ignore);
    png_infop info = png_create_info_struct(png);
    Reader() = default;
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    ~Reader() { png_destroy_read_struct(&png, &info, nullptr); }
};

}  // namespace

std::string encode_png(const Image& image, const PictureInfo& info) {
    std::string out;
    Writer w;
    png_set_write_fn(w.png, &out, append, flush);
    const bool opaque =
        std::all_of(image.pixels.begin(), image.pixels.end(), [](Colour c) { return c.a == 255; });
    png_set_IHDR(w.png, w.info, static_cast<png_uint_32>(image.w),
                 static_cast<png_uint_32>(image.h), 8,
                 opaque ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_RGB_ALPHA, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    // iTXt: descriptions hold the user's text in any script.
    std::vector<std::pair<std::string, std::string>> notes{{"Title", info.title},
                                                           {"Description", info.description},
                                                           {"Software", "Stepformer"},
                                                           {"Comment", info.command}};
    std::vector<png_text> texts;
    for (auto& [key, text] : notes) {
        if (text.empty()) continue;
        png_text t{};
        t.compression = PNG_ITXT_COMPRESSION_NONE;
        t.key = key.data();
        t.text = text.data();
        t.itxt_length = text.size();
        texts.push_back(t);
    }
    png_set_text(w.png, w.info, texts.data(), static_cast<int>(texts.size()));
    png_write_info(w.png, w.info);
    const std::size_t channels = opaque ? 3 : 4;
    std::vector<png_byte> row(static_cast<std::size_t>(image.w) * channels);
    for (int y = 0; y < image.h; ++y) {
        const Colour* in =
            image.pixels.data() + static_cast<std::size_t>(y) * static_cast<std::size_t>(image.w);
        png_byte* p = row.data();
        for (int x = 0; x < image.w; ++x) {
            *p++ = in[x].r;
            *p++ = in[x].g;
            *p++ = in[x].b;
            if (!opaque) *p++ = in[x].a;
        }
        png_write_row(w.png, row.data());
    }
    png_write_end(w.png, w.info);
    return out;
}

int pixel_repeat(const Image& image, double w, double h) {
    constexpr int longest = 2048;
    const int room = longest / std::max({1, image.w, image.h});
    const double wanted = std::max(w / image.w, h / image.h) * 2;
    return std::clamp(static_cast<int>(std::min(wanted, 2048.0)), 1, std::max(1, room));
}

Image repeat_pixels(const Image& image, int times) {
    Image large;
    large.w = image.w * times;
    large.h = image.h * times;
    const auto k = static_cast<std::size_t>(times);
    const auto w = static_cast<std::size_t>(image.w), h = static_cast<std::size_t>(image.h);
    large.pixels.reserve(w * h * k * k);
    for (std::size_t y = 0; y < h * k; ++y)
        for (std::size_t x = 0; x < w; ++x)
            large.pixels.insert(large.pixels.end(), k, image.pixels[y / k * w + x]);
    return large;
}

Image decode_png(std::string_view bytes) {
    if (bytes.size() < 8 || png_sig_cmp(reinterpret_cast<png_const_bytep>(bytes.data()), 0, 8) != 0)
        throw UserError("PNG: not a PNG file");
    Reader r;
    png_set_read_fn(r.png, &bytes, take);
    png_read_info(r.png, r.info);
    png_set_expand(r.png);
    png_set_strip_16(r.png);
    png_set_gray_to_rgb(r.png);
    png_set_add_alpha(r.png, 255, PNG_FILLER_AFTER);
    png_set_interlace_handling(r.png);
    png_read_update_info(r.png, r.info);
    Image image;
    image.w = static_cast<int>(png_get_image_width(r.png, r.info));
    image.h = static_cast<int>(png_get_image_height(r.png, r.info));
    image.pixels.resize(static_cast<std::size_t>(image.w) * static_cast<std::size_t>(image.h));
    static_assert(sizeof(Colour) == 4);
    std::vector<png_bytep> rows(static_cast<std::size_t>(image.h));
    for (std::size_t y = 0; y < rows.size(); ++y)
        rows[y] = reinterpret_cast<png_bytep>(image.pixels.data() +
                                              y * static_cast<std::size_t>(image.w));
    png_read_image(r.png, rows.data());
    return image;
}

}  // namespace sf
