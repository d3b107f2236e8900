#include "views/draw/page.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/mtp_drafts.h"
#include "views/mtp_stairs.h"

#include <algorithm>
#include <cmath>

// The timeline of rounds: how few passes it takes.
namespace sf::mtp {

namespace {

// New tokens from left to right, in the window round the shown round.
struct Line {
    double x = 0, pitch = 0, gap = 0;
    std::int64_t first = 0, count = 0;

    bool shows(std::int64_t n) const { return n >= first && n < first + count; }
    double left(std::int64_t n) const { return x + pitch * static_cast<double>(n - first); }
    // Of the tokens [begin, end), as far as they are shown.
    Rect span(std::int64_t begin, std::int64_t end, double y, double h) const {
        const double from = left(std::max(begin, first)), to = left(std::min(end, first + count));
        return {from, y, std::max(0.0, to - from - gap), h};
    }
};

struct Lanes {
    double strip = 0, chip = 0, space = 0, gap = 0;
    bool rejected = false;  // some draft was: they have a lane
    double drafted() const { return strip + space + chip + (rejected ? space + chip : 0); }
    double height(bool plain) const { return drafted() + (plain ? gap + strip + space + chip : 0); }
};
Lanes lanes(const Drafts& d) {
    const Theme& t = *d.t;
    const bool rejected = std::any_of(d.rounds().begin(), d.rounds().end(), [](const Round& r) {
        return r.accepted() < std::ssize(r.drafts);
    });
    return {std::ceil(line_height(t.small())) + 2, chip_height(t), 4 * t.text_scale,
            14 * t.text_scale, rejected};
}

void draw_small_chip(Canvas& canvas, const Theme& t, const Rect& r, const std::string& text,
                     Colour mark, bool faint) {
    canvas.fill_rect(r, faint ? t.surface : t.raised, 4);
    canvas.fill_rect({r.x + 4, r.bottom() - 3, r.w - 8, 2}, mark, 1);
    text_in(canvas, {r.x + 3, r.y, r.w - 6, r.h - 2}, text,
            t.text(t.normal(), faint ? t.ink_faint : t.ink, Weight::regular, Align::centre));
}

// What was drafted and does not stand: crossed out.
void draw_rejected(Canvas& canvas, const Theme& t, const Rect& r, const std::string& text) {
    canvas.stroke_rect(r, t.bad.alpha(0.6), 1, 4);
    const double mark = 8 * t.text_scale;
    const bool room = r.w >= 40 * t.text_scale;
    text_in(canvas, {r.x + 3, r.y, r.w - 6 - (room ? mark + 4 : 0), r.h}, text,
            t.text(t.normal(), t.ink_faint, Weight::regular, Align::centre));
    if (room)
        draw_verdict(canvas, t, {r.right() - mark / 2 - 5, r.y + r.h / 2}, mark, false);
    else
        canvas.line({r.x + 4, r.bottom() - 4}, {r.right() - 4, r.y + 4}, t.bad, 1.5);
}

void draw_pass(Canvas& canvas, const Theme& t, const Rect& r, const std::string& text, bool lit) {
    const auto style = t.text(t.small(), lit ? t.accent : t.ink_faint,
                              lit ? Weight::bold : Weight::regular, Align::centre);
    if (canvas.text_width(text, style) <= r.w + 2) text_in(canvas, r, text, style);
    canvas.line({r.x, r.bottom()}, {r.right(), r.bottom()}, lit ? t.accent : t.ink_faint,
                lit ? 2.5 : 1.5);
}

void draw_round(Canvas& canvas, const Drafts& d, const Line& line, const Lanes& lane, double y,
                std::int64_t n) {
    const Theme& t = *d.t;
    const DraftRun& run = *d.run.value;
    const Round& round = d.rounds()[static_cast<std::size_t>(n)];
    const std::int64_t begin = run.before(static_cast<std::size_t>(n)), accepted = round.accepted();
    const std::int64_t end = begin + accepted + 1;
    if (end <= line.first || begin >= line.first + line.count) return;
    const bool lit = n == d.round;
    const Rect all = line.span(begin, end, y, lane.drafted());
    if (lit)
        canvas.fill_rect({all.x - line.gap / 2, all.y, all.w + line.gap, all.h + lane.space},
                         t.accent_soft, 5);
    canvas.hit(all, {"setting:round=" + std::to_string(n), 0, 1, 1, 0, 0});
    draw_pass(canvas, t, {all.x, y, all.w, lane.strip}, "pass " + std::to_string(n + 2), lit);
    const double chips = y + lane.strip + lane.space;
    for (std::int64_t i = begin; i < end; ++i) {
        if (!line.shows(i)) continue;
        const bool drafted = i < end - 1;
        draw_small_chip(canvas, t, line.span(i, i + 1, chips, lane.chip),
                        d.text(run.drafted.text.drawn[static_cast<std::size_t>(i)].id),
                        t.meaning(drafted ? Meaning::mtp : Meaning::head), false);
    }
    if (accepted == std::ssize(round.drafts) || !line.shows(end - 1)) return;
    draw_rejected(canvas, t, line.span(end - 1, end, chips + lane.chip + lane.space, lane.chip),
                  d.text(round.drafts[static_cast<std::size_t>(accepted)].id));
}

Line make_line(const Drafts& d, const Rect& area, double label) {
    const double u = d.t->text_scale, room = area.w - label;
    const std::int64_t all = std::max<std::int64_t>(1, d.run.value->new_tokens());
    Line line;
    line.x = area.x + label;
    line.gap = 5 * u;
    line.count = std::clamp<std::int64_t>(static_cast<std::int64_t>(room / (48 * u)), 1, all);
    line.pitch = std::min(room / static_cast<double>(line.count), 110 * u);
    const std::int64_t middle =
        d.round >= 0 ? d.run.value->before(static_cast<std::size_t>(d.round)) : 0;
    line.first = std::clamp<std::int64_t>(middle - line.count / 2, 0, all - line.count);
    return line;
}

}  // namespace

double rounds_height(const Drafts& d, bool plain) {
    return line_height(d.t->normal()) + 4 + lanes(d).height(plain);
}

void draw_rounds(Canvas& canvas, const Drafts& d, const Rect& area, bool with_plain) {
    const Theme& t = *d.t;
    const double u = t.text_scale;
    const double title = draw_block_title(
        canvas, t, area, "Rounds",
        "a line over the tokens that one pass of the main model gave; crossed out: rejected");
    const Lanes lane = lanes(d);
    const auto soft = t.text(t.small(), t.ink_soft);
    const double label =
        area.w >= 520 * u ? std::ceil(canvas.text_width("with drafts", soft)) + 14 * u : 0;
    const Line line = make_line(d, area, label);
    const double top = area.y + title;
    const Rect first = line.span(0, 1, top, lane.strip);
    if (line.shows(0)) {
        draw_pass(canvas, t, first, "pass 1", false);
        draw_small_chip(canvas, t, line.span(0, 1, top + lane.strip + lane.space, lane.chip),
                        d.text(d.run.value->drafted.text.drawn.front().id),
                        t.meaning(Meaning::head), false);
    }
    for (std::int64_t n = 0; n < std::ssize(d.rounds()); ++n)
        draw_round(canvas, d, line, lane, top, n);
    if (label > 0)
        text_in(canvas, {area.x, top + lane.strip + lane.space, label - 8 * u, lane.chip},
                "with drafts", soft);
    if (!with_plain) return;
    const double plain = top + lane.drafted() + lane.gap;
    const auto& ids = d.run.value->plain;
    for (std::int64_t i = line.first; i < std::min(line.first + line.count, std::ssize(ids)); ++i) {
        draw_pass(canvas, t, line.span(i, i + 1, plain, lane.strip), std::to_string(i + 1), false);
        draw_small_chip(canvas, t, line.span(i, i + 1, plain + lane.strip + lane.space, lane.chip),
                        d.text(ids[static_cast<std::size_t>(i)]), t.meaning(Meaning::head), true);
    }
    if (label <= 0) return;
    text_in(canvas, {area.x, plain + lane.strip + lane.space, label - 8 * u, lane.chip}, "plain",
            soft);
}

}  // namespace sf::mtp
