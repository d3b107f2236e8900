#include "views/canvas/imgui_canvas.h"

#include "views/canvas/imgui_compat.h"
#include "views/canvas/triangulate.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace sf {

namespace {

constexpr std::size_t piece = 4000;  // points a piece; at most 4 vertices each, 16-bit indices
constexpr double miter_limit = 2;

ImU32 packed(Colour c, double f = 1) {
    return IM_COL32(c.r, c.g, c.b, static_cast<int>(c.a * f + 0.5));
}

// The outline of a rounded rectangle, clockwise on the screen.
std::vector<Vec2> rounded(const Rect& r, double radius) {
    const double k = std::min({radius, r.w / 2, r.h / 2});
    if (k < 0.25) return {{r.x, r.y}, {r.right(), r.y}, {r.right(), r.bottom()}, {r.x, r.bottom()}};
    const int steps = std::clamp(static_cast<int>(std::sqrt(k) * 2.5), 2, 24);
    std::vector<Vec2> points;
    const auto corner = [&](double cx, double cy, double from) {
        for (int i = 0; i <= steps; ++i) {
            const double a = (from + static_cast<double>(i) / steps) * std::numbers::pi / 2;
            points.push_back({cx + k * std::cos(a), cy + k * std::sin(a)});
        }
    };
    corner(r.right() - k, r.y + k, 3);
    corner(r.right() - k, r.bottom() - k, 0);
    corner(r.x + k, r.bottom() - k, 1);
    corner(r.x + k, r.y + k, 2);
    return points;
}

// Points without those that repeat their neighbour.
std::vector<Vec2> distinct(const std::vector<Vec2>& points, bool closed) {
    std::vector<Vec2> kept;
    kept.reserve(points.size());
    for (const auto& p : points)
        if (kept.empty() || std::hypot(p.x - kept.back().x, p.y - kept.back().y) > 1e-3)
            kept.push_back(p);
    while (closed && kept.size() > 1 &&
           std::hypot(kept.front().x - kept.back().x, kept.front().y - kept.back().y) <= 1e-3)
        kept.pop_back();
    return kept;
}

// For every point the direction in which an edge one pixel wide moves: the mean of its segments'
// normals (to the right of the way), longer at corners, within a limit.
std::vector<Vec2> normals(const std::vector<Vec2>& p, bool closed) {
    const std::size_t n = p.size();
    std::vector<Vec2> edge(n), result(n);
    for (std::size_t i = 0; i < n; ++i) {
        const Vec2 d = p[(i + 1) % n] - p[i];
        const double l = std::hypot(d.x, d.y);
        edge[i] = l > 0 ? Vec2{-d.y / l, d.x / l} : Vec2{};
    }
    if (!closed && n > 1) edge[n - 1] = edge[n - 2];
    for (std::size_t i = 0; i < n; ++i) {
        const Vec2 before = i > 0 ? edge[i - 1] : closed ? edge[n - 1] : edge[0];
        const Vec2 mean = (before + edge[i]) * 0.5;
        const double square = mean.x * mean.x + mean.y * mean.y;
        result[i] =
            square < 1e-6 ? edge[i] : mean * std::min(1 / square, miter_limit / std::sqrt(square));
    }
    return result;
}

bool convex(const std::vector<Vec2>& p) {
    const std::size_t n = p.size();
    bool left = false, right = false;
    double turned = 0;
    for (std::size_t i = 0; i < n; ++i) {
        const Vec2 a = p[(i + 1) % n] - p[i], b = p[(i + 2) % n] - p[(i + 1) % n];
        const double cross = a.x * b.y - a.y * b.x;
        left = left || cross < -1e-9;
        right = right || cross > 1e-9;
        turned += std::atan2(cross, a.x * b.x + a.y * b.y);
    }
    // Once round: a star turns one way only, but twice.
    return !(left && right) && std::abs(turned) < 3 * std::numbers::pi;
}

}  // namespace

ImGuiCanvas::ImGuiCanvas(ImDrawList& list, Vec2 origin, double scale, double pixel_ratio,
                         GlyphAtlas& atlas, TextureSource& textures)
    : list_(list),
      origin_(origin),
      scale_(scale),
      ratio_(pixel_ratio > 0 ? pixel_ratio : 1),
      atlas_(atlas),
      textures_(textures),
      page_(textures.glyph_page(*atlas.pages().front())) {}

ImGuiCanvas::~ImGuiCanvas() {
    if (pushed_) compat::pop_texture(list_);
}

Vec2 ImGuiCanvas::device(Vec2 p) const {
    return (origin_ + p * scale_) * ratio_;
}

ImVec2 ImGuiCanvas::out(Vec2 p) const {
    return {static_cast<float>(p.x / ratio_), static_cast<float>(p.y / ratio_)};
}

void ImGuiCanvas::use(ImTextureID texture) {
    if (pushed_ && current_ == texture) return;
    if (pushed_) compat::pop_texture(list_);
    compat::push_texture(list_, texture);
    current_ = texture;
    pushed_ = true;
}

// Edges between pixels cover them in part, as cairo's do.
void ImGuiCanvas::rect_fill(const Rect& r, Colour c) {
    if (r.w <= 0 || r.h <= 0) return;
    use(page_);
    const double ix = std::min(0.5, r.w / 2), iy = std::min(0.5, r.h / 2);
    const double strength = std::min(1.0, r.w) * std::min(1.0, r.h);
    const ImU32 solid = packed(c, strength), clear = packed(c, 0);
    constexpr auto w = static_cast<float>(GlyphAtlas::white);
    const ImVec2 uv{w, w};
    list_.PrimReserve(30, 8);
    const auto first = static_cast<ImDrawIdx>(list_._VtxCurrentIdx);
    const auto ring = [&](const Rect& q, ImU32 colour) {
        list_.PrimWriteVtx(out({q.x, q.y}), uv, colour);
        list_.PrimWriteVtx(out({q.right(), q.y}), uv, colour);
        list_.PrimWriteVtx(out({q.right(), q.bottom()}), uv, colour);
        list_.PrimWriteVtx(out({q.x, q.bottom()}), uv, colour);
    };
    const auto index = [&](int k) { list_.PrimWriteIdx(static_cast<ImDrawIdx>(first + k)); };
    for (const int k : {0, 1, 2, 0, 2, 3}) index(k);
    for (int k = 0; k < 4; ++k) {
        const int next = (k + 1) % 4;
        for (const int v : {k, next, next + 4, k, next + 4, k + 4}) index(v);
    }
    ring({r.x + ix, r.y + iy, r.w - 2 * ix, r.h - 2 * iy}, solid);
    ring({r.x - 0.5, r.y - 0.5, r.w + 1, r.h + 1}, clear);
}

void ImGuiCanvas::fill(std::vector<Vec2> points, Colour c) {
    points = distinct(points, true);
    if (points.size() < 3) return;
    if (signed_area(points) < 0) std::reverse(points.begin(), points.end());
    use(page_);
    constexpr auto w = static_cast<float>(GlyphAtlas::white);
    const ImVec2 uv{w, w};
    const ImU32 solid = packed(c), clear = packed(c, 0);
    const std::size_t n = points.size();
    // Clockwise, so the inside is to the right.
    const auto normal = normals(points, true);
    std::vector<Vec2> inner(n), outer(n);
    for (std::size_t i = 0; i < n; ++i) {
        inner[i] = points[i] + normal[i] * 0.5;
        outer[i] = points[i] - normal[i] * 0.5;
    }
    std::vector<std::array<std::uint32_t, 3>> triangles;
    if (convex(points))
        for (std::uint32_t i = 2; i < n; ++i) triangles.push_back({0, i - 1, i});
    else
        triangles = triangulate(inner);  // what is drawn: slivers must not overlap
    for (std::size_t begin = 0; begin < triangles.size(); begin += piece) {
        const std::size_t count = std::min(piece, triangles.size() - begin);
        list_.PrimReserve(static_cast<int>(count * 3), static_cast<int>(count * 3));
        for (std::size_t t = begin; t < begin + count; ++t)
            for (const auto corner : triangles[t]) list_.PrimVtx(out(inner[corner]), uv, solid);
    }
    for (std::size_t begin = 0; begin < n; begin += piece) {
        const std::size_t count = std::min(piece, n - begin);
        list_.PrimReserve(static_cast<int>(count * 6), static_cast<int>(count * 4));
        for (std::size_t i = begin; i < begin + count; ++i) {
            const std::size_t next = (i + 1) % n;
            const auto first = list_._VtxCurrentIdx;
            for (const unsigned k : {0u, 1u, 2u, 0u, 2u, 3u})
                list_.PrimWriteIdx(static_cast<ImDrawIdx>(first + k));
            list_.PrimWriteVtx(out(inner[i]), uv, solid);
            list_.PrimWriteVtx(out(inner[next]), uv, solid);
            list_.PrimWriteVtx(out(outer[next]), uv, clear);
            list_.PrimWriteVtx(out(outer[i]), uv, clear);
        }
    }
}

void ImGuiCanvas::stroke(const std::vector<Vec2>& given, Colour c, double width, bool closed) {
    const auto p = distinct(given, closed);
    if (p.size() < 2) return;
    closed = closed && p.size() > 2;
    use(page_);
    constexpr auto w = static_cast<float>(GlyphAtlas::white);
    const ImVec2 uv{w, w};
    // Thinner than a pixel: a pixel wide, fainter.
    const ImU32 solid = packed(c, std::min(1.0, width)), clear = packed(c, 0);
    const double core = std::max(0.0, width / 2 - 0.5), edge = core + 1;
    const auto normal = normals(p, closed);
    const std::size_t n = p.size(), segments = closed ? n : n - 1;
    for (std::size_t begin = 0; begin < segments; begin += piece) {
        const std::size_t count = std::min(piece, segments - begin);
        list_.PrimReserve(static_cast<int>(count * 18), static_cast<int>((count + 1) * 4));
        const auto first = list_._VtxCurrentIdx;
        for (std::size_t k = 0; k < count; ++k)
            for (unsigned band = 0; band < 3; ++band) {
                const auto a = static_cast<unsigned>(first + k * 4 + band);
                for (const unsigned v : {a, a + 1, a + 5, a, a + 5, a + 4})
                    list_.PrimWriteIdx(static_cast<ImDrawIdx>(v));
            }
        for (std::size_t k = 0; k <= count; ++k) {
            const std::size_t i = (begin + k) % n;
            list_.PrimWriteVtx(out(p[i] - normal[i] * edge), uv, clear);
            list_.PrimWriteVtx(out(p[i] - normal[i] * core), uv, solid);
            list_.PrimWriteVtx(out(p[i] + normal[i] * core), uv, solid);
            list_.PrimWriteVtx(out(p[i] + normal[i] * edge), uv, clear);
        }
    }
}

void ImGuiCanvas::fill_rect(const Rect& r, Colour c, double radius) {
    const Vec2 a = device({r.x, r.y}), b = device({r.right(), r.bottom()});
    const Rect d{a.x, a.y, b.x - a.x, b.y - a.y};
    const double k = std::min({radius * scale_ * ratio_, d.w / 2, d.h / 2});
    if (k < 0.25)
        rect_fill(d, c);
    else
        fill(rounded(d, k), c);
}

namespace {

// Upright and level strokes lie on whole pixels; the same rule as in CairoCanvas.
double whole_width(double width) {
    return std::max(1.0, std::round(width));
}
double middle(double v, double width) {
    return std::lround(width) % 2 != 0 ? std::floor(v) + 0.5 : std::round(v);
}

}  // namespace

void ImGuiCanvas::stroke_rect(const Rect& r, Colour c, double width, double radius) {
    const double w = whole_width(width * scale_ * ratio_);
    const Vec2 a = device({r.x, r.y}), b = device({r.right(), r.bottom()});
    const double x = middle(a.x, w), y = middle(a.y, w);
    stroke(rounded({x, y, middle(b.x, w) - x, middle(b.y, w) - y}, radius * scale_ * ratio_), c, w,
           true);
}

void ImGuiCanvas::polyline(const std::vector<Vec2>& points, Colour c, double width, bool closed) {
    std::vector<Vec2> p;
    p.reserve(points.size());
    for (const auto& point : points) p.push_back(device(point));
    double w = width * scale_ * ratio_;
    if (points.size() == 2 && (points[0].y == points[1].y || points[0].x == points[1].x)) {
        const bool level = points[0].y == points[1].y;
        w = whole_width(w);
        for (auto& q : p) q = level ? Vec2{q.x, middle(q.y, w)} : Vec2{middle(q.x, w), q.y};
    }
    stroke(p, c, w, closed);
}

void ImGuiCanvas::fill_polygon(const std::vector<Vec2>& points, Colour c) {
    std::vector<Vec2> p;
    p.reserve(points.size());
    for (const auto& point : points) p.push_back(device(point));
    fill(std::move(p), c);
}

void ImGuiCanvas::image(const Rect& r, const std::shared_ptr<const Image>& image) {
    if (!image || image->w <= 0 || image->h <= 0 || r.w <= 0 || r.h <= 0) return;
    const Vec2 a = device({r.x, r.y}), b = device({r.right(), r.bottom()});
    use(textures_.texture(image));
    list_.PrimReserve(6, 4);
    list_.PrimRectUV(out({std::round(a.x), std::round(a.y)}),
                     out({std::round(b.x), std::round(b.y)}), {0, 0}, {1, 1}, IM_COL32_WHITE);
}

void ImGuiCanvas::text(Vec2 baseline, std::string_view utf8, const TextStyle& style) {
    if (utf8.empty() || style.size <= 0) return;
    double x = baseline.x;
    if (style.align != Align::left)
        x -= text_width(utf8, style) * (style.align == Align::centre ? 0.5 : 1.0);
    const double unit = scale_ * ratio_;
    const Vec2 start = device({x, baseline.y});
    const double y = std::round(start.y);
    // Text that the clip hides costs nothing.
    const double size = style.size * unit;
    const ImVec2 clip_min = list_.GetClipRectMin(), clip_max = list_.GetClipRectMax();
    if (y + size < static_cast<double>(clip_min.y) * ratio_ ||
        y - 1.5 * size > static_cast<double>(clip_max.y) * ratio_)
        return;
    const ImU32 colour = packed(style.colour);
    constexpr double page = GlyphAtlas::page_size;
    for (const auto& place : FontSet::standard().layout(utf8, style.size, style.weight)) {
        const double pen = start.x + place.x * unit;
        const double whole = std::floor(pen);
        const auto g = atlas_.glyph(place.face, place.index, size, pen - whole);
        if (g.page == nullptr) continue;
        page_ = textures_.glyph_page(*g.page);
        use(page_);
        const Vec2 at{whole + g.left * g.scale, y + g.top * g.scale};
        const auto uv = [&](int px, int py) {
            return ImVec2(static_cast<float>(px / page), static_cast<float>(py / page));
        };
        list_.PrimReserve(6, 4);
        list_.PrimRectUV(out(at), out({at.x + g.w * g.scale, at.y + g.h * g.scale}), uv(g.x, g.y),
                         uv(g.x + g.w, g.y + g.h), colour);
    }
}

void ImGuiCanvas::push_clip(const Rect& r) {
    const Vec2 a = device({r.x, r.y}), b = device({r.right(), r.bottom()});
    list_.PushClipRect(out({std::round(a.x), std::round(a.y)}),
                       out({std::round(b.x), std::round(b.y)}), true);
}

void ImGuiCanvas::pop_clip() {
    list_.PopClipRect();
}

double ImGuiCanvas::text_width(std::string_view utf8, const TextStyle& style) const {
    return FontSet::standard().width(utf8, style.size, style.weight);
}

}  // namespace sf
