#include "views/draw/page.h"
#include "views/experts_dense.h"
#include "views/experts_pages.h"

#include <cmath>

namespace sf {

using namespace experts;

namespace {

// What are experts for?
class DensePage final : public ViewPage {
public:
    std::string id() const override { return "dense"; }
    std::string title() const override { return "Dense"; }
    std::vector<Invariant> invariants(const Frame& frame, const View&) const override {
        return dense_checks(make_dense_scene(frame));
    }
    std::string describe(const Frame& frame, const View&) const override {
        return dense_description(make_dense_scene(frame));
    }
    void draw(Canvas& canvas, const Frame& frame, const View& view, const Rect& area,
              const PageTitles& titles) const override;
};

void draw_both(Canvas& canvas, const DenseScene& s, const Rect& body) {
    const double u = s.theme->text_scale, gap = 40 * u, space = 20 * u;
    const bool beside = body.w >= 760 * u;
    const double w = beside ? std::round((body.w - gap) * 0.58) : body.w;
    draw_layers(canvas, s, {body.x, body.y, w, body.h});
    if (!beside) return;
    Rect side{body.x + w + gap, body.y, body.w - w - gap, body.h};
    const double costs = costs_height(*s.theme);
    if (costs > side.h) return;
    draw_costs(canvas, s, {side.x, side.y, side.w, costs});
    side.y += costs + space, side.h -= costs + space;
    if (side.h >= 90 * u) draw_losses(canvas, s, side);
}

void DensePage::draw(Canvas& canvas, const Frame& frame, const View&, const Rect& area,
                     const PageTitles& titles) const {
    const Theme& t = *frame.theme;
    const double u = t.text_scale;
    const DenseScene s = make_dense_scene(frame);
    if (!s.missing.empty()) {
        return draw_empty_page(
            canvas, t, area, titles, "",
            frame.trace == nullptr ? "Type a text and press Enter" : "No experts here", s.missing);
    }
    const double head =
        draw_page_head(canvas, t, area, titles, dense_headline(s), dense_facts(s)) + 14 * u;
    const Rect body{area.x, area.y + head, area.w, area.h - head};
    if (body.h >= 60 * u) draw_both(canvas, s, body);
}

}  // namespace

std::unique_ptr<const ViewPage> make_experts_dense_page() {
    return std::make_unique<DensePage>();
}

}  // namespace sf
