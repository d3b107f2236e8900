#include "core/attention_cost.h"
#include "core/known_shapes.h"
#include "views/draw/number.h"
#include "views/draw/page.h"
#include "views/draw/plot.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/latent_draw.h"

#include <algorithm>
#include <cmath>

namespace sf::latent_kv {

namespace {

// The caches' heights: bytes of a token at one scale, yet no row lower than its words.
std::vector<double> row_heights(const std::vector<double>& bytes, double room, double least) {
    double lo = 0, hi = room;  // pixels of the largest
    const double most = std::max(1.0, *std::max_element(bytes.begin(), bytes.end()));
    const auto total = [&](double largest) {
        double sum = 0;
        for (const double b : bytes) sum += std::max(least, largest * b / most);
        return sum;
    };
    for (int i = 0; i < 40; ++i) (total((lo + hi) / 2) > room ? hi : lo) = (lo + hi) / 2;
    std::vector<double> heights;
    for (const double b : bytes) heights.push_back(lo * b / most);
    return heights;
}

void draw_grown(Canvas& canvas, const Scene& s, const CacheCount& count, const Rect& r,
                std::int64_t now) {
    const Theme& t = *s.theme;
    const auto n = static_cast<double>(count.bytes.size());
    const double step = r.w / n, gap = step >= 6 ? std::min(3.0, step * 0.2) : 0;
    const auto column = [&](std::int64_t i, double h) {
        return Rect{r.x + step * static_cast<double>(i), r.bottom() - h, step - gap, h};
    };
    // What the rest of the text will take.
    if (now + 1 < static_cast<std::int64_t>(count.bytes.size())) {
        const double x = r.x + step * static_cast<double>(now + 1);
        canvas.stroke_rect({x, r.y, r.right() - x - gap, r.h}, t.hairline, 1, 1);
    }
    const auto widths = cache_widths(count.config);
    const double share =
        static_cast<double>(widths[0]) / static_cast<double>(widths[0] + widths[1]);
    const bool latent = count.config.mla();
    const Meaning low = latent ? Meaning::latent : Meaning::key;
    const Meaning high = latent ? Meaning::position : Meaning::value;
    const double come = std::min(arrival(s, s.node(s.mla ? "cache_latent" : "cache_k")),
                                 arrival(s, s.node(s.mla ? "cache_k_pe" : "cache_v")));
    for (std::int64_t i = 0; i <= now; ++i) {
        const Rect c = column(i, r.h * (i == now ? come : 1));
        const double cut = c.bottom() - c.h * share;
        canvas.fill_rect({c.x, cut, c.w, c.bottom() - cut}, t.meaning(low).alpha(0.75));
        canvas.fill_rect({c.x, c.y, c.w, cut - c.y}, t.meaning(high).alpha(0.75));
        if (i == s.t && gap > 0) canvas.stroke_rect(c, t.ink, 1.25);
    }
    if (latent) {
        const Rect grown{r.x, r.y, step * static_cast<double>(now + 1) - gap, r.h};
        draw_hatch(canvas, grown, Hatch::diagonal, t.background.alpha(0.6), 5);
    }
    canvas.line({r.x, r.bottom()}, {r.right(), r.bottom()}, t.hairline, 1);
    const std::int64_t first = s.batch * s.trace->extent.tokens;
    canvas.hit(r, {"token", first, 1, static_cast<std::int64_t>(count.bytes.size()), 0, 1});
}

}  // namespace

std::string times(double factor) {
    return format_number(factor, factor < 10 ? 2 : 3) + " ×";
}

double arrival(const Scene& s, const std::string& node) {
    const double x = std::clamp(s.frame->cursor.within, 0.0, 1.0);
    return x >= 1 || !is_current(s, node) ? 1 : x * x * (3 - 2 * x);
}

bool is_current(const Scene& s, const std::string& node) {
    const Frame& f = *s.frame;
    if (f.timeline == nullptr || f.timeline->size() == 0) return false;
    const Step& step =
        (*f.timeline)[std::clamp<std::int64_t>(f.cursor.step, 0, f.timeline->size() - 1)];
    return step.kind != Step::Kind::gradient && step.node != no_node &&
           (*s.trace->graph)[step.node].name == node;
}

void draw_cached(Canvas& canvas, const Theme& t, const Rect& r, Meaning meaning, double spacing) {
    canvas.fill_rect(r, t.meaning_soft(meaning), 3);
    draw_hatch(canvas, r, Hatch::diagonal, t.meaning(meaning).alpha(0.7), spacing);
    canvas.stroke_rect(r, t.meaning(meaning), 1.5, 3);
}

std::vector<Part> parts_of(const Theme& t, const ModelConfig& c, double amount) {
    const auto widths = cache_widths(c);
    const auto whole = static_cast<double>(widths[0] + widths[1]);
    const bool latent = c.mla();
    const Hatch hatch = latent ? Hatch::diagonal : Hatch::none;
    return {{amount * static_cast<double>(widths[0]) / whole,
             t.meaning(latent ? Meaning::latent : Meaning::key), hatch},
            {amount * static_cast<double>(widths[1]) / whole,
             t.meaning(latent ? Meaning::position : Meaning::value), hatch}};
}

void draw_parts(Canvas& canvas, const Theme& t, const Rect& r, const std::vector<Part>& parts,
                double most) {
    double x = r.x;
    for (const Part& p : parts) {
        const double w = most > 0 ? r.w * p.amount / most : 0;
        if (w <= 0) continue;
        const Rect bar{x, r.y, std::max(w, 0.75), r.h};
        canvas.fill_rect(bar, p.colour.alpha(p.hatch == Hatch::none ? 0.85 : 0.7));
        if (w > 4) draw_hatch(canvas, bar, p.hatch, t.background.alpha(0.7), 4);
        x += w;
    }
}

double caches_height(const Theme& t) {
    return line_height(t.normal()) + 4 + 4 * (2 * line_height(t.small()) + 6 * t.text_scale);
}

void draw_caches(Canvas& canvas, const Scene& s, const Rect& area) {
    const Theme& t = *s.theme;
    const double u = t.text_scale, line = line_height(t.small());
    Rect rest = area;
    const double title =
        draw_block_title(canvas, t, area, "The cache grows",
                         "bytes counted, " + format_count(s.model.num_hidden_layers) + " layers");
    rest.y += title, rest.h -= title;
    if (s.counts.value == nullptr)
        return draw_pending(canvas, t, rest, "counting the bytes of four caches", s.counts.progress,
                            s.counts.error);
    const auto& kinds = s.counts.value->kinds;
    const auto now =
        std::min<std::int64_t>(s.t, static_cast<std::int64_t>(kinds.front().bytes.size()) - 1);
    const std::int64_t own = own_kind(s);
    std::vector<double> bytes;
    for (const CacheCount& k : kinds)
        bytes.push_back(static_cast<double>(k.bytes[static_cast<std::size_t>(now)]) /
                        static_cast<double>(now + 1));
    const double gap = 10 * u, least = 2 * line;
    const double room = rest.h - gap * static_cast<double>(kinds.size() - 1);
    if (room < least * static_cast<double>(kinds.size())) return;
    const auto heights = row_heights(bytes, std::min(room, 480 * u), least);
    const auto bold = t.text(t.small(), t.ink, Weight::bold), soft = t.text(t.small(), t.ink_soft);
    std::vector<std::string> names, words;
    double left = 0;
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        const double ratio = bytes[i] / bytes.back();
        const bool mine = static_cast<std::int64_t>(i) == own;
        std::string name = kinds[i].kind;
        if (kinds[i].kind == "GQA") name += " " + format_count(kinds[i].key_value_heads);
        names.push_back(name + (kinds[i].config.mla() ? "" : "  " + times(ratio)) +
                        (mine ? " (runs)" : ""));
        words.push_back(format_count(std::llround(bytes[i])) + " B a token");
        left = std::max(
            {left, canvas.text_width(names.back(), bold), canvas.text_width(words.back(), soft)});
    }
    left = std::ceil(left) + 12 * u;
    double y = rest.y;
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        const double pitch = std::max(heights[i], least);
        const double bottom = y + pitch;
        const double text = bottom - std::min(pitch, std::max(2 * line, heights[i]));
        text_in(canvas, {rest.x, text, left - 8 * u, line}, names[i], bold);
        text_in(canvas, {rest.x, text + line, left - 8 * u, line}, words[i], soft);
        // The total of the followed token, where a third line fits.
        if (pitch >= 3.2 * line) {
            const std::string all = format_bytes(kinds[i].bytes[static_cast<std::size_t>(now)]) +
                                    " at " + format_count(now + 1);
            if (canvas.text_width(all, soft) <= left - 8 * u)
                text_in(canvas, {rest.x, text + 2 * line, left - 8 * u, line}, all,
                        t.text(t.small(), t.ink_faint));
        }
        if (rest.w - left > 24 * u)
            draw_grown(canvas, s, kinds[i],
                       {rest.x + left, bottom - heights[i], rest.w - left, heights[i]}, now);
        y += pitch + gap;
    }
}

double costs_height(const Theme& t) {
    return line_height(t.normal()) + 4 + 6 * line_height(t.small()) + 14 * t.text_scale;
}

void draw_costs(Canvas& canvas, const Scene& s, const Rect& area) {
    const Theme& t = *s.theme;
    const double u = t.text_scale, line = line_height(t.small());
    const auto context = static_cast<double>(s.choices.context);
    const AttentionCost two[] = {attention_cost(s.model, context, AttentionMode::naive),
                                 attention_cost(s.model, context, AttentionMode::absorbed)};
    double y = area.y + draw_block_title(canvas, t, area,
                                         "One token at " + format_count(s.choices.context),
                                         "computed for this shape");
    const auto soft = t.text(t.small(), t.ink_soft), bold = t.text(t.small(), t.ink, Weight::bold);
    const std::vector<std::string> names{"expanded", "absorbed"};
    const double label = std::ceil(canvas.text_width("expanded", bold)) + 10 * u;
    const double number = std::ceil(canvas.text_width("888.8 MiB", bold)) + 8 * u;
    const Rect bars{area.x + label, 0, area.w - label - number, 0};
    if (bars.w < 24 * u) return;
    const auto pair = [&](const std::string& head, const double(&whole)[2],
                          const std::vector<Part>(&parts)[2], const std::string(&text)[2]) {
        const std::string less =
            whole[1] > 0 ? ", absorbed takes 1 / " + format_number(whole[0] / whole[1], 2) : "";
        text_in(canvas, {area.x, y, area.w, line},
                canvas.text_width(head + less, soft) <= area.w ? head + less : head, soft);
        y += line;
        for (std::size_t i = 0; i < 2; ++i) {
            const bool now = (i == 1) == s.choices.absorb;
            text_in(canvas, {area.x, y, label, line}, names[i], now ? bold : soft);
            draw_parts(canvas, t, {bars.x, y + line * 0.18, bars.w, line * 0.64}, parts[i],
                       std::max(whole[0], whole[1]));
            auto style = now ? bold : soft;
            style.align = Align::right;
            text_in(canvas, {area.right() - number, y, number, line}, text[i], style);
            y += line;
        }
        y += 6 * u;
    };
    std::vector<Part> work[2], moved[2];
    for (std::size_t i = 0; i < 2; ++i) {
        work[i] = {{two[i].flops, t.meaning(Meaning::query)}};
        const double per = s.choices.bits / 8;
        moved[i] = {{two[i].weight_elements * per, t.ink_faint},
                    {two[i].cache_elements * per, t.meaning(Meaning::latent), Hatch::diagonal},
                    {two[i].expanded_elements * per, t.meaning(Meaning::key)}};
    }
    pair("FLOPs", {two[0].flops, two[1].flops}, work,
         {format_short(two[0].flops), format_short(two[1].flops)});
    const double bytes[2] = {two[0].bytes(s.choices.bits), two[1].bytes(s.choices.bits)};
    pair("Bytes moved at " + format_number(s.choices.bits, 3) + " bits", bytes, moved,
         {format_bytes(std::llround(bytes[0])), format_bytes(std::llround(bytes[1]))});
    if (y + line <= area.bottom() + 1)
        draw_legend(canvas, t, {area.x, y - 2 * u}, area.w,
                    {{"weights", t.ink_faint},
                     {"cache", t.meaning(Meaning::latent), Hatch::diagonal},
                     {"keys, values", t.meaning(Meaning::key)}});
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
