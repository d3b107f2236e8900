#include "views/attention_draw.h"
#include "views/draw/heat_map.h"
#include "views/draw/number.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/edited.h"

#include <algorithm>
#include <cmath>

// What stands beside the row: maps on the left, the two memories on the right.
namespace sf::online {

namespace {

std::size_t at(std::int64_t i) {
    return static_cast<std::size_t>(i);
}

HeatMap map_of(const Page& page, std::int64_t head, const Rect& area) {
    const Row& r = page.row;
    HeatMap map;
    map.area = area;
    map.rows = r.queries;
    map.cols = r.context;
    const std::int64_t first = (r.batch * r.heads + head) * r.queries * r.context;
    const Real* const p = r.probs->real.data() + first;
    const std::int64_t S = r.context, past = r.context - r.queries;
    map.value = [p, S](std::int64_t t, std::int64_t s) {
        return static_cast<double>(p[t * S + s]);
    };
    map.past = past;
    map.scale = ColourScale::range(0, 1);
    map.numbers = false;
    map.target = {page.name(r.nodes.probs), first, 1, 1, r.context, 1};
    // A score and its weight lie at one index.
    if (page.frame.hover_node == map.target.node ||
        page.frame.hover_node == page.name(r.nodes.scores))
        map.hover_index = page.frame.hover_index;
    return map;
}

// The chosen row, and the token that asks.
void mark_row(const Page& page, const HeatMap& map) {
    const Theme& t = page.t;
    const Rect first = heat_map_cell(map, page.row.query, 0);
    const double w = first.w * static_cast<double>(page.row.n);
    const double h = std::max(first.h, 3.0);
    const Rect seen{map.area.x - 1, first.centre().y - h / 2 - 1, w + 2, h + 2};
    page.canvas.stroke_rect(seen, t.background, 3);
    page.canvas.stroke_rect(seen, t.accent, 2);
}

double title(const Page& page, const Rect& r, const std::string& word, const std::string& detail) {
    const Theme& t = page.t;
    const double line = std::ceil(line_height(t.normal()));
    const auto bold = t.text(t.normal(), t.ink, Weight::bold);
    text_in(page.canvas, {r.x, r.y, r.w, line}, word, bold);
    if (detail.empty()) return line + 4;
    const double under = std::ceil(line_height(t.small()));
    text_in(page.canvas, {r.x, r.y + line, r.w, under}, detail, t.text(t.small(), t.ink_soft));
    return line + under + 6;
}

// A head's map on at most so many pixels a side; a pixel is the largest weight that it covers.
std::shared_ptr<const Image> small_map(const Page& page, std::int64_t head, std::int64_t pixels) {
    const Row& r = page.row;
    const std::int64_t T = r.queries, S = r.context, past = S - T;
    const Real* const p = r.probs->real.data() + (r.batch * r.heads + head) * T * S;
    const std::int64_t h = std::min(T, pixels), w = std::min(S, pixels);
    const Painter paint(page.t, ColourScale::range(0, 1));
    auto image = std::make_shared<Image>();
    image->w = static_cast<int>(w);
    image->h = static_cast<int>(h);
    image->pixels.assign(at(w * h), page.t.background.alpha(0));
    for (std::int64_t y = 0; y < h; ++y)
        for (std::int64_t x = 0; x < w; ++x) {
            const std::int64_t r0 = y * T / h, r1 = (y + 1) * T / h;
            const std::int64_t c0 = x * S / w, c1 = (x + 1) * S / w;
            Real best = -1;
            for (std::int64_t t = r0; t < r1; ++t)
                for (std::int64_t s = c0; s < std::min(c1, t + past + 1); ++s)
                    best = std::max(best, p[t * S + s]);
            if (best >= 0) image->pixels[at(y * w + x)] = paint(static_cast<double>(best));
        }
    return image;
}

// The heads, small, each a button.
void draw_heads(const Page& page, const Rect& area, double small, double label,
                std::int64_t per_row) {
    const Theme& t = page.t;
    const Row& r = page.row;
    for (std::int64_t h = 0; h < r.heads; ++h) {
        const double x = area.x + static_cast<double>(h % per_row) * (small + 8);
        const double top = area.y + static_cast<double>(h / per_row) * (small + label + 8);
        if (top + small + label > area.bottom() + 0.5) break;
        const Rect place{x, top, small, small};
        page.canvas.image(place, small_map(page, h, static_cast<std::int64_t>(small * 2)));
        page.canvas.stroke_rect(place, t.hairline, 1);
        const bool chosen = h == r.head;
        if (chosen) page.canvas.stroke_rect({x - 2, top - 2, small + 4, small + 4}, t.accent, 2, 2);
        text_in(page.canvas, {x, top + small + 2, small, label}, std::to_string(h),
                t.text(t.small(), chosen ? t.accent : t.ink_soft,
                       chosen ? Weight::bold : Weight::regular, Align::centre));
        page.canvas.hit({x, top, small, small + label}, {"setting:head", h, 1, 1, 0, 0});
    }
}

struct Held {
    std::int64_t i = 0;
    double weight = 0;
};

}  // namespace

void draw_maps(const Page& page, const Rect& area) {
    const Theme& t = page.t;
    const Row& r = page.row;
    const double s = t.text_scale;
    double y = area.y + title(page, area, "Attention α",
                              "head " + std::to_string(r.head) + " of " + std::to_string(r.heads) +
                                  ", " + r.place);
    if (r.probs == nullptr) {
        text_in(page.canvas, {area.x, y, area.w, line_height(t.normal())}, "not kept",
                t.text(t.normal(), t.ink_soft));
        return;
    }
    // Labels of the queries where every row can have its own.
    HeatMap map = map_of(page, r.head, {});
    double left = 0;
    if (area.w / static_cast<double>(std::max<std::int64_t>(1, r.queries)) >=
        line_height(t.small()) * 1.25) {
        const auto style = t.text(t.small(), t.ink_soft);
        for (std::int64_t q = 0; q < r.queries; ++q)
            map.row_labels.push_back(
                elide(page.canvas, r.token(q + r.context - r.queries), style, area.w * 0.26));
        left = heat_map_margins(page.canvas, t, map).left;
    }
    // The other heads go before the map becomes small, the key before the other heads.
    const double label = std::ceil(line_height(t.small())) + 2;
    const auto per_row = std::clamp<std::int64_t>(
        static_cast<std::int64_t>((area.w + 8) / (40 * s)), 1, std::min<std::int64_t>(r.heads, 4));
    const double small = std::floor((area.w - 8 * static_cast<double>(per_row - 1)) /
                                    static_cast<double>(std::max<std::int64_t>(per_row, 3)));
    const double room = area.bottom() - y, most = area.w - left, least = 72 * s;
    const bool thumbs = r.heads > 1 && room - small - label - 12 >= least;
    const double side = std::floor(std::min(most, room - (thumbs ? small + label + 12 : 0)));
    if (side < 32 * s) return;
    map.area = {area.x + left, y, side, side};
    outline_changed(map, page.frame);
    draw_heat_map(page.canvas, t, map);
    mark_row(page, map);
    // A press on a label asks with that token.
    if (left > 0)
        page.canvas.hit({area.x, y, left - 2, side}, {"setting:query", 0, r.queries, 1, 1, 0});
    y += side + 12;
    const double key = std::round(t.small() * 0.7) + 4 + line_height(t.small()) + 16;
    if (area.bottom() - y >= key + (thumbs ? small + label : 0)) {
        draw_colour_key(page.canvas, t, {map.area.x, y - 4}, side, map.scale);
        y += key;
    }
    if (thumbs) draw_heads(page, {area.x, y, area.w, area.bottom() - y}, small, label, per_row);
}

double fast_height(const Theme& t) {
    return std::ceil(line_height(t.normal()) + line_height(t.small()) * 8 + 40);
}

double slow_height(const Theme& t) {
    return std::ceil(line_height(t.normal()) + line_height(t.small()) * 9 + 56);
}

double draw_fast(const Page& page, const Rect& most_area) {
    const Theme& t = page.t;
    const Row& r = page.row;
    const double s = t.text_scale, line = std::ceil(line_height(t.small())) + 4;
    const std::int64_t p = r.live();
    // As high as a whole tile needs, so that it does not jump with a short one.
    const double head = std::ceil(line_height(t.normal())) + std::ceil(line_height(t.small())) + 6;
    const double facts_h = line * (r.half ? 1 : 3);
    Rect area = most_area;
    area.h = std::min(area.h, 24 + head + line * static_cast<double>(r.tile) + 12 + facts_h);
    draw_panel(page.canvas, t, area);
    const Rect in = area.inset(12);
    if (p < 0) {
        title(page, in, "Fast memory", "empty");
        return area.h;
    }
    const std::int64_t count = r.count(p);
    const bool done = r.complete();
    double y = in.y + title(page, in, "Fast memory",
                            (done ? "last: tile " : "tile ") + std::to_string(r.order[at(p)]) +
                                (r.tiles == 1 ? ", the only one" : "") + ", " +
                                std::to_string(count) + (count == 1 ? " key" : " keys"));
    // What became of m, d and o stands at the foot; keys above it, the heaviest where not all fit.
    struct Fact {
        std::string name, value;
        bool strong;
    };
    std::vector<Fact> facts;
    const auto change = [](double from, double to, bool first) {
        return first ? format_number(to, 3) : format_number(from, 3) + " → " + format_number(to, 3);
    };
    if (!r.half) {
        const double m = static_cast<double>(r.state(p).m);
        facts.push_back({"m",
                         change(p > 0 ? static_cast<double>(r.state(p - 1).m) : 0, m,
                                p == 0 || r.shrink(p) == 1),
                         false});
        facts.push_back({"d, o", "× " + format_number(r.shrink(p), 3), r.shrink(p) < 1});
    }
    facts.push_back({"d", change(r.running_d(p - 1), r.running_d(p), p == 0), false});
    const double foot = in.bottom() - line * static_cast<double>(facts.size());
    const auto room = static_cast<std::int64_t>(std::max(0.0, (foot - 12 - y) / line));
    std::vector<Held> held;
    for (std::int64_t i = 0; i < count; ++i) held.push_back({i, r.weight(p, i)});
    const bool cut = count > room;
    if (cut) {
        std::stable_sort(held.begin(), held.end(),
                         [](const Held& a, const Held& b) { return a.weight > b.weight; });
        held.resize(at(std::max<std::int64_t>(0, room - 1)));
        std::sort(held.begin(), held.end(), [](const Held& a, const Held& b) { return a.i < b.i; });
    }
    double most = r.half ? 0 : 1;
    for (std::int64_t i = 0; i < count; ++i)
        if (std::isfinite(r.weight(p, i))) most = std::max(most, r.weight(p, i));
    const double name_w = std::min(in.w * 0.3, 72 * s);
    double number_w = 0;
    for (const Held& k : held)
        number_w = std::max(number_w, std::ceil(page.canvas.text_width(format_number(k.weight, 2),
                                                                       t.text(t.small(), t.ink))));
    for (const Held& k : held) {
        const std::int64_t key = r.begin(p) + k.i;
        const bool pushed = r.pushed && key == r.key;
        text_in(page.canvas, {in.x, y, name_w, line}, r.token(key),
                t.text(t.small(), pushed ? t.accent : t.ink));
        const double x = in.x + name_w + 8, w = in.w - name_w - number_w - 16;
        if (w > 8) {
            page.canvas.fill_rect({x, y + line / 2 - 4, w, 8}, t.grid, 2);
            const double part = std::isfinite(k.weight) && most > 0 ? k.weight / most : 1;
            page.canvas.fill_rect({x, y + line / 2 - 4, std::max(1.0, w * part), 8},
                                  std::isfinite(k.weight) ? t.meaning(Meaning::key) : t.bad, 2);
        }
        text_in(page.canvas, {in.right() - number_w, y, number_w, line}, format_number(k.weight, 2),
                t.text(t.small(), std::isfinite(k.weight) ? t.ink_soft : t.bad, Weight::regular,
                       Align::right));
        y += line;
    }
    if (cut && room > 0)
        text_in(page.canvas, {in.x, y, in.w, line},
                "and " + std::to_string(count - static_cast<std::int64_t>(held.size())) +
                    " lighter keys",
                t.text(t.small(), t.ink_faint));
    page.canvas.line({in.x, foot - 6}, {in.right(), foot - 6}, t.hairline, 1);
    y = foot;
    for (const Fact& f : facts) {
        text_in(page.canvas, {in.x, y, 40 * s, line}, f.name, t.text(t.small(), t.ink_soft));
        text_in(page.canvas, {in.x + 40 * s, y, in.w - 40 * s, line}, f.value,
                t.text(t.small(), f.strong ? t.accent : t.ink, Weight::bold, Align::right));
        y += line;
    }
    return area.h;
}

void draw_slow(const Page& page, const Rect& area) {
    const Theme& t = page.t;
    const Row& r = page.row;
    const double line = std::ceil(line_height(t.small())) + 2;
    draw_panel(page.canvas, t, area);
    const Rect in = area.inset(12);
    double y = in.y + title(page, in, "Slow memory", "numbers moved, n = " + std::to_string(r.n));
    const Colour read = t.meaning(Meaning::key), other = t.meaning(Meaning::query);
    const double most = static_cast<double>(std::max<std::int64_t>(1, r.three.traffic.row()));
    const double bar_h = std::round(10 * t.text_scale);
    struct Kind {
        const char* name;
        const Traffic* traffic;
        const char* formula;
    };
    for (const Kind& k : {Kind{"three passes", &r.three.traffic, "5n"},
                          {"two passes", &r.two.traffic, "4n"},
                          {"one pass", &r.shown.traffic, "n"}}) {
        const bool one = k.traffic == &r.shown.traffic;
        text_in(page.canvas, {in.x, y, in.w * 0.55, line}, k.name,
                t.text(t.small(), t.ink, one ? Weight::bold : Weight::regular));
        // One pass counts along while its tiles arrive.
        std::int64_t moved = k.traffic->row();
        if (one && !r.complete()) {
            moved = 0;
            for (std::int64_t p = 0; p <= r.live(); ++p) moved += r.count(p);
        }
        text_in(page.canvas, {in.x + in.w * 0.55, y, in.w * 0.45, line},
                std::string(k.formula) + " = " + format_count(k.traffic->row()),
                t.text(t.small(), one ? t.ink : t.ink_soft, one ? Weight::bold : Weight::regular,
                       Align::right));
        y += line;
        page.canvas.fill_rect({in.x, y, in.w, bar_h}, t.grid, 2);
        const double scores = static_cast<double>(one ? moved : k.traffic->scores_read);
        const double weights = static_cast<double>(k.traffic->row() - k.traffic->scores_read);
        const double a = in.w * scores / most, b = in.w * weights / most;
        if (a > 0) page.canvas.fill_rect({in.x, y, a, bar_h}, read, 2);
        if (b > 0) {
            page.canvas.fill_rect({in.x + a, y, b, bar_h}, other.alpha(0.35), 2);
            draw_hatch(page.canvas, {in.x + a, y, b, bar_h}, Hatch::diagonal, other, 5);
        }
        y += bar_h + 8;
    }
    const std::vector<LegendEntry> legend{{"scores read", read, Hatch::none, false, false},
                                          {"α out and back", other, Hatch::diagonal, false, false}};
    const double need = draw_legend(page.canvas, t, {in.x, y}, in.w, legend, true);
    if (y + need > in.bottom()) return;
    y += draw_legend(page.canvas, t, {in.x, y}, in.w, legend);
    if (r.width == 0) return;
    const std::string rest =
        "V besides, once in each: " + format_count(r.three.traffic.values_read);
    const auto soft = t.text(t.small(), t.ink_faint);
    if (y + 2 + paragraph_height(page.canvas, in.w, rest, soft) <= in.bottom())
        paragraph(page.canvas, {in.x, y + 2}, in.w, rest, soft);
}

}  // namespace sf::online
