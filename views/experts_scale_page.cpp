#include "views/draw/page.h"
#include "views/experts_pages.h"
#include "views/experts_scale.h"

#include <algorithm>
#include <cmath>

namespace sf {

using namespace experts;

namespace {

// What does node-limited routing cost and save, at real size?
class ScalePage final : public ViewPage {
public:
    std::string id() const override { return "scale"; }
    std::string title() const override { return "Real size"; }
    std::vector<Need> needs(const Frame& frame, const View& view) const override {
        return scale_needs(frame, view);
    }
    std::vector<Invariant> invariants(const Frame& frame, const View& view) const override {
        return scale_checks(make_scale_scene(frame, view));
    }
    std::string describe(const Frame& frame, const View& view) const override {
        return scale_description(make_scale_scene(frame, view));
    }
    void draw(Canvas& canvas, const Frame& frame, const View& view, const Rect& area,
              const PageTitles& titles) const override;
};

// One token above; below it what holds of all, as many blocks as have room.
void draw_routing(Canvas& canvas, const ScaleScene& s, const Rect& body) {
    const double u = s.theme->text_scale, gap = 36 * u;
    const bool below = body.h >= 340 * u;
    const double high = below ? std::round(body.h * 0.5) : body.h;
    draw_nodes(canvas, s, {body.x, body.y, body.w, high});
    if (!below) return;
    const Rect rest{body.x, body.y + high + 18 * u, body.w, body.h - high - 18 * u};
    using Block = void (*)(Canvas&, const ScaleScene&, const Rect&);
    constexpr Block blocks[] = {draw_node_counts, draw_balancing, draw_sorted_loads};
    const auto count = std::clamp(static_cast<int>((rest.w + gap) / (330 * u + gap)), 1, 3);
    const double w = (rest.w - gap * (count - 1)) / count;
    for (int i = 0; i < count; ++i)
        blocks[i](canvas, s, {rest.x + (w + gap) * i, rest.y, w, rest.h});
}

void ScalePage::draw(Canvas& canvas, const Frame& frame, const View& view, const Rect& area,
                     const PageTitles& titles) const {
    const Theme& t = *frame.theme;
    const double u = t.text_scale;
    const ScaleScene s = make_scale_scene(frame, view);
    if (!s.missing.empty()) {
        return draw_empty_page(
            canvas, t, area, titles, "",
            frame.trace == nullptr ? "Type a text and press Enter" : "No experts here", s.missing);
    }
    const double head =
        draw_page_head(canvas, t, area, titles, scale_headline(s), scale_facts(s)) + 14 * u;
    const Rect body{area.x, area.y + head, area.w, area.h - head};
    if (body.h < 60 * u) return;
    if (s.gate.value == nullptr)
        return draw_pending(canvas, t, body, "balancing a gate of 256 experts on the corpus",
                            s.gate.progress, s.gate.error);
    draw_routing(canvas, s, body);
}

}  // namespace

std::unique_ptr<const ViewPage> make_experts_scale_page() {
    return std::make_unique<ScalePage>();
}

}  // namespace sf
