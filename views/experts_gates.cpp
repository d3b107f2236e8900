#include "views/draw/colour_map.h"
#include "views/draw/number.h"
#include "views/draw/text.h"
#include "views/experts_draw.h"

#include <algorithm>
#include <cmath>

// The gates: from the chosen experts down to one bar whose length is their sum.
namespace sf::experts {

namespace {

// A band falling from the level edge [a0, a1] at y = ay to [b0, b1] at by.
void draw_fall(Canvas& canvas, double ay, double a0, double a1, double by, double b0, double b1,
               Colour colour) {
    constexpr int steps = 20;
    std::vector<Vec2> outline;
    const auto edge = [&](int k, double from, double to) {
        const double t = static_cast<double>(k) / steps, s = t * t * (3 - 2 * t);
        outline.push_back({from + (to - from) * s, ay + (by - ay) * t});
    };
    for (int k = 0; k <= steps; ++k) edge(k, a0, b0);
    for (int k = steps; k >= 0; --k) edge(k, a1, b1);
    canvas.fill_polygon(outline, colour);
}

struct Share {
    std::int64_t expert = 0, k = 0;
    double gate = 0;
};

// In the order in which they stand above, so that no band crosses another.
std::vector<Share> shares_of(const Scene& s) {
    std::vector<Share> all;
    for (std::int64_t k = 0; k < s.rule.top_k; ++k)
        all.push_back({s.chosen(s.t, k), k, s.gate(s.t, k)});
    std::stable_sort(all.begin(), all.end(),
                     [](const Share& a, const Share& b) { return a.expert < b.expert; });
    return all;
}

void draw_share(const TokenPicture& p, const Share& share, const Rect& r) {
    const Theme& t = p.t;
    const Colour colour = t.meaning(Meaning::routed_expert);
    const bool lit = share.expert == p.s.expert || share.expert == p.reveal.expert;
    p.canvas.fill_rect(r, lit ? colour : mix(t.background, colour, 0.72));
    const std::string number = std::to_string(share.expert);
    const auto ink = [&](Weight w) {
        return t.text(t.normal(), ink_on(lit ? colour : mix(t.background, colour, 0.72)), w,
                      Align::centre);
    };
    const std::string gate = format_fixed(share.gate, 2);
    for (const std::string& text : {number + ":  " + gate, gate})
        if (p.canvas.text_width(text, ink(Weight::bold)) <= r.w - 6) {
            text_in(p.canvas, r, text, ink(Weight::bold));
            break;
        }
    p.hit(r, "router_weights", p.s.slot(p.s.t, share.k));
    if (p.hovers("router_weights", p.s.slot(p.s.t, share.k)))
        p.canvas.stroke_rect(r, t.ink, 2);
    else if (share.expert == p.s.expert)
        p.canvas.stroke_rect(r, t.accent, 2);
}

void draw_shared(const TokenPicture& p, double from, const Rect& bar) {
    const Theme& t = p.t;
    if (p.c.shared_w <= 0) return;
    const Colour colour = t.meaning(Meaning::shared_expert);
    const Rect r{p.c.shared_x, bar.y, p.c.shared_w, bar.h};
    if (bar.y - from > 8)
        draw_fall(p.canvas, from, r.x + 6, r.right() - 6, bar.y, r.x + 6, r.right() - 6,
                  colour.alpha(0.25));
    draw_swatch(p.canvas, r, colour, hatch_of(Meaning::shared_expert));
    const double h = line_height(t.normal());
    const Rect label{r.x + 6, r.centre().y - h / 2, r.w - 12, h};
    p.canvas.fill_rect(label, t.background.alpha(0.8), 3);
    const auto n = p.s.config.n_shared_experts;
    text_in(p.canvas, label, n == 1 ? "+ 1" : "+ " + std::to_string(n) + " × 1",
            t.text(t.normal(), t.ink, Weight::bold, Align::centre));
}

}  // namespace

void draw_gates(const TokenPicture& p, double from, const Rect& bar) {
    const Scene& s = p.s;
    const Theme& t = p.t;
    draw_shared(p, from, bar);
    const Rect whole{p.c.x, bar.y, p.c.right() - p.c.x, bar.h};
    p.canvas.fill_rect(whole, t.surface);
    p.canvas.stroke_rect(whole, t.hairline, 1);
    double sum = 0;
    const auto shares = shares_of(s);
    for (const Share& share : shares) sum += std::isfinite(share.gate) ? std::abs(share.gate) : 0;
    const double unit = whole.w / std::max({sum, s.scale, 1e-30});
    const Colour colour = t.meaning(Meaning::routed_expert);
    double x = whole.x;
    for (const Share& share : shares) {
        if (!std::isfinite(share.gate)) continue;
        const double w = std::abs(share.gate) * unit;
        const double top = std::min({w, p.c.slot * 0.62, 48 * t.text_scale});
        const double c = p.c.centre(share.expert);
        const bool working = share.expert == p.reveal.expert;
        if (p.reveal.gates > 0 && bar.y - from > 8) {
            const double end = from + (bar.y - from) * p.reveal.gates;
            const double part = p.reveal.gates, left = c - top / 2 + (x - c + top / 2) * part;
            const double right = c + top / 2 + (x + w - c - top / 2) * part;
            const bool lit = share.expert == s.expert || working;
            draw_fall(p.canvas, from, c - top / 2, c + top / 2, end, left, right,
                      colour.alpha(lit ? 0.5 : 0.26));
            // At its step the token's vector goes down to its expert.
            if (working && p.reveal.work < 1)
                draw_circle(
                    p.canvas,
                    {c + (x + w / 2 - c) * p.reveal.work, from + (bar.y - from) * p.reveal.work},
                    5 * t.text_scale, t.accent);
        }
        if (p.reveal.gates >= 1 && w > 0)
            draw_share(p, share, {x, bar.y, std::max(1.0, w - 1.5), bar.h});
        x += w;
    }
}

}  // namespace sf::experts
