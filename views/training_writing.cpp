#include "core/text/one_line.h"
#include "views/draw/flow.h"
#include "views/draw/number.h"
#include "views/draw/page.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/result.h"
#include "views/training_draw.h"

#include <algorithm>
#include <cmath>

namespace sf::training {

namespace {

// What the model is given to go on with: as the run wrote it down; for a model of before that, by
// the corpus that it was trained on.
std::vector<Beginning> beginnings_of(const Frame& frame) {
    const HistoryAbout& about = frame.history->about;
    if (!about.beginnings.empty()) return about.beginnings;
    if (frame.trace == nullptr || !frame.trace->tokenizer) return {};
    std::vector<std::string> own;
    for (const CorpusKind& kind : corpus_kinds()) own.push_back(kind.id);
    return about.corpora == own ? corpus_beginnings(CorpusMix(), *frame.trace->tokenizer)
                                : std::vector<Beginning>{};
}

bool can_write(const Frame& frame, const std::vector<Beginning>& beginnings) {
    return frame.train_step < 0 && frame.trace != nullptr && frame.trace->weights != nullptr &&
           frame.trace->graph->config == frame.history->config() && !beginnings.empty();
}

// The end of a text, from a space on, that is no wider than `width`.
std::string tail(const Canvas& canvas, const std::string& text, const TextStyle& style,
                 double width) {
    std::string rest = text;
    while (canvas.text_width(rest, style) > width) {
        const std::size_t space = rest.find(' ', 1);
        if (space == std::string::npos || space + 1 >= rest.size()) break;
        rest = rest.substr(space);
    }
    return rest.size() < text.size() ? "…" + rest : rest;
}

std::string verdict_words(const Frame& frame, const Beginning& b, Verdict v) {
    if (v == Verdict::unknown) return "";
    if (v == Verdict::right) return "right";
    const std::string answer = plain_text(frame.trace, b.answer, false);
    return std::string("wrong:") + (answer.starts_with(' ') ? "" : " ") + answer;
}

// One beginning and what was written after it; returns the height.
double draw_one(Canvas& canvas, const Frame& frame, const Writing& w, std::size_t i,
                const Rect& area, bool chosen, bool measure) {
    const Theme& t = *frame.theme;
    const double u = t.text_scale, line = line_height(t.small());
    const Beginning& b = w.beginnings[i];
    const auto head = t.text(t.small(), t.ink_faint);
    const Trace* trace = frame.trace;
    const bool there = w.written != nullptr && i < w.written->size();
    const Verdict v = there ? verdict(b, (*w.written)[i]) : Verdict::unknown;
    const bool unasked = there && (*w.written)[i].empty();
    if (!measure) {
        const auto style = t.text(t.small(),
                                  unasked               ? t.ink_faint
                                  : v == Verdict::right ? t.good
                                                        : t.bad,
                                  unasked ? Weight::regular : Weight::bold, Align::right);
        const double kind = canvas.text_width(b.kind, head) + 12 * u;
        text_in(canvas, {area.x, area.y, area.w, line}, b.kind,
                chosen ? t.text(t.small(), t.accent, Weight::bold) : head);
        if (kind < area.w)
            text_in(canvas, {area.x + kind, area.y, area.w - kind, line},
                    unasked ? not_asked : verdict_words(frame, b, v), style);
    }
    const auto soft = t.text(t.small(), t.ink_soft);
    const auto ink = t.text(t.small(), v == Verdict::wrong ? t.bad : t.ink, Weight::bold);
    TextFlow flow(canvas, {area.x, area.y + line}, area.w, 3.1 * line, measure);
    flow.add(tail(canvas, plain_text(trace, b.prompt, false), soft, area.w * 1.5), soft);
    if (there) flow.add(plain_text(trace, (*w.written)[i], true), ink);
    return line + flow.height();
}

// Line breaks and the like as signs, spaces as spaces, but where there is nothing else.
std::string readable(const std::string& utf8) {
    if (utf8.find_first_not_of(' ') == std::string::npos) return token_label(utf8);
    std::string text;
    for (std::size_t at = 0; at < utf8.size();) {
        const std::size_t end = std::min(utf8.find(' ', at), utf8.size());
        text += token_label(utf8.substr(at, end - at));
        if (end < utf8.size()) text += ' ';
        at = end + 1;
    }
    return text;
}

}  // namespace

std::string plain_text(const Trace* trace, const std::vector<std::int64_t>& ids, bool end_sign) {
    if (ids.empty()) return "";
    std::string text;
    const std::int64_t eos = trace != nullptr ? trace->graph->config.eos_token_id : -1;
    if (trace != nullptr && trace->tokenizer) {
        text = readable(to_valid_utf8(trace->tokenizer->decode(ids)));
    } else {
        for (const std::int64_t id : ids)
            if (!(end_sign && id == eos))
                text += (text.empty() ? "" : " ") +
                        (trace != nullptr ? trace->label(id) : id_label(id));
    }
    if (end_sign && ids.back() == eos) text += " ■";
    return text;
}

Verdict verdict(const Beginning& b, const std::vector<std::int64_t>& written) {
    if (b.answer.empty() || written.empty()) return Verdict::unknown;
    return written.size() >= b.answer.size() &&
                   std::equal(b.answer.begin(), b.answer.end(), written.begin())
               ? Verdict::right
               : Verdict::wrong;
}

std::pair<std::int64_t, std::int64_t> answered(const Writing& w) {
    std::int64_t asked = 0, right = 0;
    for (std::size_t i = 0; w.written != nullptr && i < w.written->size(); ++i) {
        const Verdict v = verdict(w.beginnings[i], (*w.written)[i]);
        asked += v != Verdict::unknown ? 1 : 0;
        right += v == Verdict::right ? 1 : 0;
    }
    return {asked, right};
}

std::vector<Need> writing_needs(const Frame& frame) {
    if (frame.history == nullptr) return {};
    const std::vector<Beginning> beginnings = beginnings_of(frame);
    if (!can_write(frame, beginnings)) return {};
    return {written_now(*frame.trace, beginnings)};
}

Writing make_writing(const Frame& frame) {
    Writing w;
    const History& h = *frame.history;
    w.beginnings = beginnings_of(frame);
    const std::vector<std::int64_t> steps = h.probe_steps();
    w.step = frame.train_step;
    if (can_write(frame, w.beginnings)) {
        const auto result = result_of<WrittenNow>(frame, written_now(*frame.trace, w.beginnings));
        w.progress = result.progress;
        w.error = result.error;
        w.now = result.value;
        w.step = frame.trace->trained_step;
        if (w.now != nullptr) {
            w.written = &w.now->written;
            return w;
        }
    }
    // Until then, and where nothing can be written: the latest that was kept.
    for (auto step = steps.rbegin(); step != steps.rend(); ++step)
        if (frame.train_step < 0 || *step == frame.train_step)
            if (auto kept = h.written(*step)) {
                w.of_step = kept;
                w.written = kept.get();
                w.step = *step;
                return w;
            }
    if (frame.train_step >= 0) {
        w.error = "What the model of this step wrote was not kept.";
        w.beginnings.clear();
    } else if (w.beginnings.empty() && w.error.empty()) {
        w.error = "This history knows of no texts to go on with.";
    } else if (!can_write(frame, w.beginnings) && w.error.empty()) {
        w.error = frame.trace == nullptr ? "Type a text and press Enter: the model then writes too."
                                         : "A saved trace holds no weights to write with.";
        w.beginnings.clear();
    }
    return w;
}

double draw_writing(Canvas& canvas, const Frame& frame, const Writing& w, const Rect& area,
                    std::int64_t chosen) {
    const Theme& t = *frame.theme;
    const double u = t.text_scale, line = line_height(t.small());
    if (area.h < 2 * line + 30 * u || area.w < 140 * u) return 0;
    const auto [asked, right] = answered(w);
    std::string remark = w.written != nullptr ? "step " + format_count(w.step) : "";
    if (asked > 0)
        remark += ", " + format_count(right) + " of " + format_count(asked) + " answers right";
    double y = area.y + draw_block_title(canvas, t, area, "What it writes", remark) + 2 * u;
    if (w.written == nullptr) {
        if (w.error.empty())
            draw_pending(canvas, t, {area.x, y, area.w, std::min(area.h - (y - area.y), 5 * line)},
                         "the model goes on with " +
                             format_count(static_cast<std::int64_t>(w.beginnings.size())) +
                             " texts",
                         w.progress, "");
        else
            paragraph(canvas, {area.x, y}, area.w, w.error, t.text(t.small(), t.ink_faint),
                      area.bottom() - y);
        return y - area.y + 3 * line;
    }
    // In columns that are read downwards.
    const double gap = 28 * u;
    const auto columns = static_cast<std::size_t>(
        std::clamp(std::floor((area.w + gap) / (250 * u + gap)), 1.0, 3.0));
    const double width =
        (area.w - gap * static_cast<double>(columns - 1)) / static_cast<double>(columns);
    const std::size_t n = w.beginnings.size(), each = (n + columns - 1) / columns;
    double lowest = y;
    for (std::size_t c = 0; c < columns; ++c) {
        double down = y;
        for (std::size_t i = c * each; i < std::min(n, (c + 1) * each); ++i) {
            const Rect place{area.x + static_cast<double>(c) * (width + gap), down, width, 0};
            const double h = draw_one(canvas, frame, w, i, place, false, true);
            if (down + h > area.bottom()) break;
            draw_one(canvas, frame, w, i, place, static_cast<std::int64_t>(i) == chosen, false);
            if (chosen >= 0)
                canvas.hit({place.x, place.y, width, h},
                           {"setting:beginning", static_cast<std::int64_t>(i)});
            down += h + 8 * u;
        }
        lowest = std::max(lowest, down);
    }
    return lowest - area.y;
}

}  // namespace sf::training
