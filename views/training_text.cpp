#include "views/draw/number.h"
#include "views/draw/page.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/training_draw.h"
#include "views/training_pages.h"

#include <algorithm>
#include <cmath>

namespace sf {

using namespace training;

namespace {

// The same beginnings, gone on with better and better.
class TextPage final : public ViewPage {
public:
    std::string id() const override { return "text"; }
    std::string title() const override { return "Text"; }
    std::vector<Parameter> parameters(const Frame& frame) const override;
    std::vector<Need> needs(const Frame& frame, const View&) const override {
        return writing_needs(frame);
    }
    std::vector<Invariant> invariants(const Frame& frame, const View&) const override;
    std::string describe(const Frame& frame, const View&) const override;
    void draw(Canvas& canvas, const Frame& frame, const View& view, const Rect& area,
              const PageTitles& titles) const override;
};

std::vector<std::int64_t> written_steps(const History& h) {
    std::vector<std::int64_t> steps;
    for (const std::int64_t step : h.probe_steps())
        if (h.written(step)) steps.push_back(step);
    return steps;
}

std::vector<Parameter> TextPage::parameters(const Frame& frame) const {
    const auto count =
        frame.history != nullptr ? std::ssize(frame.history->about.beginnings) : std::int64_t{1};
    return {{"beginning",
             Parameter::Type::integer,
             0,
             static_cast<double>(std::max<std::int64_t>(count - 1, 0)),
             {},
             0.0,
             "Which of the beginnings is followed through the kept steps."}};
}

// A kept text is one of an argmax; what was written for this picture is checked by a full pass.
std::vector<Invariant> TextPage::invariants(const Frame& frame, const View&) const {
    const Run run = make_run(frame);
    std::vector<Invariant> all = checks(run);
    if (run.history == nullptr) return all;
    const Writing w = make_writing(frame);
    if (w.now != nullptr)
        all.push_back({"what it writes token by token = what one pass over the whole chooses",
                       w.now->otherwise == 0,
                       format_count(w.now->tokens) + " tokens, " + format_count(w.now->otherwise) +
                           " chosen otherwise"});
    return all;
}

std::string text_headline(const Run& run, const Writing& w) {
    const auto [asked, right] = answered(w);
    const std::string step = w.step == 0 ? "Untrained" : "After " + format_count(w.step) + " steps";
    if (asked > 0)
        return step + " it answers " + format_count(right) + " of " + format_count(asked) +
               " questions rightly";
    if (w.written != nullptr)
        return step + " it goes on like this, writing the likeliest next token again and again";
    const auto foretold = [&](std::int64_t at) {
        std::int64_t n = 0;
        if (const TracePtr probe = run.history->probe(at))
            for (const Guess& g : guesses(*probe, 0)) n += g.right ? 1 : 0;
        return n;
    };
    const TracePtr probe = run.history->probe(run.at);
    if (probe == nullptr) return step + " nothing was kept that could be read";
    return (run.at == 0 ? std::string("Before the first step")
                        : "After " + format_count(run.at) + " steps") +
           " the model foretells " + format_count(foretold(run.at)) + " of " +
           format_count(probe->extent.tokens - 1) + " next tokens of a text that it never saw" +
           (run.at == 0 ? "" : ", untrained " + format_count(foretold(0)));
}

std::string TextPage::describe(const Frame& frame, const View&) const {
    const Run run = make_run(frame);
    if (run.history == nullptr) return empty_body();
    const Writing w = make_writing(frame);
    std::string text = text_headline(run, w) + ".";
    int told = 0;
    for (std::size_t i = 0; w.written != nullptr && i < w.written->size() && told < 3; ++i)
        if (!(*w.written)[i].empty()) {
            text += " “" + plain_text(frame.trace, w.beginnings[i].prompt, false) + "” goes on “" +
                    plain_text(frame.trace, (*w.written)[i], false) + "”.";
            ++told;
        }
    return text;
}

// One beginning at every step of which the text was kept, to press. Returns the height.
double draw_steps(Canvas& canvas, const Frame& frame, const View& view, const Run& run,
                  const std::vector<std::int64_t>& steps, const Rect& area) {
    const Theme& t = *frame.theme;
    const double u = t.text_scale, line = line_height(t.small()), row = line + 6 * u;
    const History& h = *run.history;
    const auto which =
        static_cast<std::size_t>(std::llround(setting_number(frame, view, "beginning")));
    if (which >= h.about.beginnings.size()) return 0;
    const Beginning& b = h.about.beginnings[which];
    double y =
        area.y +
        draw_block_title(canvas, t, area, b.kind + ", step by step", "press a step to go there") +
        2 * u;
    y += paragraph(canvas, {area.x, y}, area.w, plain_text(frame.trace, b.prompt, false),
                   t.text(t.small(), t.ink_soft), 3.1 * line) +
         6 * u;
    double labels = 0;
    for (const std::int64_t s : steps)
        labels = std::max(
            labels, canvas.text_width(format_count(s), t.text(t.small(), t.ink, Weight::bold)));
    labels = std::ceil(labels) + 10 * u;
    for (const std::int64_t step : steps) {
        if (y + row > area.bottom()) break;
        const auto& written = (*h.written(step))[which];
        const Verdict v = verdict(b, written);
        const bool chosen = !run.live && step == run.at;
        text_in(canvas, {area.x, y, labels - 10 * u, row}, format_count(step),
                t.text(t.small(), chosen ? t.accent : t.ink_faint,
                       chosen ? Weight::bold : Weight::regular, Align::right));
        const double mark = 14 * u;
        if (v == Verdict::right)
            draw_circle(canvas, {area.x + labels + 4 * u, y + row / 2}, 4 * u, t.good);
        else if (v == Verdict::wrong)
            draw_ring(canvas, {area.x + labels + 4 * u, y + row / 2}, 3.5 * u, t.bad, 1.5 * u);
        text_in(canvas, {area.x + labels + mark, y, area.w - labels - mark, row},
                written.empty() ? not_asked : plain_text(frame.trace, written, true),
                t.text(t.small(), written.empty() ? t.ink_faint : t.ink,
                       v == Verdict::right ? Weight::bold : Weight::regular));
        canvas.hit({area.x, y, area.w, row}, {"train-at", step});
        y += row;
    }
    return y - area.y;
}

void TextPage::draw(Canvas& canvas, const Frame& frame, const View& view, const Rect& all,
                    const PageTitles& titles) const {
    const Theme& t = *frame.theme;
    const double u = t.text_scale;
    const Run run = make_run(frame);
    if (run.history == nullptr) {
        return draw_empty_page(canvas, t, all, titles, empty_head(), "Press R to train",
                               empty_body());
    }
    const Writing w = make_writing(frame);
    const bool nothing = w.written == nullptr && !w.error.empty();
    const double head = draw_page_head(canvas, t, all, titles, text_headline(run, w),
                                       nothing ? w.error : facts(run)) +
                        12 * u;
    Rect body{all.x, all.y + head, all.w, all.h - head};
    if (body.h < 60 * u || body.w < 160 * u) return;
    if (nothing && !run.history->probe_steps().empty())
        return draw_predictions(canvas, frame, run, body);
    const double table = predictions_height(t, run), gap = 20 * u;
    const double below = body.h >= 300 * u ? std::min(table, body.h * 0.52) : 0;
    Rect upper{body.x, body.y, body.w, body.h - (below > 0 ? below + gap : 0)};
    const std::vector<std::int64_t> steps = written_steps(*run.history);
    const bool followed = steps.size() > 1 && upper.w >= 640 * u;
    double used = 40 * u;
    std::int64_t chosen = -1;
    if (followed) {
        chosen = std::llround(setting_number(frame, view, "beginning"));
        const double side = std::round(upper.w * 0.45);
        used = draw_steps(canvas, frame, view, run, steps,
                          {upper.right() - side, upper.y, side, upper.h});
        upper.w -= side + 36 * u;
    }
    used = std::max(used, draw_writing(canvas, frame, w, upper, chosen));
    if (below == 0) return;
    const double top = upper.y + used;
    draw_predictions(canvas, frame, run, {body.x, top + gap, body.w, body.bottom() - top - gap});
}

}  // namespace

std::unique_ptr<const ViewPage> make_training_text_page() {
    return std::make_unique<TextPage>();
}

}  // namespace sf
