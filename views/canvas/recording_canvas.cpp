#include "views/canvas/recording_canvas.h"

#include "views/canvas/font.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdio>

namespace sf {

namespace {

constexpr Rect everything{-1e9, -1e9, 2e9, 2e9};

Rect bounds(const std::vector<Vec2>& points) {
    if (points.empty()) return {};
    double x0 = points[0].x, x1 = x0, y0 = points[0].y, y1 = y0;
    for (const auto& p : points) {
        x0 = std::min(x0, p.x), x1 = std::max(x1, p.x);
        y0 = std::min(y0, p.y), y1 = std::max(y1, p.y);
    }
    return {x0, y0, x1 - x0, y1 - y0};
}

// What a reader sees as the text's place: from the cap height to the descent.
Rect ink_box(const Primitive& p) {
    const auto& fonts = FontSet::standard();
    const double top = p.baseline.y - fonts.cap_height(p.style.size);
    return {p.rect.x, top, p.rect.w, p.baseline.y + fonts.descent(p.style.size) * 0.7 - top};
}

std::string words(const Rect& r) {
    char buffer[96];
    std::snprintf(buffer, sizeof buffer, "[%.1f..%.1f, %.1f..%.1f]", r.x, r.right(), r.y,
                  r.bottom());
    return buffer;
}

const char* name(Primitive::Kind kind) {
    switch (kind) {
        case Primitive::Kind::fill_rect:
            return "rectangle";
        case Primitive::Kind::stroke_rect:
            return "outline";
        case Primitive::Kind::polyline:
            return "line";
        case Primitive::Kind::polygon:
            return "polygon";
        case Primitive::Kind::image:
            return "image";
        case Primitive::Kind::text:
            return "text";
    }
    return "";
}

bool within(const Rect& inner, const Rect& outer, double slack) {
    return inner.x >= outer.x - slack && inner.right() <= outer.right() + slack &&
           inner.y >= outer.y - slack && inner.bottom() <= outer.bottom() + slack;
}

bool empty(const Rect& r) {
    return r.w <= 0 || r.h <= 0;
}

bool blank(const std::string& text) {
    return text.find_first_not_of(' ') == std::string::npos;
}

bool same(const TextStyle& a, const TextStyle& b) {
    return a.size == b.size && a.weight == b.weight && a.colour == b.colour && a.align == b.align;
}

}  // namespace

Rect intersection(const Rect& a, const Rect& b) {
    const double x = std::max(a.x, b.x), y = std::max(a.y, b.y);
    return {x, y, std::max(0.0, std::min(a.right(), b.right()) - x),
            std::max(0.0, std::min(a.bottom(), b.bottom()) - y)};
}

bool Primitive::operator==(const Primitive& o) const {
    const bool images =
        image == o.image || (image && o.image && image->w == o.image->w && image->h == o.image->h &&
                             image->pixels == o.image->pixels);
    return kind == o.kind && rect == o.rect && clip == o.clip && colour == o.colour &&
           width == o.width && radius == o.radius && closed == o.closed && points == o.points &&
           images && baseline == o.baseline && text == o.text && same(style, o.style);
}

Rect Primitive::visible() const {
    return intersection(rect, clip);
}

std::optional<Pick> pick(const Hit& hit, Vec2 point) {
    if (!hit.rect.contains(point) || !hit.clip.contains(point)) return std::nullopt;
    const auto cell = [](double offset, double size, std::int64_t count) {
        const auto i = static_cast<std::int64_t>(offset / size * static_cast<double>(count));
        return std::clamp<std::int64_t>(i, 0, std::max<std::int64_t>(count, 1) - 1);
    };
    const Target& t = hit.target;
    Pick p{t.node, 0, cell(point.y - hit.rect.y, hit.rect.h, t.rows),
           cell(point.x - hit.rect.x, hit.rect.w, t.cols)};
    p.index = t.first + p.row * t.row_stride + p.col * t.col_stride;
    return p;
}

RecordingCanvas::RecordingCanvas(const Rect& frame) : frame_(frame), clips_{everything} {}

Primitive& RecordingCanvas::add(Primitive::Kind kind, const Rect& r, Colour c) {
    Primitive p;
    p.kind = kind;
    p.rect = r;
    p.clip = clips_.back();
    p.colour = c;
    primitives_.push_back(std::move(p));
    return primitives_.back();
}

void RecordingCanvas::fill_rect(const Rect& r, Colour c, double radius) {
    add(Primitive::Kind::fill_rect, r, c).radius = radius;
}

void RecordingCanvas::stroke_rect(const Rect& r, Colour c, double width, double radius) {
    auto& p = add(Primitive::Kind::stroke_rect, r, c);
    p.width = width;
    p.radius = radius;
}

void RecordingCanvas::polyline(const std::vector<Vec2>& points, Colour c, double width,
                               bool closed) {
    auto& p = add(Primitive::Kind::polyline, bounds(points), c);
    p.points = points;
    p.width = width;
    p.closed = closed;
}

void RecordingCanvas::fill_polygon(const std::vector<Vec2>& points, Colour c) {
    add(Primitive::Kind::polygon, bounds(points), c).points = points;
}

void RecordingCanvas::image(const Rect& r, const std::shared_ptr<const Image>& image) {
    add(Primitive::Kind::image, r, {}).image = image;
}

void RecordingCanvas::text(Vec2 baseline, std::string_view utf8, const TextStyle& style) {
    const auto& fonts = FontSet::standard();
    const double w = text_width(utf8, style);
    const double x = baseline.x - (style.align == Align::left     ? 0
                                   : style.align == Align::centre ? w / 2
                                                                  : w);
    const double top = fonts.ascent(style.size);
    auto& p = add(Primitive::Kind::text, {x, baseline.y - top, w, top + fonts.descent(style.size)},
                  style.colour);
    p.baseline = baseline;
    p.text = utf8;
    p.style = style;
}

void RecordingCanvas::push_clip(const Rect& r) {
    clips_.push_back(intersection(clips_.back(), r));
}

void RecordingCanvas::pop_clip() {
    assert(clips_.size() > 1);
    clips_.pop_back();
}

double RecordingCanvas::text_width(std::string_view utf8, const TextStyle& style) const {
    return FontSet::standard().width(utf8, style.size, style.weight);
}

void RecordingCanvas::hit(const Rect& r, const Target& target) {
    hits_.push_back({r, clips_.back(), target});
}

void RecordingCanvas::replay(Canvas& canvas) const {
    for (const auto& p : primitives_) {
        const bool clipped = !(p.clip == everything);
        if (clipped) canvas.push_clip(p.clip);
        switch (p.kind) {
            case Primitive::Kind::fill_rect:
                canvas.fill_rect(p.rect, p.colour, p.radius);
                break;
            case Primitive::Kind::stroke_rect:
                canvas.stroke_rect(p.rect, p.colour, p.width, p.radius);
                break;
            case Primitive::Kind::polyline:
                canvas.polyline(p.points, p.colour, p.width, p.closed);
                break;
            case Primitive::Kind::polygon:
                canvas.fill_polygon(p.points, p.colour);
                break;
            case Primitive::Kind::image:
                canvas.image(p.rect, p.image);
                break;
            case Primitive::Kind::text:
                canvas.text(p.baseline, p.text, p.style);
                break;
        }
        if (clipped) canvas.pop_clip();
    }
    for (const auto& h : hits_) {
        const bool clipped = !(h.clip == everything);
        if (clipped) canvas.push_clip(h.clip);
        canvas.hit(h.rect, h.target);
        if (clipped) canvas.pop_clip();
    }
}

bool RecordingCanvas::operator==(const RecordingCanvas& o) const {
    return frame_ == o.frame_ && primitives_ == o.primitives_ && hits_ == o.hits_;
}

std::optional<Pick> RecordingCanvas::find(Vec2 point) const {
    for (auto h = hits_.rbegin(); h != hits_.rend(); ++h)
        if (auto p = pick(*h, point)) return p;
    return std::nullopt;
}

std::vector<std::string> RecordingCanvas::texts() const {
    std::vector<std::string> all;
    for (const auto& p : primitives_)
        if (p.kind == Primitive::Kind::text && !empty(p.visible())) all.push_back(p.text);
    return all;
}

bool RecordingCanvas::has_text(std::string_view part) const {
    const auto all = texts();
    return std::any_of(all.begin(), all.end(),
                       [&](const std::string& t) { return t.find(part) != std::string::npos; });
}

std::vector<std::string> RecordingCanvas::overlapping_texts(double slack) const {
    std::vector<std::pair<Rect, const Primitive*>> boxes;
    for (const auto& p : primitives_) {
        if (p.kind != Primitive::Kind::text || p.colour.a == 0 || blank(p.text)) continue;
        const Rect box = intersection(ink_box(p), p.clip);
        if (!empty(box)) boxes.emplace_back(box, &p);
    }
    std::sort(boxes.begin(), boxes.end(),
              [](const auto& a, const auto& b) { return a.first.x < b.first.x; });
    std::vector<std::string> found;
    for (std::size_t i = 0; i < boxes.size(); ++i)
        for (std::size_t k = i + 1; k < boxes.size() && boxes[k].first.x < boxes[i].first.right();
             ++k) {
            const Rect both = intersection(boxes[i].first, boxes[k].first);
            if (both.w > slack && both.h > slack)
                found.push_back("\"" + boxes[i].second->text + "\" " + words(boxes[i].first) +
                                " and \"" + boxes[k].second->text + "\" " + words(boxes[k].first));
        }
    return found;
}

std::vector<std::string> RecordingCanvas::outside(double slack) const {
    std::vector<std::string> found;
    for (const auto& p : primitives_) {
        const bool is_text = p.kind == Primitive::Kind::text;
        if (is_text && blank(p.text)) continue;
        // A line may be without width or height, so what the clip removes is told from the edges.
        const Rect whole = is_text ? ink_box(p) : p.rect;
        if (whole.right() < p.clip.x || whole.x > p.clip.right() || whole.bottom() < p.clip.y ||
            whole.y > p.clip.bottom())
            continue;
        const Rect seen = intersection(whole, p.clip);
        if (!within(seen, frame_, slack))
            found.push_back(std::string(name(p.kind)) + " \"" + p.text + "\" " + words(seen));
    }
    for (const auto& h : hits_) {
        const Rect seen = intersection(h.rect, h.clip);
        if (!empty(seen) && !within(seen, frame_, slack))
            found.push_back("hit \"" + h.target.node + "\" " + words(seen));
    }
    return found;
}

std::vector<std::string> RecordingCanvas::cut_texts(double slack) const {
    std::vector<std::string> found;
    for (const auto& p : primitives_) {
        if (p.kind != Primitive::Kind::text || blank(p.text) || empty(p.visible())) continue;
        const Rect box = ink_box(p);
        if (!within(box, intersection(p.clip, frame_), slack))
            found.push_back("\"" + p.text + "\" " + words(box));
    }
    return found;
}

}  // namespace sf
