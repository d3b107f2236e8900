#include "views/canvas/triangulate.h"

namespace sf {

namespace {

double cross(Vec2 a, Vec2 b, Vec2 c) {
    return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
}

}  // namespace

double signed_area(const std::vector<Vec2>& p) {
    double sum = 0;
    for (std::size_t i = 0; i < p.size(); ++i) {
        const Vec2 a = p[i], b = p[(i + 1) % p.size()];
        sum += a.x * b.y - b.x * a.y;
    }
    return sum;
}

std::vector<std::array<std::uint32_t, 3>> triangulate(const std::vector<Vec2>& polygon) {
    std::vector<std::array<std::uint32_t, 3>> triangles;
    const std::size_t n = polygon.size();
    if (n < 3) return triangles;
    const double turn = signed_area(polygon) < 0 ? -1 : 1;
    // The corners that are left, as a ring.
    std::vector<std::uint32_t> next(n), before(n);
    for (std::uint32_t i = 0; i < n; ++i) {
        next[i] = static_cast<std::uint32_t>((i + 1) % n);
        before[i] = static_cast<std::uint32_t>((i + n - 1) % n);
    }
    const auto corner = [&](std::uint32_t i) {
        return turn * cross(polygon[before[i]], polygon[i], polygon[next[i]]);
    };
    std::uint32_t at = 0;
    std::size_t left = n, tried = 0;
    while (left > 3) {
        const std::uint32_t a = before[at], b = next[at];
        const double size = corner(at);
        bool ear = size > 0;
        // Only corners that turn inwards can lie inside the ear.
        for (std::uint32_t k = next[b]; ear && k != a; k = next[k]) {
            const Vec2 p = polygon[k];
            if (p == polygon[a] || p == polygon[at] || p == polygon[b] || corner(k) > 0) continue;
            ear = !(turn * cross(polygon[a], polygon[at], p) >= 0 &&
                    turn * cross(polygon[at], polygon[b], p) >= 0 &&
                    turn * cross(polygon[b], polygon[a], p) >= 0);
        }
        // Nothing to cut in a whole round: it crosses itself; cut anyway.
        const bool stuck = tried > left;
        if (ear || size == 0 || stuck) {
            if (size != 0) triangles.push_back({a, at, b});
            next[a] = b;
            before[b] = a;
            --left;
            tried = 0;
            at = b;
        } else {
            ++tried;
            at = b;
        }
    }
    if (corner(at) != 0) triangles.push_back({before[at], at, next[at]});
    return triangles;
}

}  // namespace sf
