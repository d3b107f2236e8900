#include "views/draw/text.h"
#include "views/experts_checks.h"
#include "views/experts_pages.h"
#include "views/experts_sequence.h"

#include <algorithm>
#include <cmath>

namespace sf {

using namespace experts;

namespace {

// Where all tokens of the text go.
class SequencePage final : public ViewPage {
public:
    std::string id() const override { return "sequence"; }
    std::string title() const override { return "Sequence"; }
    std::vector<Parameter> parameters(const Frame& frame) const override {
        return sequence_parameters(frame);
    }
    std::vector<Need> needs(const Frame& frame, const View& view) const override {
        return experts::needs(frame, view);
    }
    std::vector<Edit> edits(const Frame& frame, const View& view) const override {
        return experts::edits(frame, view);
    }
    std::vector<Invariant> invariants(const Frame& frame, const View& view) const override {
        const Sequence q = make_sequence(frame, view);
        return q.scene.missing.empty() ? sequence_checks(q) : std::vector<Invariant>{};
    }
    std::string describe(const Frame& frame, const View& view) const override {
        const Sequence q = make_sequence(frame, view);
        return q.scene.missing.empty() ? sequence_description(q) : q.scene.missing;
    }
    void draw(Canvas& canvas, const Frame& frame, const View& view, const Rect& area,
              const PageTitles& titles) const override;
};

// In the order in which they go when room is short: the last first.
void draw_side(Canvas& canvas, const Sequence& q, Rect area) {
    const Theme& t = *q.scene.theme;
    const auto give = [&](double used) {
        const double space = 20 * t.text_scale;
        area.y += used + space, area.h -= used + space;
    };
    if (q.many_nodes() && area.h >= links_height(t)) give(draw_links(canvas, q, area));
    if (area.h >= capacity_height(t)) give(draw_capacity(canvas, q, area));
    if (area.h >= balance_height(t))
        draw_balance(canvas, q, {area.x, area.y, area.w, std::min(area.h, 480 * t.text_scale)});
}

void SequencePage::draw(Canvas& canvas, const Frame& frame, const View& view, const Rect& area,
                        const PageTitles& titles) const {
    const Theme& t = *frame.theme;
    const double u = t.text_scale;
    const Sequence q = make_sequence(frame, view);
    if (!q.scene.missing.empty())
        return draw_empty_page(
            canvas, t, area,
            frame.trace == nullptr ? "Type a text and press Enter" : "No experts to show",
            frame.trace == nullptr ? "Where all its tokens go is then shown." : q.scene.missing);
    const double head =
        draw_page_head(canvas, t, area, titles, sequence_headline(q), sequence_facts(q)) + 12 * u;
    Rect body{area.x, area.y + head, area.w, area.h - head};
    if (body.h < 48 * u) return;
    if (body.w >= 600 * u && body.h >= links_height(t)) {
        const double side = std::round(std::clamp(body.w * 0.28, 224 * u, 400 * u));
        draw_side(canvas, q, {body.right() - side, body.y, side, body.h});
        body.w -= side + (body.w >= 800 * u ? 32 : 16) * u;
    }
    draw_flow(canvas, q, body);
}

}  // namespace

std::unique_ptr<const ViewPage> make_experts_sequence_page() {
    return std::make_unique<SequencePage>();
}

}  // namespace sf
