#include "views/draw/formula.h"
#include "views/draw/number.h"
#include "views/draw/text.h"
#include "views/experts_checks.h"
#include "views/experts_draw.h"
#include "views/experts_pages.h"
#include "views/experts_words.h"

#include <algorithm>
#include <cmath>

namespace sf {

using namespace experts;

namespace {

// Affinities, nodes and gates from top to bottom; beside them what can be changed.
class TokenPage final : public ViewPage {
public:
    std::string id() const override { return "token"; }
    std::string title() const override { return "One token"; }
    std::vector<Parameter> parameters(const Frame& frame) const override {
        return experts::parameters(frame);
    }
    std::vector<Need> needs(const Frame& frame, const View& view) const override {
        return experts::needs(frame, view);
    }
    std::vector<Edit> edits(const Frame& frame, const View& view) const override {
        return experts::edits(frame, view);
    }
    std::vector<Invariant> invariants(const Frame& frame, const View& view) const override {
        const Scene s = make_scene(frame, view);
        return s.missing.empty() ? token_checks(s) : std::vector<Invariant>{};
    }
    std::string describe(const Frame& frame, const View& view) const override {
        const Scene s = make_scene(frame, view);
        return s.missing.empty() ? token_description(s) : s.missing;
    }
    void draw(Canvas& canvas, const Frame& frame, const View& view, const Rect& area,
              const PageTitles& titles) const override;
};

std::vector<LegendEntry> legend_of(const TokenPicture& p) {
    const Theme& t = p.t;
    std::vector<LegendEntry> all{
        {"s of the chosen", t.meaning(Meaning::routed_expert)},
        {"s of the others", t.meaning(Meaning::routed_expert).alpha(0.42)}};
    if (p.s.biased) {
        const std::string less = p.common == 0
                                     ? ""
                                     : (p.common < 0 ? " + " : " − ") +
                                           format_fixed(std::abs(p.common), 2) + " (mean b)";
        all.push_back({"s + b" + less + ": only to choose", t.ink, Hatch::none, true});
    }
    if (p.s.rule.limited())
        all.push_back({"chosen without the limit", t.ink_soft, Hatch::none, true, true});
    return all;
}

std::string weighing(const Scene& s) {
    const std::int64_t k = s.place_of(s.t, s.expert);
    const std::string e = std::to_string(s.expert);
    const std::string factor = s.scale == 1 ? "" : format_number(s.scale, 4) + " · ";
    const std::string rule = s.normalised ? R"(\frac{s_{i,t}}{\sum_j s_{j,t}})" : "s_{i,t}";
    std::string text = R"(\routed{g}_{i,t} = )" + factor + rule;
    if (k < 0) return text;
    double sum = 0;
    for (std::int64_t j = 0; j < s.rule.top_k; ++j) sum += s.s(s.t, s.chosen(s.t, j));
    const std::string value = format_fixed(s.s(s.t, s.expert), 3);
    return text + R"(,   \routed{g}_{)" + e + "} = " + factor +
           (s.normalised ? R"(\frac{)" + value + "}{" + format_fixed(sum, 3) + "}" : value) +
           " = " + format_fixed(s.gate(s.t, k), 3);
}

// Below the bar: how its parts were made, and what they sum to.
void draw_sum(const TokenPicture& p, const Rect& area) {
    const Theme& t = p.t;
    double sum = 0;
    for (std::int64_t k = 0; k < p.s.rule.top_k; ++k) sum += p.s.gate(p.s.t, k);
    const std::string words =
        "Σ g = " + format_number(sum, 4) +
        (p.s.normalised ? " = the scale" : " of " + format_number(p.s.scale, 4));
    const auto bold = t.text(t.normal(), t.ink, Weight::bold, Align::right);
    const double right = p.c.right() - p.c.x, w = p.canvas.text_width(words, bold);
    if (w > right) return;
    text_in(p.canvas, {p.c.x, area.y, right, line_height(t.normal())}, words, bold);
    const auto ink = t.text(t.normal(), t.ink);
    const FormulaSize size = formula_size(p.canvas, weighing(p.s), ink, {&t, true});
    if (size.width + w + 24 * t.text_scale <= right)
        draw_formula(p.canvas,
                     {p.c.x, area.y + line_height(t.normal()) / 2 + cap_height(t.normal()) / 2},
                     weighing(p.s), ink, {&t, true});
}

void draw_router(Canvas& canvas, const Scene& s, const Rect& area) {
    const Theme& t = *s.theme;
    const double u = t.text_scale;
    const TokenPicture p = make_picture(canvas, s, area);
    if (p.c.slot < 1.5) return;
    double y = area.y, bottom = area.bottom();
    const auto legend = legend_of(p);
    if (area.h >= 240 * u) {
        const double h = draw_legend(canvas, t, {p.c.x, y}, area.right() - p.c.x, legend, true);
        if (h < 3 * line_height(t.normal()))
            y += draw_legend(canvas, t, {p.c.x, y}, area.right() - p.c.x, legend) + 6 * u;
    }
    const double sum = line_height(t.normal()) + 6 * u;
    if (bottom - y >= 230 * u) {
        draw_sum(p, {area.x, bottom - sum + 6 * u, area.w, sum});
        bottom -= sum;
    }
    const double bar = std::clamp((bottom - y) * 0.09, 22 * u, 40 * u);
    const double fall = std::clamp((bottom - y) * 0.18, 8.0, 140 * u);
    const double bars = bottom - y - bar - fall;
    if (bars < 64 * u) return draw_affinities(p, {area.x, y, area.w, bottom - y});
    draw_affinities(p, {area.x, y, area.w, bars});
    draw_gates(p, y + bars + 2, {area.x, bottom - bar, area.w, bar});
}

void draw_side(Canvas& canvas, const Scene& s, Rect area) {
    const double space = 18 * s.theme->text_scale;
    const auto take = [&](double h) {
        const Rect part{area.x, area.y, area.w, h};
        area.y += h + space, area.h -= h + space;
        return part;
    };
    const double least = 90 * s.theme->text_scale;
    if (area.h >= controls_height(s)) draw_controls(canvas, s, take(controls_height(s)));
    // What changes before what it is made of.
    if (area.h >= chosen_height(s) + space + least) draw_chosen(canvas, s, take(chosen_height(s)));
    const double tokens = 0.5 * (area.h - space);
    if (tokens >= least) {
        draw_prediction(canvas, s, take(std::min(tokens, prediction_height(s))));
        return draw_tokens(canvas, s, area);
    }
    if (area.h >= least) draw_prediction(canvas, s, area);
}

void TokenPage::draw(Canvas& canvas, const Frame& frame, const View& view, const Rect& area,
                     const PageTitles& titles) const {
    const Theme& t = *frame.theme;
    const double u = t.text_scale;
    const Scene s = make_scene(frame, view);
    if (!s.missing.empty())
        return draw_empty_page(
            canvas, t, area,
            frame.trace == nullptr ? "Type a text and press Enter" : "No experts to show",
            frame.trace == nullptr ? "Who works on each of its tokens is then shown, and why."
                                   : s.missing);
    const double head =
        draw_page_head(canvas, t, area, titles, token_headline(s), token_facts(s)) + 12 * u;
    Rect body{area.x, area.y + head, area.w, area.h - head};
    if (body.h < 48 * u) return;
    if (body.w >= 760 * u && body.h >= 200 * u) {
        const double side = std::round(std::clamp(body.w * 0.26, 264 * u, 360 * u));
        draw_side(canvas, s, {body.right() - side, body.y, side, body.h});
        body.w -= side + 32 * u;
    } else if (body.h >= 300 * u) {
        const double strip = control_strip_height(t);
        draw_control_strip(canvas, s, {body.x, body.bottom() - strip, body.w, strip});
        body.h -= strip + 8 * u;
    }
    draw_router(canvas, s, body);
}

}  // namespace

std::unique_ptr<const ViewPage> make_experts_token_page() {
    return std::make_unique<TokenPage>();
}

}  // namespace sf
