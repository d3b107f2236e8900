#include "views/gpu_experts.h"
#include "views/gpu_pages.h"

#include "views/draw/page.h"

#include <algorithm>
#include <cmath>

namespace sf {

using namespace gpu;

namespace {

// How do uneven loads become work groups, and how many of their rows are anybody's?
class ExpertsPage final : public ViewPage {
public:
    std::string id() const override { return "experts"; }
    std::string title() const override { return "Experts"; }
    std::vector<Parameter> parameters(const Frame& frame) const override {
        return experts_parameters(frame);
    }
    std::vector<Need> needs(const Frame& frame, const View& view) const override {
        return report_needs(frame, view);
    }
    std::vector<Invariant> invariants(const Frame& frame, const View& view) const override {
        return experts_checks(make_experts_scene(frame, view));
    }
    std::string describe(const Frame& frame, const View& view) const override {
        return experts_description(make_experts_scene(frame, view));
    }
    void draw(Canvas& canvas, const Frame& frame, const View& view, const Rect& area,
              const PageTitles& titles) const override;
};

Parameter rows_parameter(const Frame& frame) {
    for (Parameter& p : experts_parameters(frame))
        if (p.name == "rows") return std::move(p);
    return {};
}

void ExpertsPage::draw(Canvas& canvas, const Frame& frame, const View& view, const Rect& area,
                       const PageTitles& titles) const {
    const Theme& t = *frame.theme;
    const double u = t.text_scale;
    const ExpertsScene s = make_experts_scene(frame, view);
    if (!s.missing.empty())
        return draw_empty_page(
            canvas, t, area, titles, "",
            frame.trace == nullptr ? "Type a text and press Enter" : "No rows to cut here",
            s.missing);
    const double head = draw_page_head(canvas, t, area, titles, experts_headline(s),
                                       fitting(canvas, t, area.w, experts_facts(s))) +
                        12 * u;
    Rect body{area.x, area.y + head, area.w, area.h - head};
    if (body.h < 60 * u) return;
    const double chain = chain_height(t);
    if (body.h >= chain + 160 * u && body.w >= 560 * u) {
        draw_chain(canvas, s, {body.x, body.y, body.w, chain});
        body.y += chain + 18 * u;
        body.h -= chain + 18 * u;
    }
    const bool two = body.w >= 560 * u;
    const double gap = 32 * u, left = two ? std::round((body.w - gap) * 0.56) : body.w;
    draw_tiles(canvas, s, {body.x, body.y, left, body.h}, rows_parameter(frame));
    if (!two) return;
    Rect right{body.x + left + gap, body.y, body.w - left - gap, body.h};
    const double combine = combine_height(s);
    if (right.h >= combine + 130 * u) {
        draw_combine(canvas, s, {right.x, right.bottom() - combine, right.w, combine});
        right.h -= combine + 16 * u;
    }
    draw_tile(canvas, s, right);
}

}  // namespace

std::unique_ptr<const ViewPage> make_gpu_experts_page() {
    return std::make_unique<ExpertsPage>();
}

}  // namespace sf
