#include "app/chrome_tooltip.h"

#include "app/numpy.h"
#include "core/text/one_line.h"
#include "views/draw/formula.h"
#include "views/draw/number.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"

#include <algorithm>
#include <cmath>

namespace sf {

namespace {

// One line or paragraph of the tip; `formula`: drawn with its sub- and superscripts.
struct Line {
    std::string text;
    TextStyle style;
    bool formula = false;
    double most = 0;  // height; 0: any
};

void add_cell(std::vector<Line>& lines, const Theme& t, const Trace& trace, const Pick& pick,
              const Explanation& e) {
    const auto [id, gradient] = named_tensor(*trace.graph, pick.node);
    if (id == no_node) return;
    const Node& node = (*trace.graph)[id];
    const Shape shape = trace.shape(id);
    const Tensor* tensor = trace.find(pick.node);
    if (tensor && pick.index >= 0 && pick.index < tensor->size())
        lines.push_back(
            {format_number(tensor->at(pick.index), 6), t.text(t.large(), t.ink, Weight::bold)});
    else
        lines.push_back({"not kept", t.text(t.normal(), t.ink_soft)});
    if (!node.symbol.empty())
        lines.push_back({(gradient ? gradient_symbol(node) : node.symbol) + "  " +
                             index_text(shape, pick.index),
                         t.text(t.normal(), t.accent), true});
    lines.push_back({(gradient ? "Gradient of " : "") + node.title + " · " + node.name,
                     t.text(t.small(), t.ink_soft)});
    const double microseconds = gradient ? 0 : trace.seconds(id) * 1e6;
    const std::string device = gradient ? "" : computed_by(trace, id);
    lines.push_back(
        {"shape " + to_string(shape) +
             (microseconds > 0 ? ", took " + format_number(microseconds, 3) + " µs" : "") +
             (device.empty() ? "" : " on " + device),
         t.text(t.small(), t.ink_soft)});
    const std::string& formula = e.formula.empty() ? node.formula : e.formula;
    if (!formula.empty() && !gradient) lines.push_back({formula, t.text(t.normal(), t.ink), true});
    if (!e.numbers.empty())
        lines.push_back(
            {e.numbers, t.text(t.small(), t.ink_soft), false, 6 * line_height(t.small())});
}

// A kept step of training; -1: the last one.
void add_training(std::vector<Line>& lines, const Theme& t, const History& h, std::int64_t step) {
    const std::size_t n = step < 0 ? h.size() : h.upto(step);
    lines.push_back({step < 0 ? "The model as it is now"
                              : "Training step " + format_count(step) + ", kept whole",
                     t.text(t.normal(), t.ink, Weight::bold)});
    const auto nats = [](float v) { return format_fixed(static_cast<double>(v), 3); };
    if (n > 0) {
        const StepRecord& r = h[n - 1];
        std::string losses = "loss " + nats(r.loss);
        if (std::isfinite(r.heldout_loss)) losses += ", held out " + nats(r.heldout_loss);
        lines.push_back({losses + " nats a token", t.text(t.small(), t.ink_soft)});
    }
    if (step >= 0 && !h.about.probe_text.empty())
        lines.push_back(
            {"reads “" + one_line(h.about.probe_text) + "”", t.text(t.small(), t.ink_soft)});
}

void add_other(std::vector<Line>& lines, const Theme& t, const Controller& c, const Pick& pick,
               int pane) {
    const Trace* trace = c.snapshot().trace.get();
    const auto i = pick.index;
    if (pick.node == "token" && trace && i >= 0 && i < c.token_count()) {
        const auto k = static_cast<std::size_t>(i);
        lines.push_back({"“" + trace->tokens[k] + "”", t.text(t.normal(), t.ink, Weight::bold)});
        lines.push_back({"position " + std::to_string(i) + ", id " + std::to_string(trace->ids[k]),
                         t.text(t.small(), t.ink_soft)});
    } else if (pick.node == "step" && c.snapshot().timeline && i >= 0 &&
               i < c.snapshot().timeline->size()) {
        const Step& step = (*c.snapshot().timeline)[i];
        lines.push_back({step.title, t.text(t.normal(), t.ink, Weight::bold)});
        lines.push_back({std::to_string(i) + " · " + step.name, t.text(t.small(), t.ink_soft)});
        if (!step.sentence.empty()) lines.push_back({step.sentence, t.text(t.small(), t.ink)});
    } else if (const Target target{pick.node, 0}; pane >= 0 && is_setting(target)) {
        const std::string name = settings_of(target).front();
        for (const Parameter& p : c.view(pane).parameters(c.frame(pane)))
            if (p.name == name) lines.push_back({p.help, t.text(t.small(), t.ink_soft)});
    } else if (pick.node == "train-at" && c.has_clock()) {
        add_training(lines, t, *c.training_history(), i);
    }
}

}  // namespace

bool draw_tooltip(Canvas& canvas, const Controller& c, const Pick& pick, int pane,
                  const Explanation& e, Vec2 at, double width, double height) {
    const Theme t = c.theme();
    std::vector<Line> lines;
    if (const TracePtr trace = c.trace(pane); trace && trace->graph)
        add_cell(lines, t, *trace, pick, e);
    if (lines.empty()) add_other(lines, t, c, pick, pane);
    if (lines.empty()) return false;

    const double most = std::min(360 * t.text_scale, width - 48);
    constexpr double pad = 12;
    double w = 0, h = 0;
    for (const Line& line : lines) {
        if (line.formula) {
            w = std::max(w, std::min(most, formula_width(canvas, line.text, line.style)));
            h += draw_formula_lines(canvas, {}, most, line.text, line.style, height, {&t}, true);
        } else {
            const double all = paragraph_height(canvas, most, line.text, line.style);
            w = std::max(w, std::min(most, canvas.text_width(line.text, line.style)));
            h += line.most > 0 ? std::min(all, line.most) : all;
        }
    }
    Rect r{at.x + 16, at.y + 16, w + 2 * pad, h + 2 * pad};
    if (r.right() > width - 8) r.x = std::max(8.0, at.x - 16 - r.w);
    if (r.bottom() > height - 8) r.y = std::max(8.0, std::min(at.y - 16 - r.h, height - 8 - r.h));
    canvas.fill_rect({r.x - 2, r.y, r.w + 4, r.h + 4}, Colour{0, 0, 0, 22}, 8);
    canvas.fill_rect(r, t.background, 6);
    canvas.stroke_rect(r, t.hairline, 1, 6);
    double y = r.y + pad;
    for (const Line& line : lines) {
        if (line.formula) {
            y += draw_formula_lines(canvas, {r.x + pad, y}, most, line.text, line.style, height,
                                    {&t});
        } else {
            y += paragraph(canvas, {r.x + pad, y}, most, line.text, line.style, line.most);
        }
    }
    return true;
}

}  // namespace sf
