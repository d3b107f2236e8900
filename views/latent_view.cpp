#include "views/draw/formula.h"
#include "views/draw/page.h"
#include "views/draw/text.h"
#include "views/latent_draw.h"
#include "views/registry.h"

#include <algorithm>
#include <cmath>

namespace sf {

using namespace latent_kv;

namespace {

// What exactly is cached, how small is it, why is it enough, and where did K go?
class LatentView final : public View {
public:
    std::string id() const override { return "latent-kv"; }
    std::string title() const override { return "Latent KV"; }
    std::string group() const override { return "Attention"; }
    std::string lesson() const override {
        return "To generate the next token, attention needs the keys and values of all tokens "
               "before. Multi-head attention keeps them all: for every token, layer and head. "
               "Latent attention (MLA) keeps one short vector c^KV for all heads, from which each "
               "head's keys and values can be made again, and beside it one rope key k^R for the "
               "position: what is hatched is all that is cached. They need not even be made: W_UK "
               "can be folded into the query and W_UV into the output, so that the heads attend to "
               "the latents themselves (switch “absorb”). On the page “Rank” drag how many "
               "directions of the latent are kept and watch where predictions begin to suffer; on "
               "“Shapes” compute the caches of large models.";
    }
    std::vector<Parameter> parameters(const Frame& frame) const override {
        return latent_kv::parameters(frame);
    }
    std::vector<Need> needs(const Frame& frame) const override {
        return latent_kv::needs(make_scene(frame));
    }
    std::vector<Invariant> invariants(const Frame& frame) const override {
        return checks(make_scene(frame));
    }
    std::string describe(const Frame& frame) const override {
        return description(make_scene(frame));
    }
    void draw(Canvas& canvas, const Frame& frame) const override;
};

PageTitles pages_of(const Scene& s) {
    return {
        "latent-kv", {{"cache", "Cache"}, {"rank", "Rank"}, {"shapes", "Shapes"}}, s.choices.show};
}

// What the switch folds away, in the colours of what it makes.
const std::string folded = "\\key{W}^{UK}, \\value{W}^{UV}";

double switch_width(const Canvas& canvas, const Theme& t) {
    return canvas.text_width("absorb ", t.text(t.normal(), t.ink)) +
           formula_width(canvas, folded, t.text(t.normal(), t.ink), {&t, true}) + 42 * t.text_scale;
}

// "absorb" as a switch to press.
void draw_switch(Canvas& canvas, const Scene& s, Vec2 at) {
    const Theme& t = *s.theme;
    const double u = t.text_scale, h = line_height(t.normal());
    const bool on = s.choices.absorb;
    const Rect knob{at.x, at.y + (h - 14 * u) / 2, 26 * u, 14 * u};
    canvas.fill_rect(knob, on ? t.accent : t.raised, 7 * u);
    canvas.stroke_rect(knob, on ? t.accent : t.ink_faint, 1, 7 * u);
    canvas.fill_rect({knob.x + (on ? 14 : 2) * u, knob.y + 2 * u, 10 * u, 10 * u},
                     on ? t.background : t.ink_faint, 5 * u);
    const auto ink = t.text(t.normal(), t.ink);
    const Vec2 base{knob.right() + 8 * u, at.y + h / 2 + cap_height(t.normal()) / 2};
    canvas.text(base, "absorb", ink);
    draw_formula(canvas, {base.x + canvas.text_width("absorb ", ink) + 2 * u, base.y}, folded, ink,
                 {&t, true});
    canvas.hit(
        {at.x - 4, at.y - 4, switch_width(canvas, t) + 4, h + 8},
        {std::string("command:set latent-kv.absorb=") + (on ? "false" : "true"), 0, 1, 1, 0, 0});
}

void draw_cache_page(Canvas& canvas, const Scene& s, const Rect& area) {
    const Theme& t = *s.theme;
    const double u = t.text_scale, gap = 40 * u;
    const bool two = area.w >= 620 * u;
    const bool absorbed = s.mla && s.choices.absorb && s.up != nullptr;
    Rect left = area;
    if (two) left.w = std::round((area.w - gap) * 0.58);
    if (s.mla && switch_width(canvas, t) <= left.w && left.h >= 160 * u) {
        draw_switch(canvas, s, {left.x, left.y});
        const double h = line_height(t.normal()) + 10 * u;
        left.y += h, left.h -= h;
    }
    draw_flow(canvas, s, left);
    if (!two) return;
    Rect side{left.right() + gap, area.y, area.right() - left.right() - gap, area.h};
    const double space = 20 * u;
    if (absorbed && side.h >= ways_height(t)) {
        draw_ways(canvas, s, {side.x, side.y, side.w, ways_height(t)});
        side.y += ways_height(t) + space, side.h -= ways_height(t) + space;
    }
    const double costs = costs_height(t) + space;
    if (absorbed) {
        // What it costs before what is cached: that is what changes.
        if (side.h + space < costs) return;
        draw_costs(canvas, s, {side.x, side.y, side.w, costs - space});
        side.y += costs, side.h -= costs;
        if (side.h >= caches_height(t)) draw_caches(canvas, s, side);
        return;
    }
    if (side.h < caches_height(t)) return;
    const bool both = s.mla && side.h >= caches_height(t) + costs;
    const double used =
        draw_caches(canvas, s, {side.x, side.y, side.w, side.h - (both ? costs : 0)});
    if (both) draw_costs(canvas, s, {side.x, side.y + used + space, side.w, costs - space});
}

void LatentView::draw(Canvas& canvas, const Frame& frame) const {
    const Theme& t = *frame.theme;
    const Rect all = frame.area.inset(frame.area.w < 700 * t.text_scale ? 16 : 24);
    if (all.w < 48 || all.h < 32) return;
    const Scene s = make_scene(frame);
    if (!s.missing.empty())
        return draw_empty_page(
            canvas, t, all,
            s.trace != nullptr ? "Nothing cached to show" : "Type a text and press Enter",
            s.trace != nullptr ? s.missing
                               : "What attention keeps of every token is then shown number by "
                                 "number.");
    const double head =
        draw_page_head(canvas, t, all, pages_of(s), headline(s), facts(s)) + 12 * t.text_scale;
    const Rect body{all.x, all.y + head, all.w, all.h - head};
    if (body.h < 48 * t.text_scale) return;
    if (s.choices.show == "rank") return draw_rank(canvas, s, body);
    if (s.choices.show == "shapes") return draw_shapes(canvas, s, body);
    draw_cache_page(canvas, s, body);
}

}  // namespace

std::unique_ptr<const View> make_latent_view() {
    return std::make_unique<LatentView>();
}

}  // namespace sf
