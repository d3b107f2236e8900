#include "views/draw/page.h"
#include "views/experts_kinds.h"
#include "views/experts_pages.h"

#include <cmath>

namespace sf {

using namespace experts;

namespace {

// What does each expert work on?
class KindsPage final : public ViewPage {
public:
    std::string id() const override { return "kinds"; }
    std::string title() const override { return "Kinds"; }
    std::vector<Parameter> parameters(const Frame&) const override {
        return {{"cells",
                 Parameter::Type::choice,
                 0,
                 0,
                 {"taste", "share"},
                 std::string("taste"),
                 "What a cell of kinds and experts tells: how often against the expert's mean over "
                 "the kinds, or which share of the kind it gets.",
                 false}};
    }
    std::vector<Need> needs(const Frame& frame, const View& view) const override {
        return kinds_needs(frame, view);
    }
    std::vector<Invariant> invariants(const Frame& frame, const View& view) const override {
        return kinds_checks(make_kinds_scene(frame, view));
    }
    std::string describe(const Frame& frame, const View& view) const override {
        return kinds_description(make_kinds_scene(frame, view));
    }
    void draw(Canvas& canvas, const Frame& frame, const View& view, const Rect& area,
              const PageTitles& titles) const override;
};

// The matrix above, what the chosen expert is given below it.
void draw_counted(Canvas& canvas, const KindsScene& s, const Rect& body) {
    const double u = s.theme->text_scale, gap = 18 * u;
    const bool both = body.h >= 330 * u;
    // The matrix gets what the list below it leaves.
    const double high =
        both ? std::round(std::max(body.h * 0.54, body.h - gap - favourites_height(s))) : body.h;
    draw_kinds_matrix(canvas, s, {body.x, body.y, body.w, high});
    if (!both) return;
    const Rect below{body.x, body.y + high + gap, body.w, body.h - high - gap};
    const bool beside = below.w >= 760 * u;
    const double w = beside ? std::round(below.w * 0.68) : below.w;
    draw_favourites(canvas, s, {below.x, below.y, w, below.h});
    if (beside)
        draw_own_text(canvas, s, {below.x + w + 2 * gap, below.y, below.w - w - 2 * gap, below.h});
}

void KindsPage::draw(Canvas& canvas, const Frame& frame, const View& view, const Rect& area,
                     const PageTitles& titles) const {
    const Theme& t = *frame.theme;
    const double u = t.text_scale;
    const KindsScene s = make_kinds_scene(frame, view);
    if (!s.missing.empty()) {
        return draw_empty_page(
            canvas, t, area, titles, "",
            frame.trace == nullptr ? "Type a text and press Enter" : "No experts here", s.missing);
    }
    const double head =
        draw_page_head(canvas, t, area, titles, kinds_headline(s), kinds_facts(s)) + 12 * u;
    const Rect body{area.x, area.y + head, area.w, area.h - head};
    if (body.h < 60 * u) return;
    if (s.counted != nullptr) return draw_counted(canvas, s, body);
    const double pending = 64 * u;
    draw_pending(canvas, t, {body.x, body.y, body.w, std::min(pending, body.h)},
                 "reading held-out documents of each kind", s.use.progress, s.use.error);
    if (body.h >= pending + own_text_height(s))
        draw_own_text(canvas, s,
                      {body.x, body.y + pending, std::min(body.w, 420 * u), body.h - pending});
}

}  // namespace

std::unique_ptr<const ViewPage> make_experts_kinds_page() {
    return std::make_unique<KindsPage>();
}

}  // namespace sf
