#include "views/draw/page.h"
#include "views/draw/text.h"
#include "views/gpu_measured.h"
#include "views/gpu_pages.h"

#include <algorithm>

namespace sf {

using namespace gpu;

namespace {

// Is it the same result?
class ResultPage final : public ViewPage {
public:
    std::string id() const override { return "result"; }
    std::string title() const override { return "Result"; }
    std::vector<Parameter> parameters(const Frame& frame) const override {
        return result_parameters(frame);
    }
    std::vector<Need> needs(const Frame& frame, const View& view) const override {
        return report_needs(frame, view);
    }
    std::vector<Invariant> invariants(const Frame& frame, const View& view) const override {
        return result_checks(make_result_scene(frame, view));
    }
    std::string describe(const Frame& frame, const View& view) const override {
        return result_description(make_result_scene(frame, view));
    }
    void draw(Canvas& canvas, const Frame& frame, const View& view, const Rect& area,
              const PageTitles& titles) const override;
};

void ResultPage::draw(Canvas& canvas, const Frame& frame, const View& view, const Rect& area,
                      const PageTitles& titles) const {
    const Theme& t = *frame.theme;
    const double u = t.text_scale;
    const ResultScene s = make_result_scene(frame, view);
    if (draw_without_report(canvas, s.setup, area, titles)) return;
    const double head = draw_page_head(canvas, t, area, titles, result_headline(s),
                                       fitting(canvas, t, area.w, result_facts(s))) +
                        12 * u;
    Rect body{area.x, area.y + head, area.w, area.h - head};
    if (body.h < 60 * u || s.part == nullptr) return;
    const double chips = line_height(t.small()) + 8 * u;
    draw_parts(canvas, s, {body.x, body.y, body.w, chips});
    body.y += chips + 14 * u;
    body.h -= chips + 14 * u;
    if (!s.part->missing.empty())
        return draw_empty_page(canvas, t, body, s.part->title + " was not computed here",
                               s.part->missing + ".");
    const double table = std::min(variants_height(s), body.h);
    const bool maps = s.run != nullptr && body.h - table - 16 * u >= 96 * u;
    if (maps) {
        draw_maps(canvas, s, {body.x, body.y, body.w, body.h - table - 16 * u});
        draw_variants(canvas, s, {body.x, body.bottom() - table, body.w, table});
    } else {
        draw_variants(canvas, s, body);
    }
}

}  // namespace

std::unique_ptr<const ViewPage> make_gpu_result_page() {
    return std::make_unique<ResultPage>();
}

}  // namespace sf
