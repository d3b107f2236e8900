#include "views/draw/page.h"
#include "views/mtp_drafts.h"
#include "views/mtp_pages.h"

#include <algorithm>
#include <cmath>

namespace sf::mtp {

namespace {

// When does drafting pay, and why does it change nothing?
class DraftPage final : public ViewPage {
public:
    std::string id() const override { return "speculation"; }
    std::string title() const override { return "Speculation"; }
    std::vector<Parameter> parameters(const Frame& frame) const override {
        return draft_parameters(frame);
    }
    std::vector<Need> needs(const Frame& frame, const View& view) const override {
        return mtp::needs(make_drafts(frame, view));
    }
    std::vector<Invariant> invariants(const Frame& frame, const View& view) const override {
        return checks(make_drafts(frame, view));
    }
    std::string describe(const Frame& frame, const View& view) const override {
        return description(make_drafts(frame, view));
    }
    void draw(Canvas& canvas, const Frame& frame, const View& view, const Rect& area,
              const PageTitles& titles) const override;
};

// Rounds above, below them the shown one; beside it what drafting brings.
void draw_body(Canvas& canvas, const Drafts& d, const Rect& body) {
    const Theme& t = *d.t;
    const double u = t.text_scale, gap = 18 * u;
    // Plain decoding is left out before the cards are.
    const double cards = gap + cards_height(t);
    const bool plain =
        body.h >= rounds_height(d, true) + cards ||
        (body.h >= rounds_height(d, true) && body.h < rounds_height(d, false) + cards);
    const double rounds = rounds_height(d, plain);
    if (body.h < rounds) return;
    draw_rounds(canvas, d, {body.x, body.y, body.w, rounds}, plain);
    Rect rest{body.x, body.y + rounds + gap, body.w, body.h - rounds - gap};
    const bool beside = rest.w >= 760 * u && rest.h >= 120 * u;
    if (beside) {
        const double w = std::round(std::clamp(rest.w * 0.3, 260 * u, 560 * u));
        Rect side{rest.right() - w, rest.y, w, rest.h};
        const double used = draw_gain(canvas, d, side) + gap;
        side.y += used, side.h -= used;
        if (side.h >= sample_height(t))
            draw_sample(canvas, d, {side.x, side.y, side.w, std::min(side.h, w * 0.9)});
        rest.w -= w + 36 * u;
    }
    if (d.round >= 0 && rest.h >= cards_height(t)) draw_cards(canvas, d, rest);
}

void DraftPage::draw(Canvas& canvas, const Frame& frame, const View& view, const Rect& area,
                     const PageTitles& titles) const {
    const Theme& t = *frame.theme;
    const Drafts d = make_drafts(frame, view);
    if (!d.missing.empty())
        return draw_empty_page(
            canvas, t, area,
            d.trace != nullptr ? "Nothing to draft with" : "Type a text and press Enter",
            d.trace != nullptr ? d.missing
                               : "It is then gone on with by drafts of the MTP "
                                 "modules, judged by the main model.");
    const double u = t.text_scale;
    const double head = draw_page_head(canvas, t, area, titles, headline(d), facts(d)) + 14 * u;
    const Rect body{area.x, area.y + head, area.w, area.h - head};
    if (body.h < 24 * u) return;
    if (d.run.value == nullptr)
        return draw_pending(canvas, t, body, "decoding with drafts", d.run.progress, d.run.error);
    draw_body(canvas, d, body);
}

}  // namespace

std::unique_ptr<const ViewPage> make_draft_page() {
    return std::make_unique<DraftPage>();
}

}  // namespace sf::mtp
