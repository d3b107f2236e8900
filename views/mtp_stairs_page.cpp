#include "views/mtp_pages.h"
#include "views/mtp_stairs.h"

#include "views/draw/page.h"

#include <algorithm>
#include <cmath>

namespace sf::mtp {

namespace {

// What does each module see, where does the extra signal come from?
class StairsPage final : public ViewPage {
public:
    std::string id() const override { return "staircase"; }
    std::string title() const override { return "Staircase"; }
    std::vector<Parameter> parameters(const Frame& frame) const override;
    std::vector<Need> needs(const Frame& frame, const View& view) const override {
        return mtp::needs(make_stairs(frame, view));
    }
    std::vector<Invariant> invariants(const Frame& frame, const View& view) const override {
        return checks(make_stairs(frame, view));
    }
    std::string describe(const Frame& frame, const View& view) const override {
        return description(make_stairs(frame, view));
    }
    void draw(Canvas& canvas, const Frame& frame, const View& view, const Rect& area,
              const PageTitles& titles) const override;
};

std::vector<Parameter> StairsPage::parameters(const Frame& frame) const {
    using T = Parameter::Type;
    double depths = 64, tokens = 1 << 20;
    if (frame.trace != nullptr) {
        depths = static_cast<double>(frame.trace->graph->config.num_nextn_predict_layers);
        tokens = static_cast<double>(frame.trace->extent.tokens);
    }
    return {
        {"depth",
         T::integer,
         -1,
         depths,
         {},
         -1.0,
         "Depth looked at: 0 is the main model, k is MTP module k; −1 follows the current step.",
         false,
         false,
         0.0},
        {"position",
         T::integer,
         -1,
         std::max(0.0, tokens - 1),
         {},
         -1.0,
         "Position looked at; −1 follows the chosen token."},
        {"lambda",
         T::real,
         -1,
         1,
         {},
         -1.0,
         "What the modules' losses would weigh in the sum; below 0 as in training, 0 without "
         "them.",
         false,
         false,
         0.0}};
}

void StairsPage::draw(Canvas& canvas, const Frame& frame, const View& view, const Rect& area,
                      const PageTitles& titles) const {
    const Theme& t = *frame.theme;
    const Stairs s = make_stairs(frame, view);
    if (!s.missing.empty())
        return draw_empty_page(
            canvas, t, area,
            s.trace != nullptr ? "No staircase here" : "Type a text and press Enter",
            s.trace != nullptr ? s.missing
                               : "Every position then foretells several tokens "
                                 "at once.");
    const double u = t.text_scale, space = 18 * u;
    const double head = draw_page_head(canvas, t, area, titles, headline(s), facts(s)) + 12 * u;
    const Rect body{area.x, area.y + head, area.w, area.h - head};
    const double least = least_row(t);
    // As many rows high as there is room; the cell below comes once all rows have theirs.
    double row = std::clamp((body.h * 0.56 - grid_height(s, 0)) / static_cast<double>(s.depths + 1),
                            least, 140 * u);
    const double below = body.h - grid_height(s, row) - space;
    const bool cell = below >= cell_height(s);
    if (!cell)
        row = std::min(140 * u, (body.h - grid_height(s, 0)) / static_cast<double>(s.depths + 1));
    if (row < 22 * u) return draw_cell(canvas, s, body);
    draw_grid(canvas, s, body, std::floor(row));
    if (!cell) return;
    Rect rest{body.x, body.bottom() - below, body.w, below};
    const double side = std::round(std::clamp(rest.w * 0.32, 300 * u, 560 * u));
    if (rest.w >= 920 * u && below >= losses_height(t)) {
        draw_losses(canvas, s, {rest.right() - side, rest.y, side, std::min(rest.h, side * 1.3)});
        rest.w -= side + 40 * u;
    }
    draw_cell(canvas, s, rest);
}

}  // namespace

std::unique_ptr<const ViewPage> make_stairs_page() {
    return std::make_unique<StairsPage>();
}

}  // namespace sf::mtp
