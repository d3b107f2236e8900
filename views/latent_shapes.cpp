#include "core/known_shapes.h"
#include "views/draw/number.h"
#include "views/draw/page.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/latent_draw.h"
#include "views/track.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace sf::latent_kv {

namespace {

struct Line {
    std::string name, kind;
    ModelConfig config;
    bool own = false;
};

std::vector<Line> lines(const Scene& s) {
    std::vector<Line> all;
    for (const KnownShape& k : known_shapes())
        all.push_back({k.title, kind_text(k.config), k.config, false});
    all.push_back({"this model", kind_text(s.model), s.model, true});
    return all;
}

std::string bytes_text(const ModelConfig& c, double tokens, double bits) {
    return format_bytes(std::llround(cache_bytes(c, tokens, bits)));
}

struct Column {
    std::string head;
    double tokens = 0;
    double w = 0;
};

// Name and kind, bytes at several lengths, and the chosen length as a bar below.
double draw_table(Canvas& canvas, const Scene& s, const Rect& area) {
    const Theme& t = *s.theme;
    const double u = t.text_scale, line = line_height(t.small());
    const std::vector<Line> all = lines(s);
    const auto soft = t.text(t.small(), t.ink_soft), bold = t.text(t.small(), t.ink, Weight::bold);
    std::vector<Column> columns{{"a token", 1}, {"4K", 4096}, {"32K", 32768}, {"128K", 131072}};
    double names = 0, kinds = 0;
    for (const Line& l : all) {
        names = std::max(names, canvas.text_width(l.name, bold));
        kinds = std::max(kinds, canvas.text_width(l.kind, soft));
    }
    for (Column& c : columns) {
        c.w = canvas.text_width(c.head, soft);
        for (const Line& l : all)
            c.w = std::max(c.w,
                           canvas.text_width(bytes_text(l.config, c.tokens, s.choices.bits), soft));
        c.w = std::ceil(c.w) + 16 * u;
    }
    names = std::ceil(names) + 12 * u;
    kinds = std::ceil(kinds) + 8 * u;
    const auto needed = [&](bool with_kinds) {
        double w = names + (with_kinds ? kinds : 0);
        for (const Column& c : columns) w += c.w;
        return w;
    };
    // Least important first out: 32K, 4K, the kinds, the bytes of a token.
    bool with_kinds = true;
    if (needed(true) > area.w) columns.erase(columns.begin() + 2);
    if (needed(true) > area.w) columns.erase(columns.begin() + 1);
    if (needed(true) > area.w) with_kinds = false;
    if (needed(with_kinds) > area.w) columns.erase(columns.begin());
    if (needed(with_kinds) > area.w) return 0;

    const auto n = static_cast<double>(all.size());
    const double head = line + 6 * u;
    const double row = std::min((area.h - head) / n, 2 * line + 40 * u);
    if (row < line) return 0;
    const bool bars = row >= line + 9 * u;
    double most = 0;
    for (const Line& l : all)
        most = std::max(
            most, cache_bytes(l.config, static_cast<double>(s.choices.context), s.choices.bits));
    const auto right_of = [&](std::size_t i) {
        double x = area.right();
        for (std::size_t k = columns.size(); k-- > i + 1;) x -= columns[k].w;
        return x;
    };
    auto number = soft;
    number.align = Align::right;
    for (std::size_t i = 0; i < columns.size(); ++i)
        text_in(canvas, {right_of(i) - columns[i].w, area.y, columns[i].w, line}, columns[i].head,
                number);
    canvas.line({area.x, area.y + head - 3 * u}, {area.right(), area.y + head - 3 * u}, t.hairline,
                1);
    double y = area.y + head;
    for (const Line& l : all) {
        auto name = bold;
        if (l.own) name.colour = t.accent;
        text_in(canvas, {area.x, y, names, line}, l.name, name);
        if (with_kinds) text_in(canvas, {area.x + names, y, kinds, line}, l.kind, soft);
        for (std::size_t i = 0; i < columns.size(); ++i)
            text_in(canvas, {right_of(i) - columns[i].w, y, columns[i].w, line},
                    bytes_text(l.config, columns[i].tokens, s.choices.bits), number);
        if (bars)
            draw_parts(
                canvas, t,
                {area.x, y + line + 2 * u, area.w,
                 std::clamp(row - 2 * line - 4 * u, std::min(8 * u, row - line - 6 * u), 18 * u)},
                parts_of(
                    t, l.config,
                    cache_bytes(l.config, static_cast<double>(s.choices.context), s.choices.bits)),
                most);
        y += row;
    }
    return y - area.y;
}

double draw_quotients(Canvas& canvas, const Scene& s, const Rect& area) {
    const Theme& t = *s.theme;
    return paragraph(canvas, {area.x, area.y}, area.w, famous_quotient(),
                     t.text(t.normal(), t.ink, Weight::bold), area.h);
}

}  // namespace

double by_hand_height(const Scene& s) {
    const Theme& t = *s.theme;
    const double u = t.text_scale;
    return 2 * (line_height(t.normal()) + 4) + 6 * 26 * u + 16 * u +
           static_cast<double>(attention_kinds(shaped(s)).size()) *
               (2 * line_height(t.small()) + 4 * u);
}

void draw_by_hand(Canvas& canvas, const Scene& s, const Rect& area) {
    const Theme& t = *s.theme;
    const double u = t.text_scale, line = line_height(t.small());
    const ModelConfig c = shaped(s);
    // What room is left goes to the rows.
    const double more = std::clamp((area.h - by_hand_height(s)) / 10, 0.0, 14 * u);
    double y = area.y;
    y += draw_block_title(canvas, t, area, "A shape by hand", "drag");
    const auto all = parameters(*s.frame);
    const double label =
        std::ceil(canvas.text_width("bits a number", t.text(t.small(), t.ink_soft))) + 10 * u;
    const double figure =
        std::ceil(canvas.text_width("131 072", t.text(t.small(), t.ink, Weight::bold))) + 10 * u;
    const auto track = [&](const char* name, const std::string& title, double value, bool set) {
        for (const Parameter& p : all)
            if (p.name == name && y + 22 * u <= area.bottom()) {
                draw_track(canvas, t, p,
                           {{area.x, y, area.w, 24 * u}, title, value, set, label, figure});
                y += 26 * u + more;
            }
    };
    const Choices& by = s.choices;
    track("heads", "heads", static_cast<double>(c.num_attention_heads), by.heads > 0);
    track("head_width", "head width", static_cast<double>(c.v_head_dim), by.head_width > 0);
    track("rope_width", "rope width", static_cast<double>(c.qk_rope_head_dim), by.rope_width > 0);
    track("latent", "latent", static_cast<double>(c.kv_lora_rank), by.latent > 0);
    track("context", "tokens", static_cast<double>(by.context), false);
    track("bits", "bits a number", by.bits, false);
    y += 10 * u;
    const auto kinds = attention_kinds(c);
    const double row = 2 * line + 4 * u + more;
    if (y + line + row > area.bottom()) return;
    y += draw_block_title(canvas, t, {area.x, y, area.w, area.bottom() - y},
                          "Its cache at " + format_count(by.context),
                          format_count(c.num_hidden_layers) + " layers, computed");
    const auto tokens = static_cast<double>(by.context);
    const double mla = cache_bytes(kinds.back().config, tokens, by.bits);
    double most = 0;
    for (const AttentionKind& k : kinds)
        most = std::max(most, cache_bytes(k.config, tokens, by.bits));
    auto right = t.text(t.small(), t.ink, Weight::bold, Align::right);
    const auto soft = t.text(t.small(), t.ink_soft);
    for (const AttentionKind& k : kinds) {
        if (y + row > area.bottom() + 1) return;
        const double bytes = cache_bytes(k.config, tokens, by.bits);
        const std::string text =
            format_bytes(std::llround(bytes)) + (k.config.mla() ? "" : "  " + times(bytes / mla));
        const double w = canvas.text_width(text, right) + 8 * u;
        text_in(canvas, {area.x, y, area.w - w, line}, kind_name(k), soft);
        text_in(canvas, {area.right() - w, y, w, line}, text, right);
        draw_parts(canvas, t, {area.x, y + line, area.w, line * 0.7 + more / 2},
                   parts_of(t, k.config, bytes), most);
        y += row;
    }
}

void draw_shapes(Canvas& canvas, const Scene& s, const Rect& area) {
    const Theme& t = *s.theme;
    const double u = t.text_scale, gap = 40 * u;
    const bool two = area.w >= 720 * u;
    const double side = two ? std::round(std::max(area.w * 0.34, 264 * u)) : 0;
    const Rect left{area.x, area.y, area.w - (two ? side + gap : 0), area.h};
    const std::string remark = "computed for that shape · " + format_number(s.choices.bits, 3) +
                               " bits a number · bars at " + format_count(s.choices.context) +
                               " tokens";
    double y = left.y + draw_block_title(canvas, t, left, "Caches of known shapes", remark) + 4 * u;
    const double words = paragraph_height(canvas, left.w, famous_quotient(),
                                          t.text(t.normal(), t.ink, Weight::bold));
    const double room = left.bottom() - y;
    const bool quotient = room >= words + 16 * u + 7 * line_height(t.small());
    y += draw_table(canvas, s, {left.x, y, left.w, room - (quotient ? words + 16 * u : 0)});
    if (quotient) {
        y += draw_quotients(canvas, s, {left.x, y + 8 * u, left.w, left.bottom() - y - 8 * u}) +
             16 * u;
        const double key = draw_legend(canvas, t, {}, left.w, {{"x", t.ink}}, true);
        if (left.bottom() - y >= key)
            draw_legend(canvas, t, {left.x, y}, left.w,
                        {{"latent", t.meaning(Meaning::latent), Hatch::diagonal},
                         {"rope key", t.meaning(Meaning::position), Hatch::diagonal},
                         {"keys", t.meaning(Meaning::key)},
                         {"values", t.meaning(Meaning::value)}});
    }
    if (two) draw_by_hand(canvas, s, {left.right() + gap, area.y, side, area.h});
}

}  // namespace sf::latent_kv
