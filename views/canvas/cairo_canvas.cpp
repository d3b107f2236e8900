#include "views/canvas/cairo_canvas.h"

#include "core/error.h"
#include "views/canvas/font.h"

#include <cairo-ft.h>
#include <cairo-pdf.h>
#include <cairo.h>
#include <algorithm>
#include <cmath>
#include <numbers>

namespace sf {

namespace {

constexpr double longest_side = 16384;
constexpr double most_pixels = 100e6;
constexpr double points_per_pixel = 0.75;

struct FaceHolder {
    std::shared_ptr<FT_LibraryRec_> library;
    FT_Face face = nullptr;
    ~FaceHolder() { FT_Done_Face(face); }
    FaceHolder() = default;
    FaceHolder(const FaceHolder&) = delete;
    FaceHolder& operator=(const FaceHolder&) = delete;
};

const cairo_user_data_key_t holder_key{};

// A cairo face of an embedded font. cairo may keep it in its caches after the canvas is gone, so it
// owns the FreeType objects.
cairo_font_face_t* open_face(const std::shared_ptr<FT_LibraryRec_>& library, Face face) {
    auto holder = std::make_unique<FaceHolder>();
    holder->library = library;
    const auto bytes = FontSet::file(face);
    if (FT_New_Memory_Face(library.get(), reinterpret_cast<const FT_Byte*>(bytes.data()),
                           static_cast<FT_Long>(bytes.size()), 0, &holder->face) != 0)
        throw std::runtime_error("an embedded font cannot be read");
    auto* result = cairo_ft_font_face_create_for_ft_face(holder->face, FT_LOAD_NO_HINTING);
    cairo_font_face_set_user_data(result, &holder_key, holder.release(),
                                  [](void* p) { delete static_cast<FaceHolder*>(p); });
    return result;
}

cairo_status_t append(void* out, const unsigned char* data, unsigned int size) {
    static_cast<std::string*>(out)->append(reinterpret_cast<const char*>(data), size);
    return CAIRO_STATUS_SUCCESS;
}

struct SurfaceDeleter {
    void operator()(cairo_surface_t* s) const { cairo_surface_destroy(s); }
};
using Surface = std::unique_ptr<cairo_surface_t, SurfaceDeleter>;

struct ContextDeleter {
    void operator()(cairo_t* c) const { cairo_destroy(c); }
};

void check_size(double width, double height) {
    if (std::isfinite(width) && std::isfinite(height) && width >= 1 && height >= 1 &&
        width <= longest_side && height <= longest_side && width * height <= most_pixels)
        return;
    const auto whole = [](double v) {
        return std::isfinite(v) ? std::to_string(std::llround(std::clamp(v, -1e15, 1e15)))
                                : std::string("infinite");
    };
    throw UserError("picture: size: " + whole(width) + " x " + whole(height) +
                    " pixels is not between 1 x 1 and 16384 x 16384 with at most 100 million "
                    "pixels");
}

Surface to_surface(const Image& image) {
    Surface surface(cairo_image_surface_create(CAIRO_FORMAT_ARGB32, image.w, image.h));
    unsigned char* data = cairo_image_surface_get_data(surface.get());
    if (data == nullptr) throw std::runtime_error("an image cannot be drawn");
    const auto stride = static_cast<std::size_t>(cairo_image_surface_get_stride(surface.get()));
    const auto w = static_cast<std::size_t>(image.w);
    for (std::size_t y = 0; y < static_cast<std::size_t>(image.h); ++y) {
        auto* row = reinterpret_cast<std::uint32_t*>(data + y * stride);
        const Colour* in = image.pixels.data() + y * w;
        for (std::size_t x = 0; x < w; ++x) {
            const unsigned a = in[x].a;
            const auto pre = [a](unsigned v) { return (v * a + 127) / 255; };
            row[x] = a << 24 | pre(in[x].r) << 16 | pre(in[x].g) << 8 | pre(in[x].b);
        }
    }
    cairo_surface_mark_dirty(surface.get());
    return surface;
}

}  // namespace

struct CairoCanvas::State {
    std::string bytes;  // outlives the surface, which writes into it
    PictureInfo info;
    Surface surface;
    std::unique_ptr<cairo_t, ContextDeleter> cr;
    std::shared_ptr<FT_LibraryRec_> library;
    std::array<cairo_font_face_t*, face_count> faces{};
    double scale = 1;     // device pixels a logical pixel
    bool raster = false;  // PNG: strokes and text are placed on whole pixels

    State() = default;
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() {
        for (auto* face : faces) cairo_font_face_destroy(face);
    }

    void start(cairo_surface_t* s, Colour background) {
        surface.reset(s);
        if (cairo_surface_status(s) != CAIRO_STATUS_SUCCESS)
            throw std::runtime_error(std::string("cairo: ") +
                                     cairo_status_to_string(cairo_surface_status(s)));
        cr.reset(cairo_create(s));
        cairo_scale(cr.get(), scale, scale);
        auto* options = cairo_font_options_create();
        cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
        cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
        cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
        cairo_set_font_options(cr.get(), options);
        cairo_font_options_destroy(options);
        cairo_set_line_join(cr.get(), CAIRO_LINE_JOIN_ROUND);
        FT_Library ft = nullptr;
        if (FT_Init_FreeType(&ft) != 0) throw std::runtime_error("FreeType does not start");
        library.reset(ft, FT_Done_FreeType);
        for (std::size_t i = 0; i < faces.size(); ++i)
            faces[i] = open_face(library, static_cast<Face>(i));
        source(background);
        cairo_paint(cr.get());
    }

    void source(Colour c) const {
        cairo_set_source_rgba(cr.get(), c.r / 255.0, c.g / 255.0, c.b / 255.0, c.a / 255.0);
    }

    double whole(double v) const { return raster ? std::round(v * scale) / scale : v; }
    // The width of an upright or level stroke, and the place of its middle: sharp on pixels.
    double stroke(double width) const {
        return raster ? std::max(1.0, std::round(width * scale)) / scale : width;
    }
    double middle(double v, double width) const {
        if (!raster) return v;
        const bool odd = std::lround(width * scale) % 2 != 0;
        return (odd ? std::floor(v * scale) + 0.5 : std::round(v * scale)) / scale;
    }

    void path(const Rect& r, double radius) const {
        auto* c = cr.get();
        cairo_new_path(c);
        const double k = std::min({radius, r.w / 2, r.h / 2});
        if (k <= 0) {
            cairo_rectangle(c, r.x, r.y, r.w, r.h);
            return;
        }
        constexpr double quarter = std::numbers::pi / 2;
        cairo_arc(c, r.right() - k, r.y + k, k, -quarter, 0);
        cairo_arc(c, r.right() - k, r.bottom() - k, k, 0, quarter);
        cairo_arc(c, r.x + k, r.bottom() - k, k, quarter, 2 * quarter);
        cairo_arc(c, r.x + k, r.y + k, k, 2 * quarter, 3 * quarter);
        cairo_close_path(c);
    }

    void path(const std::vector<Vec2>& points) const {
        cairo_new_path(cr.get());
        for (const auto& p : points) cairo_line_to(cr.get(), p.x, p.y);
    }
};

CairoCanvas::CairoCanvas(std::unique_ptr<State> state) : state_(std::move(state)) {}
CairoCanvas::~CairoCanvas() = default;

std::unique_ptr<CairoCanvas> CairoCanvas::png(double width, double height, double scale,
                                              Colour background, const PictureInfo& info) {
    const double w = std::round(width * scale), h = std::round(height * scale);
    check_size(w, h);
    auto state = std::make_unique<State>();
    state->info = info;
    state->scale = scale;
    state->raster = true;
    state->start(
        cairo_image_surface_create(CAIRO_FORMAT_ARGB32, static_cast<int>(w), static_cast<int>(h)),
        background);
    return std::unique_ptr<CairoCanvas>(new CairoCanvas(std::move(state)));
}

std::unique_ptr<CairoCanvas> CairoCanvas::pdf(double width, double height, Colour background,
                                              const PictureInfo& info) {
    check_size(width, height);
    auto state = std::make_unique<State>();
    state->info = info;
    state->scale = points_per_pixel;
    auto* s = cairo_pdf_surface_create_for_stream(append, &state->bytes, width * points_per_pixel,
                                                  height * points_per_pixel);
    const auto set = [&](cairo_pdf_metadata_t key, const std::string& value) {
        if (!value.empty()) cairo_pdf_surface_set_metadata(s, key, value.c_str());
    };
    set(CAIRO_PDF_METADATA_TITLE, printable(info.title));
    set(CAIRO_PDF_METADATA_SUBJECT, printable(info.description));
    set(CAIRO_PDF_METADATA_KEYWORDS, printable(info.command));
    set(CAIRO_PDF_METADATA_CREATOR, "Stepformer");
    // The same picture gives the same bytes, whenever it is made.
    set(CAIRO_PDF_METADATA_CREATE_DATE, "2000-01-01T00:00:00Z");
    state->start(s, background);
    return std::unique_ptr<CairoCanvas>(new CairoCanvas(std::move(state)));
}

std::string CairoCanvas::finish() {
    State& s = *state_;
    cairo_surface_flush(s.surface.get());
    if (const auto status = cairo_status(s.cr.get()); status != CAIRO_STATUS_SUCCESS)
        throw std::runtime_error(std::string("cairo: ") + cairo_status_to_string(status));
    s.cr.reset();
    if (!s.raster) {
        cairo_surface_finish(s.surface.get());
        return std::move(s.bytes);
    }
    Image image;
    image.w = cairo_image_surface_get_width(s.surface.get());
    image.h = cairo_image_surface_get_height(s.surface.get());
    image.pixels.reserve(static_cast<std::size_t>(image.w) * static_cast<std::size_t>(image.h));
    const auto stride = static_cast<std::size_t>(cairo_image_surface_get_stride(s.surface.get()));
    const unsigned char* data = cairo_image_surface_get_data(s.surface.get());
    for (std::size_t y = 0; y < static_cast<std::size_t>(image.h); ++y) {
        const auto* row = reinterpret_cast<const std::uint32_t*>(data + y * stride);
        for (int x = 0; x < image.w; ++x) {
            const std::uint32_t v = row[x];
            const std::uint32_t a = v >> 24;
            const auto plain = [a](std::uint32_t c) {
                c &= 255;
                return static_cast<std::uint8_t>(
                    a == 0 ? 0 : std::min<std::uint32_t>(255, (c * 255 + a / 2) / a));
            };
            image.pixels.push_back(
                {plain(v >> 16), plain(v >> 8), plain(v), static_cast<std::uint8_t>(a)});
        }
    }
    return encode_png(image, s.info);
}

void CairoCanvas::fill_rect(const Rect& r, Colour c, double radius) {
    state_->path(r, radius);
    state_->source(c);
    cairo_fill(state_->cr.get());
}

void CairoCanvas::stroke_rect(const Rect& r, Colour c, double width, double radius) {
    const State& s = *state_;
    const double w = s.stroke(width);
    const double x0 = s.middle(r.x, w), y0 = s.middle(r.y, w);
    s.path({x0, y0, s.middle(r.right(), w) - x0, s.middle(r.bottom(), w) - y0}, radius);
    s.source(c);
    cairo_set_line_width(s.cr.get(), w);
    cairo_stroke(s.cr.get());
}

void CairoCanvas::polyline(const std::vector<Vec2>& points, Colour c, double width, bool closed) {
    if (points.size() < 2) return;
    const State& s = *state_;
    double w = width;
    const bool level = points.size() == 2 && points[0].y == points[1].y;
    const bool upright = points.size() == 2 && points[0].x == points[1].x;
    if (level || upright) {
        w = s.stroke(width);
        auto ends = points;
        for (auto& p : ends) p = level ? Vec2{p.x, s.middle(p.y, w)} : Vec2{s.middle(p.x, w), p.y};
        s.path(ends);
    } else {
        s.path(points);
    }
    if (closed) cairo_close_path(s.cr.get());
    s.source(c);
    cairo_set_line_width(s.cr.get(), w);
    cairo_stroke(s.cr.get());
}

void CairoCanvas::fill_polygon(const std::vector<Vec2>& points, Colour c) {
    if (points.size() < 3) return;
    state_->path(points);
    state_->source(c);
    cairo_fill(state_->cr.get());
}

void CairoCanvas::image(const Rect& r, const std::shared_ptr<const Image>& image) {
    if (!image || image->w <= 0 || image->h <= 0 || r.w <= 0 || r.h <= 0) return;
    const State& s = *state_;
    auto* cr = s.cr.get();
    const double x0 = s.whole(r.x), y0 = s.whole(r.y);
    const double w = s.whole(r.right()) - x0, h = s.whole(r.bottom()) - y0;
    if (w <= 0 || h <= 0) return;
    const int repeat = s.raster ? 1 : pixel_repeat(*image, w, h);
    const Surface surface = to_surface(repeat == 1 ? *image : repeat_pixels(*image, repeat));
    cairo_save(cr);
    cairo_rectangle(cr, x0, y0, w, h);
    cairo_clip(cr);
    cairo_translate(cr, x0, y0);
    cairo_scale(cr, w / (image->w * repeat), h / (image->h * repeat));
    cairo_set_source_surface(cr, surface.get(), 0, 0);
    cairo_pattern_set_filter(cairo_get_source(cr), CAIRO_FILTER_NEAREST);
    cairo_pattern_set_extend(cairo_get_source(cr), CAIRO_EXTEND_PAD);
    cairo_paint(cr);
    cairo_restore(cr);
}

void CairoCanvas::text(Vec2 baseline, std::string_view utf8, const TextStyle& style) {
    if (utf8.empty() || style.size <= 0) return;
    const State& s = *state_;
    auto* cr = s.cr.get();
    const std::string shown = printable(utf8);
    const auto run = FontSet::standard().layout(shown, style.size, style.weight);
    double x = baseline.x;
    if (style.align != Align::left)
        x -= text_width(utf8, style) * (style.align == Align::centre ? 0.5 : 1.0);
    const double y = s.whole(baseline.y);
    s.source(style.colour);
    cairo_new_path(cr);
    std::size_t byte = 0;
    for (std::size_t i = 0; i < run.size();) {
        // One stretch of the same face.
        const Face face = run[i].face;
        std::vector<cairo_glyph_t> glyphs;
        std::vector<cairo_text_cluster_t> clusters;
        const std::size_t begin = byte;
        for (; i < run.size() && run[i].face == face; ++i) {
            const bool drawn = run[i].index != 0;
            if (drawn) glyphs.push_back({run[i].index, x + run[i].x, y});
            clusters.push_back({static_cast<int>(run[i].bytes), drawn ? 1 : 0});
            byte += run[i].bytes;
        }
        cairo_set_font_face(cr, s.faces[static_cast<std::size_t>(face)]);
        cairo_set_font_size(cr, style.size);
        if (s.raster)  // as outlines: cairo would round every glyph to a whole pixel
            cairo_glyph_path(cr, glyphs.data(), static_cast<int>(glyphs.size()));
        else
            cairo_show_text_glyphs(cr, shown.data() + begin, static_cast<int>(byte - begin),
                                   glyphs.data(), static_cast<int>(glyphs.size()), clusters.data(),
                                   static_cast<int>(clusters.size()),
                                   static_cast<cairo_text_cluster_flags_t>(0));
    }
    if (s.raster) cairo_fill(cr);
    cairo_new_path(cr);
}

void CairoCanvas::push_clip(const Rect& r) {
    const State& s = *state_;
    cairo_save(s.cr.get());
    const double x = s.whole(r.x), y = s.whole(r.y);
    cairo_new_path(s.cr.get());
    cairo_rectangle(s.cr.get(), x, y, std::max(0.0, s.whole(r.right()) - x),
                    std::max(0.0, s.whole(r.bottom()) - y));
    cairo_clip(s.cr.get());
}

void CairoCanvas::pop_clip() {
    cairo_restore(state_->cr.get());
}

double CairoCanvas::text_width(std::string_view utf8, const TextStyle& style) const {
    return FontSet::standard().width(utf8, style.size, style.weight);
}

}  // namespace sf
