#include "views/draw/page.h"
#include "views/gpu_measured.h"
#include "views/gpu_pages.h"

#include <algorithm>

namespace sf {

using namespace gpu;

namespace {

// What does each kernel take, and what holds it up?
class CostPage final : public ViewPage {
public:
    std::string id() const override { return "cost"; }
    std::string title() const override { return "Cost"; }
    std::vector<Parameter> parameters(const Frame& frame) const override {
        return setup_parameters(frame);
    }
    std::vector<Need> needs(const Frame& frame, const View& view) const override {
        return report_needs(frame, view);
    }
    std::vector<Invariant> invariants(const Frame& frame, const View& view) const override {
        return cost_checks(make_cost_scene(frame, view));
    }
    std::string describe(const Frame& frame, const View& view) const override {
        return cost_description(make_cost_scene(frame, view));
    }
    void draw(Canvas& canvas, const Frame& frame, const View& view, const Rect& area,
              const PageTitles& titles) const override;
};

void CostPage::draw(Canvas& canvas, const Frame& frame, const View& view, const Rect& area,
                    const PageTitles& titles) const {
    const Theme& t = *frame.theme;
    const double u = t.text_scale;
    const CostScene s = make_cost_scene(frame, view);
    if (draw_without_report(canvas, s.setup, area, titles)) return;
    const double head = draw_page_head(canvas, t, area, titles, cost_headline(s),
                                       fitting(canvas, t, area.w, cost_facts(s))) +
                        14 * u;
    const Rect body{area.x, area.y + head, area.w, area.h - head};
    if (body.h < 60 * u) return;
    if (s.kernels.empty()) {
        std::string why;
        for (const auto& [variant, reason] : s.setup.report.value->device.refused)
            if (variant == s.setup.variant) why = reason;
        for (const DeviceReport::Part& p : s.setup.report.value->parts)
            for (const DeviceReport::Run& r : p.runs)
                if (why.empty() && r.variant == s.setup.variant) why = r.refused;
        return draw_empty_page(
            canvas, t, body,
            std::string("The variant ") + name_of(s.setup.variant) + " did not run here",
            why.empty() ? "Choose another one." : why + ".");
    }
    // The last kernels are left out before the plot is.
    const double plot = 130 * u, all = std::min(kernels_height(s), body.h);
    const double table = body.h >= 240 * u ? std::min(all, body.h - plot - 20 * u) : all;
    draw_kernels(canvas, s, {body.x, body.y, body.w, table});
    const double rest = body.h - table - 20 * u;
    if (rest >= plot - 1) draw_roofline(canvas, s, {body.x, body.bottom() - rest, body.w, rest});
}

}  // namespace

std::unique_ptr<const ViewPage> make_gpu_cost_page() {
    return std::make_unique<CostPage>();
}

}  // namespace sf
