#include "views/draw/number.h"
#include "views/draw/page.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/mtp_drafts.h"
#include "views/mtp_stairs.h"

#include <algorithm>
#include <cmath>
#include <functional>

// The shown round: each draft's p and q, the number that was drawn, and what the main model adds.
namespace sf::mtp {

namespace {

double value(const std::vector<Real>& p, std::int64_t id) {
    return static_cast<double>(p[static_cast<std::size_t>(id)]);
}

// The ids with the largest values, `first` before all.
std::vector<std::int64_t> largest(std::size_t vocab, std::size_t count, std::int64_t first,
                                  const std::function<double(std::int64_t)>& of) {
    std::vector<std::int64_t> ids(vocab);
    for (std::size_t i = 0; i < vocab; ++i) ids[i] = static_cast<std::int64_t>(i);
    count = std::min(count, vocab);
    std::partial_sort(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(count), ids.end(),
                      [&](std::int64_t a, std::int64_t b) {
                          if ((a == first) != (b == first)) return a == first;
                          return of(a) != of(b) ? of(a) > of(b) : a < b;
                      });
    ids.resize(count);
    // Nobody sees a bar of less.
    while (ids.size() > 1 && of(ids.back()) < 5e-3) ids.pop_back();
    return ids;
}

// Distributions side by side, a row a token.
struct Bar {
    const std::vector<Real>* p = nullptr;
    Colour colour;
    bool hatched = false;
    const std::vector<Real>* over = nullptr;  // what exceeds this is outlined
};
void draw_tokens(Canvas& canvas, const Drafts& d, const Rect& area,
                 const std::vector<std::int64_t>& ids, const std::vector<Bar>& bars) {
    const Theme& t = *d.t;
    const double u = t.text_scale;
    const auto soft = t.text(t.small(), t.ink);
    const auto right = t.text(t.small(), t.ink_soft, Weight::regular, Align::right);
    double left = 0;
    for (const std::int64_t id : ids) left = std::max(left, canvas.text_width(d.word(id), soft));
    left = std::min(std::ceil(left), area.w * 0.34) + 6 * u;
    double figure = 0;
    for (const std::int64_t id : ids)
        for (const Bar& bar : bars)
            figure = std::max(figure, canvas.text_width(format_percent(value(*bar.p, id)), right));
    const double number = std::ceil(figure) + 6 * u;
    const double row = area.h / static_cast<double>(std::max<std::size_t>(1, ids.size()));
    const double wide = area.w - left - number, h = (row - 6 * u) / 2;
    if (wide < 12 * u) return;
    for (std::size_t n = 0; n < ids.size(); ++n) {
        const double y = area.y + row * static_cast<double>(n);
        text_in(canvas, {area.x, y, left - 4 * u, row}, d.word(ids[n]), soft);
        const double share = row / static_cast<double>(bars.size());
        for (std::size_t b = 0; b < bars.size(); ++b) {
            const double v = value(*bars[b].p, ids[n]), own = y + share * static_cast<double>(b);
            const double top =
                bars.size() == 1 ? y + (row - h) / 2 : y + row / 2 + (b == 0 ? -h - 0.5 : 0.5);
            const Rect track{area.x + left, top, wide, h};
            canvas.fill_rect(track, t.raised, 1.5);
            const Rect bar{track.x, track.y, wide * std::clamp(v, 0.0, 1.0), h};
            if (bar.w > 0.2 && bars[b].hatched) {
                canvas.fill_rect(bar, bars[b].colour.alpha(0.35));
                draw_hatch(canvas, bar, Hatch::diagonal, bars[b].colour, 4 * u);
            } else if (bar.w > 0.2) {
                canvas.fill_rect(bar, bars[b].colour);
            }
            const double base = bars[b].over != nullptr ? value(*bars[b].over, ids[n]) : v;
            if (v > base)
                canvas.stroke_rect({track.x + wide * base, track.y, wide * (v - base), h}, t.ink,
                                   1.5);
            text_in(canvas, {track.right(), own, number, share}, format_percent(v), right);
        }
    }
}

double head_height(const Theme& t) {
    return chip_height(t) + 6 * t.text_scale;
}

void draw_head(Canvas& canvas, const Drafts& d, const Rect& r, std::int64_t id,
               const std::string& words, Colour colour) {
    const Theme& t = *d.t;
    const double u = t.text_scale;
    const double w = std::min(chip_width(canvas, t, d.text(id)), r.w * 0.5);
    const Rect chip{r.x, r.y, w, chip_height(t)};
    canvas.fill_rect(chip, t.raised, 4);
    canvas.stroke_rect(chip, colour, 1.5, 4);
    text_in(canvas, {chip.x + 4, chip.y, chip.w - 8, chip.h}, d.text(id),
            t.text(t.normal(), t.ink, Weight::bold, Align::centre));
    text_in(canvas, {chip.right() + 8 * u, chip.y, r.right() - chip.right() - 8 * u, chip.h}, words,
            t.text(t.small(), t.ink_soft));
}

// u on the line from 0 to 1, of which min(1, p/q) is filled.
void draw_trial(Canvas& canvas, const Drafts& d, const Rect& r, const Draft& draft) {
    const Theme& t = *d.t;
    const double u = t.text_scale, line = line_height(t.small());
    const double p = value(draft.p, draft.id), q = value(draft.q, draft.id);
    const double chance = d.is_greedy() ? (draft.accepted ? 1 : 0) : std::min(1.0, p / q);
    const Colour verdict = draft.accepted ? t.good : t.bad;
    const std::string words =
        d.is_greedy() ? (draft.accepted ? "the main model's likeliest" : "not the likeliest")
                      : "u = " + format_fixed(draft.u, 2) + (draft.accepted ? " < " : " ≥ ") +
                            "min(1, p/q) = " + format_fixed(chance, 2);
    text_in(canvas, {r.x, r.y, r.w, line}, words, t.text(t.small(), t.ink_soft));
    const Rect track{r.x, r.y + line + 5 * u, r.w, 7 * u};
    canvas.fill_rect(track, t.raised, 3.5 * u);
    if (chance > 0)
        canvas.fill_rect({track.x, track.y, track.w * chance, track.h}, t.good.alpha(0.45),
                         3.5 * u);
    canvas.stroke_rect(track, t.hairline, 1, 3.5 * u);
    if (!d.is_greedy()) {
        const Vec2 dot{track.x + track.w * draft.u, track.y + track.h / 2};
        draw_circle(canvas, {std::clamp(dot.x, track.x + 5 * u, track.right() - 5 * u), dot.y},
                    5 * u, t.background);
        draw_circle(canvas, {std::clamp(dot.x, track.x + 5 * u, track.right() - 5 * u), dot.y},
                    4 * u, verdict);
    }
    const double y = track.bottom() + 6 * u;
    draw_verdict(canvas, t, {r.x + 5 * u, y + line / 2}, 10 * u, draft.accepted);
    text_in(canvas, {r.x + 16 * u, y, r.w - 16 * u, line}, draft.accepted ? "accepted" : "rejected",
            t.text(t.small(), verdict, Weight::bold));
}

// The distribution as one line from 0 to 1, a piece a token in the order of ids, with u on it.
void draw_pick(Canvas& canvas, const Drafts& d, const Rect& r, const Drawn& drawn) {
    const Theme& t = *d.t;
    const double u = t.text_scale, line = line_height(t.small());
    text_in(canvas, {r.x, r.y, r.w, line},
            d.is_greedy() ? "the likeliest"
                          : "u = " + format_fixed(drawn.u, 2) + " falls on " + d.word(drawn.id),
            t.text(t.small(), t.ink_soft));
    if (d.is_greedy()) return;
    const Rect track{r.x, r.y + line + 5 * u, r.w, 9 * u};
    canvas.fill_rect(track, t.raised, 2);
    double seen = 0, total = 0;
    for (const Real p : drawn.probabilities) total += static_cast<double>(p);
    for (std::size_t i = 0; i < drawn.probabilities.size(); ++i) {
        const double p = static_cast<double>(drawn.probabilities[i]) / total;
        const Rect piece{track.x + track.w * seen, track.y, track.w * p, track.h};
        seen += p;
        const bool chosen = static_cast<std::int64_t>(i) == drawn.id;
        if (piece.w < 0.4 && !chosen) continue;
        canvas.fill_rect(piece,
                         chosen ? t.meaning(Meaning::head) : t.meaning(Meaning::head).alpha(0.3));
        if (piece.w > 3)
            canvas.line({piece.right(), piece.y}, {piece.right(), piece.bottom()}, t.background, 1);
    }
    const double x = track.x + track.w * std::clamp(drawn.u, 0.0, 1.0);
    canvas.fill_polygon({{x, track.bottom() + u},
                         {x - 4 * u, track.bottom() + 8 * u},
                         {x + 4 * u, track.bottom() + 8 * u}},
                        t.ink);
}

double foot_height(const Theme& t) {
    return 2 * line_height(t.small()) + 20 * t.text_scale;
}

// Two lines of text: p above q.
double row_height(const Theme& t) {
    return 2 * line_height(t.small()) + 2 * t.text_scale;
}

double pad(const Theme& t) {
    return 10 * t.text_scale;
}

// All but the rows.
double frame_height(const Theme& t) {
    return 2 * pad(t) + head_height(t) + foot_height(t) + 4 * t.text_scale;
}

// A draft with what the main model says of it, or, without one, what the main model adds.
struct Card {
    const Draft* draft = nullptr;
    std::int64_t j = 0;
    std::vector<std::int64_t> ids;  // whose bars are drawn
};

std::vector<Card> cards_of(const Round& round, std::size_t most, std::size_t rows) {
    std::vector<Card> cards;
    for (std::size_t j = 0; j < round.drafts.size() && !round.drafts[j].p.empty(); ++j) {
        const Draft& draft = round.drafts[j];
        cards.push_back({&draft, static_cast<std::int64_t>(j),
                         largest(draft.p.size(), rows, draft.id, [&](std::int64_t id) {
                             return std::max(value(draft.p, id), value(draft.q, id));
                         })});
    }
    const auto& p = round.next.probabilities;
    cards.push_back({nullptr, 0, largest(p.size(), rows, round.next.id, [&](std::int64_t id) {
                         return value(p, id);
                     })});
    // What decides stands last: where there is no room for all, the first are left out.
    if (cards.size() > most)
        cards.erase(cards.begin(), cards.end() - static_cast<std::ptrdiff_t>(most));
    return cards;
}

void draw_card(Canvas& canvas, const Drafts& d, const Rect& r, const Round& round,
               const Card& card) {
    const Theme& t = *d.t;
    const Draft* draft = card.draft;
    draw_panel(canvas, t, r, draft == nullptr);
    const Rect in = r.inset(pad(t));
    const Rect foot{in.x, in.bottom() - foot_height(t), in.w, foot_height(t)};
    const Rect bars{in.x, in.y + head_height(t), in.w,
                    static_cast<double>(card.ids.size()) * row_height(t)};
    if (draft != nullptr) {
        const std::int64_t depths = d.trace->graph->config.num_nextn_predict_layers;
        draw_head(canvas, d, in, draft->id,
                  "draft " + std::to_string(card.j + 1) + ", MTP " +
                      std::to_string(std::min(card.j + 1, depths)),
                  t.meaning(Meaning::mtp));
        draw_tokens(canvas, d, bars, card.ids,
                    {{&draft->p, t.meaning(Meaning::head), false,
                      draft->accepted || d.is_greedy() ? nullptr : &draft->q},
                     {&draft->q, t.meaning(Meaning::mtp), true}});
        return draw_trial(canvas, d, foot, *draft);
    }
    const bool rejected = round.accepted() < std::ssize(round.drafts) && !d.is_greedy();
    draw_head(canvas, d, in, round.next.id,
              rejected ? "instead, from max(0, p − q)" : "added, from p", t.meaning(Meaning::head));
    draw_tokens(canvas, d, bars, card.ids,
                {{&round.next.probabilities, t.meaning(Meaning::head), false}});
    draw_pick(canvas, d, foot, round.next);
}

std::string thrown_away(const Round& round) {
    const std::int64_t unread = std::count_if(round.drafts.begin(), round.drafts.end(),
                                              [](const Draft& draft) { return draft.p.empty(); });
    return unread == 0   ? ""
           : unread == 1 ? "the draft behind the rejected one is thrown away"
                         : format_count(unread) + " drafts behind the rejected one are thrown away";
}

}  // namespace

double cards_height(const Theme& t) {
    return line_height(t.normal()) + 4 + frame_height(t);
}

namespace {

// A round whose cards stand side by side.
struct Block {
    std::int64_t round = 0;
    std::vector<Card> cards;
    double width(double card, double gap) const {
        const auto n = static_cast<double>(cards.size());
        return n * card + (n - 1) * gap;
    }
};

// From a round on, as many as stand in one line; `next` becomes the one behind them.
std::vector<Block> line_of(const Drafts& d, std::int64_t& next, double width, double card,
                           double gap, std::size_t rows) {
    const double most = std::floor((width + gap) / (card + gap));
    std::vector<Block> blocks;
    for (double x = 0; next < std::ssize(d.rounds()); ++next) {
        Block b{next, cards_of(d.rounds()[static_cast<std::size_t>(next)],
                               static_cast<std::size_t>(std::max(1.0, most)), rows)};
        const double w = b.width(card, gap);
        if (!blocks.empty() && x + w > width) break;
        x += w + 2.5 * gap;
        blocks.push_back(std::move(b));
    }
    return blocks;
}

// Returns the height used.
double draw_line(Canvas& canvas, const Drafts& d, const Rect& area,
                 const std::vector<Block>& blocks, double gap) {
    const Theme& t = *d.t;
    std::size_t longest = 0;
    double cards = 0;
    for (const Block& b : blocks) {
        cards += static_cast<double>(b.cards.size());
        for (const Card& card : b.cards) longest = std::max(longest, card.ids.size());
    }
    const double between = 2.5 * gap * static_cast<double>(blocks.size() - 1) +
                           gap * (cards - static_cast<double>(blocks.size()));
    const double w = std::min((area.w - between) / cards, 480 * t.text_scale);
    const double h = frame_height(t) + static_cast<double>(longest) * row_height(t);
    double x = area.x, title = 0;
    for (const Block& b : blocks) {
        const Round& round = d.rounds()[static_cast<std::size_t>(b.round)];
        title = draw_block_title(
            canvas, t, {x, area.y, b.width(w, gap), area.h},
            "Round " + std::to_string(b.round) + ", pass " + std::to_string(b.round + 2),
            thrown_away(round));
        for (const Card& card : b.cards) {
            draw_card(canvas, d, {x, area.y + title, w, h}, round, card);
            x += w + gap;
        }
        x += 1.5 * gap;
    }
    return title + h;
}

}  // namespace

void draw_cards(Canvas& canvas, const Drafts& d, const Rect& area) {
    const Theme& t = *d.t;
    const double u = t.text_scale, gap = 12 * u;
    std::vector<LegendEntry> entries{{"p, main model", t.meaning(Meaning::head)},
                                     {"q, MTP", t.meaning(Meaning::mtp), Hatch::diagonal}};
    if (!d.is_greedy() && d.shown().accepted() < std::ssize(d.shown().drafts))
        entries.push_back({"outlined: max(0, p − q)", t.ink, Hatch::none, true});
    const double legend = draw_legend(canvas, t, {}, area.w, entries, true) + 6 * u;
    const auto rows_in = [&](double height) {
        return static_cast<std::size_t>(
            std::clamp((height - cards_height(t)) / row_height(t), 0.0, 6.0));
    };
    Rect rest = area;
    if (rows_in(area.h - legend) > 0) {
        draw_legend(canvas, t, {rest.x, rest.y}, rest.w, entries);
        rest.y += legend, rest.h -= legend;
    }
    // The shown round, and those behind it as far as there is room.
    const double card = std::clamp((rest.w - 2 * gap) / 3, 196 * u, 300 * u);
    std::int64_t next = d.round;
    for (bool first = true; first || rest.h >= cards_height(t) + 3 * row_height(t); first = false) {
        const auto blocks = line_of(d, next, rest.w, card, gap, rows_in(rest.h));
        if (blocks.empty()) return;
        const double used = draw_line(canvas, d, rest, blocks, gap) + 20 * u;
        rest.y += used, rest.h -= used;
    }
}

}  // namespace sf::mtp
