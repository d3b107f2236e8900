#include "views/draw/page.h"
#include "views/experts_pages.h"
#include "views/experts_training.h"

#include <cmath>

namespace sf {

using namespace experts;

namespace {

// How does balance come without a gradient?
class TrainingPage final : public ViewPage {
public:
    std::string id() const override { return "training"; }
    std::string title() const override { return "Training"; }
    std::vector<Parameter> parameters(const Frame&) const override {
        return {{"loads",
                 Parameter::Type::choice,
                 0,
                 0,
                 {"map", "stream"},
                 std::string("map"),
                 "How loads over the training are drawn: a map of experts and steps, or shares "
                 "upon each other.",
                 false},
                {"steps",
                 Parameter::Type::choice,
                 0,
                 0,
                 {"even", "log"},
                 std::string("even"),
                 "Steps of the training evenly spaced, or by their logarithm, which shows the "
                 "beginning.",
                 false}};
    }
    std::vector<Invariant> invariants(const Frame& frame, const View& view) const override {
        return training_checks(make_training_scene(frame, view));
    }
    std::string describe(const Frame& frame, const View& view) const override {
        return training_description(make_training_scene(frame, view));
    }
    void draw(Canvas& canvas, const Frame& frame, const View& view, const Rect& area,
              const PageTitles& titles) const override;
};

// The charts over the steps, one above the other: violation last to go.
void draw_charts(Canvas& canvas, const TrainingScene& s, const Rect& area) {
    const double u = s.theme->text_scale, gap = 14 * u, left = 48 * u;
    const bool all = area.h >= 430 * u, two = area.h >= 270 * u;
    double y = area.y;
    const auto take = [&](double part) {
        const Rect r{area.x, y, area.w, area.h * part - gap};
        y += area.h * part;
        return r;
    };
    if (two) draw_loads(canvas, s, take(all ? 0.4 : 0.5), left);
    if (all) draw_biases(canvas, s, take(0.26), left);
    draw_violation(canvas, s, {area.x, y, area.w, area.bottom() - y}, left);
}

void TrainingPage::draw(Canvas& canvas, const Frame& frame, const View& view, const Rect& area,
                        const PageTitles& titles) const {
    const Theme& t = *frame.theme;
    const double u = t.text_scale, gap = 36 * u;
    const TrainingScene s = make_training_scene(frame, view);
    if (!s.missing.empty()) {
        return draw_empty_page(canvas, t, area, titles, "", "No training to look at", s.missing);
    }
    const double head =
        draw_page_head(canvas, t, area, titles, training_headline(s), training_facts(s)) + 12 * u;
    const Rect body{area.x, area.y + head, area.w, area.h - head};
    if (body.h < 80 * u) return;
    const bool beside = body.w >= 820 * u && body.h >= 240 * u;
    const double w = beside ? std::round((body.w - gap) * 0.64) : body.w;
    draw_charts(canvas, s, {body.x, body.y, w, body.h});
    if (beside) draw_loop(canvas, s, {body.x + w + gap, body.y, body.w - w - gap, body.h});
}

}  // namespace

std::unique_ptr<const ViewPage> make_experts_training_page() {
    return std::make_unique<TrainingPage>();
}

}  // namespace sf
