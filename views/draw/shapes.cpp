#include "views/draw/shapes.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace sf {

namespace {

double length(Vec2 v) {
    return std::sqrt(v.x * v.x + v.y * v.y);
}

double path_length(const std::vector<Vec2>& path) {
    double sum = 0;
    for (std::size_t i = 1; i < path.size(); ++i) sum += length(path[i] - path[i - 1]);
    return sum;
}

std::vector<Vec2> circle(Vec2 centre, double radius) {
    const int n = std::clamp(static_cast<int>(radius * 3) + 8, 12, 96);
    std::vector<Vec2> points;
    for (int i = 0; i < n; ++i) {
        const double angle = 2 * std::numbers::pi * i / n;
        points.push_back(
            {centre.x + radius * std::cos(angle), centre.y + radius * std::sin(angle)});
    }
    return points;
}

// Walks along a path; each part begins where the one before ended or later.
class Walk {
public:
    explicit Walk(const std::vector<Vec2>& path) : path_(path) {}
    // The part between two lengths from the path's start.
    std::vector<Vec2> part(double from, double to) {
        std::vector<Vec2> points;
        for (; i_ < path_.size(); ++i_) {
            const double l = length(path_[i_] - path_[i_ - 1]);
            if (l > 0 && at_ + l > from) {
                const Vec2 step = (path_[i_] - path_[i_ - 1]) * (1 / l);
                if (points.empty())
                    points.push_back(path_[i_ - 1] + step * std::max(0.0, from - at_));
                points.push_back(path_[i_ - 1] + step * std::min(l, to - at_));
            }
            if (at_ + l >= to) break;
            at_ += l;
        }
        return points;
    }

private:
    const std::vector<Vec2>& path_;
    std::size_t i_ = 1;
    double at_ = 0;  // length up to point i - 1
};

}  // namespace

std::vector<Vec2> rounded_path(const std::vector<Vec2>& points, double radius) {
    if (points.size() < 3 || radius <= 0) return points;
    std::vector<Vec2> path{points.front()};
    for (std::size_t i = 1; i + 1 < points.size(); ++i) {
        const Vec2 p = points[i];
        const Vec2 in = p - points[i - 1], out = points[i + 1] - p;
        const double a = length(in), b = length(out);
        const double r = std::min({radius, a / 2, b / 2});
        if (r < 0.5) {
            path.push_back(p);
            continue;
        }
        const Vec2 from = p - in * (r / a), to = p + out * (r / b);
        // A quadratic curve is as good as an arc at this size.
        constexpr int steps = 8;
        for (int k = 0; k <= steps; ++k) {
            const double t = static_cast<double>(k) / steps, u = 1 - t;
            path.push_back(from * (u * u) + p * (2 * u * t) + to * (t * t));
        }
    }
    path.push_back(points.back());
    return path;
}

Vec2 point_along(const std::vector<Vec2>& path, double t) {
    if (path.empty()) return {};
    if (t >= 1) return path.back();
    double left = std::clamp(t, 0.0, 1.0) * path_length(path);
    for (std::size_t i = 1; i < path.size(); ++i) {
        const double l = length(path[i] - path[i - 1]);
        if (left <= l && l > 0) return path[i - 1] + (path[i] - path[i - 1]) * (left / l);
        left -= l;
    }
    return path.back();
}

std::vector<Vec2> elbow(Vec2 a, Vec2 b) {
    if (std::abs(a.y - b.y) < 0.5) return {a, b};
    const double middle = (a.x + b.x) / 2;
    return {a, {middle, a.y}, {middle, b.y}, b};
}

void draw_arrow(Canvas& canvas, const std::vector<Vec2>& points, const ArrowStyle& style) {
    if (points.size() < 2) return;
    auto path = rounded_path(points, style.radius);
    const Vec2 tip = path.back();
    const Vec2 before = points[points.size() - 2];
    const double l = length(tip - before);
    if (style.head <= 0 || l <= 0) {
        canvas.polyline(path, style.colour, style.width);
        return;
    }
    const double head = std::min(style.head, l);
    const Vec2 forward = (tip - before) * (1 / l), side{-forward.y, forward.x};
    // The stroke ends inside the head, so that its blunt end does not show.
    path.back() = tip - forward * (head * 0.7);
    canvas.polyline(path, style.colour, style.width);
    const Vec2 foot = tip - forward * head;
    canvas.fill_polygon({tip, foot + side * (head * 0.46), tip - forward * (head * 0.72),
                         foot - side * (head * 0.46)},
                        style.colour);
}

void draw_ribbon(Canvas& canvas, double ax, double a0, double a1, double bx, double b0, double b1,
                 Colour colour) {
    constexpr int steps = 24;
    std::vector<Vec2> outline;
    const auto edge = [&](int k, double from, double to) {
        const double t = static_cast<double>(k) / steps;
        const double s = t * t * (3 - 2 * t);
        outline.push_back({ax + (bx - ax) * t, from + (to - from) * s});
    };
    for (int k = 0; k <= steps; ++k) edge(k, a0, b0);
    for (int k = steps; k >= 0; --k) edge(k, a1, b1);
    canvas.fill_polygon(outline, colour);
}

void draw_circle(Canvas& canvas, Vec2 centre, double radius, Colour colour) {
    canvas.fill_polygon(circle(centre, radius), colour);
}

void draw_ring(Canvas& canvas, Vec2 centre, double radius, Colour colour, double width) {
    canvas.polyline(circle(centre, radius), colour, width, true);
}

void draw_dashed(Canvas& canvas, const std::vector<Vec2>& points, Colour colour, double width,
                 double on, double off) {
    const double total = path_length(points);
    if (on <= 0 || off < 0 || total / (on + off) > 5000) {
        canvas.polyline(points, colour, width);
        return;
    }
    Walk walk(points);
    for (double at = 0; at < total; at += on + off) {
        const auto dash = walk.part(at, std::min(total, at + on));
        if (dash.size() > 1) canvas.polyline(dash, colour, width);
    }
}

void draw_hatch(Canvas& canvas, const Rect& r, Hatch hatch, Colour colour, double spacing) {
    if (hatch == Hatch::none || r.w <= 0 || r.h <= 0 || spacing < 1) return;
    // At most so many strokes, however large the area.
    spacing = std::max({spacing, r.w / 400, r.h / 400});
    // Lines x + y = k (or x - y = k), cut at the rectangle's edges.
    const auto slanted = [&](bool rising) {
        for (double k = spacing / 2; k < r.w + r.h; k += spacing) {
            const double x0 = std::max(0.0, k - r.h), x1 = std::min(r.w, k);
            const double y0 = k - x0, y1 = k - x1;
            const auto place = [&](double x, double y) {
                return Vec2{r.x + x, rising ? r.y + y : r.bottom() - y};
            };
            canvas.line(place(x0, y0), place(x1, y1), colour, 1);
        }
    };
    if (hatch == Hatch::diagonal || hatch == Hatch::cross) slanted(true);
    if (hatch == Hatch::counter || hatch == Hatch::cross) slanted(false);
    if (hatch == Hatch::level)
        for (double y = r.y + spacing / 2; y < r.bottom(); y += spacing)
            canvas.line({r.x, y}, {r.right(), y}, colour, 1);
    if (hatch == Hatch::dots) {
        int row = 0;
        for (double y = r.y + spacing / 2; y < r.bottom() - 0.8; y += spacing, ++row)
            for (double x = r.x + spacing * (row % 2 == 0 ? 0.5 : 1); x < r.right() - 0.8;
                 x += spacing)
                canvas.fill_rect({x - 0.8, y - 0.8, 1.6, 1.6}, colour, 0.8);
    }
}

Hatch hatch_of(Meaning m) {
    switch (m) {
        case Meaning::latent:
            return Hatch::diagonal;  // what is cached is hatched
        case Meaning::position:
            return Hatch::counter;
        case Meaning::shared_expert:
            return Hatch::level;
        case Meaning::routed_expert:
            return Hatch::none;
        case Meaning::mtp:
            return Hatch::cross;
        case Meaning::key:
            return Hatch::dots;
        default:
            return Hatch::none;
    }
}

void draw_swatch(Canvas& canvas, const Rect& r, Colour colour, Hatch hatch) {
    if (hatch == Hatch::none) {
        canvas.fill_rect(r, colour, 2);
        return;
    }
    canvas.fill_rect(r, colour.alpha(0.3), 2);
    draw_hatch(canvas, r.inset(0.5), hatch, colour, std::max(3.0, r.h / 3));
    canvas.stroke_rect(r, colour, 1, 2);
}

}  // namespace sf
