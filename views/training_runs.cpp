#include "views/training_runs.h"
#include "views/draw/page.h"
#include "views/draw/text.h"
#include "views/training_pages.h"

#include <algorithm>
#include <cmath>

namespace sf {

using namespace training;

namespace {

class RunsPage final : public ViewPage {
public:
    std::string id() const override { return "runs"; }
    std::string title() const override { return "Runs"; }
    std::vector<Parameter> parameters(const Frame&) const override;
    std::vector<Invariant> invariants(const Frame& frame, const View& view) const override {
        return runs_checks(make_runs_scene(frame, view));
    }
    std::string describe(const Frame& frame, const View& view) const override {
        return runs_description(make_runs_scene(frame, view));
    }
    void draw(Canvas& canvas, const Frame& frame, const View& view, const Rect& area,
              const PageTitles& titles) const override;
};

std::vector<Parameter> RunsPage::parameters(const Frame&) const {
    using T = Parameter::Type;
    Parameter curve{"curve",
                    T::choice,
                    0,
                    1,
                    {},
                    measure_id(Measure::loss),
                    "What is drawn large of all runs."};
    for (const Measure m : measures) curve.choices.push_back(measure_id(m));
    return {std::move(curve),
            {"other",
             T::text,
             0,
             1,
             {},
             std::string(),
             "The run that is set against this one; empty for the first."},
            {"log_steps",
             T::toggle,
             0,
             1,
             {},
             true,
             "Steps on a logarithmic axis, so that the fast beginning can be seen."}};
}

// The large curve, the two others beside it where there is room.
void draw_plots(Canvas& canvas, const RunsScene& s, const Rect& area) {
    const double u = s.frame->theme->text_scale;
    std::vector<Measure> small;
    for (const Measure m : measures)
        if (m != s.curve && s.any(m)) small.push_back(m);
    const bool beside = !small.empty() && area.w >= 720 * u && area.h >= 170 * u;
    const double gap = 28 * u, side = beside ? std::round(area.w * 0.3) : 0;
    draw_run_plot(canvas, s, s.curve, {area.x, area.y, area.w - side - (beside ? gap : 0), area.h},
                  true);
    if (!beside) return;
    const double each = (area.h - gap * 0.5 * static_cast<double>(small.size() - 1)) /
                        static_cast<double>(small.size());
    double y = area.y;
    for (const Measure m : small) {
        draw_run_plot(canvas, s, m, {area.right() - side, y, side, each}, false);
        y += each + gap * 0.5;
    }
}

void RunsPage::draw(Canvas& canvas, const Frame& frame, const View& view, const Rect& all,
                    const PageTitles& titles) const {
    const Theme& t = *frame.theme;
    const double u = t.text_scale;
    const RunsScene s = make_runs_scene(frame, view);
    if (s.runs.empty()) {
        return draw_empty_page(canvas, t, all, titles, runs_headline(s),
                               "Two runs, one seed, one difference", runs_facts(s));
    }
    const double head =
        draw_page_head(canvas, t, all, titles, runs_headline(s), runs_facts(s)) + 12 * u;
    Rect body{all.x, all.y + head, all.w, all.h - head};
    if (body.h < 60 * u || body.w < 160 * u) return;
    const auto soft = t.text(t.normal(), t.ink_soft);
    const std::string sentence = divergence_sentence(s);
    const double told =
        std::min(paragraph_height(canvas, body.w, sentence, soft), 3.1 * line_height(t.normal()));
    const double table = runs_table_height(s), gap = 14 * u, least = 130 * u;
    const bool has_table = body.h >= least + gap + table;
    const bool has_sentence =
        !sentence.empty() && has_table && body.h >= least + 2 * gap + table + told;
    if (has_sentence) {
        paragraph(canvas, {body.x, body.bottom() - told}, body.w, sentence, soft, told);
        body.h -= told + gap * 0.6;
    }
    if (has_table) {
        draw_runs_table(canvas, s, {body.x, body.bottom() - table, body.w, table});
        body.h -= table + gap;
    }
    draw_plots(canvas, s, body);
}

}  // namespace

std::unique_ptr<const ViewPage> make_training_runs_page() {
    return std::make_unique<RunsPage>();
}

}  // namespace sf
