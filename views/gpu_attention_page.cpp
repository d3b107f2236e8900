#include "views/gpu_attention.h"
#include "views/gpu_pages.h"

#include "views/draw/page.h"

#include <algorithm>
#include <cmath>

namespace sf {

using namespace gpu;

namespace {

// How does one head's attention become work groups, and what does each keep near?
class AttentionPage final : public ViewPage {
public:
    std::string id() const override { return "attention"; }
    std::string title() const override { return "Attention"; }
    std::vector<Parameter> parameters(const Frame& frame) const override {
        return attention_parameters(frame);
    }
    std::vector<Need> needs(const Frame& frame, const View& view) const override {
        return report_needs(frame, view);
    }
    std::vector<Invariant> invariants(const Frame& frame, const View& view) const override {
        return attention_checks(make_attention_scene(frame, view));
    }
    std::string describe(const Frame& frame, const View& view) const override {
        return attention_description(make_attention_scene(frame, view));
    }
    void draw(Canvas& canvas, const Frame& frame, const View& view, const Rect& area,
              const PageTitles& titles) const override;
};

void AttentionPage::draw(Canvas& canvas, const Frame& frame, const View& view, const Rect& area,
                         const PageTitles& titles) const {
    const Theme& t = *frame.theme;
    const double u = t.text_scale;
    const AttentionScene s = make_attention_scene(frame, view);
    if (!s.missing.empty())
        return draw_empty_page(
            canvas, t, area, titles, "",
            frame.trace == nullptr ? "Type a text and press Enter" : "No attention to cut here",
            s.missing);
    const double head = draw_page_head(canvas, t, area, titles, attention_headline(s),
                                       fitting(canvas, t, area.w, attention_facts(s))) +
                        12 * u;
    const Rect body{area.x, area.y + head, area.w, area.h - head};
    if (body.h < 60 * u) return;
    const bool two = body.w >= 560 * u;
    const double gap = 32 * u;
    const double left = two ? std::round((body.w - gap) * 0.52) : body.w;
    draw_grid(canvas, s, {body.x, body.y, left, body.h});
    if (!two) return;
    Rect right{body.x + left + gap, body.y, body.w - left - gap, body.h};
    const double row = row_height(s);
    if (right.h >= row + 200 * u) {
        draw_row(canvas, s, {right.x, right.bottom() - row, right.w, row});
        right.h -= row + 16 * u;
    }
    draw_group(canvas, s, right);
}

}  // namespace

std::unique_ptr<const ViewPage> make_gpu_attention_page() {
    return std::make_unique<AttentionPage>();
}

}  // namespace sf
