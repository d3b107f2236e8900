#include "views/draw/formula.h"
#include "views/draw/number.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/mtp_stairs.h"

#include <algorithm>
#include <cmath>

// The table of the staircase: tokens above, a row a depth, and the way of what the chosen cell
// reads.
namespace sf::mtp {

namespace {

struct Grid {
    double u = 1, text = 11, top = 0, label = 0, x = 0, pitch = 0, gutter = 0, gap = 0, row = 0,
           chip = 0;
    std::int64_t first = 0, count = 0;

    bool shows(std::int64_t position) const {
        return position >= first && position < first + count;
    }
    double left(std::int64_t position) const {
        return x + pitch * static_cast<double>(position - first);
    }
    Rect chip_at(std::int64_t position) const {
        return {left(position), top, pitch - gutter, chip};
    }
    Rect cell(std::int64_t k, std::int64_t position) const {
        return {left(position), top + chip + gap + (row + gap) * static_cast<double>(k),
                pitch - gutter, row};
    }
};

double row_gap(const Theme& t) {
    return std::round(16 * t.text_scale);
}

Grid make_grid(const Canvas& canvas, const Stairs& s, const Rect& area, double row) {
    const Theme& t = *s.t;
    Grid g;
    g.u = t.text_scale;
    g.top = area.y;
    g.row = row;
    g.gap = row_gap(t);
    g.gutter = std::round(14 * g.u);
    g.chip = chip_height(t);
    const auto bold = t.text(t.normal(), t.ink, Weight::bold);
    g.label = std::ceil(canvas.text_width("MTP 1 ", bold) + 22 * g.u);
    g.x = area.x + g.label;
    const double room = area.w - g.label + g.gutter, least = 112 * g.u;
    g.count = std::clamp<std::int64_t>(static_cast<std::int64_t>(room / least), 1, s.tokens);
    g.pitch = std::min(room / static_cast<double>(g.count), 260 * g.u);
    g.text = g.pitch >= 170 * g.u && row >= 110 * g.u ? t.normal() : t.small();
    // The chosen position with the tokens that it reads and foretells, in the middle.
    const std::int64_t spare = std::max<std::int64_t>(0, g.count - s.depths - 2);
    g.first = std::clamp<std::int64_t>(s.i - spare / 2, 0, s.tokens - g.count);
    return g;
}

void draw_labels(Canvas& canvas, const Stairs& s, const Rect& area, const Grid& g) {
    const Theme& t = *s.t;
    const auto small = t.text(t.small(), t.ink_faint);
    const double w = g.label - 8 * g.u, line = line_height(t.small());
    const std::string range = g.count < s.tokens ? std::to_string(g.first) + "–" +
                                                       std::to_string(g.first + g.count - 1) +
                                                       " / " + std::to_string(s.tokens)
                                                 : "tokens";
    text_in(canvas, {area.x, g.top, w, g.chip}, range, small);
    for (std::int64_t k = 0; k <= s.depths; ++k) {
        const Rect r = g.cell(k, g.first);
        const double name = line_height(t.normal());
        double y = r.y;
        canvas.fill_rect({area.x, y + 2 * g.u, 3 * g.u, r.h - 4 * g.u}, depth_colour(t, k), 1.5);
        const double x = area.x + 9 * g.u;
        text_in(canvas, {x, y, w - 9 * g.u, name}, s.depth_name(k),
                t.text(t.normal(), k == s.k ? t.accent : t.ink, Weight::bold));
        y += name;
        if (y + line > r.bottom()) continue;
        const std::string target = "→ t_{i+" + std::to_string(k + 1) + "}";
        draw_formula(canvas, {x, y + line / 2 + cap_height(t.small()) / 2}, target,
                     t.text(t.small(), t.ink_soft));
        y += line;
        const Tally tally = s.tally(k);
        const std::string right =
            std::to_string(tally.right) + " of " + std::to_string(tally.judged);
        if (y + line <= r.bottom() && tally.judged > 0)
            text_in(canvas, {x, y, w - 9 * g.u, line}, right, small);
    }
}

void draw_tokens(Canvas& canvas, const Stairs& s, const Grid& g) {
    const Theme& t = *s.t;
    const std::int64_t reach = s.chain ? s.k : 0;
    for (std::int64_t i = g.first; i < g.first + g.count; ++i) {
        const Rect r = g.chip_at(i);
        Chip chip;
        const auto at = static_cast<std::size_t>(s.batch * s.tokens + i);
        chip.text = token_label(at < s.trace->tokens.size() ? s.trace->tokens[at] : "?");
        chip.chosen = i == s.i;
        if (i <= s.i + reach) chip.mark = t.accent;  // what the chosen cell may look at
        draw_chip(canvas, t, r, chip);
        canvas.hit(r, {"setting:position=" + std::to_string(i), 0, 1, 1, 0, 0});
    }
    const std::int64_t target = s.i + s.k + 1;
    if (!g.shows(target)) return;
    const Rect r = g.chip_at(target);
    draw_dashed(
        canvas,
        {{r.x, r.y}, {r.right(), r.y}, {r.right(), r.bottom()}, {r.x, r.bottom()}, {r.x, r.y}},
        depth_colour(t, s.k), 2 * g.u, 4 * g.u, 3 * g.u);
}

// A strip with a line below in the colour of what it is.
void draw_named_strip(Canvas& canvas, const Stairs& s, Strips& strips, const Rect& r,
                      const std::string& node, std::int64_t i, Meaning meaning) {
    const double foot = 2 * s.t->text_scale;
    strips.draw(canvas, {r.x, r.y, r.w, r.h - foot - 1}, node, i);
    canvas.fill_rect({r.x, r.bottom() - foot, r.w, foot}, s.t->meaning(meaning), 1);
}

// What the depth reads above what it makes of it; without room for both the latter.
void draw_strips(Canvas& canvas, const Stairs& s, Strips& strips, const Rect& r, std::int64_t k,
                 std::int64_t i, bool both) {
    const double u = s.t->text_scale, h = both ? (r.h - 4 * u) / 2 : r.h;
    const Rect upper{r.x, r.y, r.w, h}, lower{r.x, r.bottom() - h, r.w, h};
    if (k == 0 || !s.chain) {
        const Meaning read = k == 0 ? Meaning::embedding : Meaning::residual;
        if (both) draw_named_strip(canvas, s, strips, upper, s.input_node(k), i, read);
        const Meaning made = k == 0 ? Meaning::residual : Meaning::mtp;
        return draw_named_strip(canvas, s, strips, lower, s.node(k, "hidden"), i, made);
    }
    if (both) {
        const double half = (r.w - 3 * u) / 2;
        draw_named_strip(canvas, s, strips, {upper.x, upper.y, half, h}, s.node(k, "embed"), i,
                         Meaning::embedding);
        draw_named_strip(canvas, s, strips, {upper.right() - half, upper.y, half, h},
                         s.input_node(k), i, Meaning::residual);
    }
    draw_named_strip(canvas, s, strips, lower, s.node(k, "concat"), i, Meaning::mtp);
}

void draw_answer(Canvas& canvas, const Stairs& s, const Rect& r, const Cell& cell, std::int64_t k,
                 std::int64_t i, double size, bool truth) {
    const Theme& t = *s.t;
    const double u = t.text_scale, line = line_height(size), mark = 0.8 * size;
    const bool judged = cell.state == Cell::State::judged;
    const Colour ink = judged ? t.ink : t.ink_faint;
    const std::string share = format_percent(cell.p);
    const auto right = t.text(size, t.ink_soft, Weight::regular, Align::right);
    const double number = canvas.text_width(share, right);
    const double first = mark + 6 * u;
    if (judged) draw_verdict(canvas, t, {r.x + mark / 2, r.y + line / 2}, mark, cell.right());
    text_in(canvas, {r.x + first, r.y, r.w - first - number - 5 * u, line}, s.word(cell.guess),
            t.text(size, ink, judged ? Weight::bold : Weight::regular));
    text_in(canvas, {r.right() - number - 1, r.y, number + 1, line}, share, right);
    const std::string name = s.node(k, "probs");
    canvas.hit({r.x, r.y, r.w, line}, {name, s.flat(name, i) + cell.guess, 1, 1, 0, 0});
    if (!truth) return;
    const std::string below = !judged        ? "to come"
                              : cell.right() ? "as written"
                                             : "is " + s.word(cell.truth);
    const std::string p_truth = format_percent(cell.p_truth);
    const bool both = judged && !cell.right() &&
                      canvas.text_width(below + " " + p_truth, right) + 6 * u <= r.w - first;
    const Rect lower{r.x + first, r.y + line, r.w - first, line};
    text_in(canvas, lower, below, t.text(size, t.ink_faint));
    if (both) text_in(canvas, lower, p_truth, right);
}

void draw_small_cell(Canvas& canvas, const Stairs& s, Strips& strips, const Grid& g, std::int64_t k,
                     std::int64_t i) {
    const Theme& t = *s.t;
    const Rect r = g.cell(k, i);
    const Cell cell = s.cell(k, i);
    const bool chosen = k == s.k && i == s.i;
    const double pad = 6 * g.u, line = line_height(g.text);
    canvas.hit(r, {"setting:depth=" + std::to_string(k) + ",position=" + std::to_string(i), 0, 1, 1,
                   0, 0});
    if (cell.state == Cell::State::missing) {
        draw_hatch(canvas, r, Hatch::diagonal, t.hairline, 7 * g.u);
    } else {
        canvas.fill_rect(r,
                         chosen                               ? t.accent_soft
                         : cell.state == Cell::State::pending ? t.background
                                                              : t.surface,
                         5);
    }
    if (cell.said()) {
        const bool truth = g.row >= pad * 2 + 2 * line + 12 * g.u;
        const double texts = (truth ? 2 : 1) * line;
        const Rect inner = r.inset(pad);
        const double room = inner.h - texts - 4 * g.u;
        if (room >= 4 * g.u)
            draw_strips(canvas, s, strips, {inner.x, inner.y, inner.w, room}, k, i,
                        room >= 24 * g.u);
        draw_answer(canvas, s, {inner.x, inner.bottom() - texts, inner.w, texts}, cell, k, i,
                    g.text, truth);
    } else if (cell.state == Cell::State::missing) {
        // On the page's colour, so that the hatch does not run through the words.
        const std::string words = "no token " + std::to_string(i + k) + " yet";
        const auto style = t.text(t.small(), t.ink_faint, Weight::regular, Align::centre);
        const double w = canvas.text_width(words, style);
        if (w + 8 * g.u <= r.w) {
            canvas.fill_rect(
                {r.centre().x - w / 2 - 4 * g.u, r.centre().y - line / 2, w + 8 * g.u, line},
                t.background, 3);
            text_in(canvas, {r.x, r.centre().y - line / 2, r.w, line}, words, style);
        }
    } else if (cell.state == Cell::State::unknown) {
        text_in(canvas, r.inset(pad), "not kept",
                t.text(t.small(), t.ink_faint, Weight::regular, Align::centre));
    }
    canvas.stroke_rect(r, chosen ? t.accent : t.hairline, chosen ? 2 : 1, 5);
}

// An arrow with what moves along it while its step arrives.
void draw_way(Canvas& canvas, const Stairs& s, const std::vector<Vec2>& path, Colour colour,
              const std::string& node) {
    const double u = s.t->text_scale;
    draw_arrow(canvas, path, {colour, 2 * u, 5 * u, 8 * u});
    if (s.current(node) && s.arrival(node) < 1)
        draw_circle(canvas, point_along(rounded_path(path, 5 * u), s.arrival(node)), 4.5 * u,
                    s.t->accent);
}

// From the token above, down the gutters, into the cell's right side.
std::vector<Vec2> token_way(const Grid& g, std::int64_t k, std::int64_t i) {
    const Rect chip = g.chip_at(i + k), cell = g.cell(k, i);
    const double down = g.left(i + k) - g.gutter / 2, side = cell.right() + g.gutter / 2;
    const double above = chip.bottom() + g.gap * 0.4, entry = cell.y + cell.h * 0.28;
    std::vector<Vec2> path{
        {chip.x + 14 * g.u, chip.bottom()}, {chip.x + 14 * g.u, above}, {down, above}};
    if (k > 1) {
        const double over = cell.y - g.gap / 2;
        path.insert(path.end(), {{down, over}, {side, over}});
    }
    path.insert(path.end(), {{side, entry}, {cell.right(), entry}});
    return path;
}

std::vector<Vec2> hidden_way(const Stairs& s, const Grid& g, std::int64_t k, std::int64_t i) {
    const Rect from = g.cell(s.chain ? k - 1 : 0, i), to = g.cell(k, i);
    const double x = from.x + from.w * 0.3;
    if (s.chain || k == 1) return {{x, from.bottom()}, {x, to.y}};
    // Past the modules between, on their left.
    const double side = from.x - g.gutter / 2, below = from.bottom() + g.gap * 0.5;
    return {{x - 10 * g.u, from.bottom()},
            {x - 10 * g.u, below},
            {side, below},
            {side, to.y + to.h * 0.28},
            {to.x, to.y + to.h * 0.28}};
}

void draw_ways(Canvas& canvas, const Stairs& s, const Grid& g) {
    const Theme& t = *s.t;
    for (std::int64_t k = 1; k <= s.k; ++k) {
        if (s.i >= s.rows(k)) break;
        // Heads beside the chosen one read nothing for it.
        if (!s.chain && k != s.k) continue;
        draw_way(canvas, s, hidden_way(s, g, k, s.i), t.meaning(Meaning::residual),
                 s.input_node(k));
        if (s.chain && g.shows(s.i + k))
            draw_way(canvas, s, token_way(g, k, s.i), t.meaning(Meaning::embedding),
                     s.node(k, "embed"));
    }
}

}  // namespace

double least_row(const Theme& t) {
    return std::ceil(2 * line_height(t.small()) + 36 * t.text_scale);
}

double grid_height(const Stairs& s, double row) {
    return chip_height(*s.t) + static_cast<double>(s.depths + 1) * (row + row_gap(*s.t));
}

void draw_grid(Canvas& canvas, const Stairs& s, const Rect& area, double row) {
    const Grid g = make_grid(canvas, s, area, row);
    draw_labels(canvas, s, area, g);
    draw_tokens(canvas, s, g);
    Strips strips(s);
    for (std::int64_t k = 0; k <= s.depths; ++k)
        for (std::int64_t i = g.first; i < g.first + g.count; ++i)
            draw_small_cell(canvas, s, strips, g, k, i);
    draw_ways(canvas, s, g);
}

}  // namespace sf::mtp
