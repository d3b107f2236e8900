#include "views/draw/colour_map.h"
#include "views/draw/page.h"
#include "views/draw/text.h"
#include "views/training_draw.h"
#include "views/training_pages.h"

#include <algorithm>
#include <cmath>

namespace sf {

using namespace training;

namespace {

class CurvesPage final : public ViewPage {
public:
    std::string id() const override { return "curves"; }
    std::string title() const override { return "Curves"; }
    std::vector<Parameter> parameters(const Frame&) const override;
    std::vector<Need> needs(const Frame& frame, const View&) const override {
        return frame.history != nullptr ? writing_needs(frame) : std::vector<Need>{};
    }
    std::vector<Invariant> invariants(const Frame& frame, const View&) const override {
        return checks(make_run(frame));
    }
    std::string describe(const Frame& frame, const View&) const override {
        const Run run = make_run(frame);
        return run.history == nullptr ? empty_body() : description(run);
    }
    void draw(Canvas& canvas, const Frame& frame, const View& view, const Rect& area,
              const PageTitles& titles) const override;
};

std::vector<Parameter> CurvesPage::parameters(const Frame&) const {
    using T = Parameter::Type;
    return {{"log_steps",
             T::toggle,
             0,
             1,
             {},
             true,
             "Steps on a logarithmic axis, so that the fast beginning can be seen."},
            {"log_loss", T::toggle, 0, 1, {}, false, "Losses on a logarithmic axis."}};
}

Series line_of(const Curve& c, const std::string& name, Colour colour, double width,
               bool dashed = false) {
    return {name, c.step, c.value, colour, width, false, dashed};
}

// What was measured later lies above what was measured often.
std::vector<Series> loss_series(const Theme& t, const Run& run) {
    const double u = t.text_scale;
    std::vector<Series> all;
    if (!run.loss.step.empty())
        all.push_back(
            line_of(run.loss, "training rows", mix(t.ink_faint, t.background, 0.35), 1 * u));
    for (std::size_t k = 0; k < run.mtp.size(); ++k)
        if (!run.mtp[k].step.empty())
            all.push_back(line_of(run.mtp[k], run.mtp[k].name,
                                  mix(t.meaning(Meaning::mtp), t.background, k == 0 ? 0.25 : 0.55),
                                  1 * u, k > 0));
    if (!run.bigram.step.empty())
        all.push_back(line_of(run.bigram, "pairs of tokens", t.ink_soft, 1.5 * u, true));
    if (!run.floor.step.empty()) all.push_back(line_of(run.floor, "floor", t.good, 1.75 * u, true));
    if (!run.held_out.step.empty())
        all.push_back(line_of(run.held_out, "held out", t.accent, 2.5 * u));
    return all;
}

void draw_curves(Canvas& canvas, const Frame& frame, const View& view, const Run& run,
                 const Rect& area) {
    const Theme& t = *frame.theme;
    const double u = t.text_scale;
    StepAxis axis = step_axis(run, setting_bool(frame, view, "log_steps"));
    const double gap = 10 * u, most = std::min(area.h - 170 * u - gap, area.h * 0.44);
    const double below = most < strip_height(t) ? 0 : most;
    Plot plot;
    plot.area = {area.x, area.y, area.w, area.h - below - (below > 0 ? gap : 0)};
    plot.x = {"steps", axis.lo, axis.hi, axis.log, true};
    plot.y = {"nats a token", 0, 0, setting_bool(frame, view, "log_loss"), false};
    plot.series = loss_series(t, run);
    const PlotFrame drawn = draw_plot(canvas, t, plot);
    if (drawn.data.w < 10 || drawn.data.h < 10) return;
    axis.left = drawn.data.x;
    axis.right = drawn.data.right();
    double bottom = drawn.data.bottom();
    if (below > 0) {
        const double top = plot.area.bottom() + gap;
        draw_strips(canvas, t, run, axis, {area.x, top, area.w, below});
        bottom = area.bottom() - 6 * u;
    }
    draw_step(canvas, t, run, axis, drawn.data.y, drawn.data.bottom());
    draw_clock_marks(canvas, t, run, axis,
                     {axis.left, drawn.data.y, axis.right - axis.left, bottom - drawn.data.y},
                     drawn.data.bottom());
}

// What it writes and, where there is room, what it expects of the text that is shown.
void draw_side(Canvas& canvas, const Frame& frame, const Rect& area) {
    const double gap = 16 * frame.theme->text_scale;
    const Writing w = make_writing(frame);
    const bool nothing = w.written == nullptr && !w.error.empty() && frame.trace != nullptr;
    const double used = nothing ? 0 : draw_writing(canvas, frame, w, area) + gap;
    draw_guesses(canvas, frame, {area.x, area.y + used, area.w, area.h - used});
}

void CurvesPage::draw(Canvas& canvas, const Frame& frame, const View& view, const Rect& all,
                      const PageTitles& titles) const {
    const Theme& t = *frame.theme;
    const double u = t.text_scale;
    const Run run = make_run(frame);
    if (run.history == nullptr) {
        return draw_empty_page(canvas, t, all, titles, empty_head(), "Press R to train",
                               empty_body());
    }
    const double head = draw_page_head(canvas, t, all, titles, headline(run), facts(run)) + 12 * u;
    Rect body{all.x, all.y + head, all.w, all.h - head};
    if (body.h < 60 * u || body.w < 160 * u) return;
    if (body.w >= 860 * u && body.h >= 240 * u) {
        const double gap = 32 * u, side = std::round(std::max(270 * u, body.w * 0.29));
        draw_side(canvas, frame, {body.right() - side, body.y, side, body.h});
        body.w -= side + gap;
    }
    if (run.history->empty())
        return draw_empty_page(canvas, t, body, "No step was taken yet",
                               "R trains on, N takes one step: the curves begin with it.");
    draw_curves(canvas, frame, view, run, body);
}

}  // namespace

std::unique_ptr<const ViewPage> make_training_curves_page() {
    return std::make_unique<CurvesPage>();
}

}  // namespace sf
