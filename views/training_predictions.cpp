#include "views/draw/number.h"
#include "views/draw/page.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/training_draw.h"

#include <algorithm>
#include <cmath>

namespace sf::training {

namespace {

double row_height(const Theme& t) {
    return line_height(t.small()) + 9 * t.text_scale;
}

Colour colour_of(const Theme& t, const Guess& g) {
    return !g.known ? t.ink_soft : g.right ? t.good : t.bad;
}

void draw_cell(Canvas& canvas, const Theme& t, const Rect& cell, const std::string& label,
               const Guess& guess, double size) {
    const double u = t.text_scale;
    const Rect box{cell.x + 1, cell.y + 1, cell.w - 3, cell.h - 3};
    canvas.fill_rect(box, t.raised, 3);
    canvas.fill_rect({box.x, box.bottom() - 3 * u, box.w * std::clamp(guess.p, 0.0, 1.0), 3 * u},
                     colour_of(t, guess), 1);
    text_in(canvas, {box.x + 3 * u, box.y, box.w - 6 * u, box.h - 3 * u}, label,
            t.text(size, guess.right ? t.ink : t.ink_soft,
                   guess.right ? Weight::bold : Weight::regular, Align::centre));
}

}  // namespace

std::vector<Guess> guesses(const Trace& trace, std::int64_t batch) {
    const NodeId node = trace.graph->find("probs");
    const Tensor* probs = node == no_node ? nullptr : trace.find(node);
    std::vector<Guess> all;
    if (probs == nullptr || probs->shape != trace.shape(node)) return all;
    const std::int64_t vocab = probs->shape.cols(), tokens = trace.extent.tokens;
    for (std::int64_t i = 0; i < tokens; ++i) {
        Guess g;
        const std::int64_t row = batch * tokens + i;
        const Real* const p = probs->real.data() + row * vocab;
        g.id = std::max_element(p, p + vocab) - p;
        g.index = row * vocab + g.id;
        g.p = probs->at(g.index);
        g.known = i + 1 < tokens;
        g.right = g.known && g.id == trace.ids[static_cast<std::size_t>(row + 1)];
        all.push_back(g);
    }
    return all;
}

double draw_guesses(Canvas& canvas, const Frame& frame, const Rect& area) {
    const Theme& t = *frame.theme;
    const double u = t.text_scale, row = line_height(t.small()) + 4 * u;
    if (frame.trace == nullptr || area.w < 200 * u) return 0;
    const Trace& trace = *frame.trace;
    const std::int64_t batch =
        std::clamp<std::int64_t>(frame.cursor.batch, 0, trace.extent.batch - 1);
    const std::vector<Guess> all = guesses(trace, batch);
    const double title = line_height(t.normal()) + 6 * u;
    const auto room = static_cast<std::size_t>(std::max(0.0, (area.h - title) / row));
    if (all.empty() || room < 3) return 0;
    double y =
        area.y +
        draw_block_title(canvas, t, area, "What it holds for likely next", "after each token") +
        2 * u;
    const double number = canvas.text_width("100 %", t.text(t.small(), t.ink)) + 8 * u;
    const double token = area.w * 0.26, bar = (area.w - 2 * token - number);
    for (std::size_t i = 0; i < std::min(all.size(), room); ++i, y += row) {
        const Guess& g = all[i];
        const auto at = static_cast<std::size_t>(batch * trace.extent.tokens) + i;
        const Rect place{area.x, y, area.w, row};
        const bool lit = frame.hover_node == "probs" && frame.hover_index == g.index;
        if (lit) canvas.fill_rect(place, t.raised, 3);
        text_in(canvas, {area.x, y, token - 8 * u, row}, token_label(trace.label(trace.ids[at])),
                t.text(t.small(), t.ink_soft));
        text_in(canvas, {area.x + token, y, token - 8 * u, row}, token_label(trace.label(g.id)),
                t.text(t.small(), t.ink, g.right ? Weight::bold : Weight::regular));
        canvas.fill_rect({area.x + 2 * token, y + row / 2 - 3 * u,
                          std::max(1.0, bar * std::clamp(g.p, 0.0, 1.0)), 6 * u},
                         colour_of(t, g), 1);
        text_in(canvas, {area.right() - number, y, number, row}, format_percent(g.p),
                t.text(t.small(), t.ink_soft, Weight::regular, Align::right));
        canvas.hit(place, {"probs", g.index});
    }
    return y - area.y;
}

double predictions_height(const Theme& t, const Run& run) {
    return line_height(t.normal()) + 6 * t.text_scale +
           row_height(t) * (1 + static_cast<double>(run.history->probe_steps().size()));
}

void draw_predictions(Canvas& canvas, const Frame& frame, const Run& run, const Rect& area) {
    const Theme& t = *frame.theme;
    const double u = t.text_scale, least = row_height(t);
    const History& h = *run.history;
    const std::vector<std::int64_t> steps = h.probe_steps();
    if (steps.empty() || area.h < line_height(t.normal()) + 6 * u + 3 * least) return;
    const auto soft = t.text(t.small(), t.ink_soft, Weight::regular, Align::right);
    double labels = 0;
    for (const std::int64_t s : steps)
        labels = std::max(labels, canvas.text_width("step " + format_count(s),
                                                    t.text(t.small(), t.ink, Weight::bold)));
    labels = std::ceil(labels) + 10 * u;
    const TracePtr first = h.probe(steps.front());
    const std::int64_t tokens = first->extent.tokens;
    const auto fits = static_cast<std::int64_t>((area.w - labels) / (46 * u));
    const std::int64_t shown = std::min(tokens, fits);
    if (shown < 1) return;
    const double cell = std::min((area.w - labels) / static_cast<double>(shown), 150 * u);
    double y = area.y +
               draw_block_title(canvas, t, area, "What it holds for likely next",
                                "after each token of a text that is read at every kept "
                                "step; bar: how likely; bold: it is so") +
               2 * u;
    const double row =
        std::clamp((area.bottom() - y) / static_cast<double>(steps.size() + 1), least, 2.6 * least);
    const double size = row >= 1.5 * least ? t.normal() : t.small();
    const auto x_of = [&](std::int64_t i) {
        return area.x + labels + static_cast<double>(i) * cell;
    };
    for (std::int64_t i = 0; i < shown; ++i)
        text_in(canvas, {x_of(i), y, cell - 2, row - 2 * u},
                token_label(first->label(first->ids[static_cast<std::size_t>(i)])),
                t.text(size, t.ink, Weight::regular, Align::centre));
    y += row;
    // The rows that have room; those near the step that is looked at.
    const auto room = static_cast<std::size_t>((area.bottom() - y) / row);
    std::size_t begin = 0;
    if (room < steps.size()) {
        const auto at = static_cast<std::size_t>(
            std::lower_bound(steps.begin(), steps.end(), run.at) - steps.begin());
        begin = std::min(at - std::min(at, room / 2), steps.size() - room);
    }
    for (std::size_t r = begin; r < std::min(steps.size(), begin + room); ++r, y += row) {
        const TracePtr probe = h.probe(steps[r]);
        const bool chosen = !run.live && steps[r] == run.at;
        const std::vector<Guess> all = guesses(*probe, 0);
        canvas.hit({area.x, y, labels, row}, {"train-at", steps[r]});
        auto label = soft;
        if (chosen) label.colour = t.accent, label.weight = Weight::bold;
        text_in(canvas, {area.x, y, labels - 10 * u, row}, "step " + format_count(steps[r]), label);
        for (std::int64_t i = 0; i < std::min(shown, std::ssize(all)); ++i) {
            const Guess& guess = all[static_cast<std::size_t>(i)];
            const Rect place{x_of(i), y, cell, row};
            draw_cell(canvas, t, place, token_label(probe->label(guess.id)), guess, size);
            canvas.hit(place, chosen ? Target{"probs", guess.index} : Target{"train-at", steps[r]});
            if (chosen && frame.hover_node == "probs" && frame.hover_index == guess.index)
                canvas.stroke_rect({place.x + 1, place.y + 1, cell - 3, row - 3}, t.ink_soft, 1.5,
                                   3);
        }
    }
}

}  // namespace sf::training
