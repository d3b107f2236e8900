#include "core/attention_cost.h"
#include "views/draw/number.h"
#include "views/draw/page.h"
#include "views/draw/plot.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/latent_draw.h"

#include <algorithm>
#include <array>
#include <cmath>

// The two ways to read the cache beside each other: what they give, and what they take.
namespace sf::latent_kv {

namespace {

// One figure of both ways.
struct Pair {
    std::string title;
    std::array<double, 2> whole;
    std::array<std::vector<Part>, 2> parts;
    std::array<std::string, 2> text;
    std::vector<LegendEntry> legend;
    double label = 0, number = 0;  // widths, the same for all pairs
};

void draw_pair(Canvas& canvas, const Scene& s, const Pair& p, const Rect& area) {
    const Theme& t = *s.theme;
    const double u = t.text_scale, line = line_height(t.small());
    const auto soft = t.text(t.small(), t.ink_soft), bold = t.text(t.small(), t.ink, Weight::bold);
    const std::array<std::string, 2> names{"expanded", "absorbed"};
    const double label = p.label, number = p.number;
    const double wide = area.w - label - number;
    if (wide < 24 * u) return;
    text_in(canvas, {area.x, area.y, area.w, line}, p.title, soft);
    const double x = area.x + canvas.text_width(p.title, soft) + 16 * u;
    const double row = std::ceil(t.small() * 1.6);  // of a legend
    if (!p.legend.empty() && x < area.right() &&
        draw_legend(canvas, t, {}, area.right() - x, p.legend, true) <= row)
        draw_legend(canvas, t, {x, area.y + (line - row) / 2}, area.right() - x, p.legend);
    double y = area.y + line;
    for (std::size_t i = 0; i < 2; ++i, y += line) {
        const bool now = (i == 1) == (s.choices.absorb && s.up != nullptr);
        auto style = now ? bold : soft;
        text_in(canvas, {area.x, y, label, line}, names[i], style);
        draw_parts(canvas, t, {area.x + label, y + line * 0.18, wide, line * 0.64}, p.parts[i],
                   std::max(p.whole[0], p.whole[1]));
        style.align = Align::right;
        text_in(canvas, {area.right() - number, y, number, line}, p.text[i], style);
    }
}

}  // namespace

double costs_height(const Theme& t) {
    return line_height(t.normal()) + 4 + 6 * line_height(t.small()) + 8 * t.text_scale;
}

void draw_costs(Canvas& canvas, const Scene& s, const Rect& area) {
    const Theme& t = *s.theme;
    const auto context = static_cast<double>(s.choices.context);
    const std::array<AttentionCost, 2> two{
        attention_cost(s.model, context, AttentionMode::naive),
        attention_cost(s.model, context, AttentionMode::absorbed)};
    double y = area.y + draw_block_title(canvas, t, area,
                                         "One token at context " + format_count(s.choices.context),
                                         "computed");
    const Colour made = t.meaning(Meaning::key);
    Pair work{"FLOPs of the products", {}, {}, {}, {}, 0, 0};
    Pair moved{"Bytes moved",
               {},
               {},
               {},
               {{"weights", t.ink_faint},
                {"cache", t.meaning(Meaning::latent), Hatch::diagonal},
                {"K, V", made}},
               0,
               0};
    for (std::size_t i = 0; i < 2; ++i) {
        const AttentionCost& c = two[i];
        const double per = s.choices.bits / 8;
        work.whole[i] = c.flops;
        work.parts[i] = {{c.flops, t.meaning(Meaning::query)}};
        work.text[i] = format_short(c.flops);
        moved.whole[i] = c.bytes(s.choices.bits);
        moved.parts[i] = {{c.weight_elements * per, t.ink_faint},
                          {c.cache_elements * per, t.meaning(Meaning::latent), Hatch::diagonal},
                          {c.expanded_elements * per, made}};
        moved.text[i] = format_bytes(std::llround(moved.whole[i]));
    }
    const auto bold = t.text(t.small(), t.ink, Weight::bold);
    double number = 0;
    for (Pair* p : {&work, &moved}) {
        if (p->whole[1] > 0) p->text[1] += ", 1 / " + format_number(p->whole[0] / p->whole[1], 2);
        for (const std::string& text : p->text)
            number = std::max(number, canvas.text_width(text, bold));
    }
    for (Pair* p : {&work, &moved}) {
        p->label = std::ceil(canvas.text_width("absorbed", bold)) + 10 * t.text_scale;
        p->number = std::ceil(number) + 10 * t.text_scale;
    }
    const double pitch = 3 * line_height(t.small()) + 8 * t.text_scale;
    draw_pair(canvas, s, work, {area.x, y, area.w, pitch});
    draw_pair(canvas, s, moved, {area.x, y + pitch, area.w, pitch});
}

double ways_height(const Theme& t) {
    return line_height(t.normal()) + 4 + 3 * line_height(t.small()) + 44 * t.text_scale;
}

void draw_ways(Canvas& canvas, const Scene& s, const Rect& area) {
    const Theme& t = *s.theme;
    const double u = t.text_scale, line = line_height(t.small());
    Rect rest = area;
    const double title =
        draw_block_title(canvas, t, area, "The scores stay",
                         "head " + format_count(s.head) + ", query " + s.token_text(s.t));
    rest.y += title, rest.h -= title;
    Bars bars;
    bars.area = {rest.x, rest.y, rest.w, rest.h - 2 * line - 6 * u};
    for (std::int64_t k = -s.past; k <= s.t; ++k)
        bars.values.push_back(s.scores->at(s.score_index(s.head, s.t, k)));
    bars.colour = t.meaning(Meaning::query);
    bars.target = {s.node("scores"), s.score_index(s.head, s.t, -s.past), 0, 0, 0, 1};
    if (s.frame->hover_node == bars.target.node) bars.hover_index = s.frame->hover_index;
    draw_bars(canvas, t, bars);
    const Rect words{rest.x, bars.area.bottom() + 6 * u, rest.w, 2 * line};
    if (s.ways.value == nullptr)
        return draw_pending(canvas, t, words, "computing this layer both ways", s.ways.progress,
                            s.ways.error);
    const LayerWays& w = *s.ways.value;
    paragraph(canvas, {words.x, words.y}, words.w,
              "expanded − absorbed, all " + format_count(s.heads) + " heads and tokens: at most " +
                  format_number(w.score_error, 2) + " in scores, " +
                  format_number(w.output_error, 2) + " in outputs",
              t.text(t.small(), t.ink_soft), 2.1 * line);
}

}  // namespace sf::latent_kv
