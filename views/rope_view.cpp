#include "views/draw/page.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/registry.h"
#include "views/rope_draw.h"

#include <algorithm>
#include <cmath>

namespace sf {

using namespace rope;

namespace {

// How does position become a rotation, why does only the distance matter, and why is the path of
// position kept apart from the latent?
class RopeView final : public View {
public:
    std::string id() const override { return "rope"; }
    std::string title() const override { return "RoPE"; }
    std::string group() const override { return "Attention"; }
    std::string lesson() const override {
        return "Position enters attention as a rotation. The columns of query and key are taken in "
               "pairs; a pair is a hand on a dial that turns by θ for every token, the first pair "
               "fast, the last one hardly. Query and key turn alike, so the angle between them, "
               "and with it the score, knows only how far they are apart: move both and nothing "
               "changes, move one and the curve is walked along. The score is a sum of what the "
               "words say (content) and of where they stand (position): in MLA content comes from "
               "the latent and position from a key of its own that all heads share. Drag along the "
               "curve, press a bar or a cell "
               "of the map to choose the tokens, press a dial and pull its dashed hands.";
    }
    std::vector<Parameter> parameters(const Frame& frame) const override {
        return rope::parameters(frame);
    }
    std::vector<Need> needs(const Frame& frame) const override { return rope::needs(frame); }
    std::vector<Invariant> invariants(const Frame& frame) const override {
        return checks(make_scene(frame));
    }
    std::string describe(const Frame& frame) const override {
        return description(make_scene(frame));
    }
    void draw(Canvas& canvas, const Frame& frame) const override;
};

PageTitles pages_of(const Scene& s) {
    return {"rope",
            {{"distance", "Distance"}, {"scaling", "Scaling"}, {"latent", "Latent rotated"}},
            s.choices.show};
}

// What the two hands, the arcs and the wedge are.
double draw_key(Canvas& canvas, const Scene& s, const Rect& r, bool measure_only) {
    const Theme& t = *s.theme;
    return draw_legend(
        canvas, t, {r.x, r.y}, r.w,
        {{"query, turned", t.meaning(Meaning::query), Hatch::none, true},
         {"key, turned", t.meaning(Meaning::key), Hatch::none, true},
         {"before: dashed", t.ink_faint, Hatch::none, true, true},
         {"angle between, and its share of the score", t.meaning(Meaning::position)}},
        measure_only);
}

// While the step that rotates arrives, the hands turn from where they were.
double turned(const Scene& s) {
    const Frame& f = *s.frame;
    if (f.timeline == nullptr || f.timeline->size() == 0 || f.cursor.within >= 1) return 1;
    const Step& step =
        (*f.timeline)[std::clamp<std::int64_t>(f.cursor.step, 0, f.timeline->size() - 1)];
    if (step.node == no_node || (*s.trace->graph)[step.node].op != Op::rope) return 1;
    const double x = std::clamp(f.cursor.within, 0.0, 1.0);
    return x * x * (3 - 2 * x);
}

void draw_distance(Canvas& canvas, const Scene& s, const Rect& all) {
    const Theme& t = *s.theme;
    const double u = t.text_scale, gap = 16 * u;
    Rect rest = all;
    const auto take = [&](double h) { rest.y += h, rest.h -= h; };
    const double high = rest.h / u;
    const double key = draw_key(canvas, s, rest, true);
    if (high >= 240 && key < 60 * u) {
        draw_key(canvas, s, rest, false);
        take(key + 4 * u);
    }
    // Least important first out: the axis, then what lies below.
    const bool lower = rest.h >= 232 * u;
    const double axis = spectrum_height(t);
    const bool spectrum = rest.h >= (lower ? 340 * u : 96 * u + axis);
    double dials = rest.h - (spectrum ? axis : 0);
    if (lower) dials = std::clamp(dials * 0.42, 96 * u, 280 * u);
    dials = std::min(dials, dials_height(s, rest.w, dials) + 8 * u);
    const auto centres = draw_dials(canvas, s, {rest.x, rest.y, rest.w, dials}, turned(s));
    take(dials);
    if (spectrum) {
        draw_spectrum(canvas, s, {rest.x, rest.y, rest.w, axis}, centres);
        take(axis);
    }
    take(gap);
    if (!lower || rest.h < 64 * u) return;
    const double wide = rest.w / u, between = 32 * u;
    if (wide < 480) {
        draw_split(canvas, s, rest);
        return;
    }
    // The map is square; what it does not need goes to the curve.
    const bool map = wide >= 760 && rest.h >= 150 * u;
    const double map_w = map ? std::min(map_width(canvas, s, rest.h), rest.w * 0.36) : 0;
    const double left = rest.w - (map ? map_w + between : 0) - between;
    const double split = std::round(std::clamp(left * 0.42, 216 * u, 480 * u));
    draw_split(canvas, s, {rest.x, rest.y, split, rest.h});
    draw_curve(canvas, s, {rest.x + split + between, rest.y, left - split, rest.h});
    if (map) draw_map(canvas, s, {rest.right() - map_w, rest.y, map_w, rest.h});
}

void RopeView::draw(Canvas& canvas, const Frame& frame) const {
    const Theme& t = *frame.theme;
    const Rect all = frame.area.inset(frame.area.w < 700 * t.text_scale ? 16 : 24);
    if (all.w < 48 || all.h < 32) return;
    const Scene s = make_scene(frame);
    if (frame.trace == nullptr)
        return draw_empty_page(canvas, t, all, "Type a text and press Enter",
                               "Every pair of query and key is then shown turning with its "
                               "position.");
    if (!s.missing.empty())
        return draw_empty_page(canvas, t, all, "No rotation to show here", s.missing);
    const double head =
        draw_page_head(canvas, t, all, pages_of(s), headline(s), facts(s)) + 12 * t.text_scale;
    const Rect body{all.x, all.y + head, all.w, all.h - head};
    if (body.h < 48 * t.text_scale) return;
    if (s.choices.show == "scaling") return draw_scaling(canvas, s, body);
    if (s.choices.show == "latent") return draw_latent(canvas, s, body);
    draw_distance(canvas, s, body);
}

}  // namespace

std::unique_ptr<const View> make_rope_view() {
    return std::make_unique<RopeView>();
}

}  // namespace sf
